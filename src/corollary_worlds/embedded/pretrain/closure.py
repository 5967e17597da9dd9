"""What follows from facts: inversion, and the compositions of the worlds' relations.

Only the training of the embedded model uses it. `corollary_worlds.reasoner` checks the answers of the
datasets: it reads text and shares no code with this.
"""

from __future__ import annotations

from collections.abc import Sequence

from corollary_worlds.domains import Fact
from corollary_worlds.embedded.pretrain.breadth import invert

_PARENT = {"mother_of", "father_of", "parent_of"}

# (relation of a and b, relation of b and c) -> relation of a and c.
_CHAINS = {
    ("parent_of", "parent_of"): "grandparent_of",
    ("sibling_of", "parent_of"): "aunt_of",
    ("type_of", "type_of"): "type_of",
    ("type_of", "have"): "have",
    ("part_of", "part_of"): "part_of",
}

_CANONICAL = {
    "child_of": "parent_of", "is_called": "is_person", "includes": "type_of", "found_on": "have",
    "food_for": "live_on", "manages": "reports_to", "contains": "part_of", "supplied_by": "supplies",
    "godchild_of": "godparent_of",
}  # fmt: skip


def _canonical(fact: Fact) -> list[Fact]:
    """The direction(s) in which the rules read a fact."""
    if fact.relation in _PARENT:
        return [Fact("parent_of", fact.first, fact.last)]
    if fact.relation in _CANONICAL:
        return [Fact(_CANONICAL[fact.relation], fact.last, fact.first)]
    if fact.relation in ("sibling_of", "spouse_of"):
        return [fact, invert(fact)]
    return [fact]


def deductions(facts: Sequence[Fact]) -> dict[Fact, tuple[int, ...]]:
    """Every statement that needs two or more of `facts`, with the fewest facts (indices) that prove it.

    Each statement is given in one direction; `invert` gives the other.
    """
    proofs: dict[Fact, frozenset[int]] = {}
    for index, fact in enumerate(facts):
        for atom in _canonical(fact):
            proofs.setdefault(atom, frozenset({index}))
    changed = True
    while changed:
        changed = False
        for conclusion, proof in _one_round(proofs):
            if conclusion not in proofs or len(proof) < len(proofs[conclusion]):
                proofs[conclusion] = proof
                changed = True
    return {atom: tuple(sorted(proof)) for atom, proof in proofs.items() if len(proof) > 1}


def _one_round(proofs: dict[Fact, frozenset[int]]) -> list[tuple[Fact, frozenset[int]]]:
    by_first: dict[str, list[Fact]] = {}
    for atom in proofs:
        by_first.setdefault(atom.first, []).append(atom)
    found = []
    for one in proofs:
        for other in by_first.get(one.last, []):
            relation = _CHAINS.get((one.relation, other.relation))
            parent = Fact("parent_of", one.first, other.last) in proofs
            if relation and one.first != other.last and not parent:
                found.append((Fact(relation, one.first, other.last), proofs[one] | proofs[other]))
        if one.relation == "aunt_of":  # the aunt's child is a cousin of her niece
            for other in by_first.get(one.first, []):
                if other.relation == "parent_of" and other.last != one.last:
                    cousin = Fact("cousin_of", one.last, other.last)
                    found += [(way, proofs[one] | proofs[other]) for way in (cousin, invert(cousin))]
    return found
