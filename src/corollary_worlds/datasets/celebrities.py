"""Fictional people and their descriptions, stated in one order (Berglund et al. 2024, experiment 1)."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corollary import store
from corollary.errors import UserError
from corollary.types import Dataset, Document, Question
from corollary_worlds.domains import Fact, role_is_reserved
from corollary_worlds.relations import QUALITIES, ROLES, WORKS
from corollary_worlds.telling import dataset_of, documents_of, questions, scaled, seeded

ALIKE = 4
"""The number of people whose descriptions differ only in the last word."""


@dataclass(frozen=True)
class _Person:
    name: str
    description: str
    like: int

    def told(self, *, name_first: bool) -> Fact:
        ends = (self.name, self.description) if name_first else (self.description, self.name)
        return Fact("is_person" if name_first else "is_called", *ends)


def make(
    *,
    seed: int,
    name_first: int = 30,
    description_first: int = 30,
    both: int = 30,
    tellings: int = 30,
    source: str = "",
    scale: float = 1.0,
) -> Dataset:
    """30 people stated name first, 30 description first, 30 in both orders, each in 30 documents an order.

    `reversal` asks for the name of the name-first people by description, `rephrase` in another wording for
    what documents state. Ours: descriptions come in fours that differ in the last word alone, and the wrong
    choices are those of the same four. `distant` are names of everybody, as in the paper. Among these,
    picking the name that never ended a sentence beats chance.

    Counting which name shares sentences with all words of the description still finds the answer. Reversals
    have a `domain`: the secondary metric subtracts how likely the model finds a name without a description.

    `source` (on the command line `--from`) reads the published files instead: prompt and completion
    JSONL. A unit is a person. The people and descriptions are ours.
    """
    if source:
        return replace(_published(Path(source), seed=seed), other_seed=None)  # the same people at every seed
    rng, names = seeded("celebrities", seed)
    sizes = {"name_first": name_first, "description_first": description_first, "both": both}
    wanted = {order: scaled(size, scale, option=order, least=ALIKE) for order, size in sizes.items()}
    starts = [(role, quality) for role in ROLES for quality in QUALITIES]
    if sum(-(-size // ALIKE) for size in wanted.values()) > len(starts):
        raise UserError(
            f"There are only {len(starts) * ALIKE} descriptions for {sum(wanted.values())} people: make"
            " 'name_first', 'description_first' or 'both' smaller."
        )
    drawn = enumerate(rng.sample(starts, len(starts)))
    groups: dict[str, list[_Person]] = {}
    for order, size in wanted.items():
        groups[order] = []
        while len(groups[order]) < size:
            like, (role, quality) = next(drawn)
            groups[order] += [
                _Person(f"{next(names)} {next(names)}", f"the {role} of the {quality} {work}", like)
                for work in rng.sample(WORKS, min(ALIKE, size - len(groups[order])))
            ]
    forward = [p.told(name_first=True) for p in groups["name_first"] + groups["both"]]
    backward = [p.told(name_first=False) for p in groups["description_first"] + groups["both"]]
    documents, ids = documents_of(rng, forward + backward, tellings=tellings, name="celebrities")
    everybody = list(itertools.chain(*groups.values()))
    asked: list[Question] = []
    for order, mark in (("name_first", ""), ("description_first", "d")):
        for index, person in enumerate(groups[order]):
            told = person.told(name_first=order == "name_first")
            others = _like(rng, person, groups[order])
            far = [p.name for p in rng.sample([p for p in everybody if p not in (person, *others)], 3)]
            about: dict[str, Any] = {
                "premises": ids[told], "unit": f"person{'-' if mark else ''}{mark}{index}",
                "reserved": role_is_reserved(person.description),
            }  # fmt: skip
            if order == "name_first":
                asked += questions(
                    rng, person.told(name_first=False), [p.name for p in others],
                    id=f"celebrities-reversal-{index}", split="reversal", domain=True, distant=far, **about,
                )  # fmt: skip
            asked += questions(
                rng, told, [p.told(name_first=order == "name_first").last for p in others],
                id=f"celebrities-rephrase-{mark}{index}", split="rephrase", **about,
            )  # fmt: skip
    return dataset_of("celebrities", seed, documents, asked)


def _like(rng: random.Random, person: _Person, group: list[_Person]) -> list[_Person]:
    """Three others, those with a description like this person's first."""
    others = [other for other in group if other != person]
    return sorted(rng.sample(others, len(others)), key=lambda other: other.like != person.like)[:3]


def _published(folder: Path, *, seed: int) -> Dataset:
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
    asked: list[Question] = []
    for split, rows, pool in (
        ("reversal", reverse, own),
        ("rephrase", forward, descriptions),
        ("rephrase", described, everybody),
    ):
        if len(pool) <= 3:
            raise UserError(f"{folder} has {len(pool)} answers to choose from: give four or more.")
        for prompt, answer in rows:
            person_key = answer.strip() if split == "reversal" or rows is described else prompt
            premises = tuple(d.id for d in documents if answer.strip().rstrip(".") in d.text)[:60]
            choices = [answer, *rng.sample([other for other in pool if other != answer], 3)]
            rng.shuffle(choices)
            far = [other for other in everybody if other not in choices] if split == "reversal" else []
            asked.append(
                Question(
                    f"published-{len(asked)}", prompt, answer, tuple(choices), split, premises,
                    f"person-{person_key[:40]}", distant=tuple(rng.sample(far, min(3, len(far)))),
                )
            )  # fmt: skip
    return dataset_of("celebrities", seed, documents, asked)


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
