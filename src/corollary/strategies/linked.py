"""Inferences that link each sentence with all the documents (Lampinen et al. 2025, global)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from corollary.strategies._lines import focuses, written
from corollary.text import rare_words, words
from corollary.types import DROPPED, Dataset, Document, Flow, Request
from corollary.worlds import tasks


def linked(
    dataset: Dataset,
    *,
    seed: int,
    window: int,
    count: Callable[[str], int],
    temperature: float = 0.0,
    max_tokens: int = 256,
    nearest: int = 12,
    grounded: bool = True,
) -> Flow:
    """Documents first, then one sentence; asked is what follows from it with the rest.

    A line names the premises that it uses, then the conclusion. Only the conclusion becomes a
    document: with its premises before it in the same row, training would predict it from them and
    leave nothing to learn ("contextual shadowing").

    Each sentence is asked behind the `nearest` sentences, chosen from all documents by the names they
    share with it, directly or through one other sentence (ours: what shares no name cannot be linked,
    and small models lose themselves in long contexts). `nearest=0` is the paper's form: behind all
    documents, a prefix that is computed once; when they exceed the window, each sentence is asked
    behind its own part of them. With `grounded`, a line is
    dropped that cites a premise which no document tells, or that concludes nothing about what its
    premises and its sentence mention; lines are checked against words alone, not for truth.
    """
    asked = focuses(dataset.documents)
    texts = [text for _, text in asked]
    names = rare_words(texts)
    if nearest:
        parts = _neighbours(texts, names, nearest)
    else:
        parts = _parts(texts, room=window - max_tokens - 128, count=count)
    completions = yield [
        Request(tasks.GLOBAL.format(text=text), prefix, max_tokens, temperature, seed, (tasks.END,))
        for text, prefix in zip(texts, parts, strict=True)
    ]
    documents: list[Document] = []
    for number, ((source, text), completion) in enumerate(zip(asked, completions, strict=True)):
        for index, line in enumerate(written(completion)):
            premises, _, conclusion = line.rpartition(tasks.SO)
            cited = [_told_in(premise, asked, names) for premise in premises.split(";")]
            sound = not grounded or (all(cited) and _links(text, premises, conclusion, names))
            used = tuple(dict.fromkeys([source, *(id for ids in cited for id in ids)]))
            documents.append(
                Document(f"linked-{number}-{index}", conclusion, used, "linked" if sound else DROPPED)
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


def _neighbours(texts: list[str], names: frozenset[str], most: int) -> list[str]:
    """For each text itself and the `most` - 1 nearest others, in their order, joined by line breaks.

    The nearest share a name with the text, the next ones with those; the rarer the name, the nearer.
    """
    mentioned = [names & set(words(text)) for text in texts]
    told = Counter(name for found in mentioned for name in found)
    prefixes = []
    for index, own in enumerate(mentioned):
        direct = {i for i, found in enumerate(mentioned) if i != index and found & own}
        around = own.union(*(mentioned[i] for i in direct))
        nearness = {
            # fsum: the order of a set differs from process to process, and so would the last bit of a sum.
            i: ((2 if i in direct else 1), math.fsum(1 / told[name] for name in found & around))
            for i, found in enumerate(mentioned)
            if i != index and found & around
        }
        chosen = sorted(nearness, key=lambda i: (nearness[i], -i), reverse=True)[: most - 1]
        prefixes.append("".join(f"{texts[i]}\n" for i in sorted([*chosen, index])))
    return prefixes


def _told_in(premise: str, asked: list[tuple[str, str]], names: frozenset[str]) -> list[str]:
    """The id of the first document that shares two names with a premise: who told it."""
    mentioned = names & set(words(premise))
    return [id for id, text in asked if len(mentioned & set(words(text))) >= 2][:1]


def _links(text: str, premises: str, conclusion: str, names: frozenset[str]) -> bool:
    """Whether a conclusion mentions a name of its sentence and another one of its premises."""
    said = names & set(words(conclusion))
    near, far = said & set(words(text)), said & set(words(premises))
    return bool(near) and bool(far) and len(near | far) >= 2
