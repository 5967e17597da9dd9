"""A study on a Ray cluster gives the same bytes as here, and its workers read nothing of its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import small_studies

from corollary import Spec
from corollary.studies.driver import run_study

pytestmark = pytest.mark.slow

GUARD = """
import os, sys

def watch(event, given):
    if event in ("open", "os.listdir", "os.scandir", "sqlite3.connect") and {folder!r} in str(given[:1]):
        raise PermissionError("a worker must not read the folder of a study")

def tune(model, documents, *, seed: int, tokens: int = 1500, batch_tokens: int = 500):
    from corollary.training.full import tune as full
    # Not in the process of the test, which reads the folder itself.
    if os.getpid() != {driver}:
        sys.addaudithook(watch)
    return full(model, documents, seed=seed, tokens=tokens, batch_tokens=batch_tokens)
"""


def test_a_study_on_ray_gives_the_same_bytes_and_reads_no_folder(finished: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    out = tmp_path / "out"
    # The tuning of this study refuses to open anything in the study's folder, in the worker that runs it.
    guarded = tmp_path / "guarded.py"
    guarded.write_text(GUARD.format(folder=str(out), driver=os.getpid()))
    plan = small_studies.plan(tunings={"full": {"use": str(guarded), "tokens": 1500, "batch_tokens": 500}})
    run_study(plan, out, runner=Spec("ray", {"workers": 2}))
    here = tmp_path / "here"
    run_study(plan, here, runner=Spec("in_process"))
    assert small_studies.results(out) == small_studies.results(here)
