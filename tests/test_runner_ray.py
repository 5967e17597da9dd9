"""The runner ray on a cluster of two nodes: it survives workers and nodes that die, and shares no disk."""

from __future__ import annotations

import functools
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corollary.errors import JobFailed, UserError, WorkerDied
from corollary.runners import in_process
from corollary.runners import ray as runner


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def digest_elsewhere(folder: str, doomed: str, number: int) -> bytes:
    """The same as `digest`, which notes its node and does not come to an end on the doomed one."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    Path(folder, f"{number}.{node}").touch()
    time.sleep(300 if node == doomed else 0.5)
    return digest(number)


def misbehave(kind: str) -> str:
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        sys.exit(0)
    if kind == "print":
        print("spam")
    return kind


def object_to(number: int) -> None:
    raise UserError(f"{number} is not wanted: leave it out")


def surroundings(_: int) -> tuple[str, list[str], str]:
    return str(Path.cwd()), sys.path, os.environ["OMP_NUM_THREADS"]


def test_without_the_library_the_user_hears_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'corollary\[ray\]'"):
        list(runner.run(digest, [1]))


@pytest.mark.parametrize("option", ["workers", "threads", "retries", "gpus"])
def test_a_number_that_cannot_be_is_for_the_user_to_fix(option: str) -> None:
    given: dict[str, Any] = {option: -3}
    with pytest.raises(UserError, match=f"'{option}' of the runner ray is -3"):
        list(runner.run(digest, [1], **given))


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:9", "nonsense"])
def test_an_address_where_no_cluster_answers_is_for_the_user_to_fix(address: str) -> None:
    before = time.monotonic()
    with pytest.raises(UserError, match=f"no Ray cluster at '{address}'"):
        list(runner.run(digest, [1], address=address))
    assert time.monotonic() - before < 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.delenv("RAY_ADDRESS", raising=False)
        import ray.cluster_utils

        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        started: Any = ray.cluster_utils.Cluster(
            initialize_head=True, head_node_args={**node, "include_dashboard": False}
        )
        started.add_node(**node)
        yield started
        started.shutdown()


@pytest.mark.slow
def test_misbehaving_jobs_cost_themselves_alone(cluster: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kinds = ["a", "die", "exit", "print", "b"]
    answers = dict(runner.run(misbehave, kinds, address=cluster.address, retries=1))
    died, left = answers.pop("die"), answers.pop("exit")
    assert isinstance(died, WorkerDied)
    assert isinstance(left, JobFailed)
    assert not isinstance(left, WorkerDied)
    assert "SystemExit: 0" in str(left)
    assert answers == {"a": "a", "print": "print", "b": "b"}
    output = capfd.readouterr()
    assert (output.out, output.err) == ("", "")


@pytest.mark.slow
def test_what_the_work_raises_is_raised_here_and_ends_the_run(cluster: Any) -> None:
    with pytest.raises(UserError) as caught:
        list(runner.run(object_to, [5, 5], address=cluster.address))
    assert str(caught.value) == "5 is not wanted: leave it out"
    assert "in object_to" in "".join(caught.value.__notes__)


@pytest.mark.slow
def test_a_job_that_no_machine_has_room_for_is_for_the_user_to_fix(cluster: Any) -> None:
    with pytest.raises(UserError, match="No machine of the Ray cluster has 64 cores for a job"):
        list(runner.run(digest, [1], address=cluster.address, workers=1, threads=64))
    with pytest.raises(UserError, match="has 1 cores and 99 GPUs for a job"):
        list(runner.run(digest, [1], address=cluster.address, gpus=99))


@pytest.mark.slow
def test_workers_are_not_in_the_current_folder_and_import_nothing_from_it(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("types", "math", "signal", "queue", "socket", "yaml", "torch"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')")
    monkeypatch.chdir(tmp_path)
    [(_, found)] = runner.run(surroundings, [1], address=cluster.address)
    assert isinstance(found, tuple)
    folder, paths, threads = found
    assert Path(folder) != tmp_path
    assert str(tmp_path) not in [str(Path(path).resolve()) for path in paths]
    assert not (tmp_path / "executed").exists()
    assert threads == "1"


@pytest.mark.slow
def test_jobs_are_taken_when_there_is_room(cluster: Any) -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    ahead = []
    for done, _ in enumerate(runner.run(digest, jobs(), address=cluster.address)):
        ahead.append(len(taken) - done)
    assert max(ahead) <= 3
    assert taken == list(range(6))


@pytest.mark.slow
def test_a_connection_of_the_callers_own_is_used_and_kept(cluster: Any) -> None:
    import ray

    ray.init(cluster.address, log_to_driver=False)
    try:
        assert list(runner.run(digest, [1])) == [(1, digest(1))]
        assert ray.is_initialized()
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_a_node_that_dies_midway_changes_no_byte(cluster: Any, tmp_path: Path) -> None:
    jobs = range(8)
    doomed = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    work = functools.partial(digest_elsewhere, str(tmp_path), doomed.node_id)
    answers, lives = {}, True
    for job, answer in runner.run(work, jobs, address=cluster.address):
        answers[job] = answer
        if lives and any(name.endswith(doomed.node_id) for name in os.listdir(tmp_path)):
            cluster.remove_node(doomed, allow_graceful=False)
            lives = False
    assert not lives, "the node had a job when it was killed"
    assert len(os.listdir(tmp_path)) > len(jobs), "that job was repeated elsewhere"
    assert answers == dict(in_process.run(digest, jobs))


LOCAL = """
from corollary.runners import ray
from beside import double
print(sorted(ray.run(double, [1, 2, 3], workers=2)))
"""


@pytest.mark.slow
def test_without_an_address_a_local_cluster_does_the_jobs_quietly(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "beside.py").write_text("def double(number):\n    print('spam')\n    return 2 * number")
    (tmp_path / "script.py").write_text(LOCAL)
    import corollary

    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    folder = str(Path(corollary.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env={**environment, "HOME": str(home), "PYTHONPATH": folder},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[(1, 2), (2, 4), (3, 6)]\n", "")
    assert os.listdir(home) == [], "Ray stores no token in the user's home"
