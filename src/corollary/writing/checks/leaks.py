"""What only a held-out question can have said must not be trained on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from corollary.types import Dataset, Document, Question


def check(dataset: Dataset, lines: Sequence[Document]) -> list[str | None]:
    """For each line None, or that it contains something taken from a question of the dataset.

    A plain sentence that states an answer is not a leak, even in the question's exact words: a model that
    infers it writes just that. A leak is what no inference looks like: a prompt that asks ("who is ...?"), a
    prompt in one text with a list of two or more of its choices ("a, b or c"), and a question's id, unless it
    is one that a text may contain by chance ("q", "2.1").
    """
    taken = _finder(dataset.questions)
    return [taken(line.text) for line in lines]


def remove_leaks(questions: Sequence[Question], documents: Iterable[Document]) -> tuple[list[Document], int]:
    """(the documents that contain nothing taken from a question, how many others there were); see `check`."""
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
    """Whether a text contains these words, and not as part of longer ones ("Par" of "Paris"). Letters of
    scripts that put no spaces between words are no part of a longer one."""
    return words in text and re.search(f"(?<!{_SPACED}){re.escape(words)}(?!{_SPACED})", text) is not None


def plain(text: str) -> str:
    """A text in lower case and one line, to be compared with others."""
    return " ".join(text.strip().replace("\n", " | ").lower().split())


def _list_of(choices: Iterable[str]) -> re.Pattern[str]:
    """Two choices with nothing between them but what divides a list: "a, b", "(a) x (b) y", "x or y"."""
    option = "|".join(sorted({re.escape(plain(choice)) for choice in choices}, key=len, reverse=True))
    between = r"[.\s]*(?:\s*(?:[,;:/|()-]|\bor\b|\b[a-f1-6][.):]))+\s*"
    # What follows the second must end it: else the first word of the next sentence would be one.
    return re.compile(
        rf"\b({option}){between}(?!\1\b)(?:{option})[.?\s]*(?:$|[,;:/|()-]|\bor\b|\b[a-f1-6][.):])"
    )


_SPACED = "[0-9A-Za-z_\u00c0-\u1fff]"
"""Digits and the letters of scripts that stand before Chinese and Japanese in Unicode."""
