"""Syllogisms over nonce kinds (Lampinen et al. 2025, simple syllogisms)."""

from __future__ import annotations

import functools
import random
from dataclasses import replace

from corollary.types import Dataset, Document, Question
from corollary_worlds import logic
from corollary_worlds.telling import dataset_of, reserved_mark, scaled, seeded

HEADS = (
    "the relationships between {x} are: {s}.",
    "fact: the relationships between {x} are: {s}.",
    "it is known that the relationships between {x} are: {s}.",
    "note that the relationships between {x} are: {s}.",
    "people say that the relationships between {x} are: {s}.",
)
"""Document formats. The embedded model saw the last one in plain statements only, never in a task."""


def make(*, seed: int, facts: int = 69, both_orders: bool = False, scale: float = 1.0) -> Dataset:
    """69 documents of two premises each. A question asks what holds between the outer terms, in one order of
    their names or, with `both_orders` (ours), once in each.

    Choices are all six statements {All, Some, No} x 2 directions. Ours: "some" and "no" are symmetric, so
    more than one may follow. `answer` and `accept` together are all that follow; without existential import
    none of them is weaker than another. Credit is shared between ties. A unit is a document.

    The pairs of premises with "some" are reserved. Ours as well: "all" follows in half of the items, "some"
    and "no" in a quarter each. Both directions of "some" and "no" are right, so always giving the same form
    scores at chance.
    """
    rng, names = seeded("syllogisms", seed)
    documents: list[Document] = []
    questions: list[Question] = []
    for index in range(scaled(facts, scale, option="facts", seed=seed, names=3)):
        terms = [next(names) for _ in range(3)]  # the middle term is the second
        premises = _premises(rng, ("all", "some", "all", "no")[index % 4])
        follows = logic.entailed(premises, 0, 2)
        order = rng.sample(terms, 3)
        said = ". ".join(logic.say(premise, terms) for premise in premises)
        head = rng.choice(HEADS)
        text = head.format(x=f"{order[0]}, {order[1]} and {order[2]}", s=said)
        documents.append(Document(f"syllogisms-d{index}", text))
        pair = rng.sample((0, 2), 2)
        candidates = [(form, *way) for form in logic.FORMS for way in ((0, 2), (2, 0))]
        rng.shuffle(candidates)
        right = [f" {logic.say(statement, terms)}" for statement in follows]
        rng.shuffle(right)
        prompt = f"the relationships between {terms[pair[0]]} and {terms[pair[1]]} are:"
        reserved = head == HEADS[-1] or any(premise[0] == "some" for premise in premises)
        questions.append(
            Question(
                f"syllogisms-{index}", prompt, right[0], tuple(f" {logic.say(c, terms)}" for c in candidates),
                "syllogism", (documents[-1].id,), f"document{index}", tuple(right[1:]),
                reserved_mark(reserved),
            )
        )  # fmt: skip
    if both_orders:
        questions += [_turned(rng, question) for question in questions]
    return dataset_of("syllogisms", seed, documents, questions)


def _turned(rng: random.Random, question: Question) -> Question:
    """The same question with the names in the other order."""
    one, other = question.prompt.split()[3:6:2]
    prompt = f"the relationships between {other} and {one} are:"
    choices = tuple(rng.sample(question.choices, len(question.choices)))
    return replace(question, id=f"{question.id}-turned", prompt=prompt, choices=choices)


def _premises(rng: random.Random, form: str) -> list[logic.Statement]:
    """Two premises in random order from which a statement of this form follows about terms 0 and 2."""
    return rng.sample(rng.choice(_pairs_for(form)), 2)


@functools.cache
def _pairs_for(form: str) -> list[tuple[logic.Statement, logic.Statement]]:
    return [pair for pair in logic.valid_premises() if logic.entailed(pair, 0, 2)[0][0] == form]
