"""Small facts about texts that several layers need."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\w+")


def sentences(text: str) -> list[str]:
    """The sentences of a document, one a line: a line is what is trained on and augmented as a whole."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def words(text: str) -> list[str]:
    """Lower-case words in order."""
    return _WORD.findall(text.lower())


def rare_words(texts: Sequence[str], *, share: float = 0.1) -> frozenset[str]:
    """Words that stand in at most `share` of the texts, or in three of a small set: its names.

    Where few facts are told many times over, each name stands in more: the share is doubled, up to a half,
    until most texts mention two.
    """
    said = [set(words(text)) for text in texts]
    counts = Counter(word for mentioned in said for word in mentioned)
    while True:
        most = max(3.0, share * len(texts))
        rare = frozenset(word for word, count in counts.items() if count <= most)
        if share >= 0.5 or sum(len(rare & mentioned) >= 2 for mentioned in said) * 2 >= len(said):
            return rare
        share = min(0.5, 2 * share)


def same_order(source: str, line: str, names: Iterable[str]) -> bool:
    """Whether `line` mentions two or more of the names in `source`, their first mentions in the same order.

    Only what both mention counts: a word that is rare because its wording is ("fathered") is no name.
    """
    both = frozenset(names) & set(words(source)) & set(words(line))
    mentioned = [list(dict.fromkeys(word for word in words(text) if word in both)) for text in (source, line)]
    return len(both) >= 2 and mentioned[0] == mentioned[1]
