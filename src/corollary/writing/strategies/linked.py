"""Inferences that link each sentence with all the documents (Lampinen et al. 2025, global)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from corollary.documents.names import Mentions, rare_words, words
from corollary.types import Dataset, Document, Flow
from corollary.writing import parse
from corollary.writing.checks import grounded as checks
from corollary.writing.focus import focuses
from corollary.writing.prompts import Prompt, expect, render

PROMPT = 128
"""Tokens that a shared prefix leaves for the sentence after it; a longer sentence gets its own prefix."""

SEAMS = 16
"""Spare tokens: where two texts meet, the tokens may differ from those of each text alone."""

TURN = 8
"""Tokens that a chat template may add to each turn."""


def write(
    dataset: Dataset,
    *,
    seed: int,
    prompt: Prompt,
    window: int,
    count: Callable[[str], int],
    temperature: float = 0.0,
    max_tokens: int | None = None,
    nearest: int = 12,
    grounded: bool = True,
    relation: bool = True,
) -> Flow:
    """Show documents, then one sentence, and ask what follows from it together with the others.

    A line names its premises, then the conclusion. Only the conclusion becomes a document: with its premises
    in the same row, training would predict it from them, and nothing would be learned ("contextual
    shadowing").

    Each sentence is shown with the `nearest` sentences from all documents, itself included. They are chosen
    by the names that they share with it, directly or through one other sentence. This is our change to the
    paper: sentences without a common name cannot be linked, and small models get lost in long contexts. If
    not all fit in the window, the farthest are left out. `nearest=0` is the paper's form: all documents, in a
    prefix that is read once. If they exceed the window, each sentence is shown with the part around it.

    With `grounded`, a line is dropped if it cites a premise that no document states, or if its conclusion
    does not mention names from both its sentence and its premises. With `relation`, and unless the dataset
    has an audit of its own, a line is also dropped if its words have nothing to do with those of its
    premises: "part", from "upstream". ("Aunt" follows from "mother" and "sister": see the check `grounded`.)
    """
    expect(prompt, "argument")
    asked = focuses(dataset.documents)
    texts = [focus.text for focus in asked]
    names = rare_words(texts)
    mentioned = [names & set(words(text)) for text in texts]
    index = Mentions(mentioned)
    sizes = [count(text) + 1 for text in texts]
    # Even if max_tokens fills the window, half of it is left for the context.
    wanted = prompt.max_tokens if max_tokens is None else max_tokens
    frame = count(prompt.fixed) + TURN * len(prompt.chat or ())
    room = window - min(wanted, window // 2) - frame - SEAMS
    if nearest:
        around = ([place, *index.nearest(place, nearest - 1)] for place in range(len(texts)))
        parts = [_fitted(texts, near, sizes, room - sizes[near[0]]) for near in around]
    else:
        parts = _parts(texts, sizes, shared=window - wanted - max(PROMPT, frame + SEAMS), room=room)
    completions = yield [
        render(prompt, text=text, documents=part, max_tokens=max_tokens, temperature=temperature, seed=seed)
        for text, part in zip(texts, parts, strict=True)
    ]
    check = checks.grounding(dataset.documents, numbers=prompt.tidy)
    documents: list[Document] = []
    for number, (focus, completion) in enumerate(zip(asked, completions, strict=True)):
        found = parse.argument(completion, so=prompt.so, tidy=prompt.tidy)
        for position, item in enumerate(found.items):
            cited = [index.first_with_two(names & set(words(premise))) for premise in item.premises]
            known = [asked[place] for place in cited if place is not None]
            reason = None
            if grounded:
                stated = [None if place is None else texts[place] for place in cited]
                reason = check.argument(item, focus.text, stated)
                if relation and not dataset.audit and not reason:
                    source = {focus.text, *(each.text for each in known)}
                    reason = check.relation(
                        item.conclusion, "\n".join(sorted(source)), composed=len(source) > 1
                    )
            id, sources = f"linked-{number}-{position}", [each.document for each in known]
            documents.append(checks.document(id, item.conclusion, "linked", focus, reason, sources))
    return documents


def _parts(texts: Sequence[str], sizes: Sequence[int], *, shared: int, room: int) -> list[str]:
    """For each text the run of texts around it that fits in `shared` tokens, joined by line breaks. For a
    long text the run is shortened, so that both fit in `room`."""
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


def _fitted(texts: Sequence[str], near: Sequence[int], sizes: Sequence[int], room: int) -> str:
    """The nearest texts, up to the first that does not fit, joined in their order."""
    used = itertools.accumulate(sizes[i] for i in near)
    return _joined(texts, [i for i, needed in zip(near, used, strict=True) if needed <= room])


def _joined(texts: Sequence[str], chosen: Iterable[int]) -> str:
    return "".join(f"{texts[i]}\n" for i in sorted(chosen))
