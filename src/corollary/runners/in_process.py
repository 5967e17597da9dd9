"""The plainest runner: one job after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from corollary.errors import JobFailed
from corollary.runners.worker import ended_early

Job = TypeVar("Job")
Answer = TypeVar("Answer")


def run(work: Callable[[Job], Answer], jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer | JobFailed]]:
    """Do the jobs one after another in this process.

    Yields each job with its result, in order, as soon as it is done. It takes a job only when its turn comes.
    If a job calls `sys.exit`, its result is a `JobFailed`. Every other error that `work` raises is raised
    here.
    """
    for job in jobs:
        answer: Answer | JobFailed
        try:
            answer = work(job)
        except SystemExit as error:
            answer = ended_early(error)
        yield job, answer
