"""Syllogisms: what follows from "all x are y", "some x are y", "no x are y" and "some x are not y".

There is no existential import: "all x are y" holds where there is no x. Two premises, about x, m and about
m, y, then let something follow about x and y in these forms:

    all x are m,       all m are y       ->  all x are y        Barbara
    all x are m,       no m are y        ->  no x are y         Celarent
    all x are m,       no y are m        ->  no x are y         Cesare
    no x are m,        all y are m       ->  no x are y         Camestres
    no m are x,        all y are m       ->  no x are y         Calemes (Camenes)
    some x are m,      all m are y       ->  some x are y       Darii
    some m are x,      all m are y       ->  some x are y       Datisi
    all m are x,       some m are y      ->  some x are y       Disamis
    all m are x,       some y are m      ->  some x are y       Dimatis
    some x are m,      no m are y        ->  some x are not y   Ferio
    some x are m,      no y are m        ->  some x are not y   Festino
    some m are x,      no m are y        ->  some x are not y   Ferison
    some m are x,      no y are m        ->  some x are not y   Fresison
    some x are not m,  all y are m       ->  some x are not y   Baroco
    all m are x,       some m are not y  ->  some x are not y   Bocardo

"Some" and "no" are symmetric, so their conclusions are right in both directions. The forms are the chains of
`COMPOSITIONS` read in every direction. The proof rules are those of the complete systems for these
statements (L. Moss, "Completeness theorems for syllogistic fragments", 2008). The tests check them against
all small models.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from corollary_worlds.reasoner.statements import Statement, inverse

FORMS = ("all", "some", "no", "some_not")
UNKNOWN = "unknown"
"""The relation of two terms about which nothing follows."""
COVERS = "covers"
"""Of y to x where all x are y; a link of chains only."""

COMPOSITIONS = {
    ("all", "all"): "all",
    ("all", "no"): "no",
    ("some", "all"): "some",
    ("some", "no"): "some_not",
    ("some_not", COVERS): "some_not",
    (COVERS, "some_not"): "some_not",
}
"""(relation of x to m, relation of m to y) -> relation of x to y."""


def strongest(premises: Iterable[Statement], one: str, other: str) -> frozenset[Statement]:
    """The statements about two terms that follow from the premises.

    Without existential import none of the eight implies another, except that "some" and "no" imply their own
    mirror images, which are as strong. So all that follow are the strongest.
    """
    proved = follows(premises, terms=(one, other))
    ways = ((one, other), (other, one))
    return frozenset(s for form in FORMS for way in ways if (s := Statement(form, *way)) in proved)


def follows(premises: Iterable[Statement], *, terms: Iterable[str] = ()) -> frozenset[Statement]:
    """Every statement of the four forms that follows about the premises' terms and `terms`.

    From contradicting premises everything follows.
    """
    proved = {premise for premise in premises if premise.relation in FORMS}
    names = sorted({name for s in proved for name in (s.first, s.last)} | set(terms))
    proved |= {Statement("all", name, name) for name in names}
    while new := set(_round(proved, names)) - proved:
        proved |= new
    denied = {"some": "no", "some_not": "all"}
    if any(Statement(denied.get(s.relation, ""), s.first, s.last) in proved for s in proved):
        return frozenset(Statement(form, *pair) for form in FORMS for pair in product(names, repeat=2))
    return frozenset(proved)


def _round(proved: set[Statement], names: list[str]) -> Iterable[Statement]:
    for s in proved:
        turned = inverse(s)
        if turned:
            yield turned
        if s.relation in ("some", "some_not"):  # what is some y, or not, exists
            yield Statement("some", s.first, s.first)
        if s.relation == "no" and s.first == s.last:  # there is no x: all and none of it are anything
            yield from (Statement(form, s.first, name) for form in ("all", "no") for name in names)
        for t in proved:
            for one, other in product(ends(s) or (s,), ends(t) or (t,)):
                form = COMPOSITIONS.get((one.relation, other.relation))
                if form and one.last == other.first:
                    yield Statement(form, one.first, other.last)


def ends(statement: Statement) -> tuple[Statement, ...]:
    """Both ends of "all x are y", for chains: it has no other direction, but y covers x."""
    turned = Statement(COVERS, statement.last, statement.first)
    return (statement, turned) if statement.relation == "all" else ()
