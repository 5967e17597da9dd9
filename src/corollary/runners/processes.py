"""A runner that uses several processes of this machine.

Not `concurrent.futures`: its pool breaks as a whole when one worker dies, without saying whose job it
was, and cannot end a worker in the middle of a job before Python 3.14. Here each worker has its own
pipe, so the job that was lost is known, the others go on, and ctrl-C ends all at once.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar, cast

from corollary.errors import UserError, WorkerDied

Job = TypeVar("Job")
Answer = TypeVar("Answer")


def run(
    work: Callable[[Job], Answer], jobs: Iterable[Job], *, workers: int = 0, threads: int = 1
) -> Iterator[tuple[Job, Answer | WorkerDied]]:
    """Do the jobs in several processes of this machine.

    `workers` is the number of processes (0: one per core that this process may use), `threads` the
    number of threads that libraries may use in each. `work`, jobs and results travel by pickle. Jobs
    are taken only when a worker is free.

    Yields each job with its result, as they are done, in any order. A worker that dies (killed for
    lack of memory, say) costs its job alone: the job is yielded with a `WorkerDied` as its result and
    another worker takes the dead one's place. What `work` raises is raised here, and ends all workers,
    as does ctrl-C or closing the iterator.
    """
    if workers < 0 or threads < 1:
        wrong, value, least = ("workers", workers, 0) if workers < 0 else ("threads", threads, 1)
        raise UserError(f"The option '{wrong}' of the runner processes is {value}: give {least} or more.")
    running: dict[Connection, tuple[SpawnProcess, Job]] = {}
    idle: list[tuple[Connection, SpawnProcess]] = []
    done: list[tuple[Job, Answer | WorkerDied]] = []
    limit, waiting = workers or _cores(), iter(jobs)
    try:
        while True:
            # New work first: the workers go on while the caller deals with what it is given.
            for job in itertools.islice(waiting, limit - len(running)):
                message = pickle.dumps((work, job))
                connection, process = idle.pop() if idle else _start(threads)
                running[connection] = (process, job)
                # A worker that is dead by now is noticed by the wait below.
                with contextlib.suppress(ConnectionError):
                    connection.send_bytes(message)
            yield from done
            if not running:
                return
            # Not told by its class, which is another on Windows.
            connection = cast(Connection, wait(list(running))[0])
            process, job = running[connection]
            answer = _receive(connection, process)
            del running[connection]
            if not isinstance(answer, WorkerDied):
                idle.append((connection, process))
            done = [(job, answer)]
    finally:
        for process in [*(process for process, _ in running.values()), *(process for _, process in idle)]:
            process.kill()
            process.join()


def _cores() -> int:
    # Those that this process may use: fewer than the machine has in a container or under taskset.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(threads: int) -> tuple[Connection, SpawnProcess]:
    # Spawned, never forked: a fork of a process in which torch has started its threads hangs.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
    with _interrupts_held_back():
        process.start()
    # The worker must hold the only copy of its end: else its death does not close the pipe.
    theirs.close()
    return ours, process


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    # A process inherits what is held back. ctrl-C reaches every process of the terminal, also one that
    # has not come to ignoring it: it would print the traceback of its own imports. Here it waits.
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(connection: Connection, process: SpawnProcess) -> Any:
    try:
        message = connection.recv_bytes()
    except (EOFError, ConnectionError):
        process.join()
        connection.close()
        return WorkerDied(f"The worker process ended without a result ({_cause(process.exitcode)}).")
    done, answer = pickle.loads(message)
    if not done:
        raise answer
    return answer


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"signal {name}" + (", most often for lack of memory" if name == "SIGKILL" else "")
    return f"exit code {exitcode}"


def _serve(connection: Connection, threads: int) -> None:
    """What a worker does: one job after the other, until the driver closes its end."""
    # ctrl-C reaches every process of the terminal; only the driver answers it, and then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    # Before the work is unpickled, since that imports torch, which reads these when it is imported.
    os.environ.update(
        OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads)
    )
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    try:
        while True:
            connection.send_bytes(_outcome(connection.recv_bytes()))
    except (EOFError, ConnectionError):
        return


def _end_with_driver() -> None:
    # A driver that was killed cannot end us; without this a long job would go on for nobody.
    driver = multiprocessing.parent_process()
    assert driver is not None
    wait([driver.sentinel])
    os._exit(1)


def _outcome(message: bytes) -> bytes:
    """Do the job of a message; whether it was done, and its result or what was raised, pickled."""
    try:
        # Here and not earlier: it imports the module of the work, which may fail as the work may.
        work, job = pickle.loads(message)
        return pickle.dumps((True, work(job)))
    except Exception as error:
        # A traceback cannot be pickled: its text goes along as a note.
        note = f"In a worker process:\n{traceback.format_exc()}"
        error.add_note(note)
        try:
            pickled = pickle.dumps((False, error))
            pickle.loads(pickled)
        except Exception:
            stand_in = RuntimeError(f"{type(error).__name__}: {error}")
            stand_in.add_note(note)
            return pickle.dumps((False, stand_in))
        return pickled
