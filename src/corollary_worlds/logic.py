"""Syllogisms, decided by trying all models.

A model says which of the seven regions of three circles are inhabited, so 128 models decide every entailment.
The paper has the forms All, Some and No, and no existential import. Ours are the form "some ... are not", the
pairs of premises from which nothing follows, and premises that say that there are things of a kind.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence

FORMS = ("all", "some", "no")
"""The forms of the paper, which the embedded model practised."""
ALL_FORMS = (*FORMS, "some not")
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
    if form == "some not":
        return any(region >> one & 1 and not region >> other & 1 for region in inhabited)
    both = any(region >> one & 1 and region >> other & 1 for region in inhabited)
    return both if form == "some" else not both


def entailed(
    premises: Sequence[Statement], one: int, other: int, *, forms: Sequence[str] = FORMS
) -> tuple[Statement, ...]:
    """All statements of these forms about two terms that are true in every model of the premises."""
    models = [model for model in _MODELS if all(_holds(premise, model) for premise in premises)]
    candidates = [(form, *pair) for form in forms for pair in ((one, other), (other, one))]
    return tuple(c for c in candidates if all(_holds(c, model) for model in models))


@functools.cache
def valid_premises() -> tuple[tuple[Statement, Statement], ...]:
    """Every ordered pair of premises of the paper's forms from which something follows about (0, 2)."""
    return tuple(pair for pair in pairs_of_premises(FORMS) if entailed(pair, 0, 2))


def pairs_of_premises(forms: Sequence[str] = ALL_FORMS) -> Iterator[tuple[Statement, Statement]]:
    """Every ordered pair of premises about the terms (0, 1) and (1, 2); term 1 is the middle term."""
    first = [(form, *pair) for form in forms for pair in ((0, 1), (1, 0))]
    second = [(form, *pair) for form in forms for pair in ((1, 2), (2, 1))]
    return itertools.product(first, second)


def say(statement: Statement, terms: Sequence[str]) -> str:
    """The statement in words, without a full stop."""
    form, one, other = statement
    if one == other:
        return f"there are {terms[one]}"
    form, _, denied = form.partition(" ")
    return f"{form} {terms[one]} are {f'{denied} ' if denied else ''}{terms[other]}"
