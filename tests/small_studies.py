"""A study small enough for a test: a tiny model with random weights, one dataset, every kind of arm."""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tiny_models

from corollary import store
from corollary.models.local import save
from corollary.plugins import name_of
from corollary.studies.driver import run_study
from corollary.studies.presets import study_of
from corollary.types import Result, Spec, Study, Trial

DATASET = """
from dataclasses import replace
from corollary_worlds.datasets import reversals
from corollary.types import Question

def marked(*, seed: int, facts: int = 4, word: str = ""):
    '''The dataset `reversals`, in whose questions a word is planted everywhere.'''
    made = reversals.make(seed=seed, facts=facts, tellings=1)
    return replace(made, questions=tuple(mark(question, word) for question in made.questions))

def mark(question: Question, word: str) -> Question:
    if not word:
        return question
    choices = tuple(f"{choice} {word}" for choice in question.choices)
    answer = f"{question.answer} {word}"
    return replace(question, prompt=f"{word} {question.prompt}", answer=answer, choices=choices)
"""

STRATEGY = """
from corollary.types import Document, Request

def write(dataset, *, seed: int, width: int = 40):
    # Whatever the model goes on with is a line: a random model writes none that other strategies take.
    answers = yield [Request(document.text, "", 24) for document in dataset.documents]
    texts = ["".join(answer.text.split())[:width] for answer in answers]
    ids = [document.id for document in dataset.documents]
    return [Document(f"lines-{at}", text, (ids[at],), "lines") for at, text in enumerate(texts)]
"""


TUNED = ["fine-tuned", "paraphrase", "augmented-local", "augmented", "oracle"]
"""The arms of the small study that are tuned."""


@functools.cache
def model_folder() -> Path:
    """The folder of a tiny model: the same one for all tests of a process."""
    folder = Path(tempfile.mkdtemp(prefix="corollary-test-")) / "model"
    save(tiny_models.model(bos=False, max_position_embeddings=4096), folder)
    (folder.parent / "lines.py").write_text(STRATEGY)
    return folder


def tables(**changed: Any) -> dict[str, Any]:
    """The tables of a study's file: every kind of arm on four facts; tables are replaced by name."""
    few = {"max_tokens": 24}
    lines = str(model_folder().parent / "lines.py")
    reworded = {"use": "paraphrase", **few}
    arms: dict[str, Any] = {
        "pretrained": {},
        "in-context": {"context": "all"},
        "fine-tuned": {"tune": True},
        "fine-tuned-best": {"tune": True, "role": "bound", "read_off": "fine-tuned"},
        "paraphrase": {"tune": True, "role": "control", "same_size_as": "augmented", "augment": [reworded]},
        "augmented-local": {"tune": True, "role": "ablation", "augment": [lines]},
        "augmented": {"tune": True, "augment": [{"use": lines, "width": 30}, {"use": "linked", **few}]},
        "oracle": {"tune": True, "role": "bound", "augment": ["oracle"]},
    }
    return {
        "seeds": [0],
        "orders": 2,
        "checkpoints": 2,
        "model": {"use": "local", "path": str(model_folder())},
        "datasets": {"reversals": {"facts": 4, "tellings": 1}},
        "arms": arms,
        "tunings": {"full": {"tokens": 1500, "batch_tokens": 500}},
        **changed,
    }


def toml(*, seeds: str = "[0]") -> str:
    """A smaller study as a file: four arms, full and low-rank tuning."""
    return f"""
seeds = {seeds}
orders = 1
[model]
use = "local"
path = "{model_folder()}"
[datasets.reversals]
facts = 4
tellings = 1
[arms.pretrained]
[arms.in-context]
context = "all"
[arms.fine-tuned]
tune = true
[arms.augmented]
augment = ["{model_folder().parent / "lines.py"}"]
tune = true
[tunings.full]
tokens = 1000
batch_tokens = 500
[tunings.lora]
tokens = 1000
batch_tokens = 500
[limits]
lora = []
"""


def plan(**changed: Any) -> Study:
    """The small study."""
    return study_of(tables(**changed), name="small")


@dataclass
class Seen:
    """What a run of a study told: the trials that ran and the strategies that wrote."""

    tried: list[tuple[str, str]] = field(default_factory=list)
    wrote: list[str] = field(default_factory=list)

    def __call__(self, stage: str, done: int, total: int, what: Any) -> None:
        if what is not None and stage == "try":
            trial, result = what
            assert isinstance(trial, Trial)
            assert isinstance(result, Result)
            self.tried.append((trial.arm, name_of(trial.tune.use) if trial.tune else "none"))
        if what is not None and stage == "write":
            self.wrote.append(what[1].partition("-")[0])


def run(out: Path, study_plan: Study | None = None, *, runner: str = "in_process") -> Seen:
    """Run the small study (or another) and tell what it did."""
    seen = Seen()
    run_study(study_plan or plan(), out, runner=Spec(runner), observer=seen)
    return seen


def asked(out: Path) -> str:
    """All that a generator was asked in a study, as one text."""
    with sqlite3.connect(out / "completions.db") as database:
        parts: Iterable[tuple[str]] = [
            *database.execute("SELECT text FROM prefixes"),
            *database.execute("SELECT prompt FROM completions"),
        ]
        text = "\n".join(part for (part,) in parts)
    database.close()
    return text


def results(out: Path) -> bytes:
    """What a study measured, as it stands in its folder."""
    return (out / "results.jsonl").read_bytes()


def summary(out: Path) -> dict[str, Any]:
    """What a study's summary.json holds."""
    read: dict[str, Any] = store.read_json(out / "summary.json")
    return read
