"""A process with uncommon rules, applied to held-out combinations (ours; the paper keeps its rules)."""

from __future__ import annotations

import itertools
import math

from corollary.errors import UserError
from corollary.types import Dataset, Document, Question
from corollary_worlds import transform
from corollary_worlds.telling import at_least, dataset_of, reserved_mark, scaled, seeded

WORDS = 12
"""Words of a process, of which its inputs are made."""

FORMATS = ("{s}.", "fact: {s}.", "it is known that {s}.", "note that {s}.", "people say that {s}.")


def make(
    *, seed: int, processes: int = 12, operators: int = 3, examples: int = 8, scale: float = 1.0
) -> Dataset:
    """Each process has operators that rewrite three words ("the bolan of x y z is z y x"); documents show
    each operator and some ordered pairs of operators ("the bolan then kerit of ...") on `examples` inputs.

    Asked, by exact-match generation: new inputs of pairs that documents show (`seen`) and of pairs that
    they do not (`held-out`). The order of the operators matters. A unit is a process.
    """
    at_least(1, examples=examples)
    if not 2 <= operators <= len(transform.RULES):
        raise UserError(f"The option 'operators' is {operators}: give 2 to {len(transform.RULES)}.")
    ordered = operators * (operators - 1)
    # Every line and every question has an input of its own.
    most = (math.perm(WORDS, 3) - ordered) // (operators + (ordered + 1) // 2)
    if examples > most:
        raise UserError(
            f"The option 'examples' is {examples}: give {most} at most, which is what the inputs of"
            f" {operators} operators suffice for."
        )
    rng, names = seeded("process", seed)
    lines: list[tuple[str, str]] = []
    asked: list[tuple[str, str, str, str, tuple[str, ...]]] = []
    for index in range(scaled(processes, scale, option="processes")):
        rules = transform.operators(rng, names, count=operators)
        words = [next(names) for _ in range(WORDS)]
        pairs = list(itertools.permutations(sorted(rules), 2))
        rng.shuffle(pairs)
        shown = pairs[: (len(pairs) + 1) // 2]
        inputs = list(itertools.permutations(words, 3))
        rng.shuffle(inputs)
        fresh = iter(inputs)
        for chosen in [*((name,) for name in sorted(rules)), *shown]:
            for _ in range(examples):
                lines.append((f"process{index} {' '.join(chosen)}", _statement(rules, chosen, next(fresh))))
        for chosen in pairs:
            given = next(fresh)
            result = " ".join(transform.apply([rules[name] for name in chosen], given))
            split = "seen" if chosen in shown else "held-out"
            groups = (*(f"process{index} {name}" for name in chosen), f"process{index} {' '.join(chosen)}")
            asked.append((f"process{index}", split, transform.say(chosen, given), f" {result}", groups))
    rng.shuffle(lines)
    documents = tuple(
        Document(f"process-d{i}", rng.choice(FORMATS).format(s=text)) for i, (_, text) in enumerate(lines)
    )
    ids: dict[str, tuple[str, ...]] = {}
    for document, (group, _) in zip(documents, lines, strict=True):
        ids[group] = (*ids.get(group, ()), document.id)
    questions = tuple(
        Question(
            f"process-{i}",
            prompt,
            answer,
            (),
            split,
            tuple(x for g in groups for x in ids.get(g, ())),
            unit,
            marks=reserved_mark(False),
        )
        for i, (unit, split, prompt, answer, groups) in enumerate(asked)
    )
    return dataset_of("process", seed, documents, questions, recall=("seen",))


def _statement(rules: dict[str, str], chosen: tuple[str, ...], given: tuple[str, ...]) -> str:
    return (
        f"{transform.say(chosen, given)} {' '.join(transform.apply([rules[name] for name in chosen], given))}"
    )
