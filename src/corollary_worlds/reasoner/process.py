"""A process: operators that rewrite three words, learned from examples.

An operator is one of 27 maps: each place of the result takes the word of one place of the input. An answer
follows when every choice of maps that agrees with all examples gives it. Choices are tried one by one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from itertools import product

from corollary_worlds.reasoner.statements import Statement

BECOMES = "becomes"
"""The relation of a line of a process: "op then op of x y z" becomes "z y x"."""

MOST = 10_000
"""Checks of a choice of maps against an example: enough for two operators that no example shows alone. No
text may stop an audit, so nothing follows where more are needed. The datasets need one choice."""

REACH = 12
"""Operators that may bear on a line, for the same reason."""

Map = tuple[int, ...]
MAPS: tuple[Map, ...] = tuple(product(range(3), repeat=3))


def operators_of(statement: Statement) -> tuple[str, ...]:
    """The operators that a line applies, the first one first."""
    return _parse(statement)[0]


def results(examples: Sequence[Statement], asked: Statement) -> frozenset[str]:
    """Every result that the operators of `asked` may give on its input, as far as the examples show.

    Empty where the examples contradict each other, and where there are too many choices to try.
    """
    reached = _reached(examples, operators_of(asked))
    bearing = [example for example in examples if reached.intersection(operators_of(example))]
    maps = {name: frozenset(MAPS) for name in sorted(reached)}
    for example in bearing:
        if len(names := operators_of(example)) == 1:
            maps[names[0]] &= _fitting(example)
    several = [example for example in bearing if len(operators_of(example)) > 1]
    if len(reached) > REACH or math.prod(map(len, maps.values())) * (1 + len(several)) > MOST:
        return frozenset()
    choices = (dict(zip(maps, chosen, strict=True)) for chosen in product(*maps.values()))
    return frozenset(_result(c, asked) for c in choices if all(_result(c, e) == e.last for e in several))


def follows(examples: Sequence[Statement], statement: Statement) -> bool:
    """Whether the examples leave no other result than the statement's."""
    return results(examples, statement) == {statement.last}


def premises(examples: Sequence[Statement], statement: Statement) -> tuple[Statement, ...] | None:
    """Examples that prove the statement, none of which can be left out; None if it does not follow.

    Examples of one operator are kept rather than those of several, earlier ones rather than later.
    """
    if not follows(examples, statement):
        return None
    reached = _reached(examples, operators_of(statement))
    kept = [example for example in examples if reached.issuperset(operators_of(example))]
    kept.reverse()  # of two that are as good the later one is dropped
    for example in sorted(kept, key=lambda s: -len(operators_of(s))):
        fewer = [other for other in kept if other != example]
        if follows(fewer, statement):
            kept = fewer
    return tuple(kept[::-1])


def _reached(examples: Sequence[Statement], asked: Sequence[str]) -> set[str]:
    """The asked operators and those that examples join to them; just over `REACH` of them at most."""
    reached, before = set(asked), 0
    while before < len(reached) <= REACH:
        before = len(reached)
        for example in examples:
            if not reached.isdisjoint(names := operators_of(example)):
                reached.update(names)
    return reached


@functools.lru_cache(maxsize=1 << 16)
def _parse(statement: Statement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The operators and the input of a line."""
    operators, _, given = statement.first.partition(" of ")
    return tuple(operators.split(" then ")), tuple(given.split())


@functools.lru_cache(maxsize=1 << 16)
def _fitting(example: Statement) -> frozenset[Map]:
    """The maps that an example of one operator allows."""
    (name,), _ = _parse(example)
    return frozenset(places for places in MAPS if _result({name: places}, example) == example.last)


def _result(maps: dict[str, Map], statement: Statement) -> str:
    operators, words = _parse(statement)
    for name in operators:
        words = tuple(words[place] for place in maps[name])
    return " ".join(words)
