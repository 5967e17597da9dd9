"""A public model walks through the house: read, augment, check, tune, evaluate, compare, ask, report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import corollary

pytestmark = pytest.mark.slow

MODEL = os.environ.get("COROLLARY_SMOLLM2", "")

TEXT = """# Rivers

Kerit lies upstream of Bolan. Bolan lies upstream of Tivol.
"""
CHOICES = [" Kerit", " Tivol", " Merak"]
QUESTIONS = [
    {"id": "q0", "prompt": "Bolan lies downstream of", "answer": " Kerit", "choices": CHOICES},
    {
        "id": "q1",
        "prompt": "Tivol lies downstream of",
        "answer": " Bolan",
        "choices": [" Bolan", *CHOICES[2:]],
    },
]


@pytest.fixture(scope="module")
def model() -> str:
    if not MODEL:
        pytest.skip("needs the file of SmolLM2-135M-Instruct: see tools/public_model.py")
    return MODEL


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rivers") / "rivers"
    folder.mkdir()
    (folder / "rivers.md").write_text(TEXT)
    rows = [json.dumps(question | {"premises": ["rivers.md"], "split": "reversal"}) for question in QUESTIONS]
    (folder / "questions.jsonl").write_text("\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_each_stage_alone(tuning: str, model: str, docs: Path, tmp_path: Path) -> None:
    generated = corollary.augment(docs, tmp_path / "augmented", model=model, strategy=["local"])
    assert (tmp_path / "augmented" / "rejected.jsonl").is_file()
    origins = {line.origin.file for line in generated.documents if line.origin}
    assert origins <= {"rivers.md"}
    tuned = corollary.tune(
        docs,
        tmp_path / "model",
        augmented=[tmp_path / "augmented"],
        model=model,
        tuning=tuning,
        tokens=400,
        batch_tokens=100,
    )
    assert tuned.losses[-1] < tuned.losses[0]
    found = corollary.evaluate(docs, model=tuned.model)
    assert isinstance(found, corollary.Evaluation)
    assert len(found.rows) == len(QUESTIONS)


def test_a_whole_study(model: str, docs: Path, tmp_path: Path) -> None:
    settings = {"lora.tokens": 300, "lora.batch_tokens": 100}
    found = corollary.study(docs, tmp_path / "out", model=model, settings=settings, runner="in_process")
    arms = {
        "pretrained",
        "in-context",
        "in-context-near",
        "retrieval",
        "fine-tuned",
        "paraphrase",
        "augmented",
    }
    arms |= {"false-relation", "false-name"}
    assert set(found.accuracy["method"]) == arms
    assert found.advice.do
    (answer,) = found.ask("Bolan lies downstream of", arm=["retrieval"])
    assert answer.right == "Kerit"
    assert found.report().read_text("utf-8").startswith("<!DOCTYPE html>")
