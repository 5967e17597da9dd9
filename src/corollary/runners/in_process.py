"""The plainest runner: one job after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")


def run(work: Callable[[Job], Answer], jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
    """Do the jobs one after the other in this process.

    Yields each job with its result, in order, as soon as it is done; jobs are taken only when their
    turn comes. What `work` raises is raised here.
    """
    for job in jobs:
        yield job, work(job)
