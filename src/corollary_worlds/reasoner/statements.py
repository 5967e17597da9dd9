"""What the reasoner reasons about: directed statements, their inverses, and what it cannot read.

The relation names are those of the made-up worlds, so that a caller can look a relation up in its own
tables; nothing else is shared with the worlds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Statement:
    """`relation(first, last)`, said in this direction.

    "a is the child of p" and "p is the mother of a" are different statements about one fact; all
    wordings of one direction are the same statement. The relations of a syllogism are "all", "some", "no" and
    "some_not", and "unknown" where none of these follows; "becomes" is a line of a process: first "op then op
    of x y z", last "z y x".
    """

    relation: str
    first: str
    last: str


@dataclass(frozen=True)
class Unreadable:
    """A sentence in which no statement was recognised."""

    text: str


Reading = Statement | Unreadable
"""What a sentence says, or that it could not be read."""

_PAIRS = (
    ("parent_of", "child_of"),
    ("grandparent_of", "grandchild_of"),
    ("aunt_of", "niece_of"),
    ("godparent_of", "godchild_of"),
    ("sibling_of", "sibling_of"),
    ("spouse_of", "spouse_of"),
    ("cousin_of", "cousin_of"),
    ("is_person", "is_called"),
    ("type_of", "includes"),
    ("have", "found_on"),
    ("live_on", "food_for"),
    ("reports_to", "manages"),
    ("part_of", "contains"),
    ("supplies", "supplied_by"),
    ("some", "some"),
    ("no", "no"),
)
_CANONICAL = {back: forth for forth, back in _PAIRS if forth != back}
_INVERSE = dict(_PAIRS) | _CANONICAL

# A mother or father is a parent; that someone is a parent does not say which of the two.
_WEAKER = {"mother_of": "parent_of", "father_of": "parent_of"}


def weaker(statement: Statement) -> Statement:
    """The statement with what goes beyond the rules left out: a mother or father is read as a parent."""
    return Statement(_WEAKER.get(statement.relation, statement.relation), statement.first, statement.last)


def inverse(statement: Statement) -> Statement | None:
    """The same fact from its other end, or None where there is none ("all x are y", a line of a process)."""
    relation = _WEAKER.get(statement.relation, statement.relation)
    degree, _, feature = relation.partition(" ")
    if feature:
        return Statement(
            f"{'less' if degree == 'more' else 'more'} {feature}", statement.last, statement.first
        )
    if relation not in _INVERSE:
        return None
    return Statement(_INVERSE[relation], statement.last, statement.first)


def fact_of(statement: Statement) -> Statement:
    """One statement for both directions of a fact, and for a mother, father and parent alike."""
    said = weaker(statement)
    turned = inverse(said)
    if turned is None:
        return said
    if said.relation == turned.relation:
        return min(said, turned)
    return turned if said.relation in _CANONICAL or said.relation.startswith("less ") else said
