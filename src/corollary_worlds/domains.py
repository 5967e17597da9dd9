"""Draw the facts of one unit: the smallest group of facts that share a name or premise.

Each function takes a random generator and a stream of fresh names and returns the facts of one unit
in the direction in which documents tell them. Nothing here knows about text, documents or questions.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from corollary_worlds.relations import FEATURES, QUALITIES, RESERVED_ROLES, ROLES, WORKS


@dataclass(frozen=True)
class Fact:
    """`relation(first, last)`, told in this direction."""

    relation: str
    first: str
    last: str


def comparison(
    rng: random.Random, names: Iterator[str], *, features: tuple[str, ...] = FEATURES
) -> list[Fact]:
    """Two facts about two kinds of things: each stands first in one and second in the other, with
    different features, so that neither position nor frequency tells the direction."""
    one, other = next(names), next(names)
    feature, other_feature = rng.sample(features, 2)
    degrees = ("more", "less")
    return [
        Fact(f"{rng.choice(degrees)} {feature}", one, other),
        Fact(f"{rng.choice(degrees)} {other_feature}", other, one),
    ]


def person(rng: random.Random, names: Iterator[str], *, order: str | None = None) -> list[Fact]:
    """One person with a description; `order` is "name", "description" or "both" (default: random)."""
    name = f"{next(names)} {next(names)}"
    description = f"the {rng.choice(ROLES)} of the {rng.choice(QUALITIES)} {rng.choice(WORKS)}"
    order = order or rng.choice(("name", "description"))
    facts = [Fact("is_person", name, description), Fact("is_called", description, name)]
    return {"name": facts[:1], "description": facts[1:], "both": facts}[order]


def role_is_reserved(description: str) -> bool:
    """Whether the description's role was kept out of the augmentation tasks of the embedded model."""
    return description.split()[1] in RESERVED_ROLES


def family(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """A tree of three generations, two lines of siblings joined by a marriage; 11 people, 11 facts.

    p and q are siblings, r and s are siblings; a, b, c, d are their children in this order; b and c
    marry, so do a and e; k is a child of a, m of d; one godparent (the reserved relation).
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


def kinds(rng: random.Random, names: Iterator[str], *, chain: int = 3, leaves: int = 2) -> list[Fact]:
    """A chain of kinds (each a type of the next) with `leaves` kinds at its low end; each level has a
    property of its own; two of the kinds live on each other's like (the reserved relation)."""
    levels = [next(names) for _ in range(chain - 1)]
    lowest = [next(names) for _ in range(leaves)]
    facts = [Fact("type_of", low, high) for low, high in itertools.pairwise(levels)]
    facts += [Fact("type_of", leaf, levels[0]) for leaf in lowest]
    facts += [Fact("have", kind, next(names)) for kind in (*levels, *lowest)]
    facts.append(Fact("live_on", *rng.sample((*levels, *lowest), 2)))
    return facts


def company(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """People who report to people, parts of parts, suppliers of suppliers."""
    relation = rng.choice(("reports_to", "part_of", "supplies", "manages", "contains", "supplied_by"))
    chain = [next(names) for _ in range(rng.randint(2, 4))]
    return [Fact(relation, one, other) for one, other in itertools.pairwise(chain)]
