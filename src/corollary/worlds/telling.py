"""From facts to documents and questions: what the controlled datasets share."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from corollary.errors import UserError
from corollary.types import Document, Question
from corollary.worlds.domains import Fact
from corollary.worlds.names import draw_names, part_for_seed
from corollary.worlds.relations import FORMATS, RELATIONS


def seeded(name: str, seed: int) -> tuple[random.Random, Iterator[str]]:
    """The random generator and the stream of names of a dataset at a seed."""
    rng = random.Random(f"corollary-{name}-{seed}")
    return rng, draw_names(rng, part=part_for_seed(seed))


def tell(rng: random.Random, fact: Fact, *, tellings: int) -> list[str]:
    """`tellings` distinct texts of one fact, each a wording of its relation in one of the formats."""
    wordings = RELATIONS[fact.relation].wordings
    pairs = [(wording, template) for wording in wordings for template in FORMATS]
    chosen = (
        rng.sample(pairs, tellings)
        if tellings <= len(pairs)
        else [rng.choice(pairs) for _ in range(tellings)]
    )
    return [template.format(s=wording.format(a=fact.first, b=fact.last)) for wording, template in chosen]


def documents_of(
    rng: random.Random, facts: Sequence[Fact], *, tellings: int, name: str
) -> tuple[tuple[Document, ...], dict[Fact, tuple[str, ...]]]:
    """One-fact documents in random order, and the ids of the documents that tell each fact."""
    if tellings < 1:
        raise UserError(f"The knob 'tellings' is {tellings}: give a number above 0.")
    told = [(fact, text) for fact in facts for text in tell(rng, fact, tellings=tellings)]
    rng.shuffle(told)
    documents = tuple(Document(f"{name}-d{i}", text) for i, (_, text) in enumerate(told))
    ids: dict[Fact, tuple[str, ...]] = {}
    for document, (fact, _) in zip(documents, told, strict=True):
        ids[fact] = (*ids.get(fact, ()), document.id)
    return documents, ids


def ask(fact: Fact, *, rephrased: bool = False) -> tuple[str, str]:
    """(prompt, answer) of a fact: a sentence cut before its last argument, in the plainest wording or,
    `rephrased`, in the wording that no document has. The leading space belongs to the answer."""
    relation = RELATIONS[fact.relation]
    wording = relation.asked if rephrased else relation.wordings[0]
    return wording.removesuffix(" {b}").format(a=fact.first), f" {fact.last}"


def question(
    rng: random.Random,
    fact: Fact,
    wrong: Sequence[str],
    *,
    id: str,
    split: str,
    premises: Sequence[str],
    unit: str,
    reserved: bool = False,
) -> Question:
    """A multiple-choice question about the last argument of a fact; `wrong` are other last arguments."""
    prompt, answer = ask(fact, rephrased=split == "rephrase")
    choices = [answer, *(f" {other}" for other in wrong)]
    rng.shuffle(choices)
    return Question(id, prompt, answer, tuple(choices), split, tuple(premises), unit, (), reserved)


def scaled(size: int, scale: float, *, knob: str, least: int = 1) -> int:
    """A size shrunk by `scale`, never below `least`.

    Raises: UserError, which names the `knob` of the size, when there would be nothing.
    """
    at_least(1, **{knob: size})
    if not (0 < scale < math.inf):
        raise UserError(f"The knob 'scale' is {scale}: give a number above 0.")
    return max(least, round(size * scale))


def at_least(least: int, **knobs: int) -> None:
    """Raises: UserError, which names the first knob that is below `least`."""
    for knob, value in knobs.items():
        if value < least:
            raise UserError(f"The knob '{knob}' is {value}: give {least} or more.")
