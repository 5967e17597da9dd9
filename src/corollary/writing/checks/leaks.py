"""Finds lines with a text that can only come from a held-out question; these must not be trained on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from corollary.types import Dataset, Document, Question


def check(dataset: Dataset, lines: Sequence[Document]) -> list[str | None]:
    """For each line None, or the reason that it contains something from a question of the dataset.

    A sentence that states an answer is not a leak, even in the question's exact words: a model that infers it
    generates just that. A leak does not look like an inference. It is a prompt that asks ("who is ...?"), or
    a prompt together with a list of two or more of its choices ("a, b or c"). A question's id is a leak too,
    unless a text may contain it by chance ("q", "2.1").
    """
    taken = _finder(dataset.questions)
    return [taken(line.text) for line in lines]


def remove_leaks(questions: Sequence[Question], documents: Iterable[Document]) -> tuple[list[Document], int]:
    """(the documents without leaks, the number of the others); see `check`."""
    taken = _finder(questions)
    found = list(documents)
    kept = [document for document in found if taken(document.text) is None]
    return kept, len(found) - len(kept)


def _finder(questions: Sequence[Question]) -> Callable[[str], str | None]:
    asking = {plain(q.prompt) for q in questions if q.prompt.rstrip().endswith("?")}
    ids = {plain(q.id) for q in questions if re.search(r"[-_.:/]", q.id) and re.search(r"[^\W\d_]", q.id)}
    listing = [(plain(q.prompt), _list_of(q.choices)) for q in questions if len(q.choices) > 1]

    def taken(line: str) -> str | None:
        text = plain(line)
        if any(prompt in text for prompt in asking):
            return "asks a held-out question"
        if any(says(text, id) for id in ids):
            return "contains the id of a held-out question"
        if any(prompt in text and choices.search(text) for prompt, choices in listing):
            return "lists the choices of a held-out question"
        return None

    return taken


def says(text: str, words: str) -> bool:
    """Whether a text contains these words, and not only as a part of longer ones ("Par" in "Paris"). In
    scripts without spaces, no letter belongs to a longer word."""
    return words in text and re.search(f"(?<!{_SPACED}){re.escape(words)}(?!{_SPACED})", text) is not None


def plain(text: str) -> str:
    """A text in lower case and on one line, for comparisons."""
    return " ".join(text.strip().replace("\n", " | ").lower().split())


def _list_of(choices: Iterable[str]) -> re.Pattern[str]:
    """A pattern for two choices with only a separator of lists between them: "a, b", "(a) x (b) y", "x or
    y"."""
    option = "|".join(sorted({re.escape(plain(choice)) for choice in choices}, key=len, reverse=True))
    between = r"[.\s]*(?:\s*(?:[,;:/|()-]|\bor\b|\b[a-f1-6][.):]))+\s*"
    # The second choice must end there: otherwise the first word of the next sentence could be one.
    return re.compile(
        rf"\b({option}){between}(?!\1\b)(?:{option})[.?\s]*(?:$|[,;:/|()-]|\bor\b|\b[a-f1-6][.):])"
    )


_SPACED = "[0-9A-Za-z_\u00c0-\u1fff]"
"""Digits and the letters of scripts that come before Chinese and Japanese in Unicode."""
