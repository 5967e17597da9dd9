"""Read documents and generated lines: text in, statements out.

A sentence is a name, a wording and a name. Where the names contain no word of any wording, there is one way
at most to read it. Otherwise ("the Ring House", "T-2") the longest wording that leaves two names counts.
What surrounds the statement (an opening, a heading, a question that the next sentence answers) is stripped.
What cannot be read is returned as `Unreadable`, never dropped: the audit counts it, and the tests of the
datasets refuse it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from itertools import takewhile

from corollary_worlds.reasoner.patterns import (
    COMPARING,
    FUNCTION_WORDS,
    KIN,
    NAMED,
    NO_NAMES,
    RELATION_OF,
    SAME_PERSON,
)
from corollary_worlds.reasoner.statements import Reading, Statement, Unreadable

# Text may be anything, so every pattern takes time linear in its length. With a lookahead to the end of the
# sentence, or a copy of its rest for each opening, some 100,000 openings would take minutes.
_OPENING = re.compile(
    "did you know that |it is known that |it turns out that |note that |people say that"
    " |as the old book says, |fact: "
)
_ASKED = re.compile(r"([^?]*)(\? yes\b|\?|$)")
_HEAD = re.compile(
    r"(?:the relationships|what holds) between ([a-z]+(?:, [a-z]+)*) and ([a-z]+) (?:are|is): ?"
)
_PROCESS = re.compile(r"the ([a-z]+(?: then [a-z]+)*) of ([a-z]+ [a-z]+ [a-z]+) is ([a-z]+ [a-z]+ [a-z]+)")
_QUANTIFIED = re.compile(r"(all|some|no) ([a-z]+) are ([a-z]+)|(some) ([a-z]+) are not ([a-z]+)")
_THERE_ARE = re.compile(r"there are ([a-z]+)")
_COMPARISON = re.compile(r"([a-z ]+) (more|less) ([a-z]+) than")
_DESCRIPTION = re.compile(r"the ([a-z]+) of the ([a-z]+) ([a-z]+)")
# English that no world speaks, for documents of your own. A word may have a hyphen or digits.
_W = r"([\w-]+)"
_SINGULAR = re.compile(rf"(every|each|any|an?|no) {_W} is an? {_W}")
_NONE_OF = re.compile(rf"none of the {_W} are {_W}")
_BARE = re.compile(rf"{_W} are {_W}")
_ONE = re.compile(rf"{_W} is an? {_W}")
_NOUN = "|".join(sorted(KIN, key=len, reverse=True))
_HIS = re.compile(rf"([\w -]+?)['’]s ({_NOUN}) is ([\w -]+)")
_IS_HIS = re.compile(rf"([\w -]+?) is ([\w -]+?)['’]s ({_NOUN})")
_THE = re.compile(rf"the ({_NOUN}) of ([\w -]+?) is ([\w -]+)")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
_LONGEST_NAME = 3
_LONGEST_CLAUSE = 200
"""Characters of a clause in further English: its patterns are not linear in its length."""


def read(text: str) -> tuple[Reading, ...]:
    """Every statement of a text, in order, with `Unreadable` in place of a sentence that is none.

    A question ("what do bolans have?") and a heading ("about bolans:") state nothing and give nothing;
    a question that is answered with yes is a statement.
    """
    return tuple(reading for line in text.lower().splitlines() for reading in _read_line(line.strip()))


def read_argument(text: str) -> tuple[tuple[Reading, ...], tuple[Reading, ...]]:
    """(what a line names as its premises, what it concludes) of "one; other; so conclusion".

    A line without "; so" concludes all that it states.
    """
    before, so, after = text.lower().rpartition("; so ")
    return read(before) if so else (), read(after)


def _read_line(line: str) -> list[Reading]:
    found: list[Reading] = []
    terms: frozenset[str] | None = None
    for sentence in _SENTENCE_END.split(_ASKED.sub(_confirmed, line)):
        bare, asks = _without_opening(sentence)
        if head := _HEAD.match(bare):
            terms = frozenset((*head[1].split(", "), head[2]))
            bare = bare[head.end() :]
        if not bare or asks or bare.endswith(":"):
            continue
        if head and bare == "not known" and not head[1].count(","):
            found.append(Statement("unknown", head[1], head[2]))
            continue
        for clause in bare.split("; "):
            reading = _read_clause(clause.removeprefix("so "))
            # A line that announces some terms and speaks of others is garbled, even where it is true.
            if terms and isinstance(reading, Statement) and not {reading.first, reading.last} <= terms:
                reading = Unreadable(clause)
            found.append(reading)
    return found


def _confirmed(match: re.Match[str]) -> str:
    """What "is it true that ...? yes" says, or the words as they are."""
    before, asked, said = match[1].partition("is it true that ")
    return before + said if asked and match[2].endswith("yes") else match[0]


def _without_opening(sentence: str) -> tuple[str, bool]:
    """The bare sentence without its end mark, and whether it is a question that states nothing."""
    single = sentence.find("?") == len(sentence) - 1
    start, states = 0, not sentence.endswith("?")
    while opening := _OPENING.match(sentence, start):
        if opening[0].startswith("did"):
            if not single:
                break
            states = True
        start = opening.end()
    return sentence[start:].rstrip(".?!").strip(), not states


@functools.lru_cache(maxsize=1 << 16)  # documents state a fact many times
def _read_clause(clause: str) -> Reading:
    """One statement. Nothing in front of it, behind it or between its parts is overlooked."""
    if match := _THERE_ARE.fullmatch(clause):
        return Statement("some", match[1], match[1]) if _are_names(match[1]) else Unreadable(clause)
    if match := _QUANTIFIED.fullmatch(clause):
        form, one, other = match.groups()[:3] if match[1] else ("some_not", match[5], match[6])
        return Statement(form, one, other) if _are_names(one, other) else Unreadable(clause)
    if match := _PROCESS.fullmatch(clause):
        operators, before, after = match.groups()
        if _are_names(*operators.split(" then "), *before.split(), *after.split()):
            return Statement("becomes", f"{operators} of {before}", after)
    words = clause.split(" ")
    first, last = _name_at_start(words), _name_at_end(words)
    middle = words[len(first) : len(words) - len(last)]
    if first and last and middle:
        relation = _relation(" ".join(first), middle, " ".join(last))
        if relation:
            return Statement(relation, " ".join(first), " ".join(last))
    return _read_plainly(clause) or _read_by_wording(words) or Unreadable(clause)


def _read_plainly(clause: str) -> Statement | None:
    """Further English: "every dog is a mammal", "dogs are mammals", "Max is a dog", "Tom's mother is Ann".

    A kind that is named in the singular is the same term as its plural. One thing of a kind ("Max") is a term
    of its own, of which all are of that kind.
    """
    found = None
    if len(clause) > _LONGEST_CLAUSE:
        return None
    if match := _SINGULAR.fullmatch(clause):
        found = ("no" if match[1] == "no" else "all", _plural(match[2]), _plural(match[3]))
    elif match := _NONE_OF.fullmatch(clause):
        found = ("no", match[1], match[2])
    elif match := _BARE.fullmatch(clause):
        found = ("all", match[1], match[2])
    elif match := _ONE.fullmatch(clause):
        found = ("all", match[1], _plural(match[2]))
    elif match := _HIS.fullmatch(clause):
        found = (KIN[match[2]], match[3], match[1])
    elif match := _IS_HIS.fullmatch(clause):
        found = (KIN[match[3]], match[1], match[2])
    elif match := _THE.fullmatch(clause):
        found = (KIN[match[1]], match[3], match[2])
    if not found or any(NO_NAMES.intersection(name.split()) for name in found[1:]):
        return None
    return Statement(*found)


def _plural(noun: str) -> str:
    """The regular plural of a noun."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def _read_by_wording(words: Sequence[str]) -> Statement | None:
    """A statement whose names have hyphens, digits or words of wordings, by the longest wording."""
    sizes = range(1, _LONGEST_NAME + 1)
    splits = sorted(((first, last) for first in sizes for last in sizes), key=sum)
    for first, last in splits:
        names, middle = (words[:first], words[-last:]), " ".join(words[first : len(words) - last])
        if middle in RELATION_OF and all(map(_may_be_name, names)):
            return Statement(RELATION_OF[middle], " ".join(names[0]), " ".join(names[1]))
    return None


