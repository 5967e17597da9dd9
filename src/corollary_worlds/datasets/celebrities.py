"""Fictional people and their descriptions, stated in one order (Berglund et al. 2024, experiment 1)."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from corollary import store
from corollary.errors import UserError
from corollary.types import Dataset, Document, Question
from corollary_worlds.domains import Fact, person, role_is_reserved
from corollary_worlds.relations import QUALITIES, ROLES, WORKS
from corollary_worlds.telling import (
    dataset_of,
    documents_of,
    domain_of,
    question,
    scaled,
    seeded,
    wrong_choices,
)

DESCRIPTIONS = len(ROLES) * len(QUALITIES) * len(WORKS)


def make(
    *,
    seed: int,
    name_first: int = 30,
    description_first: int = 30,
    both: int = 30,
    tellings: int = 30,
    askings: int = 1,
    wrong_from: str = "all",
    source: str = "",
    scale: float = 1.0,
) -> Dataset:
    """30 people stated name first, 30 description first, 30 in both orders, each in 30 documents an order.

    `reversal` asks for the name of the name-first people by description. The wrong names are of everybody or,
    with `wrong_from="same"`, of the name-first people alone: plain tuning is then near chance, not near zero.
    `rephrase` asks in another wording for what documents state, with wrong choices from the same group. Each
    question is asked `askings` times, against other wrong choices (ours; the paper asks once).

    The documents show the order in which each person is stated. With `wrong_from="all"` you are right more
    often than chance if you pick the name that never ended a sentence, in the paper's form too. So reversals
    have a `domain`: the secondary metric subtracts how likely the model finds a name without a description.

    `source` (on the command line `--from`) reads the published files instead: prompt and completion
    JSONL. A unit is a person. The people and descriptions are ours.
    """
    if wrong_from not in ("all", "same"):
        raise UserError(f"The option 'wrong_from' is {wrong_from}: give all or same.")
    if source:
        published = _published(Path(source), seed=seed, askings=askings, wrong_from=wrong_from)
        return replace(published, other_seed=None)  # the same people at every seed
    rng, names = seeded("celebrities", seed)
    sizes = {
        "name": ("name_first", name_first),
        "description": ("description_first", description_first),
        "both": ("both", both),
    }
    wanted = {order: scaled(size, scale, option=option, least=4) for order, (option, size) in sizes.items()}
    if sum(wanted.values()) > DESCRIPTIONS:
        raise UserError(
            f"There are only {DESCRIPTIONS} descriptions for {sum(wanted.values())} people: make"
            " 'name_first', 'description_first' or 'both' smaller."
        )
    groups: dict[str, list[list[Fact]]] = {}
    taken: set[str] = set()
    for order, size in wanted.items():
        groups[order] = []
        while len(groups[order]) < size:
            facts = person(rng, names, order=order)
            description = facts[0].last if facts[0].relation == "is_person" else facts[0].first
            if description not in taken:
                taken.add(description)
                groups[order].append(facts)
    people = [facts for group in groups.values() for facts in group]
    documents, ids = documents_of(
        rng, [f for facts in people for f in facts], tellings=tellings, name="celebrities"
    )
    everybody = [f.first if f.relation == "is_person" else f.last for facts in people for f in facts[:1]]
    same = [facts[0].first for facts in groups["name"]]
    asked: list[tuple[str, str, str, Fact, Fact, list[str]]] = []  # split, id, unit, fact, told as, wrong
    for index, (fact,) in enumerate(groups["name"]):
        others = [n for n in (everybody if wrong_from == "all" else same) if n != fact.first]
        descriptions = [other.last for (other,) in groups["name"] if other != fact]
        turned = Fact("is_called", fact.last, fact.first)
        asked.append(("reversal", f"{index}", f"person{index}", turned, fact, others))
        asked.append(("rephrase", f"{index}", f"person{index}", fact, fact, descriptions))
    for index, (fact,) in enumerate(groups["description"]):
        others = [other.last for (other,) in groups["description"] if other != fact]
        asked.append(("rephrase", f"d{index}", f"person-d{index}", fact, fact, others))
    questions = tuple(
        question(
            rng, fact, wrong, id=f"celebrities-{split}-{key}-{number}", split=split, premises=ids[told],
            unit=unit, reserved=role_is_reserved(told.last if told.relation == "is_person" else told.first),
            domain=domain_of(fact) if split == "reversal" else "",
        )
        for split, key, unit, fact, told, pool in asked
        for number, wrong in enumerate(wrong_choices(rng, pool, askings=askings))
    )  # fmt: skip
    return dataset_of("celebrities", seed, documents, questions)


def _published(folder: Path, *, seed: int, askings: int, wrong_from: str) -> Dataset:
    """The published reversal-curse files. Every training row is a document. Questions are the reversed
    prompts of the name-first people (`reversal`) and the forward prompts of both one-order groups."""
    train = _rows(folder / "all_prompts_train.jsonl")
    rng = random.Random(f"corollary-published-{seed}")
    documents = tuple(Document(f"published-d{i}", row[0] + row[1]) for i, row in enumerate(train))
    reverse = _rows(folder / "p2d_reverse_prompts_test.jsonl")
    described = _rows(folder / "d2p_prompts_test.jsonl")
    forward = _rows(folder / "p2d_prompts_test.jsonl")
    own = sorted({answer for _, answer in reverse})
    everybody = sorted(
        {
            *own,
            *(a for _, a in described),
            *(a for _, a in _rows(folder / "both_prompts_test.jsonl") if len(a.split()) < 4),
        }
    )
    descriptions = sorted({answer for _, answer in forward})
    questions: list[Question] = []
    for split, rows, pool in (
        ("reversal", reverse, everybody if wrong_from == "all" else own),
        ("rephrase", forward, descriptions),
        ("rephrase", described, everybody),
    ):
        for prompt, answer in rows:
            person_key = answer.strip() if split == "reversal" or rows is described else prompt
            premises = tuple(d.id for d in documents if answer.strip().rstrip(".") in d.text)[:60]
            others = [other for other in pool if other != answer]
            for wrong in wrong_choices(rng, others, askings=askings):
                choices = [answer, *wrong]
                rng.shuffle(choices)
                key, unit = f"published-{len(questions)}", f"person-{person_key[:40]}"
                questions.append(Question(key, prompt, answer, tuple(choices), split, premises, unit))
    return dataset_of("celebrities", seed, documents, questions)


def _rows(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: give --from the folder of the published reversal-curse files."
        )
    try:
        return [(row["prompt"], row["completion"]) for row in store.read_jsonl(path)]
    except (KeyError, TypeError) as error:
        raise UserError(
            f'{path} holds a line that is not {{"prompt": ..., "completion": ...}}: correct or remove it.'
        ) from error
