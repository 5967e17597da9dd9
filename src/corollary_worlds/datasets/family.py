"""Fictional family trees (ours): documents state parents one way; questions ask the other way and across."""

from __future__ import annotations

import random
from collections.abc import Iterator

from corollary.types import Dataset, Question
from corollary_worlds.domains import Fact
from corollary_worlds.relations import RELATIONS
from corollary_worlds.telling import dataset_of, documents_of, question, scaled, seeded


def make(*, seed: int, trees: int = 40, tellings: int = 6, scale: float = 1.0) -> Dataset:
    """Trees of three generations, 10 people and 11 facts each. `tellings` one-sentence documents state each
    fact. Wrong choices are people of the same tree and generation. A tree has only two who could be
    the wrong cousin, so the third is of another tree.

    Splits: `rephrase` (parent's child), `reversal` (child's parent, godchild's godparent; the latter is
    the reserved pair), `two-hop` (aunt or uncle, grandparent), `three-hop` (cousin). A unit is a tree.
    """
    rng, names = seeded("family", seed)
    count = scaled(trees, scale, option="trees", least=2, seed=seed, names=10)
    told = [_tree(rng, names) for _ in range(count)]
    documents, ids = documents_of(rng, [f for tree in told for f in tree], tellings=tellings, name="family")
    questions: list[Question] = []
    for index, tree in enumerate(told):
        another = rng.choice([other for other in told if other is not tree])
        for number, (split, fact, wrong, used) in enumerate(_items(rng, tree, another)):
            questions.append(
                question(
                    rng, fact, rng.sample(wrong, 3), id=f"family-{split}-{index}-{number}", split=split,
                    premises=[x for f in used for x in ids[f]], unit=f"tree{index}",
                    reserved=RELATIONS[fact.relation].reserved,
                )
            )  # fmt: skip
    return dataset_of("family", seed, documents, questions)


def _tree(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """p and q are siblings, and so are r and s. Their children are, in this order, a, b, c and d; those of a
    and d are k and m. These two marry, and b and c are their godparents.

    Each of a, b, c and d is the first name of one fact and the last name of another. Otherwise the right
    cousin would more often than chance be the most frequent name, or the one that most often comes first.
    """
    p, q, r, s, a, b, c, d, k, m = (next(names) for _ in range(10))
    parents = ((p, a), (q, b), (r, c), (s, d), (a, k), (d, m))
    young = rng.sample((k, m), 2)
    return [
        Fact("sibling_of", p, q),
        Fact("sibling_of", r, s),
        *(Fact(rng.choice(("mother_of", "father_of")), parent, child) for parent, child in parents),
        Fact("spouse_of", *rng.sample((k, m), 2)),
        Fact("godparent_of", b, young[0]),
        Fact("godparent_of", c, young[1]),
    ]


def _items(
    rng: random.Random, tree: list[Fact], another: list[Fact]
) -> list[tuple[str, Fact, list[str], list[Fact]]]:
    """(split, fact asked, wrong last names, facts that prove it) of one tree."""
    parents = {f.last: f for f in tree[2:8]}
    middle = list(parents)[:4]
    older = [parents[child].first for child in middle]
    sibling = {name: fact for fact in tree[:2] for name in (fact.first, fact.last)}
    items: list[tuple[str, Fact, list[str], list[Fact]]] = []
    for child in middle:
        fact = parents[child]
        known = sibling[fact.first]
        aunt = known.last if known.first == fact.first else known.first
        cousin = next(x for x in middle if parents[x].first == aunt)
        items.append(("rephrase", fact, [x for x in middle if x != child], [fact]))
        items.append(("reversal", Fact("child_of", child, fact.first), _without(older, fact.first), [fact]))
        items.append(("two-hop", Fact("niece_of", child, aunt), _without(older, aunt), [fact, known]))
        far = [x for x in middle if x not in (child, cousin)]
        far.append(rng.choice([f.last for f in another[2:6]]))
        items.append(("three-hop", Fact("cousin_of", child, cousin), far, [fact, known, parents[cousin]]))
    for grandchild in list(parents)[4:]:
        fact = parents[grandchild]
        top = parents[fact.first]
        asked = Fact("grandchild_of", grandchild, top.first)
        items.append(("two-hop", asked, _without(older, top.first), [fact, top]))
    for god in tree[9:]:
        asked = Fact("godchild_of", god.last, god.first)
        items.append(("reversal", asked, _without(middle, god.first), [god]))
    return items


def _without(names: list[str], right: str) -> list[str]:
    return [name for name in names if name != right]
