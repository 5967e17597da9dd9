"""Fictional family trees (ours): parents told one way, asked the other way and across the tree."""

from __future__ import annotations

from corollary.types import Dataset, Question
from corollary.worlds.domains import Fact, family as draw_family
from corollary.worlds.relations import RELATIONS
from corollary.worlds.telling import documents_of, question, scaled, seeded


def family(*, seed: int, trees: int = 40, tellings: int = 6, scale: float = 1.0) -> Dataset:
    """Trees of three generations, 11 people and 12 facts each; every fact is told in `tellings`
    one-sentence documents. Wrong choices are people of the same tree and generation.

    Splits: `rephrase` (parent's child), `reversal` (child's parent, godchild's godparent; the latter is
    the reserved pair), `two-hop` (aunt or uncle, grandparent), `three-hop` (cousin). A unit is a tree.
    """
    rng, names = seeded("family", seed)
    told = [draw_family(rng, names) for _ in range(scaled(trees, scale))]
    documents, ids = documents_of(rng, [f for tree in told for f in tree], tellings=tellings, name="family")
    questions: list[Question] = []
    for index, tree in enumerate(told):
        (p, q), (r, s) = ((f.first, f.last) for f in tree[:2])
        parents = {f.last: f for f in tree[2:8]}
        a, b, c, d, k, m = parents
        older, middle = (p, q, r, s), (a, b, c, d)
        sibling = {p: tree[0], q: tree[0], r: tree[1], s: tree[1]}
        partner = {p: q, q: p, r: s, s: r}
        e, god = tree[9].first, tree[10]
        items: list[tuple[str, Fact, list[str], list[Fact]]] = []
        for child in middle:
            fact = parents[child]
            parent = fact.first
            aunt = partner[parent]
            cousin = next(x for x in middle if parents[x].first == aunt)
            others = [x for x in older if x != parent]
            items.append(("rephrase", fact, [x for x in middle if x != child], [fact]))
            items.append(("reversal", Fact("child_of", child, parent), others, [fact]))
            items.append(("two-hop", Fact("niece_of", child, aunt), [x for x in older if x != aunt], [fact, sibling[parent]]))
            far = [x for x in (*middle, e) if x not in (child, cousin)]
            used = [fact, sibling[parent], parents[cousin]]
            items.append(("three-hop", Fact("cousin_of", child, cousin), far, used))
        for grandchild in (k, m):
            fact = parents[grandchild]
            top = parents[fact.first]
            wrong = [x for x in older if x != top.first]
            items.append(("two-hop", Fact("grandchild_of", grandchild, top.first), wrong, [fact, top]))
        wrong = [x for x in middle if x != god.first]
        items.append(("reversal", Fact("godchild_of", god.last, god.first), wrong, [god]))
        for number, (split, fact, wrong, used) in enumerate(items):
            questions.append(
                question(
                    rng, fact, rng.sample(wrong, 3), id=f"family-{split}-{index}-{number}", split=split,
                    premises=[x for f in used for x in ids[f]], unit=f"tree{index}", reserved=RELATIONS[fact.relation].reserved,
                )
            )  # fmt: skip
    return Dataset("family", documents, tuple(questions))
