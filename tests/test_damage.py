"""Folders that are damaged, or that come from somebody else: a sentence, no code run, nothing outside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import small_studies

import corollary
from corollary import cli, store
from corollary.documents.corpus import read_corpus
from corollary.errors import UserError
from corollary.studies import folder
from corollary.studies.driver import run_study
from corollary.studies.plan import dataset_name
from corollary.studies.presets import read_study
from corollary.types import Spec

SHAPES = ("[]", "null", "{}", '"x"', "NaN", "[" * 5000, '{"seeds": ' + "9" * 5000 + "}")


@pytest.mark.parametrize("damaged", SHAPES)
def test_a_damaged_study_is_refused_in_a_sentence(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "study.json").write_text(damaged)
    with pytest.raises(UserError, match=r"study\.json"):
        folder.read_plan(tmp_path)
    folder.write_plan(tmp_path, small_studies.plan(), "in_process", {})
    assert folder.read_plan(tmp_path).name == "small", "a study is written anew over it"


def test_what_is_damaged_and_can_be_derived_is_derived_again(again: Path) -> None:
    before = small_studies.results(again)
    files = [*again.glob("trials/*/result.json"), *again.glob("augmented/*/written.json")]
    for path, text in zip(sorted(files), ("[]", "{", "null", '{"trial": 5}', "{}"), strict=False):
        path.write_text(text)
    sorted(again.glob("trials/*/trial.json"))[-1].write_text("[]")
    small_studies.run(again)
    assert small_studies.results(again) == before


@pytest.mark.parametrize("damaged", ["null", '{"a": 1}', '"x"', "[5]", '[{"method": "x"}]'])
def test_damaged_models_from_elsewhere_are_refused_in_a_sentence(again: Path, damaged: str) -> None:
    (again / "elsewhere.json").write_text(damaged)
    with pytest.raises(UserError, match=r"elsewhere\.json is damaged"):
        small_studies.run(again)


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a\nb", "a\u202eb", "\ud800", ".x"])
def test_no_name_of_a_dataset_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "deep" / "out"
    plan = replace(small_studies.plan(), datasets=(Spec("documents", {"path": "docs", "name": name}),))
    with pytest.raises(UserError, match="cannot be the name of a dataset"):
        run_study(plan, out)
    assert not any(tmp_path.iterdir())


def test_code_that_a_study_names_does_not_run_unasked(again: Path, tmp_path: Path) -> None:
    code, ran = tmp_path / "evil.py", tmp_path / "ran"
    code.write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\ndef load(): ...\nmake = load\n")
    plain = store.read_json(again / "study.json")
    use = {"use": str(code), "options": {}}
    store.write_json(again / "study.json", {**plain, "model": use, "generator": use, "judge": use})
    question = store.read_jsonl(again / "datasets" / "reversals.s0" / "questions.jsonl")[0]["prompt"]
    # Nothing of the plan runs: neither the model that it names nor its plug-ins.
    assert corollary.ask(again, question, arm=["pretrained"])
    corollary.evaluate(again, name="mine", model=str(small_studies.model_folder()))
    (path,) = (again / "trials").glob("*.pretrained.*/trial.json")
    store.write_json(path, {**store.read_json(path), "model": {**use, "use": f"{code}:load"}})
    with pytest.raises(UserError, match="--own-code"):
        corollary.ask(again, question, arm=["pretrained"])
    assert not ran.exists()


def test_a_context_of_a_study_does_not_run_unasked(again: Path, tmp_path: Path) -> None:
    plain = store.read_json(again / "study.json")
    for arm in plain["arms"]:
        arm["context"] = {"use": str(tmp_path / "evil.py"), "options": {}}
    store.write_json(again / "study.json", plain)
    with pytest.raises(UserError, match="--own-code"):
        corollary.ask(again, "kerit is")


def test_an_id_of_a_result_leads_to_no_other_folder(again: Path) -> None:
    for path in (again / "trials").glob("*/result.json"):
        store.write_json(path, {**store.read_json(path), "trial": "../../../../etc/evil"})
    assert not folder.finished(again)


def test_a_plugin_that_ends_the_process_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "quits.py").write_text("import sys\ndef make(*, seed):\n    sys.exit(0)\n")
    assert cli.run(["make", str(tmp_path / "quits.py"), "--out", str(tmp_path / "made")]) == 1
    assert "A plug-in ended the command" in capsys.readouterr().err


def documents(place: Path) -> Path:
    place.mkdir(parents=True)
    (place / "notes.txt").write_text("Kerit lies upstream of Bolan.")
    question = {"prompt": "Bolan lies downstream of", "answer": " Kerit", "choices": [" Kerit", " Tivol"]}
    (place / "questions.jsonl").write_text(json.dumps(question))
    return place


def test_nothing_is_written_among_the_documents(tmp_path: Path) -> None:
    docs, model = documents(tmp_path / "docs"), str(small_studies.model_folder())
    before = sorted(docs.iterdir())
    with pytest.raises(UserError, match="holds the documents"):
        corollary.evaluate(docs, docs, model=model)
    with pytest.raises(UserError, match="holds the documents"):
        corollary.study(docs, docs, model=model)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "results.jsonl").write_text("mine")
    with pytest.raises(UserError, match=r"results\.jsonl of your own"):
        corollary.evaluate(docs, other, model=model)
    assert sorted(docs.iterdir()) == before
    assert (other / "results.jsonl").read_text() == "mine"


@pytest.mark.parametrize("note", ["study.json", "augmented.json", "trial.json", "fit.json"])
def test_what_commands_wrote_below_the_documents_is_not_read(tmp_path: Path, note: str) -> None:
    docs = documents(tmp_path / "docs")
    (docs / "out" / "made" / "deep").mkdir(parents=True)
    (docs / "out" / "made" / note).write_text("{}")
    for place in (docs / "out" / "made", docs / "out" / "made" / "deep"):
        (place / "documents.jsonl").write_text('{"text": "Bolan lies downstream of Kerit."}\n')
    corpus = read_corpus(docs)
    assert [document.id for document in corpus.documents()] == ["notes.txt"]
    assert any(report.file == "out/made/" and "Corollary wrote" in report.why for report in corpus.files)
    own = read_corpus(docs / "out" / "made")
    assert len(list(own.documents())) >= 1, "named by itself it is read"


def test_numbers_that_no_command_can_use_are_refused(tmp_path: Path) -> None:
    docs, model = documents(tmp_path / "docs"), str(small_studies.model_folder())
    for seed in (2**63, -(2**70)):
        with pytest.raises(UserError, match="cannot be a seed"):
            corollary.tune(docs, model=model, seed=seed, tokens=100)
    with pytest.raises(UserError, match="0 or more"):
        corollary.augment(docs, model=model, rows=-5)
    with pytest.raises(UserError, match="1 or more"):
        corollary.evaluate(docs, model=model, context="all", orders=0)
    with pytest.raises(UserError, match="seeds of the study"):
        corollary.study(docs, tmp_path / "s", model=model, seeds=[2**63])


def test_a_prompt_file_that_nobody_reads_is_refused_before_anything_runs(tmp_path: Path) -> None:
    docs, model = documents(tmp_path / "docs"), str(small_studies.model_folder())
    for prompt, words in (
        ({"loca": "x.txt"}, "did you mean 'local'"),
        ({"local": str(tmp_path / "nope.txt")}, "nope"),
    ):
        with pytest.raises(UserError, match=words):
            corollary.augment(docs, tmp_path / "out", model=model, prompt=prompt)
        with pytest.raises(UserError, match=words):
            corollary.study(docs, tmp_path / "study", model=model, prompt=prompt, runner="in_process")
        assert not (tmp_path / "study" / "trials").exists()
        assert not (tmp_path / "out").exists()


def test_a_dataset_of_a_file_is_called_what_the_file_calls_it(tmp_path: Path) -> None:
    docs = documents(tmp_path / "docs")
    toml = tmp_path / "mine.toml"
    toml.write_text(
        'extends = "documents"\nseeds = [0]\n[model]\npath = "m"\n'
        f'[datasets.rivers]\nuse = "documents"\npath = "{docs}"\n'
        f'[datasets.other]\nuse = "documents"\npath = "{docs}"\nname = "towns"\n'
    )
    assert [dataset_name(spec) for spec in read_study(str(toml)).datasets] == ["rivers", "towns"]


def test_retrieval_answers_a_new_question_with_the_documents_nearest_to_it(tmp_path: Path) -> None:
    docs, out = documents(tmp_path / "docs"), tmp_path / "out"
    (docs / "other.txt").write_text("Nothing here is about rivers.")
    toml = tmp_path / "mine.toml"
    toml.write_text(
        f'seeds = [0]\n[model]\npath = "{small_studies.model_folder()}"\n'
        f'[datasets.rivers]\nuse = "documents"\npath = "{docs}"\n[arms.pretrained]\n'
        '[arms.all]\ncontext = "all"\n[arms.nearest]\ncontext = {use = "nearest", k = 2}\n'
    )
    corollary.study(str(toml), out, runner="in_process")
    bare, everything, near = (
        corollary.ask(out, "Bolan Kerit nothing rivers", arm=[arm])[0].text
        for arm in ("pretrained", "all", "nearest")
    )
    assert near == everything != bare, "two documents of two are all of them"
    with pytest.raises(UserError, match="no tuning of this study named 'foo'"):
        corollary.ask(out, "Bolan", tuning="foo")


def test_a_sentence_that_is_too_long_costs_itself_alone(tmp_path: Path) -> None:
    docs, model = documents(tmp_path / "docs"), str(small_studies.model_folder())
    loose = {"local.grounded": False, "local.relation": False}
    alone = corollary.augment(docs, model=model, strategy=["local"], settings=loose)
    (docs / "zlong.txt").write_text("Bolan " * 12_000 + ".")
    both = corollary.augment(docs, tmp_path / "out", model=model, strategy=["local"], settings=loose)
    assert [line.text for line in both.documents] == [line.text for line in alone.documents] != []
    reasons = [row["reason"] for row in store.read_jsonl(tmp_path / "out" / "rejected.jsonl")]
    assert any("does not fit the model's window" in reason for reason in reasons)


def test_a_question_that_is_too_long_is_named_before_anything_runs(tmp_path: Path) -> None:
    docs, model = documents(tmp_path / "docs"), str(small_studies.model_folder())
    question = {"id": "q7", "prompt": "Bolan " * 9000, "answer": " Kerit"}
    with (docs / "questions.jsonl").open("a") as file:
        file.write("\n" + json.dumps(question))
    with pytest.raises(UserError, match="The question q7 of docs has"):
        corollary.evaluate(docs, model=model)
    with pytest.raises(UserError, match="The question q7 of docs has"):
        corollary.study(docs, tmp_path / "out", model=model, runner="in_process")
    assert not (tmp_path / "out" / "trials").exists()
