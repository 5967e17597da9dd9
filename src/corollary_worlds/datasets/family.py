"""Fictional family trees (ours): documents state parents one way; questions ask the other way and across."""

from __future__ import annotations

import random
from collections.abc import Iterator

from corollary.types import Dataset, Question
from corollary_worlds.domains import Fact
from corollary_worlds.relations import RELATIONS
from corollary_worlds.telling import dataset_of, distances, documents_of, questions, scaled, seeded


def make(*, seed: int, trees: int = 40, tellings: int = 6, scale: float = 1.0) -> Dataset:
    """Trees of three generations, 10 people and 20 facts each. `tellings` one-sentence documents state each
    fact.

    Every wrong choice shares as much with the asked person as the right one: it is linked to it by as many
    facts in a row, in another role (its own child, spouse or godparent where its parent is asked), and it is
    mentioned as often. So no counter of names that stand together finds the answer. `distant` choices are
    people of the right one's generation in another tree.

    Splits: `rephrase` (parent's child), `reversal` (child's parent, godparent's godchild; the latter is
    the reserved pair), `two-hop` (aunt or uncle, grandparent), `three-hop` (cousin). A unit is a tree.
    """
    rng, names = seeded("family", seed)
    count = scaled(trees, scale, option="trees", least=2, seed=seed, names=10)
    told = [_tree(rng, names) for _ in range(count)]
    documents, ids = documents_of(rng, [f for tree in told for f in tree], tellings=tellings, name="family")
    asked: list[Question] = []
    for index, tree in enumerate(told):
        another = rng.choice([other for other in told if other is not tree])
        for number, (split, fact, wrong, distant, used) in enumerate(_items(tree, another)):
            asked += questions(
                rng, fact, rng.sample(wrong, 3), id=f"family-{split}-{index}-{number}", split=split,
                premises=[x for f in used for x in ids[f]], unit=f"tree{index}",
                reserved=RELATIONS[fact.relation].reserved, distant=rng.sample(distant, 3),
            )  # fmt: skip
    return dataset_of("family", seed, documents, asked)


def _tree(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """p and q are siblings, and so are r and s; p is married to r, and q to s. Their children are, in this
    order, a, b, c and d; a is married to c, and b to d. Those of a and d are k and m, who are married.

    Godparents make the links even: a, b, c, d are the godchildren of r, s, p, q, and k and m of b and c.
    Everybody is in four facts, twice as the first name and twice as the last, and each of a, b, c and d is
    linked to four people.
    """
    p, q, r, s, a, b, c, d, k, m = (next(names) for _ in range(10))
    parents = ((p, a), (q, b), (r, c), (s, d), (a, k), (d, m))
    godchildren = ((a, r), (b, s), (c, p), (d, q), (k, b), (m, c))
    siblings, couples = ((p, q), (s, r)), ((r, p), (q, s))
    older = [Fact("sibling_of", *pair) for pair in siblings] + [Fact("spouse_of", *pair) for pair in couples]
    if rng.random() < 0.5:
        older = [Fact(fact.relation, fact.last, fact.first) for fact in older]
    return [
        *older[:2],
        *(Fact(rng.choice(("mother_of", "father_of")), parent, child) for parent, child in parents),
        *(Fact("godchild_of", child, godparent) for child, godparent in godchildren),
        *older[2:],
        *(Fact("spouse_of", *pair) for pair in ((c, a), (b, d), (k, m), (m, k))),
    ]


def _items(tree: list[Fact], another: list[Fact]) -> list[tuple[str, Fact, list[str], list[str], list[Fact]]]:
    """(split, fact asked, related wrong names, distant ones, facts that prove it) of one tree."""
    parents, godchildren = {f.last: f for f in tree[2:8]}, tree[8:12]
    middle = list(parents)[:4]
    far_middle, far_older = [f.last for f in another[2:6]], [f.first for f in another[2:6]]
    sibling = {name: fact for fact in tree[:2] for name in (fact.first, fact.last)}
    near = distances(tree)
    items: list[tuple[str, Fact, list[str], list[str], list[Fact]]] = []

    def add(split: str, fact: Fact, others: list[str], used: list[Fact]) -> None:
        steps = near[fact.first]
        related = sorted(n for n in steps if steps[n] == steps[fact.last] and n != fact.last)
        if len(related) < 3:  # of a parent only what the documents state: its sibling and godchild
            related += sorted(n for n in steps if steps[n] == steps[fact.last] + 1)
        items.append((split, fact, related, others, used))

    for child in middle:
        fact = parents[child]
        known = sibling[fact.first]
        aunt = known.last if known.first == fact.first else known.first
        cousin = next(x for x in middle if parents[x].first == aunt)
        add("rephrase", fact, far_middle, [fact])
        add("reversal", Fact("child_of", child, fact.first), far_older, [fact])
        add("two-hop", Fact("niece_of", child, aunt), far_older, [fact, known])
        add("three-hop", Fact("cousin_of", child, cousin), far_middle, [fact, known, parents[cousin]])
    for grandchild in list(parents)[4:]:
        fact = parents[grandchild]
        top = parents[fact.first]
        add("two-hop", Fact("grandchild_of", grandchild, top.first), far_older, [fact, top])
    for god in godchildren:
        add("reversal", Fact("godparent_of", god.last, god.first), far_middle, [god])
    return items
