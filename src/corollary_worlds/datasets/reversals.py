"""Comparisons of two kinds of things, and their reversals (Lampinen et al. 2025, simple reversals)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from corollary.types import Dataset, Question
from corollary_worlds.domains import Fact
from corollary_worlds.relations import FEATURES, RELATIONS
from corollary_worlds.telling import ask, dataset_of, documents_of, marks_of, scaled, seeded

_OPPOSITE = {"more": "less", "less": "more"}


def make(
    *, seed: int, facts: int = 100, tellings: int = 10, balanced: bool = True, scale: float = 1.0
) -> Dataset:
    """100 facts "femp are more dangerous than glon" over 28 features. Ten documents state each, most with a
    short preamble. Questions ask whether "glon are" less or more dangerous than femp.

    Ours: half of the facts are stated with "more", half with "less". Every entity comes first in one fact and
    second in another, with another feature. Each feature is told as often with "more" as with "less". So
    neither a constant answer nor the place of a name, nor what is told of a feature, is a hint;
    `balanced=False` is the paper's one-sided form. The split `rephrase` has forward questions in the same
    form. A unit is the two facts about one pair, so an odd number of facts becomes the next even one.
    """
    pairs = (scaled(facts, scale, option="facts", least=2, seed=seed, names=1) + 1) // 2
    rng, names = seeded("reversals", seed)
    # Every pattern of degrees equally often: no pattern of one fact predicts the other.
    patterns = [(("more", "less")[i // 2 % 2], ("more", "less")[i % 2]) for i in range(pairs)]
    rng.shuffle(patterns)
    dealt = _dealt(rng, patterns)
    told: list[Fact] = []
    for (degree, other_degree), (feature, other_feature) in zip(patterns, dealt, strict=True):
        one, other = next(names), next(names)
        told.append(Fact(f"{degree if balanced else 'more'} {feature}", one, other))
        told.append(Fact(f"{other_degree if balanced else 'more'} {other_feature}", other, one))
    documents, ids = documents_of(
        rng, told, tellings=tellings, name="reversals", group=lambda fact: fact.relation.split()[0]
    )
    questions: list[Question] = []
    for index, fact in enumerate(told):
        degree, feature = fact.relation.split()
        opposite = f"{_OPPOSITE[degree]} {feature}"
        for split, wording, asked in (
            ("rephrase", "new", fact),
            ("reversal", "usual", Fact(opposite, fact.last, fact.first)),
            ("reversal", "new", Fact(opposite, fact.last, fact.first)),
        ):
            prompt, _ = ask(Fact(asked.relation, asked.first, ""), rephrased=wording == "new")
            prompt = prompt.removesuffix(f" {asked.relation} than")
            choices = [f" {way} {feature} than {asked.last}" for way in ("less", "more")]
            rng.shuffle(choices)
            again = "-new" if (split, wording) == ("reversal", "new") else ""
            questions.append(
                Question(
                    f"reversals-{split}-{index}{again}", prompt, f" {asked.relation} than {asked.last}",
                    tuple(choices), split, ids[fact], f"pair{index // 2}", (),
                    marks_of(reserved=RELATIONS[fact.relation].reserved, wording=wording),
                )
            )  # fmt: skip
    return dataset_of("reversals", seed, documents, questions)


def _dealt(rng: random.Random, patterns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Two features for each pattern of degrees. The same features are dealt for "more" and for "less"."""
    wanted = len(patterns)
    chosen = [f for _ in range(-(-wanted // len(FEATURES))) for f in rng.sample(FEATURES, len(FEATURES))][
        :wanted
    ]
    # Where degrees are not told equally often (an odd number of pairs), the last ones come from all.
    hands = {degree: [*rng.sample(FEATURES, 2), *rng.sample(chosen, wanted)] for degree in _OPPOSITE}
    found = []
    for one, other in patterns:
        first, hand = hands[one].pop(), hands[other]
        place = next(at for at in range(len(hand) - 1, -1, -1) if hand[at] != first)
        found.append((first, hand.pop(place)))
    return found
