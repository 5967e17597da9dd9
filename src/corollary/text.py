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
    """Words that stand in at most `share` of the texts (and in two at least of a small set): its names."""
    counts = Counter(word for text in texts for word in set(words(text)))
    most = max(3.0, share * len(texts))
    return frozenset(word for word, count in counts.items() if count <= most)


def same_order(source: str, line: str, names: Iterable[str]) -> bool:
    """Whether `line` mentions two or more of the names in `source`, their first mentions in the same order.

    Only what both mention counts: a word that is rare because its wording is ("fathered") is no name.
    """
    both = frozenset(names) & set(words(source)) & set(words(line))
    mentioned = [list(dict.fromkeys(word for word in words(text) if word in both)) for text in (source, line)]
    return len(both) >= 2 and mentioned[0] == mentioned[1]
