"""Samples that readers of a report can judge themselves: generated lines and questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary import store
from corollary.reporting.outline import Outline
from corollary.types import DROPPED

LABELS = {
    "one_step": "right, one step",
    "several_step": "right, several steps",
    "unchecked": "not checked",
    "false": "false",
    "unreadable": "unreadable",
    "undecided": "undecided",
    "restates": "restates",
}
"""Labels of audits in plain words, in the order of the samples."""

RESTATES = "restates"
_LONGEST = 600


@dataclass(frozen=True)
class Sample:
    """A generated line, its label in the audit, its strategy, and its source documents."""

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


def augmentations(
    folder: Path, summary: Mapping[str, Any], outline: Outline, *, each: int = 2
) -> dict[str, list[Sample]]:
    """Up to `each` lines of every label for each dataset, without dropped lines and those that restate a
    document.

    They are spread evenly over the lines of the first treatment (or, without one, of the first other arm).
    Only a line's place in the audit decides, never its content.
    """
    out: dict[str, list[Sample]] = {}
    for dataset, seeds in _seeds(summary, outline).items():
        arms = [row["method"] for row in outline.sorted(summary["augmentation"]) if row["dataset"] == dataset]
        treated = [arm for arm in arms if outline.roles.get(arm) == "treatment"]
        for arm, seed in ((arm, seed) for arm in dict.fromkeys([*treated, *arms]) for seed in seeds):
            audit = folder / f"augmented/{dataset}.{arm}.s{seed}/audit.jsonl"
            if audit.is_file():
                out[dataset] = _chosen(audit, folder / "datasets" / f"{dataset}.s{seed}", each)
                break
    return {dataset: lines for dataset, lines in out.items() if lines}


def asked(folder: Path, summary: Mapping[str, Any], outline: Outline) -> dict[str, list[Asked]]:
    """The first question of every split of every dataset, at the lowest seed."""
    out: dict[str, list[Asked]] = {}
    for dataset, seeds in _seeds(summary, outline).items():
        path = folder / "datasets" / f"{dataset}.s{seeds[0]}" / "questions.jsonl"
        if not path.is_file():
            continue
        first: dict[str, Asked] = {}
        for row in store.read_jsonl(path):
            question = Asked(row["split"], _cut(row["prompt"]), _cut(row["answer"].strip()))
            first.setdefault(question.split, question)
        out[dataset] = sorted(
            first.values(), key=lambda question: outline.test_place(dataset, question.split)
        )
    return out


def _seeds(summary: Mapping[str, Any], outline: Outline) -> dict[str, list[int]]:
    """The datasets of a study in order, each with its seeds. They come from the summary, as the folder may
    also contain datasets of earlier runs."""
    rows = summary["seeds"]
    return {
        dataset: sorted({row["seed"] for row in rows if row["dataset"] == dataset})
        for dataset in outline.datasets(rows)
    }


def _chosen(audit: Path, data: Path, each: int) -> list[Sample]:
    documents = data / "documents.jsonl"
    texts = {d["id"]: d["text"] for d in store.read_jsonl(documents)} if documents.is_file() else {}
    lines = [
        line
        for line in store.read_jsonl(audit)
        if line.get("strategy") != DROPPED and line["label"] != RESTATES
    ]
    labels = dict.fromkeys([*LABELS, *(line["label"] for line in lines)])
    return [
        _sample(row, texts)
        for label in labels
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
