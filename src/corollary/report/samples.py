"""What the reader of a report can judge alone: some lines that the model wrote, some questions asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary import store
from corollary.report.wording import place_of
from corollary.types import DROPPED

LABELS = {
    "one_step": "right, one step",
    "several_step": "right, several steps",
    "restates": "restates",
    "false": "false",
    "unreadable": "unreadable",
}
_SHOWN = ("one_step", "several_step", "false", "unreadable")
_LONGEST = 600


@dataclass(frozen=True)
class Sample:
    """A line that the model wrote, what it is (a key of `LABELS`), and the documents that it was given."""

    text: str
    label: str
    strategy: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """A question of a split, with its right answer."""

    split: str
    prompt: str
    answer: str


def augmentations(folder: Path, *, each: int = 2) -> dict[str, list[Sample]]:
    """Up to `each` lines of every kind for each dataset, right ones first, spread evenly over all that
    were written by the arm with both strategies (or the first other). Restatements are left out, and lines
    that their strategy dropped.

    Not the best and not the worst: a line's place in the audit decides, never what it says.
    """
    out: dict[str, list[Sample]] = {}
    for path in sorted(folder.glob("augmented/*/audit.jsonl"), key=_both_first):
        dataset, _, seed = _parts(path.parent.name)
        if dataset in out:
            continue
        documents = folder / "datasets" / f"{dataset}.{seed}" / "documents.jsonl"
        texts = {d["id"]: d["text"] for d in store.read_jsonl(documents)} if documents.is_file() else {}
        lines = [line for line in store.read_jsonl(path) if line.get("strategy") != DROPPED]
        out[dataset] = [
            _sample(row, texts)
            for label in _SHOWN
            for row in _spread([line for line in lines if line["label"] == label], each)
        ]
    return {dataset: out[dataset] for dataset in sorted(out, key=place_of) if out[dataset]}


def asked(folder: Path) -> dict[str, list[Asked]]:
    """The first question of every split of every dataset, by the lowest seed."""
    out: dict[str, list[Asked]] = {}
    for path in sorted(folder.glob("datasets/*/questions.jsonl")):
        dataset = path.parent.name.rpartition(".s")[0]
        if dataset in out:
            continue
        first: dict[str, Asked] = {}
        for row in store.read_jsonl(path):
            first.setdefault(
                row["split"], Asked(row["split"], _cut(row["prompt"]), _cut(row["answer"].strip()))
            )
        out[dataset] = sorted(first.values(), key=lambda question: place_of(dataset, question.split))
    return out


def _sample(row: Mapping[str, Any], texts: Mapping[str, str]) -> Sample:
    sources = tuple(_cut(texts.get(source, source)) for source in row["source"])
    return Sample(_cut(row["text"]), row["label"], row.get("strategy") or "", sources)


def _spread(lines: Sequence[Any], number: int) -> list[Any]:
    step = max(1, len(lines) / number)
    return [lines[int(place * step)] for place in range(min(number, len(lines)))]


def _both_first(path: Path) -> tuple[str, bool, int, str]:
    dataset, method, seed = _parts(path.parent.name)
    number = seed.removeprefix("s")
    return dataset, method != "augmented", int(number) if number.isdigit() else 0, method


def _parts(name: str) -> tuple[str, str, str]:
    """<dataset>.<method>.s<seed>, as the folders of augmentations are named."""
    head, _, seed = name.rpartition(".")
    dataset, _, method = head.partition(".")
    return dataset, method, seed


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
