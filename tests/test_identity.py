"""A result is known by the content of what decides it: by all of that, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from corollary import store
from corollary.studies import folder, jobs
from corollary.studies.plan import Cell, Writing
from corollary.types import Cost, Dataset, Document, Question, Spec, Trial
from corollary.writing.engine import Written

QUESTION = Question("q", "bolan is the parent of", " kerit", (" kerit", " sumak"), "rephrase", ("d0",), "u")
TREE = Dataset("tree", (Document("d0", "bolan is the mother of kerit."),), ())
TRIAL = Trial(
    dataset="tree",
    arm="augmented",
    seed=1,
    model=Spec("one"),
    tune=Spec("full", {"tokens": 10}),
    documents=(Document("a", "A."),),
    context=(Document("b", "B."), Document("c", "C.")),
    orders=((0, 1),),
    questions=(QUESTION,),
    checkpoints=2,
)
WRITING = Writing(Cell("tree", 0), TREE, Spec("local"), 0, rows=3, other=TREE)


class Named:
    """A model of which only the identity and the kind are asked."""

    kind = "base"

    def __init__(self, identity: str) -> None:
        self.identity = identity


@pytest.fixture(autouse=True)
def _no_model_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (jobs, folder):
        monkeypatch.setattr(module, "open_model", lambda spec: Named(spec.use))


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 2},
        {"model": Spec("other")},
        {"tune": None},
        {"tune": Spec("full", {"tokens": 11})},
        {"documents": (Document("a", "A!"),)},
        {"context": (Document("b", "B."), Document("c", "C!"))},
        {"context": (Document("b", "B."), Document("d", "C."))},
        {"orders": ((1, 0),)},
        {"checkpoints": 3},
        {"nearest": ((0,),)},
        *(
            {"questions": (replace(QUESTION, **other),)}
            for other in (
                {"id": "r"},
                {"prompt": "bolan raised"},
                {"answer": " sumak"},
                {"choices": (" kerit", " tivol")},
                {"domain": "is the parent of"},
            )
        ),
    ],
    ids=str,
)
def test_whatever_can_change_a_result_makes_another_trial(changed: dict[str, Any]) -> None:
    assert jobs.trial_id(replace(TRIAL, **changed)) != jobs.trial_id(TRIAL)


@pytest.mark.parametrize(
    "changed",
    [
        {"dataset": "x", "arm": "y"},
        {"documents": (Document("z", "A.", ("d0",), "local"),)},
        {"questions": (replace(QUESTION, unit="v", premises=(), split="reversal", accept=(" tivol",)),)},
        {"questions": (replace(QUESTION, marks={"reserved": "yes"}),)},
        {"documents": (Document("a", "A.", spans=(), meta={"row": 3}),)},
    ],
    ids=str,
)
def test_names_and_how_answers_are_read_and_grouped_make_no_other_trial(changed: dict[str, Any]) -> None:
    assert jobs.trial_id(replace(TRIAL, **changed)) == jobs.trial_id(TRIAL)


def test_the_seed_of_what_is_not_tuned_makes_no_other_trial() -> None:
    plain = replace(TRIAL, tune=None)
    assert jobs.trial_id(replace(plain, seed=7)) == jobs.trial_id(plain)


@pytest.mark.parametrize(
    "changed",
    [
        {"dataset": replace(TREE, documents=(Document("d0", "x"),))},
        {"dataset": replace(TREE, documents=(replace(TREE.documents[0], spans=((0, 5),)),))},
        {"strategy": Spec("local", {"max_tokens": 5})},
        {"seed": 1},
        {"rows": 4},
        {"other": None},
    ],
    ids=str,
)
def test_rows_of_other_inputs_are_written_anew(changed: dict[str, Any], tmp_path: Path) -> None:
    rows = Written((Document("l", "B."),), Cost(1))
    folder.keep_rows(tmp_path, WRITING, rows, Spec("one"), {})
    assert folder.read_rows(tmp_path, WRITING, Spec("one"), {}) == rows
    assert folder.read_rows(tmp_path, replace(WRITING, **changed), Spec("one"), {}) is None


def test_rows_of_another_model_or_prompt_are_written_anew(tmp_path: Path) -> None:
    folder.keep_rows(tmp_path, WRITING, Written((Document("l", "B."),), Cost(1)), Spec("one"), {})
    assert folder.read_rows(tmp_path, WRITING, Spec("other"), {}) is None
    (tmp_path / "mine.txt").write_text("---\nsay {text}")
    assert folder.read_rows(tmp_path, WRITING, Spec("one"), {"local": str(tmp_path / "mine.txt")}) is None


def test_trials_of_different_versions_or_precisions_are_warned_of(tmp_path: Path) -> None:
    kinds = (("one", "2.12.0", "float32"), ("two", "2.13.0", "bfloat16"), ("three", "2.13.0", None))
    for name, version, precision in kinds:
        host = {"versions": {"torch": version, "numpy": "2.0"}, "revision": "r", "python": "3.11"}
        store.write_json(tmp_path / name / "trial.json", {"host": host})
        notes = {"dtype": precision} if precision else {}
        store.write_json(tmp_path / name / "result.json", {"notes": notes})
    assert folder.differing(tmp_path / name for name in ("one", "two", "three")) == [
        "The trials ran with different versions of precision: bfloat16, float32.",
        "The trials ran with different versions of torch: 2.12.0, 2.13.0.",
    ]
    assert folder.differing(tmp_path / name for name in ("two", "three")) == []
