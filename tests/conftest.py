"""What holds for every test: offline, one thread each, and nothing skipped in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

# Before torch and transformers are imported, which read these when they are.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    MPLBACKEND="Agg",
)

# No deadline: a busy machine is no defect. The same examples in every run: a red run is red again.
settings.register_profile(
    "steady",
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("steady")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _never_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _never_skipped((yield))


def _never_skipped(report: Report) -> Report:
    """In CI a skipped test fails: whatever it needs must be installed there."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which nothing may be in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study that ran through. Not to be changed: see `again`."""
    import small_studies  # not at the top: it imports what reads the environment above

    out = tmp_path_factory.mktemp("study") / "out"
    seen = small_studies.run(out)
    assert sorted(seen.tried) == sorted(
        [("pretrained", "none"), ("in-context", "none"), *((name, "full") for name in small_studies.TUNED)]
    )
    return out


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A copy in another place: that the study was moved may not matter to any test."""
    return Path(shutil.copytree(finished, tmp_path / "elsewhere"))


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that the command line ran, with what it printed beside it. Not to be changed."""
    import small_studies
    from command_lines import COROLLARY

    place = tmp_path_factory.mktemp("cli")
    (place / "small.toml").write_text(small_studies.toml())
    command = [
        COROLLARY,
        "study",
        str(place / "small.toml"),
        "--out",
        str(place / "out"),
        "--runner",
        "in_process",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (place / "printed.txt").write_text(done.stdout)
    return place


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up study with its report. Not to be changed."""
    import made_up_study

    from corollary.reporting.page import write_page

    path = made_up_study.write(tmp_path_factory.mktemp("study") / "demo")
    write_page(path)
    return path


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for endpoints, and no address or proxy of this machine."""
    from fault_proxy import KEY

    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def place(studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: a copy of the study, its file, and things that are not what they seem."""
    from corollary.commands import make

    shutil.copytree(studied / "out", tmp_path / "out")
    shutil.copy(studied / "small.toml", tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.toml").write_text("seeds = [0\n")
    (tmp_path / "notes.txt").write_text("Not a study.")
    (tmp_path / "torn").mkdir()
    make("reversals", tmp_path / "made", facts=6)
    (tmp_path / "torn" / "config.json").write_text("{")
    (tmp_path / "orphan").mkdir()
    (tmp_path / "orphan" / "adapter_config.json").write_text('{"base_model_name_or_path": "no/where"}')
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "documents.jsonl").write_text('{"id": "a", "text": "Mine."}\n')
    (tmp_path / "mine.py").write_text("def load():\n    raise AssertionError('not to be opened')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
