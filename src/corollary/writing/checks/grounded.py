"""Checks that a line has the same subject as its sources, by names, numbers and words, not by truth."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from corollary.documents.names import rare_words, words
from corollary.types import DROPPED, Dataset, Document
from corollary.writing.focus import Focus, focuses
from corollary.writing.parse import Argument

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SHORT = 3
"""Words of up to this many letters count as function words ("is", "the", "of")."""


def check(dataset: Dataset, lines: Sequence[Document], *, relation: bool = True) -> list[str | None]:
    """For each line the reason to reject it, or None, by the documents that it names as its sources.

    A line must mention two names from its sources (one if they have only one), and no number that is not in
    its sources. With `relation` it must also use a related word (see `Grounding.relation`).
    """
    by_id = {document.id: document for document in dataset.documents}
    grounded = grounding(dataset.documents, numbers=True)
    reasons = []
    for line in lines:
        sources = [by_id[id] for id in line.source if id in by_id]
        source = "\n".join(each.text for each in sources)
        reason = grounded.line(line.text, source)
        if relation and not reason:
            reason = grounded.relation(line.text, source, composed=len(focuses(sources)) > 1)
        reasons.append(reason)
    return reasons


@dataclass(frozen=True)
class Grounding:
    """Checks of lines against the sentences that they come from.

    `names` are the rare words of the documents, `used` all their words (for the check of relations). With
    `numbers`, a line may contain only numbers from its source.
    """

    names: frozenset[str]
    used: frozenset[str]
    numbers: bool

    def line(self, line: str, source: str) -> str | None:
        """The reason to reject a line that was generated from `source`, or None."""
        own, said = self.names & set(words(source)), set(words(line))
        needed = min(2, len(own))
        if len(own & said) < needed:
            return f"mentions {len(own & said)} of {needed} names of its sentence"
        return self._number(line, source)

    def argument(self, item: Argument, focus: str, stated: Sequence[str | None]) -> str | None:
        """The reason to reject the conclusion of an argument, or None. `stated` has, for each premise, the
        sentence in the documents that states it, or None."""
        if not stated or None in stated:
            return "cites no premise" if not any(item.premises) else "cites a premise that no document states"
        said = self.names & set(words(item.conclusion))
        near, far = said & set(words(focus)), said & {w for p in item.premises for w in words(p)}
        if not near or not far or len(near | far) < 2:
            return "concludes nothing about a name of its sentence and another of its premises"
        return self._number(item.conclusion, "\n".join([focus, *(text for text in stated if text)]))

    def names_one(self, text: str, source: str) -> str | None:
        """The reason to reject a text that mentions no name of its source, or None."""
        own = self.names & set(words(source))
        return "asks about no name of its sentence" if own and not own & set(words(text)) else None

    def relation(self, line: str, source: str, *, composed: bool = False) -> str | None:
        """The reason to reject a line that says something else about the names than its source, or None.

        Two words are related if they share a stem ("employs", "is employed by") or are in one group of
        `converses.txt` ("mother", "child"); for a line that is `composed` of several sentences, also if they
        are in one of its groups of relations that follow from one another (within a group any relation
        passes). A line also passes if the documents use all of its words. So "is a part of" is rejected for
        "lies upstream of" unless a document uses the word "part".
        """
        said, given = self._content(line, source), self._content(source, line)
        if not said or not given or self.used.issuperset(said):
            return None
        if any(_akin(one, other, composed=composed) for one in said for other in given):
            return None
        return f"says '{' '.join(said)}', where its source says '{' '.join(given)}'"

    def _content(self, text: str, other: str) -> list[str]:
        """The words of a text that are neither names nor function words."""
        proper = _proper(text) | _proper(other)
        # Where names have no capitals, the rare words are the names.
        names = proper if len(proper) > 1 else proper | self.names
        return [w for w in words(text) if w not in names and len(w) > _SHORT and not w.isdigit()]

    def _number(self, line: str, source: str) -> str | None:
        if self.numbers:
            known = set(_NUMBER.findall(source))
            for number in _NUMBER.findall(line):
                if number not in known:
                    return f"mentions the number {number}, which its source does not"
        return None


def grounding(documents: Sequence[Document], *, numbers: bool) -> Grounding:
    """The checks for lines that are generated from these documents."""
    names = rare_words([focus.text for focus in focuses(documents)])
    return Grounding(names, frozenset(w for document in documents for w in words(document.text)), numbers)


def document(
    id: str, text: str, strategy: str, focus: Focus, reason: str | None, cited: Iterable[str] = ()
) -> Document:
    """A line that was generated from a sentence, and perhaps from the documents with the `cited` ids. With a
    reason it is marked as dropped, and `meta` contains the reason."""
    made = Document(id, text, tuple(dict.fromkeys([focus.document, *cited])), strategy, focus.origin)
    if reason is None:
        return made
    return replace(made, strategy=DROPPED, meta={"strategy": strategy, "reason": reason})


def _proper(text: str) -> set[str]:
    """The capitalised words of a text, in lower case."""
    return {word for found in re.findall(r"\w+", text) if found[0].isupper() for word in words(found)}


def _akin(one: str, other: str, *, composed: bool) -> bool:
    """Whether two words share a stem or are in one group of converses. A stem is four letters at the
    beginning that are most of the shorter word, or six at the end ("upstream", "downstream")."""
    least = min(len(one), len(other))
    most = max(4, math.ceil(0.6 * least))
    begins, ends = one[:most] == other[:most], one[-6:] == other[-6:]
    akin = (begins and least >= most) or (ends and least >= 6)
    return akin or any({one, other} <= group for group in _converses(composed=composed))


@functools.cache
def _converses(*, composed: bool) -> list[frozenset[str]]:
    """The groups of words in `converses.txt`; with `composed`, also those that begin with +."""
    content = (files("corollary.writing.checks") / "converses.txt").read_text("utf-8")
    lines = [line for line in content.splitlines() if not line.startswith("#")]
    return [frozenset(words(line)) for line in lines if composed or not line.startswith("+")]
