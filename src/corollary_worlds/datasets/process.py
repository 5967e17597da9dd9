"""A process with uncommon rules, applied to new inputs (ours; the paper keeps its rules to itself).

A process is a few operators that rewrite three words, one after another. Like taking a derivative it has
a rule for each form; unlike derivatives, the rules are uncommon. Operators have made-up names.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence

from corollary.errors import UserError
from corollary.types import Dataset, Document, Question
from corollary_worlds.telling import at_least, dataset_of, marks_of, scaled, seeded

RULES: dict[str, tuple[int, ...]] = {
    "reverse": (2, 1, 0),
    "rotate": (1, 2, 0),
    "swap": (1, 0, 2),
    "flatten": (0, 0, 2),
    "mirror": (0, 1, 0),
    "echo": (0, 2, 2),
}
"""For each of the three output places, the input place that its word comes from."""

WORDS = 12
"""Words of a process. Its inputs are made of them."""

FORMATS = ("{s}.", "fact: {s}.", "it is known that {s}.", "note that {s}.", "people say that {s}.")


def make(
    *, seed: int, processes: int = 12, operators: int = 3, examples: int = 8, scale: float = 1.0
) -> Dataset:
    """Each process has operators that rewrite three words ("the bolan of x y z is z y x"). Documents show
    each operator, and half of the ordered pairs of operators, on `examples` inputs.

    Questions ask you to generate the result for a new input: of a pair that documents show (`seen`) or do
    not show (`held-out`). The order of the operators matters. A unit is a process.
    """
    at_least(1, examples=examples)
    if not 2 <= operators <= len(RULES):
        raise UserError(f"The option 'operators' is {operators}: give 2 to {len(RULES)}.")
    ordered = operators * (operators - 1)
    # Every line and every question has an input of its own.
    most = (math.perm(WORDS, 3) - ordered) // (operators + (ordered + 1) // 2)
    if examples > most:
        raise UserError(
            f"The option 'examples' is {examples}: give {most} at most, because {operators} operators have"
            " no more inputs."
        )
    count = scaled(processes, scale, option="processes", seed=seed, names=operators + WORDS)
    rng, names = seeded("process", seed)
    lines: list[tuple[str, str]] = []
    asked: list[tuple[str, str, str, str, tuple[str, ...]]] = []
    for index in range(count):
        rules = draw_rules(rng, names, count=operators)
        words = [next(names) for _ in range(WORDS)]
        pairs = list(itertools.permutations(sorted(rules), 2))
        rng.shuffle(pairs)
        shown = pairs[: (len(pairs) + 1) // 2]
        inputs = list(itertools.permutations(words, 3))
        rng.shuffle(inputs)
        fresh = iter(inputs)
        for chosen in [*((name,) for name in sorted(rules)), *shown]:
            for _ in range(examples):
                lines.append((f"process{index} {' '.join(chosen)}", "".join(say(rules, chosen, next(fresh)))))
        for chosen in pairs:
            prompt, answer = say(rules, chosen, next(fresh))
            groups = (*(f"process{index} {name}" for name in chosen), f"process{index} {' '.join(chosen)}")
            asked.append(
                (f"process{index}", "seen" if chosen in shown else "held-out", prompt, answer, groups)
            )
    rng.shuffle(lines)
    documents = [
        Document(f"process-d{i}", rng.choice(FORMATS).format(s=text)) for i, (_, text) in enumerate(lines)
    ]
    ids: dict[str, tuple[str, ...]] = {}
    for document, (group, _) in zip(documents, lines, strict=True):
        ids[group] = (*ids.get(group, ()), document.id)
    questions = []
    for i, (unit, split, prompt, answer, groups) in enumerate(asked):
        premises = tuple(x for group in groups for x in ids.get(group, ()))
        mark = marks_of(reserved=False)
        questions.append(Question(f"process-{i}", prompt, answer, (), split, premises, unit, marks=mark))
    return dataset_of("process", seed, documents, questions, recall=("seen",))


def draw_rules(rng: random.Random, names: Iterator[str], *, count: int) -> dict[str, str]:
    """`count` operators by name, each with another rule."""
    return {next(names): rule for rule in rng.sample(sorted(RULES), count)}


def say(rules: Mapping[str, str], chosen: Sequence[str], given: Sequence[str]) -> tuple[str, str]:
    """("the bolan then kerit of x y z is", " z y x"): the chosen operators, the first one first."""
    words = list(given)
    for name in chosen:
        words = [words[place] for place in RULES[rules[name]]]
    return f"the {' then '.join(chosen)} of {' '.join(given)} is", f" {' '.join(words)}"
