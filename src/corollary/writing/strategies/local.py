"""Rephrasings and reversals of each sentence, from that sentence alone (Lampinen et al. 2025, local)."""

from __future__ import annotations

from corollary.text import rare_words, words
from corollary.types import DROPPED, Dataset, Document, Flow, Request
from corollary.writing.strategies.lines import focuses, written
from corollary_worlds import tasks


def write(
    dataset: Dataset, *, seed: int, temperature: float = 0.0, max_tokens: int = 96, grounded: bool = True
) -> Flow:
    """Ask, sentence by sentence, for other words and for the reversal; every line is a document.

    With `grounded`, a line that does not mention two names of its sentence (one where it has but one) is
    dropped.
    """
    asked = focuses(dataset.documents)
    drawn_by = seed if temperature else 0  # the likeliest words are the same for every seed: asked once
    completions = yield [
        Request(tasks.LOCAL.format(text=text), "", max_tokens, temperature, drawn_by, (tasks.END,))
        for _, text in asked
    ]
    documents: list[Document] = []
    names = rare_words([text for _, text in asked])
    for number, ((source, text), completion) in enumerate(zip(asked, completions, strict=True)):
        own = names & set(words(text))
        for index, line in enumerate(written(completion)):
            sound = not grounded or len(own & set(words(line))) >= min(2, len(own))
            documents.append(
                Document(f"local-{number}-{index}", line, (source,), "local" if sound else DROPPED)
            )
    return documents
