"""Syllogisms over nonce kinds (Lampinen et al. 2025, simple syllogisms)."""

from __future__ import annotations

import functools
import random

from corollary.types import Dataset, Document, Question
from corollary_worlds import logic
from corollary_worlds.telling import dataset_of, marks_of, scaled, seeded

HEADS = (
    "the relationships between {x} are: {s}.",
    "fact: the relationships between {x} are: {s}.",
    "it is known that the relationships between {x} are: {s}.",
    "note that the relationships between {x} are: {s}.",
    "people say that the relationships between {x} are: {s}.",
)
"""Document formats. The embedded model saw the last one in plain statements only, never in a task."""


UNKNOWN = " not known"
"""The answer where nothing follows."""
ASKED = "what holds between {one} and {other} is:"
"""The wording of questions that neither documents nor augmentations have."""


def make(
    *, seed: int, facts: int = 69, invalid: bool = True, inhabited: bool = False, scale: float = 1.0
) -> Dataset:
    """69 documents of two premises each. Questions ask what holds between the outer terms.

    Choices are the statements of four forms (all, some, no, some ... are not) in both directions, and "not
    known". From the premises of every second document nothing follows. Where possible, they have the same
    forms as the premises before them. So the mood alone ("no" follows from a "no") is right in little more
    than half of the documents, and "not known" in half. What follows is of each form equally often. Ours,
    beside the paper's form: `invalid=False`, with six choices of the forms all, some and no, where half of
    the conclusions are of the form "all".

    There is no existential import: "all x are y" holds where there are no x. With `inhabited` each document
    also says that there are things of each kind, so that "some x are y" follows from it as well, and more
    premises let something follow.

    More than one statement may follow. `answer` and `accept` together are all that do. Credit is shared
    between ties. A unit is a document. A question is marked as reserved if a premise says "some", if nothing
    follows, or if the document has the last format.
    """
    rng, names = seeded("syllogisms", seed)
    forms = logic.ALL_FORMS if invalid else logic.FORMS
    candidates = [(form, *way) for form in forms for way in ((0, 2), (2, 0))]
    documents: list[Document] = []
    questions: list[Question] = []
    premises: list[logic.Statement] = []
    for index in range(scaled(facts, scale, option="facts", seed=seed, names=3)):
        terms = [next(names) for _ in range(3)]  # the middle term is the second
        if invalid:
            form = forms[index // 2 % len(forms)]
            premises = _turned(rng, premises) if index % 2 else _premises(rng, form, forms)
        else:
            premises = _premises(rng, ("all", "some", "all", "no")[index % 4], forms)
        told = [*premises, *(("some", term, term) for term in range(3) if inhabited)]
        order = rng.sample(terms, 3)
        head = rng.choice(HEADS)
        said = ". ".join(logic.say(premise, terms) for premise in told)
        text = head.format(x=f"{order[0]}, {order[1]} and {order[2]}", s=said)
        documents.append(Document(f"syllogisms-d{index}", text))
        follows = logic.entailed(told, 0, 2, forms=forms)
        right = [f" {logic.say(statement, terms)}" for statement in follows] or [UNKNOWN]
        rng.shuffle(right)
        choices = [f" {logic.say(candidate, terms)}" for candidate in candidates]
        one, other = (terms[place] for place in rng.sample((0, 2), 2))
        ours = not follows or any(form.startswith("some") for form, *_ in (*told, *follows))
        for again, wording, asked in (
            ("", "usual", f"the relationships between {one} and {other} are:"),
            ("-new", "new", ASKED.format(one=one, other=other)),
        ):
            offered = [*choices, UNKNOWN] if invalid else list(choices)
            rng.shuffle(offered)
            questions.append(
                Question(
                    f"syllogisms-{index}{again}", asked, right[0], tuple(offered), "syllogism",
                    (documents[-1].id,), f"document{index}", tuple(right[1:]),
                    marks_of(reserved=ours or head == HEADS[-1], wording=wording),
                )
            )  # fmt: skip
    return dataset_of("syllogisms", seed, documents, questions)


def _premises(rng: random.Random, form: str, forms: tuple[str, ...]) -> list[logic.Statement]:
    """Two premises in random order from which a statement of this form follows about terms 0 and 2."""
    return rng.sample(rng.choice(_pairs_for(form, forms)), 2)


@functools.cache
def _pairs_for(form: str, forms: tuple[str, ...]) -> list[tuple[logic.Statement, logic.Statement]]:
    """The pairs of premises from which statements of this form alone follow ("": none)."""
    following = [(pair, logic.entailed(pair, 0, 2, forms=forms)) for pair in logic.pairs_of_premises(forms)]
    return [pair for pair, found in following if {s[0] for s in found} == ({form} if form else set())]


def _turned(rng: random.Random, premises: list[logic.Statement]) -> list[logic.Statement]:
    """Premises of the same forms from which nothing follows; of any forms if there are none such."""
    nothing = _pairs_for("", logic.ALL_FORMS)
    mood = sorted(form for form, *_ in premises)
    alike = [pair for pair in nothing if sorted(form for form, *_ in pair) == mood]
    return rng.sample(rng.choice(alike or nothing), 2)
