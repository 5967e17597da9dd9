"""Studies of a user's own folder, and models that were tuned elsewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import small_studies
from small_studies import results, summary

from corollary import store
from corollary.errors import UserError
from corollary.studies.added import add_model
from corollary.studies.answers import ask
from corollary.studies.plan import make_dataset
from corollary.studies.presets import study_of
from corollary.types import Spec


def own_documents(place: Path, **options: int) -> dict[str, Any]:
    """The table of a folder with the documents of `reversals` and the questions of one unit, seeds or not."""
    data = make_dataset(Spec("reversals", options), 0)
    few = tuple(question for question in data.questions if question.unit == "pair0")
    store.write_jsonl(place / "documents.jsonl", data.documents)
    store.write_jsonl(place / "questions.jsonl", few)
    return {"documents": {"path": str(place), "name": "mine"}}


def test_a_folder_is_one_sample_and_an_arm_that_saw_part_of_it_is_told(tmp_path: Path) -> None:
    tables = small_studies.tables(
        seeds=[0, 1],
        datasets=own_documents(tmp_path / "data", facts=100, tellings=10),
        arms={"pretrained": {}, "in-context": {"context": "all"}},
    )
    small_studies.run(tmp_path / "out", study_of(tables, name="s"))
    rows = summary(tmp_path / "out")["accuracy"]
    assert {(row["n_units"], row["seeds"]) for row in rows} == {(1, 2)}
    (warning,) = summary(tmp_path / "out")["warnings"]
    assert re.fullmatch(r"in-context on mine was shown \d+ of 1000 documents: no more fit into .*", warning)


def test_a_model_from_elsewhere_stands_once_at_each_seed_of_a_folder(tmp_path: Path) -> None:
    """Seeds share its one trial there, since nothing of it depends on them."""
    data, out = own_documents(tmp_path / "data", facts=4, tellings=1), tmp_path / "out"
    tables = small_studies.tables(seeds=[0, 2], datasets=data, arms={"pretrained": {}})
    small_studies.run(out, study_of(tables, name="s"))
    model = Spec("local", {"path": str(small_studies.model_folder())})
    add_model(out, name="mine", model=model, tuning="full", seed=2)
    for seeds in ((2,), (0, 2)):
        found = [row for row in store.read_jsonl(out / "results.jsonl") if row["method"] == "mine"]
        assert sorted({row["seed"] for row in found}) == list(seeds)
        assert len({(row["seed"], row["question"]) for row in found}) == len(found)
        add_model(out, name="mine", model=model, tuning="full")


def test_the_folder_of_a_study_is_enough_to_ask_and_to_add_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = own_documents(Path("data"), facts=4, tellings=1)
    tables = small_studies.tables(
        seeds=[0], datasets=data, arms={"pretrained": {}, "in-context": {"context": "all"}}
    )
    small_studies.run(Path("out"), study_of(tables, name="s"))
    question = store.read_jsonl(Path("data/questions.jsonl"))[0]["prompt"]
    shutil.rmtree("data")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert [answer.method for answer in ask("../out", question)] == ["pretrained", "in-context"]
    add_model(
        tmp_path / "out",
        name="mine",
        model=Spec("local", {"path": str(small_studies.model_folder())}),
        tuning="full",
    )
    assert "mine" in {row["method"] for row in store.read_jsonl(tmp_path / "out" / "results.jsonl")}
    assert [answer.method for answer in ask("../out", question)][-1] == "mine"


def test_a_model_from_elsewhere_is_an_arm_and_stays_one(again: Path) -> None:
    model = Spec("local", {"path": str(small_studies.model_folder()), "dtype": "bfloat16"})
    before = {row["question"] for row in store.read_jsonl(again / "results.jsonl")}
    add_model(again, name="mine", model=model, tuning="full")
    mine = [row for row in store.read_jsonl(again / "results.jsonl") if row["method"] == "mine"]
    assert {row["question"] for row in mine} == before
    assert {(row["tuning"], row["model"]) for row in mine} == {("full", "local")}
    assert "mine" in {row["method"] for row in summary(again)["accuracy"]}
    assert ("mine", "fine-tuned") in {(row["a"], row["b"]) for row in summary(again)["comparisons"]}
    assert "mine" not in {row["method"] for row in summary(again)["costs"]}, "what it cost is not known"
    after = results(again)
    assert small_studies.run(again).tried == []
    assert results(again) == after


def test_a_model_from_elsewhere_is_left_out_where_the_questions_have_changed(again: Path) -> None:
    model = Spec("local", {"path": str(small_studies.model_folder()), "dtype": "bfloat16"})
    add_model(again, name="mine", model=model, tuning="full")
    small_studies.run(again, small_studies.plan(datasets={"reversals": {"facts": 6, "tellings": 1}}))
    assert "mine" not in {row["method"] for row in store.read_jsonl(again / "results.jsonl")}
    assert any("have changed since mine was scored" in warning for warning in summary(again)["warnings"])


def test_a_model_from_elsewhere_needs_a_name_and_a_finished_study(again: Path) -> None:
    model = Spec("local", {"path": str(small_studies.model_folder())})
    with pytest.raises(UserError, match="has an arm oracle of its own"):
        add_model(again, name="oracle", model=model, tuning="full")
    with pytest.raises(
        UserError, match="no dataset of this study named 'reversal': did you mean 'reversals'"
    ):
        add_model(again, name="mine", model=model, tuning="full", dataset="reversal")
    next((again / "trials").glob("*.oracle.*/result.json")).unlink()
    with pytest.raises(UserError, match="is not finished"):
        add_model(again, name="mine", model=model, tuning="full")
