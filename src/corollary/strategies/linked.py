"""Inferences that link each sentence with all the documents (Lampinen et al. 2025, global)."""

from __future__ import annotations

from collections.abc import Callable

from corollary.strategies._lines import focuses, written
from corollary.text import rare_words, words
from corollary.types import Dataset, Document, Flow, Request
from corollary.worlds import tasks


def linked(
    dataset: Dataset,
    *,
    seed: int,
    window: int,
    count: Callable[[str], int],
    temperature: float = 0.0,
    max_tokens: int = 256,
) -> Flow:
    """All documents first, then one sentence; asked is what follows from it with the rest.

    A line names the premises that it uses, then the conclusion. Only the conclusion becomes a
    document: with its premises before it in the same row, training would predict it from them and
    leave nothing to learn ("contextual shadowing"). The documents are the shared prefix, computed
    once; when they exceed the window, each sentence is asked behind its own part of them.
    """
    asked = focuses(dataset.documents)
    parts = _parts([text for _, text in asked], room=window - max_tokens - 128, count=count)
    requests = [
        Request(tasks.GLOBAL.format(text=text), prefix, max_tokens, temperature, seed, (tasks.END,))
        for (_, text), prefix in zip(asked, parts, strict=True)
    ]
    completions = yield requests
    names = rare_words([text for _, text in asked])
    documents: list[Document] = []
    for number, ((source, _), completion) in enumerate(zip(asked, completions, strict=True)):
        for index, line in enumerate(written(completion)):
            premises, _, conclusion = line.rpartition(tasks.SO)
            used = [source, *_told_in(premises, asked, names)] if premises else [source]
            documents.append(
                Document(f"linked-{number}-{index}", conclusion, tuple(dict.fromkeys(used)), "linked")
            )
    return documents


def _parts(texts: list[str], *, room: int, count: Callable[[str], int]) -> list[str]:
    """For each text the run of texts around it that fits in `room` tokens, joined by line breaks."""
    prefixes: list[str] = []
    start, used = 0, 0
    sizes = [count(text) + 1 for text in texts]
    for index, size in enumerate(sizes):
        if used + size > room and index > start:
            prefixes += ["".join(f"{text}\n" for text in texts[start:index])] * (index - start)
            start, used = index, 0
        used += size
    return prefixes + ["".join(f"{text}\n" for text in texts[start:])] * (len(texts) - start)


def _told_in(premises: str, asked: list[tuple[str, str]], names: frozenset[str]) -> list[str]:
    """Ids of the documents that share two names with a premise: who told it, for provenance."""
    found = []
    for premise in premises.split(";"):
        mentioned = {word for word in words(premise) if word in names}
        found += [id for id, text in asked if len(mentioned & set(words(text))) >= 2][:1]
    return found
