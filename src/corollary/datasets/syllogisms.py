"""Syllogisms over nonce kinds (Lampinen et al. 2025, simple syllogisms)."""

from __future__ import annotations

from corollary.types import Dataset, Document, Question
from corollary.worlds import logic
from corollary.worlds.telling import scaled, seeded

HEADS = (
    "the relationships between {x} are: {s}.",
    "fact: the relationships between {x} are: {s}.",
    "it is known that the relationships between {x} are: {s}.",
    "note that the relationships between {x} are: {s}.",
    "people say that the relationships between {x} are: {s}.",
)
"""Document formats. The embedded model saw the last one in plain statements only, never in a task."""


def syllogisms(*, seed: int, facts: int = 69, scale: float = 1.0) -> Dataset:
    """69 documents of two premises each; asked is what holds between the outer terms.

    Choices are all six statements {All, Some, No} x 2 directions. Ours: "some" and "no" are symmetric,
    so more than one may follow; `answer` and `accept` together are all that follow (without existential
    import none of them is weaker than another), credit is shared between ties. A unit is a document.
    The pairs of premises with "some" are reserved.
    """
    rng, names = seeded("syllogisms", seed)
    documents: list[Document] = []
    questions: list[Question] = []
    for index in range(scaled(facts, scale)):
        terms, premises, follows = logic.syllogism(rng, names)
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
                "syllogism", (documents[-1].id,), f"document{index}", tuple(right[1:]), reserved,
            )
        )  # fmt: skip
    return Dataset("syllogisms", tuple(documents), tuple(questions))
