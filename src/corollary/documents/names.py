"""Words of texts, the rare ones among them (names), and the texts that share these."""

from __future__ import annotations

import heapq
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby, pairwise

from corollary.documents.split import UNSPACED

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
# Joiners and soft hyphens are invisible inside words; a text may or may not have them.
_UNSEEN = {0x00AD: None, 0x200C: None, 0x200D: None, 0xFE0E: None, 0xFE0F: None}
_ALIKE = {0x2010: "-", 0x2011: "-", 0x2212: "-", 0x2018: "'", 0x2019: "'"}


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order. A letter keeps its vowel signs and accents.

    In scripts without spaces between words, each pair of neighbouring letters counts as a word, so that two
    texts about the same thing share some.
    """
    text = text.lower()
    if text.isascii():
        return _WORD.findall(text)
    text = unicodedata.normalize("NFC", text).translate(_UNSEEN)
    found: list[str] = []
    for kind, run in groupby(_letters(text), key=_kind):
        if kind == "unspaced":
            letters = list(run)
            found += map("".join, pairwise(letters)) if letters[1:] else letters
        elif kind == "spaced":
            found.append("".join(run))
    return found


def rare_words(texts: Sequence[str], *, share: float = 0.1) -> frozenset[str]:
    """The names in texts: words in at most `share` of them, or in at most three.

    If a few facts are repeated many times, each name is in more texts. So the share is doubled, up to a half,
    until most texts mention two names.
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

    Only names that both mention count: a word may be rare for its form alone ("fathered").
    """
    both = frozenset(names) & set(words(source)) & set(words(line))
    mentioned = [list(dict.fromkeys(word for word in words(text) if word in both)) for text in (source, line)]
    return len(both) >= 2 and mentioned[0] == mentioned[1]


def normal(text: str) -> str:
    """The text in a form for comparing answers: composed letters, no case, single spaces.

    Signs, units and vowel signs stay: C++ is not C, -5 is not 5, $40 is not 40.
    """
    folded = unicodedata.normalize("NFC", text).casefold().translate(_ALIKE)
    return " ".join(unicodedata.normalize("NFC", folded).split())


class Mentions:
    """An index of texts by the names that they mention; texts are numbered from 0.

    Texts that share a name are found through the name. So the time for all texts grows with the number of
    mentions, not with the square of the number of texts.
    """

    def __init__(self, mentioned: Sequence[frozenset[str]]) -> None:
        self._mentioned = mentioned
        self._texts: defaultdict[str, list[int]] = defaultdict(list)
        for index, names in enumerate(mentioned):
            for name in names:
                self._texts[name].append(index)
        # fsum: sets have another order in each process, which would change the last bit of a sum.
        self._weights = [self._weight(names) for names in mentioned]
        self._heaviest = {
            name: sorted(texts, key=lambda i: (-self._weights[i], i)) for name, texts in self._texts.items()
        }

    def first_with_two(self, names: Iterable[str]) -> int | None:
        """The first text that mentions two of the names, or None."""
        before = None
        for index in heapq.merge(*(self._texts.get(name, ()) for name in set(names))):
            if index == before:
                return index
            before = index
        return None

    def nearest(self, index: int, most: int) -> list[int]:
        """At most `most` texts that are nearest to a text, the nearest first; see `around`."""
        return self.around(self._mentioned[index], most, besides={index})

    def around(self, names: Iterable[str], most: int, *, besides: Collection[int] = ()) -> list[int]:
        """At most `most` texts that are nearest to these names, without those `besides`, the nearest first.

        Texts that mention one of the names come first, then texts that share a name with those. Within each
        group, rarer shared names come first, then earlier texts.
        """
        own = frozenset(names)
        # The best of a union are among the best of its parts: a name in very many texts takes no longer.
        direct = {i for name in own for i in self._heaviest.get(name, ())[: most + len(besides)]} - {*besides}
        best = sorted(direct, key=lambda i: (-self._weights[i], i))[:most]
        if len(best) == most:
            return best
        around = own.union(*(self._mentioned[i] for i in direct))
        return best + self._second(around, direct | {*besides}, most - len(best))

    def _second(self, around: frozenset[str], known: set[int], most: int) -> list[int]:
        """The `most` texts outside `known` that share the most weight with the names `around`."""
        names = sorted(around, key=lambda name: (len(self._texts[name]), name))
        weights: dict[int, float] = {}
        for place, name in enumerate(names):
            if len(weights) >= most:
                # A text without the rarer names can share no more than all remaining names together.
                least = heapq.nlargest(most, weights.values())[-1]
                if self._weight(names[place:]) < least:
                    break
            for i in self._texts[name]:
                if i not in known and i not in weights:
                    weights[i] = self._weight(self._mentioned[i] & around)
        return heapq.nsmallest(most, weights, key=lambda i: (-weights[i], i))

    def _weight(self, names: Iterable[str]) -> float:
        return math.fsum(1 / len(self._texts[name]) for name in names)


def _letters(text: str) -> list[str]:
    """The characters of a text, each with the marks (vowel signs, accents) that follow it."""
    letters: list[str] = []
    for character in text:
        if letters and unicodedata.category(character).startswith("M"):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _kind(letter: str) -> str:
    if not letter[0].isalnum() and letter[0] != "_":
        return ""
    return "unspaced" if _UNSPACED.match(letter) else "spaced"
