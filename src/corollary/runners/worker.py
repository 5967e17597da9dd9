"""The work of a worker, and the way of jobs and results between it and the driver.

Values travel by pickle, functions and classes by reference: a worker imports their module, but never the
script that you run.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from types import FunctionType
from typing import IO, Any

from corollary.errors import JobFailed, UserError

LENGTH = 8
"""Bytes of the number that is sent before each message: its length, most significant byte first."""


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        # Pickle accepts these but fails in the worker, where __main__ is another module.
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__":
            raise UserError(
                f"'{value.__qualname__}' is defined in the script that you run, which workers do not import: "
                "move it into a file of its own and import it from there."
            )
        return NotImplemented


def pack(value: Any) -> bytes:
    """The pickled value. Raises `UserError` if it needs something that your script defines."""
    packed = io.BytesIO()
    _Pickler(packed).dump(value)
    return packed.getvalue()


def attempt(message: bytes) -> bytes:
    """The outcome, for `unpack`, of the job in a message (a packed function and its job)."""
    try:
        return pickle.dumps((_do(message), None))
    except Exception as error:
        # A traceback cannot be pickled, so its text becomes a note.
        note = f"In a worker process:\n{traceback.format_exc()}"
        plain = _plain(error)
        try:
            return pickle.dumps((None, (pickle.dumps(error), plain, note)))
        except Exception:
            return pickle.dumps((None, (b"", plain, note)))
    except BaseException as error:
        return pickle.dumps((ended_early(error), None))


def attempt_with(folders: tuple[str, ...], message: bytes) -> bytes:
    """The outcome as from `attempt`, with these folders added at the end of sys.path."""
    sys.path.extend(folder for folder in folders if folder not in sys.path)
    return attempt(message)


def unpack(outcome: bytes) -> Any:
    """The result of a job. An error of `work` is raised here, with the worker's traceback as a note."""
    answer, failure = pickle.loads(outcome)
    if failure is not None:
        pickled, plain, note = failure
        try:
            error = pickle.loads(pickled)
            assert isinstance(error, Exception)
        except Exception:
            # Or the error's class exists only in the worker, for example in a plug-in's own file.
            error = plain
        error.add_note(note)
        raise error
    return answer


def ended_early(error: BaseException) -> JobFailed:
    """The result of a job that called `sys.exit`. Its exit code may be 0, but it has no result."""
    trace = "".join(traceback.format_exception(error, limit=-8))
    return JobFailed(f"{trace}The job ended with {type(error).__name__} and has no result.")


def threads_environment(threads: int) -> dict[str, str]:
    """The environment variables that set the number of threads of libraries, which read them at import."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), str(threads))


def check_least(runner: str, option: str, value: float, least: int) -> None:
    """Raise `UserError` if an option of a runner is below its least value."""
    if value < least:
        raise UserError(f"The option '{option}' of the runner {runner} is {value}: give {least} or more.")


def send(stream: IO[bytes], message: bytes) -> None:
    """Write a message to a pipe. Raises `OSError` if the other side has closed it."""
    stream.write(len(message).to_bytes(LENGTH, "big"))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message from a pipe; None if the other side has closed it, even in the middle of one."""
    length = int.from_bytes(stream.read(LENGTH), "big")
    message = stream.read(length)
    return message if length and len(message) == length else None


def serve() -> None:
    """Do the jobs that come through standard input, until the driver closes it or is killed.

    The outcomes go to the original standard output. The work itself has no input, and its output goes to
    standard error, so it cannot disturb the messages.
    """
    # ctrl-C reaches every process of the terminal. Only the driver reacts, and then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs, outcomes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The driver kills a worker, which loses the content of buffers.
        sys.stdout.reconfigure(line_buffering=True)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, messages), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        while True:
            send(outcomes, attempt(messages.get()))


def _listen(jobs: IO[bytes], messages: queue.SimpleQueue[bytes]) -> None:
    while (message := receive(jobs)) is not None:
        messages.put(message)
    # A killed driver cannot end this process: without this line a long job would continue.
    os._exit(1)


def _do(message: bytes) -> Any:
    try:
        work, job = pickle.loads(message)
    except ModuleNotFoundError as error:
        raise UserError(
            f"A worker cannot import '{error.name}': install it, or add its folder to PYTHONPATH."
        ) from error
    return work(job)


def _plain(error: Exception) -> Exception:
    """What replaces an error that cannot be pickled."""
    if isinstance(error, UserError):
        return UserError(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")
