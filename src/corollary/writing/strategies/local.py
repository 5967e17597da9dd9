"""Rephrasings and reversals of each sentence, from that sentence alone (Lampinen et al. 2025, local)."""

from __future__ import annotations

import functools

from corollary.types import Completion, Dataset, Document, Flow, Request
from corollary.writing import parse
from corollary.writing.checks import grounded as checks
from corollary.writing.focus import Focus, capitalised, focuses, mentions
from corollary.writing.prompts import Prompt, expect, render


def write(
    dataset: Dataset,
    *,
    seed: int,
    prompt: Prompt,
    reverse_prompt: Prompt | None = None,
    temperature: float = 0.0,
    max_tokens: int | None = None,
    grounded: bool = True,
    relation: bool = True,
    reversals: int = 2,
) -> Flow:
    """Ask for rephrasings of each sentence; every line becomes a document.

    With a `reverse_prompt`, up to `reversals` lines also state the fact from its other mentions: each starts
    with a mention. `max_tokens` replaces the prompts' own. With `grounded`, a line is dropped if it does not
    mention two names from its sentence (one if it has only one). With `relation`, a reversal is dropped if
    its words are not related to the sentence's; a rephrasing may use other words.
    """
    expect(prompt, "lines")
    asked = focuses(dataset.documents)
    check = checks.grounding(dataset.documents, numbers=prompt.tidy)
    ask = functools.partial(render, max_tokens=max_tokens, temperature=temperature, seed=seed)
    first = [ask(prompt, text=focus.text) for focus in asked]
    turned: list[tuple[Focus, str]] = []
    second: list[Request] = []
    if reverse_prompt:
        expect(reverse_prompt, "lines")
        for focus in asked:
            for mention in mentions(focus.text, check.names)[1:][:reversals]:
                begin = capitalised(mention, focus.text)
                turned.append((focus, begin))
                second.append(ask(reverse_prompt, text=focus.text, mention=mention, begin=begin))
    completions = yield [*first, *second]
    documents: list[Document] = []
    for number, (focus, completion) in enumerate(zip(asked, completions[: len(first)], strict=True)):
        for index, line in enumerate(parse.lines(completion, tidy=prompt.tidy).items):
            reason = check.line(line, focus.text) if grounded else None
            documents.append(checks.document(f"local-{number}-{index}", line, "local", focus, reason))
    for number, ((focus, begin), completion) in enumerate(
        zip(turned, completions[len(first) :], strict=True)
    ):
        for line in _begun(completion, begin):
            reason = check.line(line, focus.text) if grounded else None
            reason = reason or (check.relation(line, focus.text) if relation else None)
            documents.append(checks.document(f"local-reverse-{number}", line, "local", focus, reason))
    return documents


def _begun(completion: Completion, begin: str) -> tuple[str, ...]:
    """The line that starts as requested; further lines of the model are about something else."""
    found = parse.lines(completion, begin=begin).items
    return tuple(line for line in found if line.casefold().startswith(begin.casefold()))[:1] or found[:1]
