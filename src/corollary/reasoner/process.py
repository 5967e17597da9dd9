"""A process: operators that rewrite three words, learned from examples.

An operator is a map of places: each of the three places of the result holds the word of one place of
the input, so there are 27 operators. An answer follows from examples when every choice of operators
that agrees with all of them gives this answer; examples that contradict each other prove nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from corollary.reasoner.statements import Statement

BECOMES = "becomes"
"""The relation of a line of a process: "op then op of x y z" becomes "z y x"."""

Map = tuple[int, ...]
MAPS: tuple[Map, ...] = tuple(product(range(3), repeat=3))


@dataclass(frozen=True)
class _Example:
    operators: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


def operators_of(statement: Statement) -> tuple[str, ...]:
    """The operators that a line applies, the first one first."""
    return _parse(statement).operators


def results(examples: Sequence[Statement], asked: Statement) -> frozenset[str]:
    """Every result that the operators of `asked` may give on its input, as far as the examples tell."""
    operators, before = _parse(asked).operators, _parse(asked).before
    given = {" ".join(_apply(maps, operators, before)) for maps in _choices(examples, operators)}
    return frozenset(given)


def follows(examples: Sequence[Statement], statement: Statement) -> bool:
    """Whether the examples leave no other result than the statement's."""
    return results(examples, statement) == {statement.last}


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
def _parse(statement: Statement) -> _Example:
    operators, _, before = statement.first.partition(" of ")
    return _Example(tuple(operators.split(" then ")), tuple(before.split()), tuple(statement.last.split()))


def _apply(maps: Mapping[str, Map], operators: Sequence[str], words: Sequence[str]) -> Sequence[str]:
    for operator in operators:
        words = [words[place] for place in maps[operator]]
    return words


def _choices(examples: Sequence[Statement], asked: Sequence[str]) -> Iterator[dict[str, Map]]:
    """Maps of the asked operators for which the other operators can be chosen so that all examples hold."""
    order = _reached(examples, asked)
    known = [_parse(example) for example in examples if set(operators_of(example)) <= set(order)]
    candidates = {name: [m for m in MAPS if _agree({name: m}, known)] for name in order}
    count = len(set(asked))
    for choice in product(*(candidates[name] for name in order[:count])):
        maps = dict(zip(order, choice, strict=False))
        if _agree(maps, known) and _completable(maps, order[count:], candidates, known):
            yield maps


def _completable(
    maps: dict[str, Map], rest: Sequence[str], candidates: Mapping[str, list[Map]], known: Sequence[_Example]
) -> bool:
    if not rest:
        return True
    tries = ({**maps, rest[0]: m} for m in candidates[rest[0]])
    return any(_agree(more, known) and _completable(more, rest[1:], candidates, known) for more in tries)


def _agree(maps: Mapping[str, Map], known: Sequence[_Example]) -> bool:
    """Whether the examples of these operators alone come out right."""
    decided = (e for e in known if maps.keys() >= set(e.operators))
    return all(tuple(_apply(maps, e.operators, e.before)) == e.after for e in decided)


def _reached(examples: Sequence[Statement], asked: Sequence[str]) -> list[str]:
    """The asked operators, then those that examples join to them, nearest first."""
    order = list(dict.fromkeys(asked))
    joined = [operators_of(example) for example in examples if len(operators_of(example)) > 1]
    for name in order:  # grows while it is walked
        order += dict.fromkeys(n for names in joined if name in names for n in names if n not in order)
    return order
