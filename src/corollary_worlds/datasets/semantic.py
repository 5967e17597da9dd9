"""A hierarchy of kinds with inherited properties (Lampinen et al. 2025, semantic structure benchmark)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from corollary.types import Dataset, Document, Question
from corollary_worlds.domains import Fact
from corollary_worlds.relations import FORMATS, RELATIONS
from corollary_worlds.telling import (
    at_least,
    at_most,
    dataset_of,
    question,
    scaled,
    seeded,
    tell,
    wrong_choices,
)

# Real-world shape: (top, ((middle, leaves), ...)); only the shape is used, every word is replaced.
_SHAPES = (
    ("mammal", (("dog", "poodle terrier"), ("cat", "siamese tabby"), ("whale", "orca beluga"))),
    ("bird", (("owl", "barn tawny"), ("duck", "mallard teal"), ("parrot", "macaw"))),
    ("fish", (("shark", "hammerhead mako"), ("salmon", "chinook"), ("ray", "manta sting"))),
    ("reptile", (("snake", "cobra viper"), ("lizard", "gecko iguana"))),
    ("insect", (("beetle", "scarab ladybird"), ("ant", "army carpenter"), ("bee", "bumble honey"))),
    ("vehicle", (("car", "taxi coupe"), ("boat", "canoe ferry"), ("bicycle", "tandem"))),
    ("furniture", (("chair", "stool rocker"), ("table", "desk altar"), ("bed", "cot bunk"))),
    ("tool", (("hammer", "mallet sledge"), ("saw", "hacksaw jigsaw"), ("knife", "dagger cleaver"))),
    ("instrument", (("drum", "snare bongo"), ("guitar", "ukulele"), ("horn", "tuba trumpet"))),
    ("building", (("house", "cottage villa"), ("shop", "bakery"), ("tower", "belfry"))),
    ("plant", (("tree", "oak pine"), ("flower", "rose tulip"), ("grass", "bamboo wheat"))),
    ("garment", (("shoe", "sandal boot"), ("hat", "beret fez"), ("coat", "parka"))),
)


@dataclass
class _Branch:
    """One top kind with its middle kinds and leaves: a unit, since branches share no fact."""

    facts: list[Fact] = field(default_factory=list)
    parent: dict[str, str] = field(default_factory=dict)
    own: dict[str, list[str]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)


def make(
    *,
    seed: int,
    branches: int = 12,
    documents: int = 2200,
    middles: int = 3,
    properties: int = 6,
    askings: int = 1,
    scale: float = 1.0,
) -> Dataset:
    """110 kinds in 12 branches, each with 1 to `properties` properties of its own besides those it inherits.
    `documents` documents have 4 to 20 sentences, one a line, in varied formats, some as questions and
    answers. With `documents=0` a document of its own states each fact once: the smallest training set.

    Ours: branches instead of one root give the statistics independent units. Only nouns are made-up words;
    the relations keep the English of the worlds. With three levels no deduction takes three steps.

    Splits: `rephrase`; `reversal` (of "are a type of" and of "live on", the reserved relation); `syllogism`
    (a property or class inherited over one step); `deduction` (over two); `holdout` (kinds of which documents
    state only the parent). Each question is asked `askings` times, against other wrong choices.

    A wrong choice has the asked relation to a kind of another branch, at the same level. Otherwise the name
    that starts most sentences would be the right class, and the rarest name the held-out kind.
    """
    at_least(1, middles=middles, properties=properties)
    at_least(0, documents=documents)
    at_most(len(_SHAPES), branches=branches)
    at_most(3, middles=middles)
    at_most(100, properties=properties)
    rng, names = seeded("semantic", seed)
    # Each question has three wrong choices, from a branch each.
    count = scaled(branches, scale, option="branches", least=4)
    at_most(len(_SHAPES), **{"branches times scale": count})
    shapes = _SHAPES[:count]
    made = [_branch(rng, names, shape, middles=middles, properties=properties) for shape in shapes]
    facts = [fact for branch in made for fact in branch.facts]
    texts, ids = _documents(rng, made, count=scaled(documents, scale, option="documents") if documents else 0)
    questions: list[Question] = []
    for index, branch in enumerate(made):
        for number, (split, fact, used) in enumerate(_items(rng, branch)):
            place = _place(branch, fact)
            alike = [name for other in made if other is not branch for name in _alike(other, place)]
            premises = list(dict.fromkeys(x for f in used for x in ids[f]))
            for asking, wrong in enumerate(wrong_choices(rng, alike, askings=askings)):
                questions.append(
                    question(
                        rng, fact, wrong, id=f"semantic-{split}-{index}-{number}-{asking}", split=split,
                        premises=premises, unit=f"branch{index}", reserved=RELATIONS[fact.relation].reserved,
                    )
                )  # fmt: skip
    assert len(facts) == len(set(facts))
    return dataset_of("semantic", seed, texts, questions)


def _branch(
    rng: random.Random,
    names: Iterator[str],
    shape: tuple[str, tuple[tuple[str, str], ...]],
    *,
    middles: int,
    properties: int,
) -> _Branch:
    branch = _Branch()
    top = next(names)
    kinds = [top]
    for _, leaves in shape[1][:middles]:
        middle = next(names)
        branch.parent[middle] = top
        kinds.append(middle)
        for _ in leaves.split():
            leaf = next(names)
            branch.parent[leaf] = middle
            kinds.append(leaf)
    leaves_only = [kind for kind in kinds if kind not in branch.parent.values()]
    branch.held = [leaves_only[-1]]
    branch.facts = [Fact("type_of", low, high) for low, high in branch.parent.items()]
    for kind in kinds:
        if kind in branch.held:
            continue
        branch.own[kind] = [next(names) for _ in range(rng.randint(1, properties))]
        branch.facts += [Fact("have", kind, thing) for thing in branch.own[kind]]
    eater, eaten = rng.sample([kind for kind in kinds if kind not in branch.held], 2)
    branch.facts.append(Fact("live_on", eater, eaten))
    return branch


def _items(rng: random.Random, branch: _Branch) -> list[tuple[str, Fact, list[Fact]]]:
    """(split, fact asked, facts that prove it) of one branch."""
    items: list[tuple[str, Fact, list[Fact]]] = []
    for fact in branch.facts:
        if branch.held[0] in (fact.first, fact.last):
            continue
        items.append(("rephrase", fact, [fact]))
        if fact.relation != "have":
            items.append(("reversal", Fact(RELATIONS[fact.relation].inverse, fact.last, fact.first), [fact]))
    for low, high in branch.parent.items():
        up = Fact("type_of", low, high)
        held = low in branch.held
        thing = rng.choice(branch.own[high])
        items.append(
            ("holdout" if held else "syllogism", Fact("have", low, thing), [up, Fact("have", high, thing)])
        )
        if held:
            items.append(("holdout", Fact("includes", high, low), [up]))
        if high in branch.parent:
            top = branch.parent[high]
            upper = Fact("type_of", high, top)
            thing = rng.choice(branch.own[top])
            items.append(
                (
                    "holdout" if held else "deduction",
                    Fact("have", low, thing),
                    [up, upper, Fact("have", top, thing)],
                )
            )
            items.append(("holdout" if held else "syllogism", Fact("type_of", low, top), [up, upper]))
    return items


def _place(branch: _Branch, fact: Fact) -> tuple[str, ...]:
    """What comes last in a fact, and at which level of the branch."""
    if fact.relation in ("live_on", "food_for"):
        return ("eaten" if fact.relation == "live_on" else "eater",)
    if fact.relation == "have":
        owner = next(kind for kind, things in branch.own.items() if fact.last in things)
        return "thing", _level(branch, owner)
    return "kind", _level(branch, fact.last)


def _alike(branch: _Branch, place: tuple[str, ...]) -> list[str]:
    """The names of a branch in this place."""
    diet = branch.facts[-1]
    if place[0] in ("eaten", "eater"):
        return [diet.last if place[0] == "eaten" else diet.first]
    kinds = sorted({*branch.parent, *branch.parent.values()})
    chosen = [kind for kind in kinds if _level(branch, kind) == place[1]]
    return chosen if place[0] == "kind" else [thing for kind in chosen for thing in branch.own.get(kind, [])]


def _level(branch: _Branch, kind: str) -> str:
    if kind in branch.held:
        return "held"
    if kind not in branch.parent:
        return "top"
    return "middle" if branch.parent[kind] not in branch.parent else "leaf"


def _documents(
    rng: random.Random, branches: list[_Branch], *, count: int
) -> tuple[tuple[Document, ...], dict[Fact, tuple[str, ...]]]:
    """Documents of 4 to 20 lines about one branch (or of one line), and the ids of those with each fact."""
    told: list[tuple[list[Fact], str]] = []
    if count == 0:
        told = [([fact], tell(rng, fact, tellings=1)[0]) for branch in branches for fact in branch.facts]
    else:
        # The first documents of a branch state every fact once, however few are asked for.
        count = max(count, len(branches) * max(-(-len(branch.facts) // 20) for branch in branches))
        pending = [list(branch.facts) for branch in branches]
        for index in range(count):
            branch, first = branches[index % len(branches)], pending[index % len(branches)]
            chosen, first[:] = first[:20], first[20:]
            size = min(len(branch.facts), max(len(chosen), rng.randint(4, 20)))
            rest = [fact for fact in branch.facts if fact not in chosen]
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
