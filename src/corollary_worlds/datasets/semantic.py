"""A hierarchy of kinds with inherited properties (Lampinen et al. 2025, semantic structure benchmark)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from corollary.types import Dataset, Document, Question
from corollary_worlds.domains import Fact
from corollary_worlds.relations import FORMATS, RELATIONS
from corollary_worlds.telling import at_least, dataset_of, distances, questions, scaled, seeded, tell

TREES = 3
"""The number of trees in a ring."""


@dataclass
class _Ring:
    """Three trees of kinds that live on one another: a unit, since rings share no fact. `level` is the place
    of each name in its tree ("top", "middle", "leaf", "held", "thing of a top", ...), `parent` the kind above
    a kind, or the kind that has a thing."""

    facts: list[Fact] = field(default_factory=list)
    level: dict[str, str] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)

    def above(self, name: str) -> list[str]:
        """The kinds above a name, the nearest first."""
        found = []
        while name in self.parent:
            found.append(name := self.parent[name])
        return found

    def own(self, kind: str) -> list[str]:
        """The properties that a kind does not inherit."""
        return [
            name for name, of in self.parent.items() if of == kind and self.level[name].startswith("thing")
        ]

    def true(self, fact: Fact) -> bool:
        """Whether a fact is stated or inherited."""
        if fact.relation == "have":
            return self.parent.get(fact.last) in (fact.first, *self.above(fact.first))
        if fact.relation in ("type_of", "includes"):
            low, high = (fact.first, fact.last) if fact.relation == "type_of" else (fact.last, fact.first)
            return not self.level[low].startswith("thing") and high in self.above(low)
        turned = Fact(RELATIONS[fact.relation].inverse, fact.last, fact.first)
        return fact in self.facts or turned in self.facts


def make(*, seed: int, rings: int = 7, documents: int = 2200, scale: float = 1.0) -> Dataset:
    """105 kinds in 7 rings of three trees. A tree has a top kind, one below it, and three leaves, one of them
    held out: documents state only its parent. Each other kind has one or two properties of its own besides
    those that it inherits. `documents` documents have 4 to 20 sentences, one a line, in varied formats, some
    as questions and answers. With `documents=0` a document of its own states each fact once: the smallest
    training set.

    Ours: rings instead of one root give the statistics independent units. Only nouns are made-up words; the
    relations keep the English of the worlds. With three levels no deduction takes three steps. The leaves of
    a tree live on the middle kinds of the two others. So a leaf is linked to all three middle kinds of a
    ring, and a middle kind to the leaves of all three trees, in the same place of a sentence. The wrong
    choices of an inference are at the level of the right one, as many facts away, and linked by another
    relation. `distant` choices are of the same level in another ring.

    Splits: `rephrase`; `reversal` (of "are a type of" and of "live on", the reserved relation); `syllogism`
    (a property or class inherited over one step); `deduction` (over two); `holdout` (the held-out leaves,
    where the right choice is nearer than the wrong ones, since only its parent is linked to such a leaf).
    """
    at_least(0, documents=documents)
    rng, names = seeded("semantic", seed)
    count = scaled(rings, scale, option="rings", least=2, seed=seed, names=11 * TREES)
    made = [_ring(rng, names) for _ in range(count)]
    texts, ids = _documents(rng, made, count=scaled(documents, scale, option="documents") if documents else 0)
    asked: list[Question] = []
    for index, ring in enumerate(made):
        near = distances(ring.facts)
        for number, (split, fact, used) in enumerate(_items(rng, ring)):
            other = rng.choice([other for other in made if other is not ring])
            distant = [name for name, level in other.level.items() if level == ring.level[fact.last]]
            asked += questions(
                rng, fact, _wrong(rng, ring, fact, near[fact.first]), split=split,
                id=f"semantic-{split}-{index}-{number}", unit=f"ring{index}",
                premises=list(dict.fromkeys(x for f in used for x in ids[f])),
                reserved=RELATIONS[fact.relation].reserved, distant=rng.sample(distant, 3),
            )  # fmt: skip
    return dataset_of("semantic", seed, texts, asked)


def _ring(rng: random.Random, names: Iterator[str]) -> _Ring:
    ring = _Ring()
    trees = [[next(names) for _ in range(5)] for _ in range(TREES)]
    for at, (top, middle, *leaves, held) in enumerate(trees):
        ring.parent |= dict.fromkeys((*leaves, held), middle) | {middle: top}
        ring.level |= {top: "top", middle: "middle", held: "held"} | dict.fromkeys(leaves, "leaf")
        for kind in (top, top, middle, middle, *leaves):
            thing = next(names)
            ring.parent[thing], ring.level[thing] = kind, f"thing of a {ring.level[kind]}"
            ring.facts.append(Fact("have", kind, thing))
        ring.facts += [Fact("type_of", low, ring.parent[low]) for low in (middle, *leaves, held)]
        others = [tree[1] for number, tree in enumerate(trees) if number != at]
        ring.facts += [Fact("live_on", leaf, other) for leaf in leaves for other in others]
    rng.shuffle(ring.facts)
    return ring


def _items(rng: random.Random, ring: _Ring) -> list[tuple[str, Fact, list[Fact]]]:
    """(split, fact asked, facts that prove it) of one ring."""
    items: list[tuple[str, Fact, list[Fact]]] = []
    for fact in ring.facts:
        if ring.level[fact.first] == "held":
            continue
        items.append(("rephrase", fact, [fact]))
        if fact.relation != "have" and ring.level[fact.first] == "leaf":
            items.append(("reversal", Fact(RELATIONS[fact.relation].inverse, fact.last, fact.first), [fact]))
    for low in [name for name, level in ring.level.items() if level in ("leaf", "held")]:
        middle, top = ring.above(low)
        steps = [Fact("type_of", low, middle), Fact("type_of", middle, top)]
        has = {kind: Fact("have", kind, rng.choice(ring.own(kind))) for kind in (middle, top)}
        far = Fact("have", low, has[top].last), [*steps, has[top]]
        if ring.level[low] == "held":
            items.append(("holdout", *far))
            continue
        items.append(("deduction", *far))
        items.append(("syllogism", Fact("have", low, has[middle].last), [steps[0], has[middle]]))
        items.append(("syllogism", Fact("type_of", low, top), steps))
    return items


def _wrong(rng: random.Random, ring: _Ring, fact: Fact, steps: dict[str, int]) -> list[str]:
    """Two or three false names at the level of the right one and as many facts away from the asked kind; if
    there are no two such (for recall and held-out leaves), the most alike."""
    false = [n for n in steps if n != fact.first and not ring.true(Fact(fact.relation, fact.first, n))]
    wanted, level = steps[fact.last], ring.level[fact.last]

    def unlike(name: str) -> tuple[bool, int]:
        return ring.level[name] != level, abs(steps[name] - wanted)

    drawn = sorted(rng.sample(sorted(false), len(false)), key=unlike)
    alike = [name for name in drawn if not any(unlike(name))]
    return (alike if len(alike) > 1 else drawn)[:3]


def _documents(
    rng: random.Random, rings: list[_Ring], *, count: int
) -> tuple[tuple[Document, ...], dict[Fact, tuple[str, ...]]]:
    """Documents of 4 to 20 lines about one ring (or of one line), and the ids of those with each fact."""
    told: list[tuple[list[Fact], str]] = []
    if count == 0:
        told = [([fact], tell(rng, fact, tellings=1)[0]) for ring in rings for fact in ring.facts]
    else:
        # The first documents of a ring state every fact once, however few are asked for.
        count = max(count, len(rings) * max(-(-len(ring.facts) // 20) for ring in rings))
        pending = [list(ring.facts) for ring in rings]
        for index in range(count):
            ring, first = rings[index % len(rings)], pending[index % len(rings)]
            chosen, first[:] = first[:20], first[20:]
            size = min(len(ring.facts), max(len(chosen), rng.randint(4, 20)))
            rest = [fact for fact in ring.facts if fact not in chosen]
            chosen += rng.sample(rest, size - len(chosen))
            rng.shuffle(chosen)
            told.append((chosen, "\n".join(_line(rng, fact) for fact in chosen)))
    rng.shuffle(told)
    documents = tuple(Document(f"semantic-d{i}", text) for i, (_, text) in enumerate(told))
    ids: dict[Fact, tuple[str, ...]] = {}
    for document, (facts, _) in zip(documents, told, strict=True):
        for fact in facts:
            ids[fact] = (*ids.get(fact, ()), document.id)
    return documents, ids


def _line(rng: random.Random, fact: Fact) -> str:
    wording = rng.choice(RELATIONS[fact.relation].wordings).format(a=fact.first, b=fact.last)
    if rng.random() < 0.1:
        return f"is it true that {wording}? yes."
    return ("{s}." if rng.random() < 0.5 else rng.choice(FORMATS)).format(s=wording)
