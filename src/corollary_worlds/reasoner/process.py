"""A process: operators that rewrite three words, learned from examples.

An operator is a map of places: each of the three places of the result holds the word of one place of
the input, so there are 27 operators. An answer follows from examples when every choice of operators
that agrees with all of them gives this answer; examples that contradict each other prove nothing.

What operators do one after the other is one of the 27 maps again. So an example says which maps its
operators may make together, and a line of any length is read as sets of maps, step by step, instead of
trying every map of every operator. Only for an operator that stands in several places are maps tried.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from corollary_worlds.reasoner.statements import Statement

BECOMES = "becomes"
"""The relation of a line of a process: "op then op of x y z" becomes "z y x"."""

MAPS: tuple[tuple[int, ...], ...] = tuple(product(range(3), repeat=3))

# Sets of maps are bits: bit n stands for MAPS[n].
_ALL = (1 << len(MAPS)) - 1
_NOTHING_DONE = 1 << MAPS.index((0, 1, 2))

_MOST = 2_000
"""Choices that are tried before a question counts as too hard: equations between operators can be made
as hard as one likes, and no text may stop an audit. The datasets need a few."""


@dataclass(frozen=True)
class _Line:
    """`allowed` are the maps that make the last words of the first ones."""

    operators: tuple[str, ...]
    before: tuple[str, ...]
    allowed: int


class _TooHard(Exception):
    """It was not decided within `_MOST` tries."""


def operators_of(statement: Statement) -> tuple[str, ...]:
    """The operators that a line applies, the first one first."""
    return _parse(statement).operators


def results(examples: Sequence[Statement], asked: Statement) -> Iterator[str]:
    """Every result that the operators of `asked` may give on its input, as far as the examples tell.

    They come one by one: whoever wants to know whether there is a second one need not wait for the last.
    Where that is too hard to tell, what has not been excluded counts as possible, unless nothing was
    found at all: then there is none.
    """
    line = _parse(asked)
    made = [_applied(places, line.before) for places in MAPS]
    domains, rules = _equations(examples, line.operators)
    told = rules.get(line.operators, _ALL)
    left = _ALL
    while left:
        try:
            way = _way(domains, {**rules, line.operators: told & left})
        except _TooHard:
            if left != _ALL:
                yield from dict.fromkeys(made[n] for n in _members(told & left))
            return
        if way is None:
            return
        together = functools.reduce(_then, (way[name] for name in line.operators), _NOTHING_DONE)
        found = dict.fromkeys(made[n] for n in _members(together & told & left))
        yield from found
        left &= ~_set_of(n for n, words in enumerate(made) if words in found)


def follows(examples: Sequence[Statement], statement: Statement) -> bool:
    """Whether the examples leave no other result than the statement's."""
    found = results(examples, statement)
    return next(found, None) == statement.last and next(found, None) is None


def premises(examples: Sequence[Statement], statement: Statement) -> tuple[Statement, ...] | None:
    """Examples that suffice for the statement and none of which can be spared; None if it does not follow.

    Examples of one operator are kept rather than those of several, earlier ones rather than later.
    """
    if not follows(examples, statement):
        return None
    reached = set(_reached(examples, operators_of(statement)))
    kept = [example for example in examples if reached.issuperset(operators_of(example))]
    kept.reverse()  # of two that are as good the later one is dropped
    for example in sorted(kept, key=lambda s: -len(operators_of(s))):
        fewer = [other for other in kept if other != example]
        if follows(fewer, statement):
            kept = fewer
    return tuple(kept[::-1])


@functools.cache
def _parse(statement: Statement) -> _Line:
    operators, _, given = statement.first.partition(" of ")
    before = tuple(given.split())
    allowed = _set_of(n for n, places in enumerate(MAPS) if _applied(places, before) == statement.last)
    return _Line(tuple(operators.split(" then ")), before, allowed)


def _applied(places: Sequence[int], words: Sequence[str]) -> str:
    return " ".join(words[place] for place in places)


def _equations(
    examples: Sequence[Statement], asked: Sequence[str]
) -> tuple[dict[str, int], dict[tuple[str, ...], int]]:
    """For each operator that matters, its maps by the examples of it alone; and for each sequence of
    operators in the other examples, the maps that it may make."""
    domains = dict.fromkeys(_reached(examples, asked), _ALL)
    rules: dict[tuple[str, ...], int] = {}
    for line in map(_parse, examples):
        if domains.keys() >= set(line.operators):
            if len(line.operators) == 1:
                domains[line.operators[0]] &= line.allowed
            else:
                rules[line.operators] = rules.get(line.operators, _ALL) & line.allowed
    return domains, rules


def _way(domains: Mapping[str, int], rules: Mapping[tuple[str, ...], int]) -> dict[str, int] | None:
    """Maps of every operator with which all rules come out right, None if there are none.

    One map each for operators in several places, so that these agree; of the others, which are in one
    rule and once, every map has fitting ones of the rest. Raises `_TooHard` when no end is in sight.
    """
    places = Counter(name for names in rules for name in names)
    several = [name for name, count in places.items() if count > 1]
    open_ways = [dict(domains)]
    for _ in range(_MOST):
        if not open_ways:
            return None
        way = open_ways.pop()
        if not _narrow(way, rules):
            continue
        undecided = [name for name in several if way[name].bit_count() > 1]
        if not undecided:
            return way
        name = min(undecided, key=lambda name: way[name].bit_count())
        open_ways += [{**way, name: 1 << n} for n in reversed(_members(way[name]))]
    raise _TooHard


def _narrow(domains: dict[str, int], rules: Mapping[tuple[str, ...], int]) -> bool:
    """Drop the maps that no choice of the others goes with; says whether each operator has one left."""
    before: dict[str, int] = {}
    while before != domains and all(domains.values()):
        before = dict(domains)
        for names, allowed in rules.items():
            after = [_NOTHING_DONE]
            for name in reversed(names[1:]):
                after.append(_then(domains[name], after[-1]))
            made = _NOTHING_DONE
            for name in names:
                domains[name] &= _between(made, after.pop(), allowed)
                made = _then(made, domains[name])
    return all(domains.values())


@functools.lru_cache(maxsize=1 << 16)
def _then(first: int, second: int) -> int:
    """The maps that one of the first and then one of the second make."""
    return functools.reduce(int.__or__, (_AFTER[n][m] for n in _members(first) for m in _members(second)), 0)


@functools.lru_cache(maxsize=1 << 16)
def _between(first: int, last: int, allowed: int) -> int:
    """The maps that make an allowed one, between one of the first and one of the last."""
    right = _set_of(n for n in range(len(MAPS)) if _then(1 << n, last) & allowed)
    return _set_of(n for n in range(len(MAPS)) if _then(first, 1 << n) & right)


@functools.lru_cache(maxsize=1 << 16)
def _members(maps: int) -> tuple[int, ...]:
    return tuple(n for n in range(len(MAPS)) if maps >> n & 1)


def _set_of(numbers: Iterator[int]) -> int:
    return sum(1 << n for n in numbers)


_AFTER = [[1 << MAPS.index(tuple(one[place] for place in other)) for other in MAPS] for one in MAPS]
"""[first map][second map]: what the two make."""


def _reached(examples: Sequence[Statement], asked: Sequence[str]) -> list[str]:
    """The asked operators, then those that examples join to them, nearest first."""
    order = list(dict.fromkeys(asked))
    joined = [operators_of(example) for example in examples if len(operators_of(example)) > 1]
    for name in order:  # grows while it is walked
        order += dict.fromkeys(n for names in joined if name in names for n in names if n not in order)
    return order
