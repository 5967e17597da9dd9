"""Fictional families (ours): documents state relations one way; questions ask the other way and across."""

from __future__ import annotations

import random
from collections.abc import Iterator

from corollary.types import Dataset, Question
from corollary_worlds.domains import Fact
from corollary_worlds.relations import FORMATS, RELATIONS
from corollary_worlds.telling import dataset_of, documents_of, questions, scaled, seeded

OTHERS = ("godparent_of", "reports_to", "manages")
"""What links the older to the younger beside parents."""


PLAIN = ("{s}.",)


def make(
    *, seed: int, trees: int = 40, tellings: int = 6, plain: bool = False, scale: float = 1.0
) -> Dataset:
    """Families of 10 people and 20 facts each. `tellings` one-sentence documents state each fact.

    With `plain`, names have capitals and nothing stands around a sentence, as public models expect it. The
    embedded model reads small letters only.

    Four older people are each linked to each of four younger ones, by four relations: everybody has one
    parent, one godparent, one who works under them and one who manages them. In these sentences the older
    stands first. The choices of a question are all four of a generation. So each of them shares a sentence
    with the asked name, or with a name that does, and stands there in the same place: no counter of names
    that stand together, and none of their order, finds the answer. The wrong choices are right for another
    relation. `distant` choices are people of the right one's generation in another family.

    Splits: `rephrase` (parent's child), `reversal` (child's parent, and one of the other relations;
    godparents are the reserved pair), `two-hop` (aunt or uncle, grandparent), `three-hop` (cousin, with three
    choices). A unit is a family.
    """
    rng, names = seeded("family", seed)
    count = scaled(trees, scale, option="trees", least=2, seed=seed, names=10)
    if plain:
        names = map(str.capitalize, names)
    told = [_Family(rng, names) for _ in range(count)]
    documents, ids = documents_of(
        rng, [f for each in told for f in each.facts], tellings=tellings, name="family",
        formats=PLAIN if plain else FORMATS,
    )  # fmt: skip
    asked: list[Question] = []
    for index, family in enumerate(told):
        another = rng.choice([other for other in told if other is not family])
        for number, (split, fact, used) in enumerate(family.items(rng)):
            wrong = [n for n in family.of(fact.last) if n not in (fact.first, fact.last)]
            distant = another.older if fact.last in family.older else another.younger
            asked += questions(
                rng, fact, rng.sample(wrong, len(wrong)), id=f"family-{split}-{index}-{number}", split=split,
                premises=[x for f in used for x in ids[f]], unit=f"tree{index}",
                reserved=RELATIONS[fact.relation].reserved, distant=rng.sample(distant, 3),
            )  # fmt: skip
    return dataset_of("family", seed, documents, asked)


class _Family:
    """The `older` and `younger` people and two children of the latter, and the `facts` that link them."""

    def __init__(self, rng: random.Random, names: Iterator[str]) -> None:
        self.older, self.younger = ([next(names) for _ in range(4)] for _ in range(2))
        parent = dict(zip(self.younger, self.older, strict=True))
        # A Latin square: each relation links everybody once, and each pair of people has one relation.
        shifts = rng.sample(OTHERS, len(OTHERS))
        self.links = [
            Fact(relation, self.older[(at + shift) % 4], name)
            for at, name in enumerate(self.younger)
            for shift, relation in enumerate(shifts, start=1)
        ]
        pairs = (self.older[:2], self.older[2:])
        self.siblings = [Fact("sibling_of", *rng.sample(pair, 2)) for pair in pairs]
        grand = {next(names): name for name in rng.sample(self.younger, 2)}
        self.parents = {child: _parent(rng, of, child) for child, of in {**parent, **grand}.items()}
        self.facts = [*self.parents.values(), *self.links, *self.siblings]

    def of(self, name: str) -> list[str]:
        """The generation of a name."""
        return self.older if name in self.older else self.younger

    def items(self, rng: random.Random) -> Iterator[tuple[str, Fact, list[Fact]]]:
        """(split, fact asked, facts that prove it)."""
        sibling = {f.first: (f.last, f) for f in self.siblings} | {
            f.last: (f.first, f) for f in self.siblings
        }
        for name in self.younger:
            links = [fact for fact in self.links if fact.last == name]
            for fact in (self.parents[name], rng.choice(links)):
                yield "reversal", Fact(RELATIONS[fact.relation].inverse, name, fact.first), [fact]
        for child in self.younger:
            fact = self.parents[child]
            aunt, known = sibling[fact.first]
            cousin = next(name for name in self.younger if self.parents[name].first == aunt)
            yield "rephrase", fact, [fact]
            yield "two-hop", Fact("niece_of", child, aunt), [fact, known]
            yield "three-hop", Fact("cousin_of", child, cousin), [fact, known, self.parents[cousin]]
        for child in list(self.parents)[4:]:
            fact = self.parents[child]
            top = self.parents[fact.first]
            yield "two-hop", Fact("grandchild_of", child, top.first), [fact, top]


def _parent(rng: random.Random, parent: str, child: str) -> Fact:
    return Fact(rng.choice(("mother_of", "father_of")), parent, child)
