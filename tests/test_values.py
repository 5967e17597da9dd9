"""Values in, values out: documents and models need not be files, and a study may have three models."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import small_studies
import tiny_models

import corollary
from corollary import Dataset, Document, Question, UserError
from corollary.measure.rows import read_results
from corollary.models.scripted import Scripted
from corollary.studies import folder, jobs

TEXTS = ["Kerit lies upstream of Bolan.", "Bolan lies upstream of Tivol."]
CHOICES = (" Kerit", " Tivol")
RIVERS = Dataset(
    "rivers",
    tuple(Document(f"d{at}", text) for at, text in enumerate(TEXTS)),
    (Question("q0", "Bolan lies downstream of", " Kerit", CHOICES, "reversal", ("d0",)),),
)


def turned(request: corollary.Request) -> str:
    """A model that turns a fact round."""
    if request.begin:
        return f"{request.begin} lies downstream of Kerit."
    return "Upstream of Bolan there is Kerit."


def test_texts_are_augmented_by_a_model_that_is_a_value() -> None:
    found = corollary.augment(TEXTS, model=Scripted(turned), strategy=["local"])
    assert "Bolan lies downstream of Kerit." in [document.text for document in found.documents]
    assert found.folder is None
    assert {source for document in found.documents for source in document.source} <= {"d0", "d1"}
    assert all(why for _, why in found.rejected), "each rejected line says why"


def test_rows_of_a_table_are_documents_and_their_other_fields_are_kept() -> None:
    import datasets

    rows = datasets.Dataset.from_list([{"text": text, "year": 1900 + at} for at, text in enumerate(TEXTS)])
    seen: list[str] = []

    def recorded(request: corollary.Request) -> str:
        seen.append(request.prompt)
        return ""

    corollary.augment(rows, model=Scripted(recorded), strategy=["qa"])
    assert [any(text in prompt for prompt in seen) for text in TEXTS] == [True, True]
    with pytest.raises(UserError, match="Document 0 is neither a text nor a row with a 'text'"):
        corollary.augment([{"body": "x"}], model=Scripted(turned))


def test_a_network_with_its_tokenizer_is_tuned_and_evaluated_without_a_file(tmp_path: Path) -> None:
    made = tiny_models.model(bos=False)
    pair = (made.net, made.tokenizer)
    tuned = corollary.tune(RIVERS, model=pair, tuning="lora", tokens=64, batch_tokens=32)
    assert tuned.folder is None
    assert len(tuned.losses) == 2
    before = corollary.evaluate(RIVERS, model=pair)
    after = corollary.evaluate(RIVERS, model=tuned.model)
    assert isinstance(before, corollary.Evaluation)
    assert isinstance(after, corollary.Evaluation)
    assert [row["question"] for row in before.rows] == ["q0"]
    assert before.rows[0]["logprobs"] != after.rows[0]["logprobs"]
    saved = corollary.tune(RIVERS, tmp_path / "model", model=pair, tuning="full", tokens=64, batch_tokens=32)
    again = corollary.evaluate(RIVERS, model=str(tmp_path / "model"), settings={"model.dtype": "float32"})
    assert isinstance(again, corollary.Evaluation)
    scored = corollary.evaluate(RIVERS, model=saved.model)
    assert isinstance(scored, corollary.Evaluation)
    assert again.rows[0]["logprobs"][0] == pytest.approx(scored.rows[0]["logprobs"][0], abs=1e-4)


def own_folder(place: Path) -> Path:
    folder = place / "rivers"
    folder.mkdir()
    (folder / "notes.md").write_text(f"# Rivers\n\n{TEXTS[0]} {TEXTS[1]}\n")
    question = {"id": "q0", "prompt": "Bolan lies downstream of", "answer": " Kerit", "choices": [*CHOICES]}
    (folder / "questions.jsonl").write_text(json.dumps(question | {"premises": ["notes.md"]}) + "\n")
    return folder


SMALL = {"lora.tokens": 64, "lora.batch_tokens": 32, "lora.rank": 2}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> corollary.StudyResult:
    """A study of a folder, with a generator of its own."""
    place = tmp_path_factory.mktemp("own")
    script = place / "script.json"
    script.write_text(json.dumps({"": "Upstream of Bolan there is Kerit."}))
    return corollary.study(
        own_folder(place),
        place / "out",
        model=str(small_studies.model_folder()),
        generator=corollary.Spec("scripted", {"script": str(script)}),
        settings=SMALL,
        runner="in_process",
    )


def test_a_study_of_own_documents_gives_tables_advice_and_answers(studied: corollary.StudyResult) -> None:
    import pandas as pd

    assert isinstance(studied.accuracy, pd.DataFrame)
    arms = {"pretrained", "in-context", "in-context-near", "retrieval", "fine-tuned", "paraphrase"}
    arms |= {"false-relation", "false-name", "augmented"}
    assert set(studied.accuracy["method"]) == arms
    assert {"a", "b", "difference"} <= set(studied.comparisons.columns)
    assert set(studied.costs["method"]) == arms
    assert studied.advice.do
    answers = studied.ask("Bolan lies downstream of")
    assert {answer.method for answer in answers} >= {"in-context", "augmented"}
    page = studied._repr_html_()
    assert "<table>" in page
    assert len(page) < 5_000
    shown = {row["method"]: row["premises_shown"] for row in read_results(studied.folder)}
    assert shown["retrieval"] is True


def test_a_generator_generates_and_the_model_is_tuned(studied: corollary.StudyResult) -> None:
    """The augmented arm is trained on what the generator says; the model itself generates nothing."""
    trials = [json.loads(path.read_text()) for path in studied.folder.glob("trials/*/trial.json")]
    rows = {trial["arm"]: {row["text"] for row in trial["documents"]} for trial in trials}
    assert rows["fine-tuned"] == set(TEXTS)
    assert rows["augmented"] > set(TEXTS)
    assert all("Upstream of Bolan there is Kerit." in text for text in rows["augmented"] - set(TEXTS))
    database = sqlite3.connect(studied.folder / "completions.db")
    asked = {model for (model,) in database.execute("SELECT DISTINCT model FROM completions")}
    database.close()
    assert len(asked) == 1
    assert jobs.open_model(folder.read_plan(studied.folder).model).identity not in asked


def test_what_a_model_cannot_do_is_said_by_arm_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The model scripted cannot be tuned here, which the arm fine-tuned"):
        corollary.study(own_folder(tmp_path), tmp_path / "out", model="scripted", runner="in_process")
    assert not (tmp_path / "out" / "trials").exists()


def test_a_folder_of_ones_own_needs_a_model_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Name the model to use with --model"):
        corollary.study(own_folder(tmp_path), tmp_path / "out")
    with pytest.raises(UserError, match="Name the model to use with --model"):
        corollary.augment(TEXTS)


def test_a_study_runs_in_a_plain_script_without_a_main_guard(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    (tmp_path / "script.json").write_text(json.dumps({"": "Upstream of Bolan there is Kerit."}))
    (tmp_path / "types.py").write_text("raise SystemExit('a file of the user was imported')\n")
    (tmp_path / "plain").mkdir()
    script = tmp_path / "plain" / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import corollary
        found = corollary.study(
            {str(folder)!r}, {str(tmp_path / "out")!r}, model={str(small_studies.model_folder())!r},
            generator=corollary.Spec("scripted", {{"script": {str(tmp_path / "script.json")!r}}}),
            settings={SMALL!r}, seeds=[0],
        )
        print("arms:", len(set(found.accuracy["method"])))
        """)
    )
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "arms: 9" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_model_that_is_a_value_is_used_in_this_process_alone(tmp_path: Path) -> None:
    made = tiny_models.model(bos=False, max_position_embeddings=4096)
    found = corollary.study(
        own_folder(tmp_path),
        tmp_path / "out",
        model=(made.net, made.tokenizer),
        generator=Scripted(turned),
        settings=SMALL,
    )
    assert set(found.accuracy["method"]) >= {"fine-tuned", "augmented"}
