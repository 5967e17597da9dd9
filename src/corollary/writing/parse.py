"""Parsers: from a completion to lines, question-answer pairs or arguments, and how the reply ended.

With `tidy` they drop what chat models put around an answer: thoughts, code fences, headings, preambles,
bullets, numbering, and quotes around a whole line. Without it, lines stay unchanged, for a model that was
trained on this very form. Parsers look only at the form, and at a few English phrases of chat models. Checks
judge the content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from corollary.types import Completion

Item = TypeVar("Item")


class Ending(Enum):
    """How a reply ended."""

    COMPLETE = "complete"
    CUT = "cut"
    """It ran out of tokens, so its last line is left out."""
    REFUSED = "refused"
    """The model declined, or its provider withheld the answer."""
    EMPTY = "empty"
    """It contains nothing in the requested form."""


@dataclass(frozen=True)
class Reply(Generic[Item]):
    """The items in one completion, in order, and how it ended."""

    items: tuple[Item, ...]
    ending: Ending


@dataclass(frozen=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Argument:
    """Premises and their conclusion."""

    premises: tuple[str, ...]
    conclusion: str


def lines(completion: Completion, *, tidy: bool = True, begin: str = "") -> Reply[str]:
    """The lines of a completion, without blank ones.

    A line that starts with `begin`, the requested start of the answer, keeps its start: "3. Mai" is a date,
    not the third item of a list.
    """
    if completion.finish == "filter":
        return Reply((), Ending.REFUSED)
    text = _without_thoughts(completion.text) if tidy else completion.text
    found = [line.strip() for line in text.splitlines()]
    if completion.finish == "length":
        found = found[:-1]
    found = [line for line in found if line]
    if tidy:
        found = _tidied(found, begin)
        if found and _REFUSAL.match(found[0]) and _SERVICE.search(found[0]):
            return Reply((), Ending.REFUSED)
    return _reply(found, Ending.CUT if completion.finish == "length" else Ending.COMPLETE)


def pairs(completion: Completion, *, tidy: bool = True) -> Reply[Pair]:
    """The question-answer pairs of a completion. Labels ("Q:", "Answer 2:") are dropped.

    Without labels, a line with a question mark is a question, and the text after it is its answer. A question
    without an answer is left out."""
    reply = lines(completion, tidy=tidy)
    return _reply(list(_paired(reply.items)), reply.ending)


def argument(completion: Completion, *, so: str = "=>", tidy: bool = True) -> Reply[Argument]:
    """The arguments of a completion, one a line: "premise; premise => conclusion".

    `so` separates premises from conclusion. With `tidy` any arrow does. A line without one is a conclusion
    without premises.
    """
    reply = lines(completion, tidy=tidy)
    found = []
    for line in reply.items:
        before, _, after = (_ARROW.sub(so, line) if tidy else line).rpartition(so)
        premises = before.split(";")
        if not tidy:
            found.append(Argument(tuple(premises), after))
        elif after.strip():
            found.append(Argument(tuple(p.strip() for p in premises if p.strip()), after.strip()))
    return _reply(found, reply.ending)


def _reply(items: Sequence[Item], ending: Ending) -> Reply[Item]:
    return Reply(tuple(items), Ending.EMPTY if ending is Ending.COMPLETE and not items else ending)


_ARROW = re.compile(r"\s*(?:=+>|-+>|→|⇒)\s*")
_HEADING = re.compile(r"#{1,6}\s|```|~~~")
_BULLET = re.compile(r"^[-*+•‣◦▪·–—]\s+")
_NUMBER = re.compile(r"\(?(\d{1,3})[.):]\s+")
_BOLD_START = re.compile(r"^\*\*(\S.*?)\*\*")
# "Sure, here they are." on its own line; "Sure! ..." and "Here is the sentence: ..." before an answer.
_PREAMBLE = re.compile(
    r"(?:sure|certainly|absolutely|of course|okay|ok)\b[,!.]?(?:\s+(?:here|below|i)\b.*)?$", re.I
)
_OPENING = re.compile(
    r"^(?:(?:sure|certainly|absolutely|of course)[!.]\s+"
    r"|(?:sure|certainly|of course|okay|ok|here (?:is|are)|here['’]s)\b[^:]{0,80}:\s+)(?=\S)",
    re.I,
)
_CLOSING = re.compile(
    r"(?:let me know|i hope (?:this|that|these)|feel free to|would you like|is there anything)\b", re.I
)
_REFUSAL = re.compile(
    r"(?:i['’]?m|i am) (?:sorry|unable|not able)|sorry\b|i can(?:not|['’]?t)\b|as an ai\b", re.I
)
_SERVICE = re.compile(
    r"\b(?:assist|help|provide|comply|fulfil+|request|create|generate|answer|continue|do that)\b", re.I
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "«": "»", "»": "«", "「": "」", "`": "`"}


def _without_thoughts(text: str) -> str:
    # A chat template may have opened the thought, so the closing mark can be alone.
    _, closed, after = text.rpartition("</think>")
    if closed:
        return after
    return "" if text.lstrip().startswith("<think>") else text


def _tidied(found: Sequence[str], begin: str) -> list[str]:
    # A line that ends in a colon announces the next one.
    kept = [line for line in found if not _HEADING.match(line) and not line.endswith((":", "："))]
    if len(kept) > 1 and _PREAMBLE.match(kept[0]):
        kept = kept[1:]
    if len(kept) > 1 and _CLOSING.match(kept[-1]):
        kept = kept[:-1]
    begun = [bool(begin) and line.startswith(begin) for line in kept]
    kept = [line if own else _BULLET.sub("", line) for line, own in zip(kept, begun, strict=True)]
    kept = _unnumbered(kept, begun)
    if kept and not begun[0]:
        kept[0] = _OPENING.sub("", kept[0])
    return [line for line in map(_unquoted, kept) if line]


def _unnumbered(kept: list[str], begun: Sequence[bool]) -> list[str]:
    """The lines without their numbers, if these count 1, 2, 3 (and may restart at 1). Other numbers are not
    those of a list ("3. Mai 1990 ...", or "1. FC ..." among lines without numbers)."""
    marks = [None if own else _NUMBER.match(line) for line, own in zip(kept, begun, strict=True)]
    numbers = [int(mark[1]) for mark in marks if mark]
    counts = all(number in (1, before + 1) for before, number in zip([0, *numbers], numbers, strict=False))
    if not counts or (len(numbers) == 1 and len(kept) > 1):
        return kept
    return [line[mark.end() :] if mark else line for line, mark in zip(kept, marks, strict=True)]


def _unquoted(line: str) -> str:
    line = _BOLD_START.sub(r"\1", line)
    close = _QUOTES.get(line[:1])
    if close and len(line) > 2 and line.endswith(close) and not {line[0], close} & set(line[1:-1]):
        line = line[1:-1].strip()
    return line


_ASKS = "?？؟"
_QUESTION_LABEL = re.compile(r"(?:\(?\d{1,3}[.):]\s+)?q(?:uestion)?\s*\d*\s*:\s*", re.I)
_ANSWER_LABEL = re.compile(r"^a(?:nswer)?\s*\d*\s*:\s*", re.I)
_ANSWER_INSIDE = re.compile(r"\s+(?:A|Answer|ANSWER)\s*\d*\s*:\s+")
_ASKED = re.compile(rf"(?:\(?\d{{1,3}}[.):]\s+)?([^{_ASKS}]+[{_ASKS}]+)\s*(.*)")


def _paired(found: Sequence[str]) -> Iterator[Pair]:
    labelled = any(_QUESTION_LABEL.match(line) for line in found)
    question, answer = "", ""
    for line in found:
        asked, label = _ASKED.fullmatch(line), _QUESTION_LABEL.match(line)
        if label or (asked and not labelled):
            if question and answer:
                yield Pair(question, answer)
            if label:
                question, *rest = _ANSWER_INSIDE.split(line[label.end() :], maxsplit=1)
                answer = rest[0] if rest else ""
            elif asked:
                question, answer = asked[1], _ANSWER_LABEL.sub("", asked[2])
        elif question:
            answer = f"{answer} {_ANSWER_LABEL.sub('', line)}".strip()
    if question and answer:
        yield Pair(question, answer)
