"""What follows from statements: inversion, and chains of two.

A composition reads a fact from either end: "a is the child of p" and "p is the mother of a" serve alike,
because which end a sentence starts from is no step of its own once the fact is told. Rules that the
documents' English does not settle are left out: that a spouse of a parent is a parent, that comparisons
are transitive (documents never compare along one feature in a chain), that siblings share parents.
"""

from __future__ import annotations

import functools
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from corollary_worlds.reasoner import logic, process
from corollary_worlds.reasoner.statements import Statement, fact_of, inverse, weaker

Judgement = Literal["restates", "one_step", "several_step", "false"]

COMPOSITIONS: Mapping[tuple[str, str], str] = {
    ("parent_of", "parent_of"): "grandparent_of",
    ("sibling_of", "parent_of"): "aunt_of",
    ("niece_of", "parent_of"): "cousin_of",  # a child of one's aunt or uncle: two rules from the parents
    ("type_of", "type_of"): "type_of",
    ("type_of", "have"): "have",
    ("part_of", "part_of"): "part_of",
    **logic.COMPOSITIONS,
}
"""(relation of a to b, relation of b to c) -> relation of a to c."""

# Nobody is the aunt, the cousin or the grandparent of their own child, whatever the chain.
_NEVER_OF_ONES_CHILD = frozenset({"aunt_of", "niece_of", "cousin_of", "grandparent_of", "grandchild_of"})


class Knowledge:
    """Statements that were told, and everything that follows from them.

    `told` keeps the order of first mention, each statement once.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.told = tuple(dict.fromkeys(statements))
        self._stated = frozenset(self.told)
        self._told = self._stated | {weaker(s) for s in self.told}
        self._examples = tuple(s for s in self.told if s.relation == process.BECOMES)

    def judge(self, statement: Statement) -> Judgement:
        """How far a statement is from what was told: "false" is everything that does not follow.

        A line of a process is one step for one operator (its rule, learned from examples) and several
        for more. A statement about one thing alone ("all x are x") says nothing and is false.
        """
        if statement in self._told:
            return "restates"
        if not self.entails(statement):
            return "false"
        if statement.relation == process.BECOMES:
            return "one_step" if len(process.operators_of(statement)) == 1 else "several_step"
        return "one_step" if statement in self.one_step() else "several_step"

    def entails(self, statement: Statement) -> bool:
        """Whether a statement was told or follows."""
        if statement.relation == process.BECOMES:
            return statement in self._told or process.follows(self._examples, statement)
        if weaker(statement) != statement:  # no rule tells a mother from a father
            return statement in self._told
        return fact_of(statement) in self._proofs

    def premises(self, statement: Statement) -> tuple[Statement, ...] | None:
        """Told statements that prove a statement, as few as were found, in the order told; None if it
        does not follow. A told statement is its own premise."""
        if statement in self._stated:
            return (statement,)
        if not self.entails(statement):
            return None
        if statement.relation == process.BECOMES:
            return process.premises(self._examples, statement)
        return tuple(self.told[index] for index in sorted(self._proofs[fact_of(statement)]))

    def one_step(self) -> frozenset[Statement]:
        """All statements one rule from the told ones that do not restate them: a told one turned round,
        or both directions of what two told ones compose to. Lines of a process are without number and
        are left out, here and in `closure`."""
        return self._one_step

    def closure(self) -> Mapping[Statement, tuple[Statement, ...]]:
        """Everything told or entailed, with the told statements that prove it."""
        return self._closure

    def several_step(self) -> frozenset[Statement]:
        """What follows by two rules or more and by no single one."""
        return frozenset(self._closure) - self._told - self._one_step

    @functools.cached_property
    def _one_step(self) -> frozenset[Statement]:
        turned = {t for s in self.told if (t := inverse(s))}
        index = _Index()
        for fact in map(fact_of, self.told):
            index.add(fact)
        chained = {
            way
            for fact in map(fact_of, self.told)
            for found, _ in self._chains(fact, index)
            for way in _ways(found)
        }
        return frozenset((turned | chained) - self._told)

    @functools.cached_property
    def _closure(self) -> Mapping[Statement, tuple[Statement, ...]]:
        followed = sorted(way for fact in self._proofs for way in _ways(fact))
        statements = dict.fromkeys((*self.told, *followed))
        return {s: found for s in statements if (found := self.premises(s)) is not None}

    @functools.cached_property
    def _proofs(self) -> dict[Statement, frozenset[int]]:
        """Each fact (one direction of it) with the indices of told statements that prove it.

        Facts are settled in the order of the size of their proofs, so that short proofs come first and
        every fact is settled once.
        """
        proofs: dict[Statement, frozenset[int]] = {}
        index = _Index()
        waiting: list[tuple[int, tuple[int, ...], Statement]] = [
            (1, (number,), fact_of(s)) for number, s in enumerate(self.told) if s.relation != process.BECOMES
        ]
        heapq.heapify(waiting)
        while waiting:
            _, proof, fact = heapq.heappop(waiting)
            if fact in proofs:
                continue
            proofs[fact] = frozenset(proof)
            index.add(fact)
            for found, other in self._chains(fact, index):
                if fact_of(found) not in proofs:
                    joint = tuple(sorted(proofs[fact] | proofs[other]))
                    heapq.heappush(waiting, (len(joint), joint, fact_of(found)))
        return proofs

    def _chains(self, fact: Statement, index: _Index) -> Iterator[tuple[Statement, Statement]]:
        """What a fact composes to with each of the others, and with which."""
        for way in _ways(fact):
            ahead = ((way, other) for other in index.from_first[way.last])
            behind = ((other, way) for other in index.from_last[way.first])
            for one, other in (*ahead, *behind):
                relation = COMPOSITIONS.get((one.relation, other.relation))
                if relation and one.first != other.last:
                    found = Statement(relation, one.first, other.last)
                    if not (relation in _NEVER_OF_ONES_CHILD and self._is_parent_or_child(found)):
                        yield found, fact_of(other if one is way else one)

    def _is_parent_or_child(self, statement: Statement) -> bool:
        pair = statement.first, statement.last
        return any(fact_of(Statement("parent_of", *way)) in self._told_facts for way in (pair, pair[::-1]))

    @functools.cached_property
    def _told_facts(self) -> frozenset[Statement]:
        return frozenset(map(fact_of, self.told))


class _Index:
    """Facts in all their directions, by the name that they start from and by the name that they end at."""

    def __init__(self) -> None:
        self.from_first: dict[str, list[Statement]] = defaultdict(list)
        self.from_last: dict[str, list[Statement]] = defaultdict(list)

    def add(self, fact: Statement) -> None:
        for way in _ways(fact):
            self.from_first[way.first].append(way)
            self.from_last[way.last].append(way)


def _ways(fact: Statement) -> tuple[Statement, ...]:
    """Both directions of a fact, where it has two."""
    turned = inverse(fact)
    return (fact, turned) if turned else (fact,)
