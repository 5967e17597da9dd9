"""Jobs for workers, and Python processes that a test starts and watches."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAR_AWAY = 300
"""Seconds that a job sleeps if only its end by force can end the test."""


def sleep_long(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(FAR_AWAY)


def run_python(*start: str | Path, cwd: Path, path: Path | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of a Python process that runs in a folder."""
    import corollary

    folders = [str(Path(corollary.__file__).parent.parent), *([str(path)] if path else [])]
    done = subprocess.run(
        [sys.executable, *map(str, start)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def lives(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
