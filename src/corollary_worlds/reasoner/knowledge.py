"""What follows from statements: each from its other end, and chains of two.

A composition reads a fact from either end: "a is the child of p" and "p is the mother of a" serve alike. The
end at which a stated fact starts is no step of its own. Rules that the documents' English leaves open are
left out. A spouse of a parent is not known to be a parent, and siblings need not share both parents.
Comparisons are not transitive, because documents never compare along one feature in a chain.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from corollary_worlds.reasoner import logic, process
from corollary_worlds.reasoner.statements import Statement, fact_of, inverse, weaker

Judgement = Literal["restates", "one_step", "several_step", "false", "undecided"]

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

MOST = 50_000
"""Compositions that are tried, which takes about a second. The largest dataset needs 800; a chain of 70
parts in your own prose needs more. No text may stop an audit, so what is then not proved is undecided."""

# Nobody is the aunt, the cousin or the grandparent of their own child, whatever the chain.
_NEVER_OF_ONES_CHILD = frozenset({"aunt_of", "niece_of", "cousin_of", "grandparent_of", "grandchild_of"})


class Knowledge:
    """Statements, and everything that follows from them.

    `stated` has the former in the order of first mention, each once. `complete` is False where `MOST`
    compositions were not enough to find everything: short proofs are found first.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.stated = tuple(dict.fromkeys(statements))
        self._as_stated = frozenset(self.stated)
        self._restated = self._as_stated | {weaker(s) for s in self.stated}
        self._examples = tuple(s for s in self.stated if s.relation == process.BECOMES)

    def judge(self, statement: Statement) -> Judgement:
        """How far a statement is from the stated ones.

        "false" is everything that does not follow, or "undecided" where `complete` is False. A line of a
        process is one step for one operator (its rule, learned from examples) and several for more. A
        statement about one thing alone ("all x are x") says nothing and is false.
        """
        if statement in self._restated:
            return "restates"
        if statement.relation == process.BECOMES:
            if not self.entails(statement):
                return "false"
            return "one_step" if len(process.operators_of(statement)) == 1 else "several_step"
        if statement.relation == logic.UNKNOWN and not self.complete:
            return "undecided"
        if statement in self.one_step() or (statement.relation == logic.UNKNOWN and self.entails(statement)):
            return "one_step"
        if self.entails(statement):
            return "several_step"
        return "false" if self.complete or weaker(statement) != statement else "undecided"

    def entails(self, statement: Statement) -> bool:
        """Whether a statement was stated or follows."""
        if statement.relation == process.BECOMES:
            return statement in self._restated or process.follows(self._examples, statement)
        if statement.relation == logic.UNKNOWN:
            ways = (statement.first, statement.last), (statement.last, statement.first)
            told = {name for s in self.stated if s.relation in logic.FORMS for name in (s.first, s.last)}
            follows = (self.entails(Statement(form, *way)) for form in logic.FORMS for way in ways)
            return told.issuperset(ways[0]) and not any(follows)
        if weaker(statement) != statement:  # no rule distinguishes a mother from a father
            return statement in self._restated
        return fact_of(statement) in self._settled[0]

    def premises(self, statement: Statement) -> tuple[Statement, ...] | None:
        """Stated statements that prove a statement, as few as were found, in their order; None if it does
        not follow. A stated statement is its own premise."""
        if statement in self._as_stated:
            return (statement,)
        if not self.entails(statement):
            return None
        if statement.relation == process.BECOMES:
            return process.premises(self._examples, statement)
        if statement.relation == logic.UNKNOWN:
            return ()
        return tuple(self.stated[place] for place in sorted(self._settled[0][fact_of(statement)]))

    def one_step(self) -> frozenset[Statement]:
        """All statements one rule away that do not restate a stated one: a stated one from its other end,
        and both directions of what two stated ones compose to. Lines of a process have no number and are
        left out, here and in `closure`, and so is that nothing follows."""
        return self._one_step

    def closure(self) -> Mapping[Statement, tuple[Statement, ...]]:
        """Everything stated or entailed, with the stated statements that prove it."""
        return self._closure

    def several_step(self) -> frozenset[Statement]:
        """What follows by two rules or more and by no single one."""
        return frozenset(self._closure) - self._restated - self._one_step

    @property
    def complete(self) -> bool:
        """Whether everything that follows was found within `MOST` compositions."""
        return self._settled[1]

    @functools.cached_property
    def _one_step(self) -> frozenset[Statement]:
        index = _Index()
        for fact in map(fact_of, self.stated):
            index.add(fact)
        chains = (found for fact in map(fact_of, self.stated) for found, _ in self._chains(fact, index))
        chained = {way for found in itertools.islice(chains, MOST) for way in _ways(found)}
        turned = {t for s in self.stated if (t := inverse(s))}
        return frozenset((turned | chained) - self._restated)

    @functools.cached_property
    def _closure(self) -> Mapping[Statement, tuple[Statement, ...]]:
        followed = sorted(way for fact in self._settled[0] for way in _ways(fact))
        statements = dict.fromkeys((*self.stated, *followed))
        return {s: found for s in statements if (found := self.premises(s)) is not None}

    @functools.cached_property
    def _settled(self) -> tuple[Mapping[Statement, frozenset[int]], bool]:
        """Each fact (one direction of it) with the places of stated statements that prove it, and whether
        these are all the facts that follow.

        Facts are settled in the order of the size of their proofs, so that short proofs come first and
        every fact is settled once.
        """
        proofs: dict[Statement, frozenset[int]] = {}
        index = _Index()
        waiting: list[tuple[int, tuple[int, ...], Statement]] = [
            (1, (place,), fact_of(s)) for place, s in enumerate(self.stated) if s.relation != process.BECOMES
        ]
        heapq.heapify(waiting)
        left = MOST
        while waiting:
            _, proof, fact = heapq.heappop(waiting)
            if fact in proofs:
                continue
            proofs[fact] = frozenset(proof)
            index.add(fact)
            for found, other in itertools.islice(self._chains(fact, index), left):
                left -= 1
                if found not in proofs:
                    joint = tuple(sorted(proofs[fact] | proofs[other]))
                    heapq.heappush(waiting, (len(joint), joint, found))
        return proofs, left > 0

    def _chains(self, fact: Statement, index: _Index) -> Iterator[tuple[Statement, Statement]]:
        """The facts that a fact composes to with each of the others, and with which."""
        for way in logic.ends(fact) or _ways(fact):
            for (one, other), relation in COMPOSITIONS.items():
                ahead = index.from_first[way.last, other] if way.relation == one else ()
                behind = index.from_last[way.first, one] if way.relation == other else ()
                found = [(Statement(relation, way.first, last), partner) for last, partner in ahead]
                found += [(Statement(relation, first, way.last), partner) for first, partner in behind]
                for made, partner in found:
                    never = relation in _NEVER_OF_ONES_CHILD and self._is_parent_or_child(made)
                    if made.first != made.last and not never:
                        yield fact_of(made), partner

    def _is_parent_or_child(self, statement: Statement) -> bool:
        pair = statement.first, statement.last
        return any(fact_of(Statement("parent_of", *way)) in self._stated_facts for way in (pair, pair[::-1]))

    @functools.cached_property
    def _stated_facts(self) -> frozenset[Statement]:
        return frozenset(map(fact_of, self.stated))


class _Index:
    """Facts by relation and the name that they start from or end at, in both directions: the other name,
    and the fact."""

    def __init__(self) -> None:
        self.from_first: dict[tuple[str, str], list[tuple[str, Statement]]] = defaultdict(list)
        self.from_last: dict[tuple[str, str], list[tuple[str, Statement]]] = defaultdict(list)

    def add(self, fact: Statement) -> None:
        for way in logic.ends(fact) or _ways(fact):
            self.from_first[way.first, way.relation].append((way.last, fact))
            self.from_last[way.last, way.relation].append((way.first, fact))


def _ways(fact: Statement) -> tuple[Statement, ...]:
    """Both directions of a fact, where it has two."""
    turned = inverse(fact)
    return (fact, turned) if turned else (fact,)
