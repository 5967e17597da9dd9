"""The control: as many rephrasings, with the names in the same order, so that no fact is reversed."""

from __future__ import annotations

from corollary.documents.names import rare_words, same_order
from corollary.types import Dataset, Document, Flow
from corollary.writing import parse
from corollary.writing.focus import Focus, focuses
from corollary.writing.prompts import Prompt, expect, render

ROUNDS = 6


def write(
    dataset: Dataset,
    *,
    seed: int,
    prompt: Prompt,
    rows: int = 0,
    temperature: float = 1.0,
    max_tokens: int | None = None,
) -> Flow:
    """Ask for rephrasings until there are `rows` distinct ones, or for `ROUNDS` rounds.

    In a study, `rows` is the number of rows that the augmented arm adds. A line is dropped if it does not
    mention the same names in the same order: a reversal would spoil the control. If `rows` is less than the
    number of sentences, the rows come from all parts of the documents.
    """
    expect(prompt, "lines")
    asked = focuses(dataset.documents)
    names = rare_words([focus.text for focus in asked])
    given = {focus.text for focus in asked}
    found: dict[str, Focus] = {}
    for number in range(ROUNDS if temperature else 1):  # greedy decoding is the same in every round
        drawn_by = seed * ROUNDS + number
        completions = yield [
            render(prompt, text=focus.text, max_tokens=max_tokens, temperature=temperature, seed=drawn_by)
            for focus in asked
        ]
        for focus, completion in zip(asked, completions, strict=True):
            for line in parse.lines(completion, tidy=prompt.tidy).items:
                if line not in given and same_order(focus.text, line, names):
                    found.setdefault(line, focus)
        if len(found) >= rows:
            break
    chosen = list(found.items())
    if 0 < rows < min(len(asked), len(chosen)):
        chosen = [chosen[number * len(chosen) // rows] for number in range(rows)]
    return [
        Document(f"paraphrase-{i}", line, (focus.document,), "paraphrase", focus.origin)
        for i, (line, focus) in enumerate(chosen[: rows or None])
    ]
