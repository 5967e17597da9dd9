"""What a failure costs: its own job, a sentence, and nothing that was finished."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_studies
from small_studies import summary

from corollary import store
from corollary.errors import StudyFailed
from corollary.studies import folder
from corollary.studies.presets import study_of
from corollary.types import Study


def test_a_trial_that_fails_is_said_and_all_else_is_kept(again: Path, tmp_path: Path) -> None:
    path = tmp_path / "torn.py"
    path.write_text("def tune(model, documents, *, seed):\n    raise RuntimeError('torn in two')\n")
    plan = small_studies.plan(tunings={"full": {"tokens": 1500, "batch_tokens": 500}, str(path): {}})
    with pytest.raises(
        StudyFailed, match=r"5 of the study's jobs failed \(first: reversals fine-tuned torn seed 0:.*torn"
    ):
        small_studies.run(again, plan)
    assert {row["tuning"] for row in store.read_jsonl(again / "results.jsonl")} == {"none", "full"}
    assert "5 of the jobs failed and are missing." in summary(again)["warnings"]
    assert (again / "failures.json").is_file()
    path.write_text("def tune(model, documents, *, seed):\n    return model\n")
    assert {tuning for _, tuning in small_studies.run(again, plan).tried} == {"torn"}
    assert not (again / "failures.json").exists(), "what is mended is no failure"


def test_a_strategy_that_fails_costs_its_arms_alone(again: Path, tmp_path: Path) -> None:
    path = tmp_path / "torn.py"
    path.write_text("def write(dataset, *, seed):\n    raise RuntimeError('torn in two')\n    yield\n")
    tables = small_studies.tables()
    tables["arms"]["mine"] = {"role": "control", "tune": True, "augment": [str(path)]}
    with pytest.raises(StudyFailed, match=r"1 of the study's jobs failed .*torn in two"):
        small_studies.run(again, study_of(tables, name="small"))
    (trace,) = store.read_json(again / "failures.json").values()
    assert "torn.py" in trace, "the frames nearest to what was raised"
    assert "1 of the jobs failed and are missing." in summary(again)["warnings"]
    assert "mine" not in {row["method"] for row in store.read_jsonl(again / "results.jsonl")}


def tuned_by(path: Path) -> Study:
    """A study of two arms, one of them tuned by the plug-in of a file."""
    tables = small_studies.tables(tunings={str(path): {}})
    tables["arms"] = {name: tables["arms"][name] for name in ("pretrained", "fine-tuned")}
    return study_of(tables, name="s")


def test_what_succeeds_at_the_second_attempt_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "moody.py"
    path.write_text(
        "from pathlib import Path\n\ndef tune(model, documents, *, seed):\n"
        "    here = Path(__file__).with_name('tried')\n"
        "    if not here.exists():\n        here.touch()\n        raise MemoryError('for once')\n"
        "    return model\n"
    )
    small_studies.run(tmp_path / "out", tuned_by(path))
    assert summary(tmp_path / "out")["warnings"] == []
    assert not (tmp_path / "out" / "failures.json").exists()


def test_a_number_that_is_none_is_a_failure_of_its_trial(tmp_path: Path) -> None:
    path = tmp_path / "overflown.py"
    path.write_text(
        "from types import SimpleNamespace\n\n"
        "def tune(model, documents, *, seed):\n"
        "    class Broken:\n"
        "        identity = model.identity\n"
        "        window, count = model.window, model.count\n"
        "        fit_report = SimpleNamespace("
        "steps=1, tokens=1, flops=1.0, seconds=1.0, losses=[float('inf')], dtype='float16')\n"
        "        def loglikelihood(self, pairs, *, prefix=''):\n"
        "            return model.loglikelihood(pairs, prefix=prefix)\n"
        "    return Broken()\n"
    )
    with pytest.raises(StudyFailed, match="1 of the study's jobs failed .*inf, which JSON cannot contain"):
        small_studies.run(tmp_path / "out", tuned_by(path))
    assert {row["method"] for row in store.read_jsonl(tmp_path / "out" / "results.jsonl")} == {"pretrained"}


def test_another_study_in_the_folder_takes_the_old_summary_away(again: Path, tmp_path: Path) -> None:
    folder.write_plan(again, small_studies.plan(), "in_process", folder.host())
    assert (again / "summary.json").is_file(), "the same study"
    folder.write_plan(again, small_studies.plan(orders=3), "in_process", folder.host())
    assert not (again / "summary.json").exists()
    for damaged in ("{", '{"name": "of another version"}'):
        (again / "study.json").write_text(damaged)
        folder.write_plan(again, small_studies.plan(), "in_process", folder.host())
        assert folder.read_plan(again).name == "small"
