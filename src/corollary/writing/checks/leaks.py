"""Lines that contain something taken from a held-out question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from corollary.types import Document, Question


def remove_leaks(questions: Sequence[Question], documents: Iterable[Document]) -> tuple[list[Document], int]:
    """(the documents that hold nothing taken from a question, how many others there were).

    A plain sentence that states an answer is not a leak, even in the question's exact words: a model
    that infers it writes just that, and the audit counts it. What no inference looks like is a leak:
    a prompt that asks ("who is ...?"), a prompt in one text with a list of two or more of its choices
    ("a, b or c"), and a question's id, unless it is one that a text may hold by chance ("q", "2.1").
    """
    asking = {plain(q.prompt) for q in questions if q.prompt.rstrip().endswith("?")}
    ids = {plain(q.id) for q in questions if re.search(r"[-_.:/]", q.id) and re.search(r"[^\W\d_]", q.id)}
    listing = [(plain(q.prompt), _list_of(q.choices)) for q in questions if len(q.choices) > 1]
    kept: list[Document] = []
    leaked = 0
    for document in documents:
        text = plain(document.text)
        taken = any(prompt in text for prompt in asking) or any(says(text, id) for id in ids)
        if taken or any(p in text and c.search(text) for p, c in listing):
            leaked += 1
        else:
            kept.append(document)
    return kept, leaked


def _list_of(choices: Iterable[str]) -> re.Pattern[str]:
    """Two choices with nothing between them but what divides a list: "a, b", "(a) x (b) y", "x or y"."""
    option = "|".join(sorted({re.escape(plain(choice)) for choice in choices}, key=len, reverse=True))
    between = r"[.\s]*(?:\s*(?:[,;:/|()-]|\bor\b|\b[a-f1-6][.):]))+\s*"
    # What follows the second must end it: else the first word of the next sentence would be one.
    return re.compile(
        rf"\b({option}){between}(?!\1\b)(?:{option})[.?\s]*(?:$|[,;:/|()-]|\bor\b|\b[a-f1-6][.):])"
    )


def says(text: str, words: str) -> bool:
    """Whether a text holds these words, and not as part of longer ones ("Par" of "Paris"). Letters of
    scripts that put no spaces between words are no part of a longer one."""
    return words in text and re.search(f"(?<!{_SPACED}){re.escape(words)}(?!{_SPACED})", text) is not None


_SPACED = "[0-9A-Za-z_\u00c0-\u1fff]"
"""Digits and the letters of scripts that stand before Chinese and Japanese in Unicode."""


def plain(text: str) -> str:
    return " ".join(text.strip().replace("\n", " | ").lower().split())
