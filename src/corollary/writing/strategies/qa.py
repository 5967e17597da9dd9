"""Questions about each sentence, with their answers in the same training row."""

from __future__ import annotations

from dataclasses import replace

from corollary.types import Dataset, Document, Flow
from corollary.writing import parse
from corollary.writing.checks import grounded as checks
from corollary.writing.focus import focuses
from corollary.writing.prompts import Prompt, expect, render


def write(
    dataset: Dataset,
    *,
    seed: int,
    prompt: Prompt,
    temperature: float = 0.0,
    max_tokens: int | None = None,
    grounded: bool = True,
) -> Flow:
    """Ask for questions that each sentence answers; every pair becomes one document.

    A question without its answer in the same row teaches nothing, so the document is one span. With
    `grounded`, a pair is dropped if it does not mention two names from its sentence, or if its question
    mentions none of them ("Who is she?").
    """
    expect(prompt, "pairs")
    asked = focuses(dataset.documents)
    completions = yield [
        render(prompt, text=focus.text, max_tokens=max_tokens, temperature=temperature, seed=seed)
        for focus in asked
    ]
    check = checks.grounding(dataset.documents, numbers=prompt.tidy)
    documents: list[Document] = []
    for number, (focus, completion) in enumerate(zip(asked, completions, strict=True)):
        for index, pair in enumerate(parse.pairs(completion, tidy=prompt.tidy).items):
            text = f"{pair.question}\n{pair.answer}"
            reason = None
            if grounded:
                reason = check.line(text, focus.text) or check.names_one(pair.question, focus.text)
            made = checks.document(f"qa-{number}-{index}", text, "qa", focus, reason)
            documents.append(replace(made, spans=((0, len(text)),)))
    return documents
