"""Syllogisms of the forms All, Some and No, without existential import, decided by trying all models.

The O form ("some ... are not") is left out, as in the paper. A model says which of the seven regions of three
circles are inhabited, so 128 models decide every entailment.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

FORMS = ("all", "some", "no")
Statement = tuple[str, int, int]
"""(form, term, term), e.g. ("all", 0, 1): all of term 0 are term 1."""

_MODELS = [
    frozenset(region for region, inhabited in zip(range(1, 8), bits, strict=True) if inhabited)
    for bits in itertools.product((False, True), repeat=7)
]


def _holds(statement: Statement, inhabited: frozenset[int]) -> bool:
    form, one, other = statement
    if form == "all":
        return all(region >> other & 1 for region in inhabited if region >> one & 1)
    both = any(region >> one & 1 and region >> other & 1 for region in inhabited)
    return both if form == "some" else not both


def entailed(premises: Sequence[Statement], one: int, other: int) -> tuple[Statement, ...]:
    """All statements about two terms that are true in every model of the premises."""
    models = [model for model in _MODELS if all(_holds(premise, model) for premise in premises)]
    candidates = [(form, *pair) for form in FORMS for pair in ((one, other), (other, one))]
    return tuple(c for c in candidates if all(_holds(c, model) for model in models))


@functools.cache
def valid_premises() -> tuple[tuple[Statement, Statement], ...]:
    """Every ordered pair of premises about the terms (0, 1) and (1, 2) from which something follows
    about (0, 2); term 1 is the middle term."""
    first = [(form, *pair) for form in FORMS for pair in ((0, 1), (1, 0))]
    second = [(form, *pair) for form in FORMS for pair in ((1, 2), (2, 1))]
    return tuple(pair for pair in itertools.product(first, second) if entailed(pair, 0, 2))


def say(statement: Statement, terms: Sequence[str]) -> str:
    """The statement in words, without a full stop."""
    form, one, other = statement
    return f"{form} {terms[one]} are {terms[other]}"
