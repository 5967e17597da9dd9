"""The sentences to augment, with their origins, and the mentions with which a reversal can begin."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from corollary.documents.names import words
from corollary.documents.split import sentences
from corollary.types import Document, Origin


@dataclass(frozen=True)
class Focus:
    """A sentence, the id of the first document that contains it, and its place if the file is known."""

    document: str
    text: str
    origin: Origin | None


def focuses(documents: Sequence[Document]) -> list[Focus]:
    """Every distinct sentence once, in order."""
    found: dict[str, Focus] = {}
    for document in documents:
        for sentence in sentences(document):
            if sentence.text not in found:
                place = document.origin and replace(document.origin, start=sentence.start, end=sentence.end)
                found[sentence.text] = Focus(document.id, sentence.text, place)
    return list(found.values())


_TOKEN = re.compile(r"[-+$€£¥]?\d(?:[\w.,:/-]*\w)?(?:\s?%)?|[^\W\d_][\w'’&-]*(?:\+\+|#)?")


def mentions(text: str, names: Collection[str]) -> list[str]:
    """The distinct mentions in a sentence, as spelled there, in order: runs of capitalised words ("Jan Kolb",
    "Tank T-2") and numbers ("1731", "12 May 1998"). If there are fewer than two, the result contains the
    words in `names` (lower-case rare words) instead.

    The first word of a sentence counts if it is one of `names` or another capitalised word follows it.
    """
    tokens = [(found.start(), found.end(), found[0]) for found in _TOKEN.finditer(text)]
    marked = [_marked(word) for *_, word in tokens]
    if tokens and marked[0] and not tokens[0][2][0].isdigit():
        (_, end, first), (start, _, second) = (*tokens, tokens[0])[:2]
        joined = text[end:start] in (" ", ". ") and _marked(second)
        follows = joined and (len(first) > 3 or not second[0].isdigit())  # "Tank 4", not "In 1731"
        marked[0] = follows or bool(set(words(tokens[0][2])) & set(names))
    runs: list[tuple[int, int]] = []
    for place, (start, end, _) in enumerate(tokens):
        if not marked[place]:
            continue
        if runs and marked[place - 1] and _joins(text, tokens, place):
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    strong = [text[start:end].strip() for start, end in runs]
    if len(set(strong)) < 2:
        strong = [word for *_, word in tokens if words(word) and set(words(word)) <= set(names)]
    return list(dict.fromkeys(strong))


def _marked(word: str) -> bool:
    return word[0].isupper() or any(letter.isdigit() for letter in word)


def _joins(text: str, tokens: Sequence[tuple[int, int, str]], place: int) -> bool:
    """Whether a capitalised word or number belongs to the same mention as the one before it."""
    (_, before, last), (start, _, word) = tokens[place - 1], tokens[place]
    between = text[before:start]
    # A short word with a full stop is an abbreviation: "St. Gallen", "J. Kolb".
    if between != " " and not (between == ". " and len(last) <= 3 and last[0].isupper()):
        return False
    if place == 1 and word[0].isdigit() and len(last) <= 3:
        return False  # "In 1731"
    if last[0].isdigit() and not word[0].isdigit():
        # "12 May 1998" is one mention, "In 1731 Jan Kolb" are two.
        return place + 1 < len(tokens) and tokens[place + 1][2][0].isdigit() and len(last) <= 2
    return True


def capitalised(mention: str, text: str) -> str:
    """A mention for the beginning of a sentence: with a capital if the text begins with one."""
    return mention[:1].upper() + mention[1:] if text[:1].isupper() else mention


def sentence_of(document: Document, origin: Origin | None) -> str | None:
    """The sentence in a document to which an augmentation's origin points, or None."""
    if origin is None or not 0 <= origin.start < origin.end <= len(document.text):
        return None
    return " ".join(document.text[origin.start : origin.end].split())
