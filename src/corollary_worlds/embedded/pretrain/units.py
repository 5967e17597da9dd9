"""The worlds of training episodes: units of facts that share names, from pairs to whole trees.

Only names of the pre-training part occur, unless another part is asked for.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator

from corollary_worlds.domains import Fact, person, role_is_reserved
from corollary_worlds.embedded.pretrain.breadth import ALL, BREADTH, invert
from corollary_worlds.names import PRETRAINING, draw_names
from corollary_worlds.relations import FEATURES

_OF_WORLDS = tuple(
    name for name in ALL if name not in BREADTH and " " not in name and not name.startswith("is_")
)
RESERVED = tuple(name for name in _OF_WORLDS if ALL[name].reserved)


def draw_relation(rng: random.Random) -> str:
    """A relation of the worlds or one of the training alone, each as likely."""
    return rng.choice(_OF_WORLDS if rng.random() < 0.5 else tuple(BREADTH))


def _comparison(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """Two facts about two kinds of things. Each comes first in one and second in the other, with different
    features, so neither position nor frequency gives the direction away."""
    one, other = next(names), next(names)
    feature, other_feature = rng.sample(FEATURES, 2)
    degrees = ("more", "less")
    return [
        Fact(f"{rng.choice(degrees)} {feature}", one, other),
        Fact(f"{rng.choice(degrees)} {other_feature}", other, one),
    ]


def _family(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """A tree of three generations, two lines of siblings joined by a marriage; 11 people, 11 facts.

    p and q are siblings, and so are r and s. Their children, in this order, are a, b, c and d. b and c marry,
    and so do a and e. k is a child of a, m of d. One of b and c is a godparent (the reserved relation).
    """
    p, q, r, s, a, b, c, d, e, k, m = (next(names) for _ in range(11))
    parents = ((p, a), (q, b), (r, c), (s, d), (a, k), (d, m))
    return [
        Fact("sibling_of", p, q),
        Fact("sibling_of", r, s),
        *(Fact(rng.choice(("mother_of", "father_of")), parent, child) for parent, child in parents),
        Fact("spouse_of", b, c),
        Fact("spouse_of", e, a),
        Fact("godparent_of", rng.choice((b, c)), rng.choice((k, m))),
    ]


def _kinds(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """A chain of kinds (each a type of the next) that ends in one to three kinds. Each has a property; one
    of them lives on another (the reserved relation)."""
    chain, leaves = rng.randint(2, 5), rng.randint(1, 3)
    levels = [next(names) for _ in range(chain - 1)]
    lowest = [next(names) for _ in range(leaves)]
    facts = [Fact("type_of", low, high) for low, high in itertools.pairwise(levels)]
    facts += [Fact("type_of", leaf, levels[0]) for leaf in lowest]
    facts += [Fact("have", kind, next(names)) for kind in (*levels, *lowest)]
    facts.append(Fact("live_on", *rng.sample((*levels, *lowest), 2)))
    return facts


def _company(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """People who report to people, parts of parts, suppliers of suppliers."""
    relation = rng.choice(("reports_to", "part_of", "supplies", "manages", "contains", "supplied_by"))
    chain = [next(names) for _ in range(rng.randint(2, 4))]
    return [Fact(relation, one, other) for one, other in itertools.pairwise(chain)]


def _contrast(rng: random.Random, names: Iterator[str], *, turned: float) -> list[Fact]:
    """Comparisons of one kind that is more of some things and less of others. To see what "less" is about
    takes the degree and the place of the kind. `turned` is how often the kind comes last. Where it is always
    first, or always last, the degree is enough: these are learned first."""
    kind = next(names)
    degrees = ["more", "less", *(rng.choice(("more", "less")) for _ in range(rng.choice((0, 0, 1, 2))))]
    same = next(names) if rng.random() < 0.5 else None
    facts = []
    for degree, feature in zip(degrees, rng.sample(FEATURES, len(degrees)), strict=True):
        fact = Fact(f"{degree} {feature}", kind, same or next(names))
        facts.append(invert(fact) if rng.random() < turned else fact)
    return facts


def _chain(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """Two facts that share a name and compose: the smallest world with a deduction."""
    one, other, third = next(names), next(names), next(names)
    first, second = rng.choice(
        (
            *(("sibling_of", "parent"), ("parent", "parent")) * 2,
            ("type_of", "type_of"),
            ("type_of", "have"),
            ("part_of", "part_of"),
        )
    )
    told = [
        rng.choice(("mother_of", "father_of")) if relation == "parent" else relation
        for relation in (first, second)
    ]
    facts = [Fact(told[0], one, other), Fact(told[1], other, third)]
    if first == "sibling_of" and rng.random() < 0.5:
        facts[0] = Fact(first, other, one)
    return facts


def _kin(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """Two siblings, a child of each, and a grandchild: the smallest world in which who is whose parent,
    aunt and grandparent can be confused."""
    one, other, child, niece, grandchild = (next(names) for _ in range(5))
    siblings = Fact("sibling_of", *rng.sample((one, other), 2))
    born = ((one, child), (other, niece), (child, grandchild))
    return [siblings, *(Fact(rng.choice(("mother_of", "father_of")), *pair) for pair in born)]


def _rank(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """A tree of kinds, two or three levels deep, with properties. Questions ask what is inherited."""
    top, middles = next(names), [next(names) for _ in range(rng.randint(1, 3))]
    parents = [(middle, top) for middle in middles]
    parents += [(next(names), middle) for middle in middles for _ in range(rng.randint(0, 2))]
    facts = [Fact("type_of", low, high) for low, high in parents]
    for kind in (top, *(low for low, _ in parents)):
        facts += [Fact("have", kind, next(names)) for _ in range(rng.choice((0, 1, 1, 2)))]
    return facts


Unit = Callable[[random.Random, Iterator[str]], list[Fact]]
UNITS: dict[str, Unit] = {
    "pair": lambda rng, names: [Fact(draw_relation(rng), next(names), next(names))],
    "comparison": _comparison,
    "versus": lambda rng, names: _comparison(rng, names)[:1],
    "contrast": functools.partial(_contrast, turned=0.5),
    "first": functools.partial(_contrast, turned=0.0),
    "second": functools.partial(_contrast, turned=1.0),
    "person": lambda rng, names: person(rng, names, order=rng.choice(("name", "description", "both"))),
    "family": _family,
    "lineage": _family,
    "kin": _kin,
    "chain": _chain,
    "kinds": _kinds,
    "rank": _rank,
    "company": _company,
}
"""The units of a world, by its name. `lineage` is `family` with other questions (`COMPOSED`)."""

CONTRASTS = ("first", "second", "contrast")
"""Worlds about what is more of some things and less of others."""

COMPOSED = ("chain", "kin", "lineage", "rank")
"""Worlds that ask only for what follows from two or three facts."""


def is_reserved(fact: Fact) -> bool:
    """Whether a fact is kept out of the tasks, as their focus and as what follows."""
    if fact.relation == "is_person":
        return role_is_reserved(fact.last)
    if fact.relation == "is_called":
        return role_is_reserved(fact.first)
    return ALL[fact.relation].reserved


def draw_facts(
    rng: random.Random, domain: str, size: int, *, part: str = PRETRAINING, grouped: float = 0.0
) -> list[Fact]:
    """About `size` facts of whole units (a unit may lose a few), in random order. With the chance `grouped`
    they come unit by unit, as in documents of many sentences."""
    names = draw_names(rng, part=part)
    facts: list[Fact] = []
    while len(facts) < size:
        unit = UNITS[domain](rng, names)
        facts += rng.sample(unit, len(unit))
    if domain not in COMPOSED and (len(facts) > size + 3 or rng.random() < 0.3):
        start = rng.randrange(max(1, len(facts) - size))
        facts = facts[start : start + size]
    if rng.random() < grouped:
        return facts
    rng.shuffle(facts)
    return facts
