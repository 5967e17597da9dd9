"""Stub until merged."""

from __future__ import annotations

from dataclasses import dataclass

from corollary.types import Document


@dataclass(frozen=True)
class Sentence:
    """One."""

    text: str
    start: int
    end: int


def sentences(document: Document) -> list[Sentence]:
    """Lines."""
    return [Sentence(line.strip(), 0, 0) for line in document.text.splitlines() if line.strip()]


def line_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Stub."""
    found, at = [], 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            begin = at + len(line) - len(line.lstrip())
            found.append((begin, begin + len(line.strip())))
        at += len(line)
    return tuple(found)
