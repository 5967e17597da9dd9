"""Every runner does every job; the one with processes survives workers that die and dies with its driver."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watched_processes import FAR_AWAY, lives, until

from corollary.errors import JobFailed, UserError, WorkerDied
from corollary.runners import in_process, processes

RUNNERS = [in_process.run, processes.run]


def square(number: int) -> int:
    return number * number


def process_id(_: int) -> int:
    return os.getpid()


def note_process_id(folder: str) -> int:
    Path(folder, str(os.getpid())).touch()
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


def raise_what_only_workers_know(kind: str) -> None:
    module = types.ModuleType("only_in_the_worker")
    base = UserError if kind == "user" else ValueError
    error = type("Strange", (base,), {"__module__": module.__name__})
    vars(module)["Strange"] = error
    sys.modules[module.__name__] = module
    raise error("so it is")


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def exit_at_three(number: int) -> int:
    if number == 3:
        sys.exit(0)
    return number


def leave(_: int) -> None:
    os._exit(7)


def leave_a_child(_: int) -> None:
    if os.fork() == 0:
        time.sleep(10)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


def environment(_: int) -> tuple[str, ...]:
    return tuple(os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"))


def chatter(number: int) -> int:
    print("from Python")
    os.write(1, b"from elsewhere\n")
    subprocess.run(["echo", "from a command"], check=True)
    with contextlib.suppress(EOFError):
        input()
    return number


def grow(number: int) -> bytes:
    return bytes(number)


def give_what_cannot_travel(_: int) -> Callable[[], None]:
    return lambda: None


def meet(folder: str) -> int:
    """Ends only when another worker is here at the same time."""
    Path(folder, str(os.getpid())).touch()
    until(lambda: len(os.listdir(folder)) >= 2)
    return os.getpid()


def meet_or_object(folder: str, object_to_it: bool) -> None:
    meet(folder)
    if object_to_it:
        raise UserError("not this one: leave it out")
    time.sleep(FAR_AWAY)


@pytest.mark.parametrize("run", RUNNERS)
def test_every_runner_does_every_job(run: Callable[..., Any]) -> None:
    assert sorted(run(square, [3, 1, 2])) == [(1, 1), (2, 4), (3, 9)]
    assert list(run(square, [])) == []


@pytest.mark.parametrize("run", RUNNERS)
def test_every_runner_raises_what_the_work_raises(run: Callable[..., Any]) -> None:
    with pytest.raises(UserError) as caught:
        list(run(object_to, [1, 2, 3]))
    assert str(caught.value) == "two is not wanted: leave it out"


@pytest.mark.parametrize("run", RUNNERS)
def test_a_job_that_exits_has_failed_alone(run: Callable[..., Any]) -> None:
    answers = dict(run(exit_at_three, range(6)))
    failed = answers.pop(3)
    assert isinstance(failed, JobFailed)
    assert not isinstance(failed, WorkerDied)
    assert "in exit_at_three" in str(failed)
    assert "SystemExit: 0" in str(failed)
    assert answers == {number: number for number in range(6) if number != 3}


def test_a_ctrl_c_in_this_process_is_no_failed_job() -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(in_process.run(interrupt, [1]))


@pytest.mark.parametrize(
    ("run", "most"), [(in_process.run, 1), (functools.partial(processes.run, workers=2), 2)]
)
def test_jobs_are_taken_when_their_turn_comes(run: Callable[..., Any], most: int) -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    ahead = []
    for done, _ in enumerate(run(square, jobs())):
        ahead.append(len(taken) - done)
    assert max(ahead) <= most + 1
    assert taken == list(range(6))


def test_processes_are_as_many_as_asked_for_and_stay(tmp_path: Path) -> None:
    ids: set[Any] = {answer for _, answer in processes.run(process_id, range(6), workers=1)}
    assert len(ids) == 1
    assert os.getpid() not in ids
    both: set[Any] = {answer for _, answer in processes.run(meet, [str(tmp_path)] * 2, workers=2)}
    assert len(both) == 2
    assert not any(lives(worker) for worker in ids | both)


def test_an_error_ends_all_workers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not this one"):
        list(processes.run(functools.partial(meet_or_object, str(tmp_path)), [True, False], workers=2))
    workers = [int(name) for name in os.listdir(tmp_path)]
    assert len(workers) == 2
    assert not any(lives(worker) for worker in workers)


def test_closing_the_iterator_ends_all_workers() -> None:
    answers: Any = processes.run(process_id, range(9), workers=1)
    _, worker = next(answers)
    assert lives(worker)
    answers.close()
    assert not lives(worker)


def test_a_worker_that_dies_costs_its_own_job_alone() -> None:
    answers = dict(processes.run(die_at_three, range(8), workers=2))
    lost = answers.pop(3)
    assert isinstance(lost, WorkerDied)
    assert "SIGKILL, most often for lack of memory" in str(lost)
    assert answers == {number: number for number in range(8) if number != 3}


def test_a_worker_that_dies_between_jobs_costs_none(tmp_path: Path) -> None:
    def jobs() -> Iterator[str]:
        yield str(tmp_path)
        # The next job is asked for as soon as the first is done.
        [worker] = map(int, os.listdir(tmp_path))
        os.kill(worker, signal.SIGKILL)
        until(lambda: not lives(worker))
        yield str(tmp_path)

    answers: list[Any] = [answer for _, answer in processes.run(note_process_id, jobs(), workers=1)]
    assert sorted(answers) == sorted(map(int, os.listdir(tmp_path)))
    assert len(set(answers)) == 2


def test_workers_that_all_die_are_no_hang() -> None:
    answers = [answer for _, answer in processes.run(leave, range(3), workers=2)]
    assert [str(answer) for answer in answers] == [
        "The worker process ended without a result (exit code 7)."
    ] * 3


def test_a_death_is_noticed_even_if_a_child_of_the_worker_lives_on() -> None:
    before = time.monotonic()
    [(_, answer)] = processes.run(leave_a_child, [1], workers=1)
    assert isinstance(answer, WorkerDied)
    assert time.monotonic() - before < 8


def test_an_error_carries_the_workers_traceback() -> None:
    with pytest.raises(UserError) as caught:
        list(processes.run(object_to, [2], workers=1))
    assert "in object_to" in "".join(caught.value.__notes__)


def test_what_cannot_travel_is_an_error_and_no_hang() -> None:
    with pytest.raises(RuntimeError, match="Awkward: 1 and 2"):
        list(processes.run(raise_awkward, [1], workers=1))
    with pytest.raises((AttributeError, TypeError), match="local object"):
        list(processes.run(give_what_cannot_travel, [1], workers=1))


@pytest.mark.parametrize(
    ("kind", "raised", "text"),
    [("user", UserError, "so it is"), ("other", RuntimeError, "Strange: so it is")],
)
def test_an_error_of_a_class_that_only_the_worker_knows_keeps_its_words(
    kind: str, raised: type[Exception], text: str
) -> None:
    with pytest.raises(raised) as caught:
        list(processes.run(raise_what_only_workers_know, [kind], workers=1))
    assert str(caught.value) == text


def test_work_whose_module_no_worker_can_import_is_for_the_user_to_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("only_in_the_driver")
    exec("def work(number): return number", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(UserError, match="cannot import 'only_in_the_driver': install it"):
        list(processes.run(module.work, [1], workers=1))


def test_what_the_work_prints_does_not_disturb_its_result(capfd: pytest.CaptureFixture[str]) -> None:
    assert sorted(processes.run(chatter, [1, 2], workers=1)) == [(1, 1), (2, 2)]
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err == "from Python\nfrom elsewhere\nfrom a command\n" * 2


def test_results_may_be_larger_than_any_pipe() -> None:
    sizes = [2**24, 0, 2**21]
    assert dict(processes.run(grow, sizes, workers=2)) == {size: bytes(size) for size in sizes}
    [(_, answer)] = processes.run(len, [bytes(2**24)], workers=1)
    assert answer == 2**24


def test_threads_are_limited_before_libraries_are_imported() -> None:
    assert list(processes.run(environment, [0], workers=1, threads=3)) == [(0, ("3", "3"))]


@pytest.mark.parametrize(
    ("option", "words"), [("workers", "is -3: give 0 or more"), ("threads", "is -3: give 1")]
)
def test_a_number_of_workers_that_cannot_be_is_for_the_user_to_fix(option: str, words: str) -> None:
    with pytest.raises(UserError, match=f"'{option}' of the runner processes {words}"):
        list(processes.run(square, [1], **{option: -3}))
