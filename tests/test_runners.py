"""Every runner does every job; the one with processes survives workers that die and dies with its driver."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from corollary import plugins
from corollary.errors import UserError, WorkerDied
from corollary.runners.processes import processes


def square(number: int) -> int:
    return number * number


def process_id(_: int) -> int:
    return os.getpid()


def object_to(number: int) -> int:
    if number == 2:
        raise UserError("two is not wanted: leave it out")
    return number


class Awkward(Exception):
    """An error that pickles but cannot be unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raise_awkward(_: int) -> None:
    raise Awkward(1, 2)


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def leave(_: int) -> None:
    os._exit(7)


def environment(_: int) -> tuple[str, ...]:
    return tuple(os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"))


def give_what_cannot_travel(_: int) -> Callable[[], None]:
    return lambda: None


def meet(folder: str) -> int:
    """Ends only when another worker is here at the same time."""
    Path(folder, str(os.getpid())).touch()
    _until(lambda: len(os.listdir(folder)) >= 2)
    return os.getpid()


@pytest.mark.parametrize("name", plugins.available("runners"))
def test_every_runner_does_every_job(name: str) -> None:
    runner = plugins.load("runners", name)
    assert sorted(runner(square, [3, 1, 2])) == [(1, 1), (2, 4), (3, 9)]
    assert list(runner(square, [])) == []


@pytest.mark.parametrize("name", plugins.available("runners"))
def test_every_runner_raises_what_the_work_raises(name: str) -> None:
    runner = plugins.load("runners", name)
    with pytest.raises(UserError) as caught:
        list(runner(object_to, [1, 2, 3]))
    assert str(caught.value) == "two is not wanted: leave it out"
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("name", "most"), [("here", 1), ("processes", 2)])
def test_jobs_are_taken_when_their_turn_comes(name: str, most: int) -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    ahead = []
    options = {"workers": 2} if name == "processes" else {}
    for done, _ in enumerate(plugins.load("runners", name)(square, jobs(), **options)):
        ahead.append(len(taken) - done)
    assert max(ahead) <= most + 1
    assert taken == list(range(6))


def test_processes_are_as_many_as_asked_for_and_stay(tmp_path: Path) -> None:
    ids = {answer for _, answer in processes(process_id, range(6), workers=1)}
    assert len(ids) == 1
    assert os.getpid() not in ids
    assert len({answer for _, answer in processes(meet, [str(tmp_path)] * 2, workers=2)}) == 2
    assert multiprocessing.active_children() == []


def test_a_connection_may_be_of_any_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corollary.runners.processes.Connection", type("OfAnotherSystem", (), {}))
    assert list(processes(square, [2], workers=1)) == [(2, 4)]


def test_a_worker_that_dies_costs_its_own_job_alone() -> None:
    answers = dict(processes(die_at_three, range(8), workers=2))
    lost = answers.pop(3)
    assert isinstance(lost, WorkerDied)
    assert "SIGKILL, most often for lack of memory" in str(lost)
    assert answers == {number: number for number in range(8) if number != 3}


def test_workers_that_all_die_are_no_hang() -> None:
    answers = [answer for _, answer in processes(leave, range(3), workers=2)]
    assert [str(answer) for answer in answers] == [
        "The worker process ended without a result (exit code 7)."
    ] * 3


def test_an_error_carries_the_workers_traceback() -> None:
    with pytest.raises(UserError) as caught:
        list(processes(object_to, [2], workers=1))
    assert "in object_to" in "".join(caught.value.__notes__)


def test_what_cannot_travel_is_an_error_and_no_hang() -> None:
    with pytest.raises(RuntimeError, match="Awkward: 1 and 2"):
        list(processes(raise_awkward, [1], workers=1))
    with pytest.raises((AttributeError, TypeError), match="local object"):
        list(processes(give_what_cannot_travel, [1], workers=1))


def test_threads_are_limited_before_libraries_are_imported() -> None:
    assert list(processes(environment, [0], workers=1, threads=3)) == [(0, ("3", "3"))]


DRIVER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from corollary.runners.processes import processes
from test_runners import sleep_long
if __name__ == "__main__":
    try:
        list(processes(sleep_long, [sys.argv[1]] * 2, workers=2))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def sleep_long(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(300)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_workers_end_with_their_driver(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    folder = tmp_path / "ids"
    folder.mkdir()
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.format(tests=str(Path(__file__).parent)))
    # In a group of its own, which ctrl-C reaches as a whole, as in a terminal.
    driver = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert driver.stderr is not None
    _until(lambda: len(os.listdir(folder)) == 2)
    workers = [int(name) for name in os.listdir(folder)]
    if sent is signal.SIGINT:
        os.killpg(driver.pid, sent)
    else:
        driver.send_signal(sent)
    assert driver.wait(30) == code
    _until(lambda: not any(_lives(worker) for worker in workers))
    assert driver.stderr.read() == "", "no worker prints a traceback"
    driver.stderr.close()


def _lives(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("option", "words"), [("workers", "is -3: give 0 or more"), ("threads", "is -3: give 1")]
)
def test_a_number_of_workers_that_cannot_be_is_the_users_to_mend(option: str, words: str) -> None:
    with pytest.raises(UserError, match=f"'{option}' of the runner processes {words}"):
        list(processes(square, [1], **{option: -3}))
