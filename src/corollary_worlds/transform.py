"""A process: operators that rewrite a short sequence of words, applied one after another (ours).

Like taking a derivative it is a map from expressions to expressions with a rule for each form; unlike
it, the rules are uncommon. An operator's name is a nonce word; its rule is the same in a whole world.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

RULES: dict[str, tuple[int, ...]] = {
    "reverse": (2, 1, 0),
    "rotate": (1, 2, 0),
    "swap": (1, 0, 2),
    "flatten": (0, 0, 2),
    "mirror": (0, 1, 0),
    "echo": (0, 2, 2),
}
"""Each rule says which input position stands at each of the three output positions."""


def apply(rules: Sequence[str], words: Sequence[str]) -> list[str]:
    """The words after the named rules, the first one first."""
    for rule in rules:
        words = [words[position] for position in RULES[rule]]
    return list(words)


def say(operators: Sequence[str], words: Sequence[str]) -> str:
    """The question half of a statement: "the bolan then kerit of x y z is"."""
    return f"the {' then '.join(operators)} of {' '.join(words)} is"


def operators(rng: random.Random, names: Iterator[str], *, count: int) -> dict[str, str]:
    """Nonce operator names with distinct rules."""
    return {next(names): rule for rule in rng.sample(sorted(RULES), count)}
