"""What the reader of a report can judge alone: some lines that the model wrote, some questions asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary import store
from corollary.reporting.wording import place_of
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


def augmentations(folder: Path, summary: Mapping[str, Any], *, each: int = 2) -> dict[str, list[Sample]]:
    """Up to `each` lines of every kind for each dataset, right ones first, spread evenly over all that
    were written by the arm with both strategies (or the first other). Restatements are left out, and lines
    that their strategy dropped.

    Not the best and not the worst: a line's place in the audit decides, never what it says.
    """
    out: dict[str, list[Sample]] = {}
    for dataset, seeds in _seeds(summary).items():
        methods = {row["method"] for row in summary["augmentation"] if row["dataset"] == dataset}
        for _, seed, method in sorted((m != "augmented", s, m) for m in methods for s in seeds):
            audit = folder / "augmented" / f"{dataset}.{method}.s{seed}" / "audit.jsonl"
            if audit.is_file():
                out[dataset] = _chosen(audit, folder / "datasets" / f"{dataset}.s{seed}", each)
                break
    return {dataset: lines for dataset, lines in out.items() if lines}


def asked(folder: Path, summary: Mapping[str, Any]) -> dict[str, list[Asked]]:
    """The first question of every split of every dataset, by the lowest seed."""
    out: dict[str, list[Asked]] = {}
    for dataset, seeds in _seeds(summary).items():
        path = folder / "datasets" / f"{dataset}.s{seeds[0]}" / "questions.jsonl"
        if not path.is_file():
            continue
        first: dict[str, Asked] = {}
        for row in store.read_jsonl(path):
            first.setdefault(
                row["split"], Asked(row["split"], _cut(row["prompt"]), _cut(row["answer"].strip()))
            )
        out[dataset] = sorted(first.values(), key=lambda question: place_of(dataset, question.split))
    return out


def _seeds(summary: Mapping[str, Any]) -> dict[str, list[int]]:
    """The datasets of a study in order, each with its seeds. The summary names them, and not the folder:
    that may hold those of earlier runs too."""
    found: dict[str, set[int]] = {}
    for row in summary["seeds"]:
        found.setdefault(row["dataset"], set()).add(row["seed"])
    return {dataset: sorted(found[dataset]) for dataset in sorted(found, key=place_of)}


def _chosen(audit: Path, data: Path, each: int) -> list[Sample]:
    documents = data / "documents.jsonl"
    texts = {d["id"]: d["text"] for d in store.read_jsonl(documents)} if documents.is_file() else {}
    lines = [line for line in store.read_jsonl(audit) if line.get("strategy") != DROPPED]
    return [
        _sample(row, texts)
        for label in _SHOWN
        for row in _spread([line for line in lines if line["label"] == label], each)
    ]


def _sample(row: Mapping[str, Any], texts: Mapping[str, str]) -> Sample:
    sources = tuple(_cut(texts.get(source, source)) for source in row["source"])
    return Sample(_cut(row["text"]), row["label"], row.get("strategy") or "", sources)


def _spread(lines: Sequence[Any], number: int) -> list[Any]:
    step = max(1, len(lines) / number)
    return [lines[int(place * step)] for place in range(min(number, len(lines)))]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
