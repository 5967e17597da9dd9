"""A runner that uses the machines of a Ray cluster (extra `ray`: `pip install 'corollary[ray]'`).

Every machine needs the same version of Corollary and of the packages that plug-ins import, because functions
travel by reference. The machines need no common disk: jobs and results travel as values, and workers run in
an empty folder.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from corollary.errors import JobFailed, UserError, WorkerDied
from corollary.runners.processes import cores, folders
from corollary.runners.worker import attempt_with, check_least, pack, threads_environment, unpack

Job = TypeVar("Job")
Answer = TypeVar("Answer")

OBJECT_STORE = 200 * 2**20
"""Bytes of shared memory that a local cluster takes. Jobs are texts and numbers, and more goes to disk."""


def run(
    work: Callable[[Job], Answer],
    jobs: Iterable[Job],
    *,
    address: str = "",
    workers: int = 0,
    threads: int = 1,
    gpus: float = 0.0,
    retries: int = 2,
) -> Iterator[tuple[Job, Answer | JobFailed]]:
    """Do the jobs on a Ray cluster.

    `address` is the cluster's ("": RAY_ADDRESS, or else a local cluster that ends with the run). `workers` is
    the largest number of jobs at the same time (0: as many as the cluster has room for). `threads` is the
    number of cores for each job, `gpus` that of GPUs. A job whose worker or machine dies is repeated up to
    `retries` times. Jobs are taken only when there is room for them.

    Yields each job with its result, as they are done, in any order. If a job loses its worker each time, its
    result is a `WorkerDied`. If a job calls `sys.exit`, its result is a `JobFailed`. Every other error that
    `work` raises is raised here and ends the run. Raises `UserError` if Ray is not installed, the cluster
    cannot be reached or no machine has room for a job.
    """
    for option, value in {"workers": workers, "gpus": gpus, "retries": retries}.items():
        check_least("ray", option, value, 0)
    check_least("ray", "threads", threads, 1)
    address = address or os.environ.get("RAY_ADDRESS", "")
    with _connected("" if address == "local" else address, workers, threads, retries) as ray:
        _check_room(ray, threads, gpus)
        do = ray.remote(attempt_with).options(
            num_cpus=threads,
            num_gpus=gpus,
            max_retries=retries,
            runtime_env={"env_vars": threads_environment(threads)},
        )
        paths, waiting = tuple(folders()), iter(jobs)
        running: dict[Any, Job] = {}
        done: list[tuple[Job, Answer | JobFailed]] = []
        try:
            while True:
                # Counted each time, as machines join and leave.
                limit = workers or max(1, _places(ray, threads, gpus))
                for job in itertools.islice(waiting, max(0, limit - len(running))):
                    running[do.remote(paths, pack((work, job)))] = job
                yield from done
                if not running:
                    return
                ready = ray.wait([*running], num_returns=1)[0][0]
                done = [(running[ready], _answer(ray, ready))]
                del running[ready]
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


@contextlib.contextmanager
def _connected(address: str, workers: int, threads: int, retries: int) -> Iterator[Any]:
    """The library, connected to a cluster. An existing connection of the caller is used and stays open."""
    # By default Ray repeats a job forever that its memory monitor ends. It reads this when it is imported.
    os.environ.setdefault("RAY_task_oom_retries", str(retries))
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UserError("The runner ray needs the library Ray: type pip install 'corollary[ray]'.") from error
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        _check_address(address)
    else:
        places = workers or max(1, cores() // threads)
        options |= {
            "num_cpus": threads * places,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE,
        }
        if not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & {*os.environ}:
            # Otherwise Ray stores a token in your home folder.
            os.environ["RAY_AUTH_TOKEN"] = _token()
    # Ray prints messages about workers to standard output, and has no public option against that.
    printer = ray._private.worker
    printer._worker_logs_enabled = False
    try:
        try:
            with tempfile.TemporaryDirectory() as empty:
                # Otherwise the current folder comes first on the workers' sys.path, and a types.py there
                # would be imported in place of the standard module.
                ray.init(address or "local", runtime_env={"working_dir": empty}, **options)
        except (ConnectionError, ray.exceptions.AuthenticationError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"The Ray cluster at '{address or 'local'}' cannot be used ({reason}): check its address and"
                " its token (RAY_AUTH_TOKEN)."
            ) from error
        yield ray
    finally:
        ray.shutdown()
        printer._worker_logs_enabled = True


def _check_address(address: str) -> None:
    # Ray itself would wait for a minute and then end the whole process.
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"There is no Ray cluster at '{address}': give host:port of one that runs, or leave the address "
            "and RAY_ADDRESS out for a local cluster."
        ) from error


@functools.cache
def _token() -> str:
    # One per process: Ray keeps the first token that it reads.
    return secrets.token_hex(32)


def _check_room(ray: Any, threads: int, gpus: float) -> None:
    # Ray would wait silently. A cluster without any core may still get machines.
    if not _places(ray, threads, gpus) and _places(ray, 1, 0.0):
        needs = f"{threads} cores" + (f" and {gpus:g} GPUs" if gpus else "")
        raise UserError(
            f"No machine of the Ray cluster has {needs} for a job: give the runner ray a smaller 'threads'"
            + (" or 'gpus'." if gpus else ".")
        )


def _places(ray: Any, threads: int, gpus: float) -> int:
    """How many jobs the living machines have room for at the same time."""
    living = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needs = {"CPU": threads, "GPU": gpus} if gpus else {"CPU": threads}
    return sum(min(int(node.get(kind, 0) // need) for kind, need in needs.items()) for node in living)


def _answer(ray: Any, reference: Any) -> Any:
    errors = ray.exceptions
    try:
        outcome = ray.get(reference)
    except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
        reason = str(error).partition("\n")[0]
        return WorkerDied(
            f"The worker on the Ray cluster ended without a result ({type(error).__name__}: {reason})"
        )
    except errors.RayTaskError as error:
        # Errors of the work are outcomes. This error came before the work began.
        raise UserError(
            f"A machine of the Ray cluster cannot run Corollary ({str(error).splitlines()[-1]}): install the "
            "same version there."
        ) from error
    return unpack(outcome)
