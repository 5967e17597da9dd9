"""Sentences of a document, as offsets into its text.

sentencex decides where a sentence ends. This module finds paragraphs, wrapped lines and list markers, and
keeps parts whole that no sentence splitter understands (tables, code).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sentencex

from corollary.types import Document

Span = tuple[int, int]

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Japanese syllables
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
"""Letters of scripts without spaces between words, as ranges for a regular expression."""

# sentencex 1.0 panics on spaces of several bytes, and PyO3 refuses lone surrogates. Each such character is
# replaced by one space, so that offsets stay the same.
_UNSAFE = re.compile("[^\\S ]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKER = re.compile(r"[(\[]?(?:\d{1,3}|[A-Za-z]|[ivxlc]{1,5}|[IVXLC]{1,5})[.)\]]{1,2}|(?:[A-Z]\.){2,3}")
# "iPhone" and "pH" may begin a sentence.
_SMALL_WORD = re.compile(r"[^\W\d_]+(?!\w)")
_BULLET = re.compile(r"[-*+•‣◦]\s+\S")
_NUMBER = re.compile(r"(?:\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_HEADING = re.compile(r"#{1,6}\s")
# In Chinese and Japanese no space follows closing punctuation.
_WIDE = f"[{UNSPACED}\u3001-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff1f]"
_WRAP = re.compile(rf"(?<={_WIDE})[ \t]*(?:\r\n|\n|\r)[ \t]*(?={_WIDE})")


@dataclass(frozen=True)
class Sentence:
    """A sentence on one line, and its place: `document.text[start:end]`, before lines were joined."""

    text: str
    start: int
    end: int


def sentences(document: Document, *, language: str = "en") -> list[Sentence]:
    """The sentences of a document in order.

    If the document has `spans`, they are its sentences. Otherwise it is plain text: blank lines end
    paragraphs, wrapped lines are joined, and every visible character belongs to a sentence. Headings marked
    with #, tables drawn with | and fenced code stay whole. `language` is a code that sentencex knows.
    """
    spans = document.spans
    if spans is None:
        spans = plain_spans(document.text, language=language)
    return [Sentence(one_line(document.text[start:end]), start, end) for start, end in spans]


def plain_spans(text: str, *, language: str = "en") -> tuple[Span, ...]:
    """The (start, end) of each sentence of a plain text; see `sentences`."""
    spans: list[Span] = []
    for start, end, whole in _blocks(text):
        spans += [_stripped(text, start, end)] if whole else paragraph_spans(text, start, end, language)
    return tuple(spans)


def paragraph_spans(text: str, start: int, end: int, language: str) -> list[Span]:
    """The (start, end) of each sentence of one paragraph, `text[start:end]`.

    A fragment that is only a list marker or "P.S." belongs to the next sentence. One without letters and
    digits, such as a closing quote, belongs to the sentence before it. So does one that begins with a small
    letter after an abbreviation that sentencex does not know ("approx.").
    """
    paragraph = _UNSAFE.sub(" ", text[start:end])
    spans: list[Span] = []
    opening: int | None = None
    before = ""
    for found in sentencex.get_sentence_boundaries(language, paragraph):
        first, last = _stripped(text, start + found["start_index"], start + found["end_index"])
        if first == last:
            continue
        fragment = text[first:last]
        belongs = not any(map(str.isalnum, fragment)) or _continues(before, fragment)
        before = fragment
        if belongs and spans and opening is None:
            spans[-1] = (spans[-1][0], last)
            continue
        first = first if opening is None else opening
        if _MARKER.fullmatch(fragment) or not any(map(str.isalnum, fragment)):
            opening = first
        else:
            spans.append((first, last))
            opening = None
    if opening is not None:
        rest = spans.pop()[0] if spans else opening
        spans.append((rest, _stripped(text, opening, end)[1]))
    return spans


def _continues(before: str, fragment: str) -> bool:
    """Whether a fragment continues the sentence before it, in a text that begins sentences with capitals."""
    word = _SMALL_WORD.match(fragment)
    abbreviated = before.endswith(".") and not before[0].islower()
    return bool(word and word[0].islower()) and abbreviated and not _NUMBER.match(fragment)


def line_spans(text: str) -> tuple[Span, ...]:
    """The (start, end) of each line that is not blank, without the blanks around it."""
    spans = (_stripped(text, start, end) for start, end in _lines(text))
    return tuple((start, end) for start, end in spans if start < end)


def of_blocks(blocks: Iterable[tuple[str, bool]], *, language: str) -> tuple[str, tuple[Span, ...]]:
    """The blocks as one text, with blank lines between them, and the spans of its sentences.

    A block is its text and whether it is a paragraph. Other blocks (headings, tables) have no spans.
    """
    parts: list[str] = []
    spans: list[Span] = []
    start = 0
    for block, is_paragraph in blocks:
        parts.append(block)
        if is_paragraph:
            cut = paragraph_spans(block, 0, len(block), language)
            spans += [(start + first, start + last) for first, last in cut]
        start += len(block) + len("\n\n")
    return "\n\n".join(parts), tuple(spans)


def one_line(text: str) -> str:
    """The text with wrapped lines joined and each run of spaces as one."""
    return " ".join(_WRAP.sub("", text).split())


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it stays whole) of each paragraph, list item, heading, table and code block."""
    places = list(_lines(text))
    # The blank line at the end closes the last paragraph.
    lines = [*(text[start:end].strip() for start, end in places), ""]
    first = place = 0
    while place < len(lines):
        line, whole = lines[place], _whole_lines(lines, place)
        if first < place and (whole or not line or _opens_item(line, lines[first], lines[place - 1])):
            yield places[first][0], places[place - 1][1], False
            first = place
        if whole:
            yield places[place][0], places[place + whole - 1][1], True
        place += whole or 1
        if whole or not line:
            first = place


def _opens_item(line: str, first: str, last: str) -> bool:
    """Whether a line opens a list item, given the first and last line of the block before it.

    A number may be at the start of a line because the line was wrapped ("the pressure is / 12. Then ...").
    It opens an item only after the end of a sentence or after another item.
    """
    if _BULLET.match(line):
        return True
    ended = last.endswith(tuple(".!?:;,。！？"))
    return bool(_NUMBER.match(line)) and (ended or bool(_NUMBER.match(first)))


def _whole_lines(lines: Sequence[str], place: int) -> int:
    """The number of lines from this one on that form a heading, a table or code; 0 if none do."""
    line = lines[place]
    if _HEADING.match(line):
        return 1
    if line[:3] in ("```", "~~~"):
        closing = (end for end in range(place + 1, len(lines)) if lines[end].startswith(line[:3]))
        return next(closing, place - 1) - place + 1  # without a closing fence, the line is an ordinary one
    end = place
    while lines[end].startswith("|"):
        end += 1
    return end - place


def _lines(text: str) -> Iterator[Span]:
    lengths = map(len, text.splitlines(keepends=True))
    return itertools.pairwise(itertools.accumulate(lengths, initial=0))


def _stripped(text: str, start: int, end: int) -> Span:
    inner = text[start:end]
    left = len(inner) - len(inner.lstrip())
    return (start + left, start + len(inner.rstrip())) if left < len(inner) else (end, end)
