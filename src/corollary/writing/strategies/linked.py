"""Inferences that link each sentence with all the documents (Lampinen et al. 2025, global)."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from corollary.text import rare_words, words
from corollary.types import DROPPED, Dataset, Document, Flow, Request
from corollary.writing.strategies.lines import focuses, written
from corollary_worlds import tasks

PROMPT = 128
"""Tokens that a shared prefix leaves for what is asked behind it; a longer sentence gets its own prefix."""

SEAMS = 16
"""Tokens to spare: where two texts meet, they may be cut otherwise than alone."""


def write(
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
    and small models lose themselves in long contexts); the farthest stay out where not all fit in the
    window. `nearest=0` is the paper's form: behind all documents, a prefix that is computed once; when
    they exceed the window, each sentence is asked behind its own part of them. With `grounded`, a line is
    dropped that cites a premise which no document tells, or that concludes nothing about what its
    premises and its sentence mention; lines are checked against words alone, not for truth.
    """
    asked = focuses(dataset.documents)
    texts = [text for _, text in asked]
    names = rare_words(texts)
    mentioned = [names & set(words(text)) for text in texts]
    sizes = [count(text) + 1 for text in texts]
    # Whoever allows for lines as long as the window still wants the context read.
    kept_free = min(max_tokens, window // 2)
    room = window - kept_free - count(tasks.GLOBAL.format(text="")) - SEAMS
    if nearest:
        parts = _neighbours(texts, mentioned, nearest, sizes, room)
    else:
        parts = _parts(texts, sizes, shared=window - max_tokens - PROMPT, room=room)
    drawn_by = seed if temperature else 0  # the likeliest words are the same for every seed: asked once
    completions = yield [
        Request(tasks.GLOBAL.format(text=text), prefix, max_tokens, temperature, drawn_by, (tasks.END,))
        for text, prefix in zip(texts, parts, strict=True)
    ]
    documents: list[Document] = []
    for number, ((source, _), own, completion) in enumerate(zip(asked, mentioned, completions, strict=True)):
        for index, line in enumerate(written(completion)):
            premises, _, conclusion = line.rpartition(tasks.SO)
            told = [_told_in(names & set(words(premise)), mentioned) for premise in premises.split(";")]
            sound = not grounded or (None not in told and _links(own, premises, conclusion, names))
            cited = [asked[place][0] for place in told if place is not None]
            used = tuple(dict.fromkeys([source, *cited]))
            documents.append(
                Document(f"linked-{number}-{index}", conclusion, used, "linked" if sound else DROPPED)
            )
    return documents


def _parts(texts: Sequence[str], sizes: Sequence[int], *, shared: int, room: int) -> list[str]:
    """For each text the run of texts around it that fits in `shared` tokens, joined by line breaks, or of
    that as much as leaves a long text its place in `room`."""
    runs: list[range] = []
    start, used = 0, 0
    for index, size in enumerate(sizes):
        if used + size > shared and index > start:
            runs.append(range(start, index))
            start, used = index, 0
        used += size
    prefixes: list[str] = []
    for run in [*runs, range(start, len(texts))]:
        whole, used = _joined(texts, run), sum(sizes[i] for i in run)
        for index in run:
            if used + sizes[index] <= room:
                prefixes.append(whole)
            else:
                around = [i for _, i in sorted((abs(i - index), i) for i in run)]
                prefixes.append(_fitted(texts, around, sizes, room - sizes[index]))
    return prefixes


def _neighbours(
    texts: Sequence[str],
    mentioned: Sequence[frozenset[str]],
    most: int,
    sizes: Sequence[int],
    room: int,
) -> list[str]:
    """For each text itself and the `most` - 1 nearest others, or as many of them as fit, in their order,
    joined by line breaks.

    The nearest share a name with the text, the next ones with those; the rarer the name, the nearer.
    """
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
        prefixes.append(_fitted(texts, [index, *chosen], sizes, room - sizes[index]))
    return prefixes


def _fitted(texts: Sequence[str], near: Sequence[int], sizes: Sequence[int], room: int) -> str:
    """The nearest texts, up to the first that no longer fits."""
    used = itertools.accumulate(sizes[i] for i in near)
    return _joined(texts, [i for i, needed in zip(near, used, strict=True) if needed <= room])


def _joined(texts: Sequence[str], chosen: Iterable[int]) -> str:
    return "".join(f"{texts[i]}\n" for i in sorted(chosen))


def _told_in(premise: frozenset[str], mentioned: Sequence[frozenset[str]]) -> int | None:
    """The place of the first sentence that shares two names with a premise: who told it."""
    return next((place for place, found in enumerate(mentioned) if len(premise & found) >= 2), None)


def _links(own: frozenset[str], premises: str, conclusion: str, names: frozenset[str]) -> bool:
    """Whether a conclusion mentions a name of its sentence and another one of its premises."""
    said = names & set(words(conclusion))
    near, far = said & own, said & set(words(premises))
    return bool(near) and bool(far) and len(near | far) >= 2
