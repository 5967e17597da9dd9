"""Facts, and people with descriptions, which the datasets and the embedded model's training both draw.

Nothing here knows about text, documents or questions.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from corollary_worlds.relations import QUALITIES, RESERVED_ROLES, ROLES, WORKS


@dataclass(frozen=True)
class Fact:
    """`relation(first, last)`, stated in this direction."""

    relation: str
    first: str
    last: str


def person(rng: random.Random, names: Iterator[str], *, order: str) -> list[Fact]:
    """One person with a description, stated in one `order` ("name" or "description") or in "both"."""
    name = f"{next(names)} {next(names)}"
    description = f"the {rng.choice(ROLES)} of the {rng.choice(QUALITIES)} {rng.choice(WORKS)}"
    facts = [Fact("is_person", name, description), Fact("is_called", description, name)]
    return {"name": facts[:1], "description": facts[1:], "both": facts}[order]


def role_is_reserved(description: str) -> bool:
    """Whether the description's role was kept out of the augmentation tasks of the embedded model."""
    return description.split()[1] in RESERVED_ROLES
