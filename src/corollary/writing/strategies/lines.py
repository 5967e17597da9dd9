"""What the strategies that ask for lines share."""

from __future__ import annotations

from collections.abc import Sequence

from corollary.text import sentences
from corollary.types import Completion, Document


def focuses(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """(id of the document, sentence) of every distinct sentence: the data points that are augmented."""
    found: dict[str, str] = {}
    for document in documents:
        for sentence in sentences(document.text):
            found.setdefault(sentence, document.id)
    return [(id, sentence) for sentence, id in found.items()]


def written(completion: Completion) -> list[str]:
    """The lines of a completion. The last line of one that ran out of tokens is cut, so it is left out;
    every other line counts, readable or not."""
    lines = [line.strip() for line in completion.text.splitlines()]
    if completion.finish == "length":
        lines = lines[:-1]
    return [line for line in lines if line]