def _may_be_name(words: Sequence[str]) -> bool:
    return not NO_NAMES.intersection(words) and all(re.fullmatch(r"[\w-]+", word) for word in words)


def _name_at_start(words: Sequence[str]) -> Sequence[str]:
    """The description or name with which the words begin, or nothing."""
    return words[:6] if _is_description(words[:6]) else _name_words(words)


def _name_at_end(words: Sequence[str]) -> Sequence[str]:
    """The description or name with which the words end, or nothing."""
    return words[-6:] if _is_description(words[-6:]) else _name_words(words[::-1])[::-1]


def _is_description(words: Sequence[str]) -> bool:
    match = _DESCRIPTION.fullmatch(" ".join(words))
    return bool(match and _are_names(*match.groups()))


def _name_words(words: Sequence[str]) -> Sequence[str]:
    name = list(takewhile(lambda word: word.isalpha() and word not in FUNCTION_WORDS, words))
    return name if len(name) <= _LONGEST_NAME else []


def _relation(first: str, middle: list[str], last: str) -> str | None:
    """The relation that the words between two names or descriptions express."""
    wording = " ".join(middle)
    described = first.startswith("the "), last.startswith("the ")
    if described == (False, True):
        return "is_person" if wording in SAME_PERSON else None
    if described == (True, False):
        return "is_called" if wording in SAME_PERSON | NAMED else None
    if described == (True, True):
        return None
    comparison = _COMPARISON.fullmatch(wording)
    if comparison:
        verb, degree, feature = comparison.groups()
        return f"{degree} {feature}" if verb in COMPARING else None
    return RELATION_OF.get(wording)


def _are_names(*words: str) -> bool:
    return not FUNCTION_WORDS.intersection(words)
