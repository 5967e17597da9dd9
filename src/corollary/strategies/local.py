"""Rephrasings and reversals of each sentence, from that sentence alone (Lampinen et al. 2025, local)."""

from __future__ import annotations

from corollary.strategies._lines import focuses, written
from corollary.types import Dataset, Document, Flow, Request
from corollary.worlds import tasks


def local(dataset: Dataset, *, seed: int, temperature: float = 0.0, max_tokens: int = 96) -> Flow:
    """Ask, sentence by sentence, for other words and for the reversal; every line is a document."""
    asked = focuses(dataset.documents)
    completions = yield [
        Request(tasks.LOCAL.format(text=text), "", max_tokens, temperature, seed, (tasks.END,))
        for _, text in asked
    ]
    documents: list[Document] = []
    for number, ((source, _), completion) in enumerate(zip(asked, completions, strict=True)):
        for index, line in enumerate(written(completion)):
            documents.append(Document(f"local-{number}-{index}", line, (source,), "local"))
    return documents
