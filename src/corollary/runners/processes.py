"""A runner that uses several processes of this machine.

It uses neither `multiprocessing` nor `concurrent.futures`. Both import your script in each worker, which runs
a script without a `__main__` guard again, and both import standard modules from the current folder. A pool of
`concurrent.futures` also breaks as a whole when one worker dies. Here each worker is a plain Python process
with pipes of its own, so we know which job was lost, and the others continue.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from corollary.errors import JobFailed, WorkerDied
from corollary.runners.worker import check_least, pack, receive, send, threads_environment, unpack

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Worker = subprocess.Popen[bytes]
Outcomes = queue.SimpleQueue[tuple[Worker, bytes | None]]

START = """
import sys
sys.path[:] = sys.argv[1:]
del sys.argv[1:]
from corollary.runners.worker import serve
serve()
"""
"""The program of a worker. It sets its sys.path before it imports anything that is not built in."""


def run(
    work: Callable[[Job], Answer], jobs: Iterable[Job], *, workers: int = 0, threads: int = 1
) -> Iterator[tuple[Job, Answer | JobFailed]]:
    """Do the jobs in several processes of this machine.

    `workers` is the number of processes (0: one per core that this process may use). `threads` is the number
    of threads that libraries may use in each. `work`, jobs and results travel by pickle. Jobs are taken only
    when a worker is free. Output of the work goes to standard error.

    Yields each job with its result, as they are done, in any order. If a worker dies, for example for lack of
    memory, the result of its job is a `WorkerDied`, and another worker takes its place. If a job calls
    `sys.exit`, its result is a `JobFailed`. Every other error that `work` raises is raised here and ends all
    workers, as do ctrl-C and closing the iterator. Raises `UserError` if the work is defined in your script,
    which workers never import.
    """
    check_least("processes", "workers", workers, 0)
    check_least("processes", "threads", threads, 1)
    running: dict[Worker, Job] = {}
    idle: list[Worker] = []
    outcomes: Outcomes = queue.SimpleQueue()
    done: list[tuple[Job, Answer | JobFailed]] = []
    limit, waiting = workers or cores(), iter(jobs)
    try:
        while True:
            # New jobs first: the workers continue while the caller handles its results.
            for job in itertools.islice(waiting, limit - len(running)):
                message = pack((work, job))
                worker = _living(idle) or _start(threads, outcomes)
                running[worker] = job
                assert worker.stdin is not None
                # A worker that has died meanwhile is noticed below.
                with contextlib.suppress(OSError):
                    send(worker.stdin, message)
            yield from done
            if not running:
                return
            worker, outcome = _next(outcomes, running)
            if outcome is None:
                died = WorkerDied(f"The worker process ended without a result ({_cause(worker.wait())}).")
                done = [(running[worker], died)]
                _end([worker])
            else:
                done = [(running[worker], unpack(outcome))]
                idle.append(worker)
            del running[worker]
    finally:
        _end([*running, *idle])


def cores() -> int:
    """The number of cores that this process may use, which taskset and the like can reduce."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def folders() -> list[str]:
    """The `sys.path` of a worker: that of this process, without the current folder.

    Python itself puts one entry first. If that is the current folder (as with `python -m`, `python -c` and
    notebooks), the worker does not get it; the folder of a script goes last. So a `types.py` or `math.py`
    there is never imported in place of the standard module. Folders on PYTHONPATH and those that the program
    added keep their places.
    """
    entries = [str(Path(entry).absolute()) for entry in sys.path if isinstance(entry, str) and entry]
    main = sys.modules["__main__"]
    is_module, script = getattr(main, "__spec__", None) is not None, getattr(main, "__file__", None)
    if sys.flags.safe_path or not (is_module or script):
        return entries
    first = Path.cwd() if is_module else Path(str(script)).resolve().parent
    by_python = [entry for entry in entries if Path(entry).resolve() == first][:1]
    for entry in by_python:
        entries.remove(entry)
    return entries if is_module else entries + by_python


def _living(idle: list[Worker]) -> Worker | None:
    while idle:
        worker = idle.pop()
        if worker.poll() is None:
            return worker
        _end([worker])
    return None


def _start(threads: int, outcomes: Outcomes) -> Worker:
    # Never forked: the fork of a process with torch's threads hangs.
    with _interrupts_held_back():
        worker = subprocess.Popen(
            [sys.executable, "-I" if sys.flags.isolated else "-P", "-c", START, *folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if sys.__stderr__ else subprocess.DEVNULL,
            # In the environment, because torch reads them when it is imported.
            env={**os.environ, **threads_environment(threads)},
        )
    threading.Thread(target=_listen, args=(worker, outcomes), daemon=True).start()
    return worker


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    # A child process inherits the blocked signals. ctrl-C reaches every process of the terminal, and a
    # worker that does not ignore it yet would print a traceback of its imports. Here the signal waits.
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _listen(worker: Worker, outcomes: Outcomes) -> None:
    # A thread for each worker: on Windows nothing can wait for several pipes at once.
    assert worker.stdout is not None
    with worker.stdout as stream:
        while (outcome := receive(stream)) is not None:
            outcomes.put((worker, outcome))
    outcomes.put((worker, None))


def _next(outcomes: Outcomes, running: dict[Worker, Any]) -> tuple[Worker, bytes | None]:
    """The next worker that is done, with the outcome of its job, or None if the worker has died."""
    while True:
        try:
            worker, outcome = outcomes.get(timeout=1)
        except queue.Empty:
            # A dead worker's pipe stays open as long as a process that it started is alive.
            dead = [worker for worker in running if worker.poll() is not None]
            if not dead:
                continue
            worker, outcome = dead[0], None
        # A worker may also die while it has no job.
        if worker in running:
            return worker, outcome


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.wait()
        assert worker.stdin is not None
        with contextlib.suppress(OSError):
            worker.stdin.close()


def _cause(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit code {exitcode}"
    name = next((known.name for known in signal.Signals if known == -exitcode), str(-exitcode))
    return f"signal {name}" + (", most often for lack of memory" if name == "SIGKILL" else "")
