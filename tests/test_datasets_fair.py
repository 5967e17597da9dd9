"""No constant answer, and no rule that does not reason, is right more often than chance on any dataset."""

from __future__ import annotations

import functools
import itertools
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from corollary import plugins
from corollary.errors import UserError
from corollary.measure import rules
from corollary.types import Dataset, Question
from corollary_worlds.reasoner import Statement, read
from corollary_worlds.telling import wrong_choices

SEEDS = (0, 1, 2, 3, 100, 101, 102, 103)
MARGIN = 4.0
"""Standard errors above chance that are allowed; some 300 combinations are tried, on pinned seeds."""

# Every dataset at its default size (semantic with fewer tellings, for speed) and in the smallest form.
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "reversals": ("reversals", {}),
    "syllogisms": ("syllogisms", {}),
    "celebrities": ("celebrities", {"tellings": 6}),
    "celebrities, wrong names from the same people": ("celebrities", {"tellings": 6, "wrong_from": "same"}),
    "family": ("family", {}),
    "family, told once": ("family", {"trees": 16, "tellings": 1}),
    "semantic": ("semantic", {"documents": 240}),
    "celebrities, asked three times": ("celebrities", {"tellings": 6, "askings": 3}),
    "semantic, asked three times": (
        "semantic",
        {"branches": 8, "documents": 8, "middles": 1, "properties": 1, "askings": 3},
    ),
    "semantic, told once": ("semantic", {"branches": 8, "documents": 0, "middles": 1, "properties": 1}),
}

# The paper draws wrong names from everybody, and who was told in both orders or description first stands
# in the documents more often or elsewhere. That this gives the answer away is what the celebrities'
# docstring says, and why it also has wrong_from="same", which has no exception.
INHERENT = {
    (size, "reversal", rule)
    for size in ("celebrities", "celebrities, asked three times")
    for rule in (
        "named least",
        "stands first most",
        "stands last least",
        "stands where the prompt's name does not",
    )
}


@dataclass(frozen=True)
class Mentions:
    """What one can know of a name without reasoning: how often and where documents name it."""

    first: Counter[str]
    last: Counter[str]
    degree: Mapping[str, str]

    def all(self, name: str) -> int:
        return self.first[name] + self.last[name]


Rule = Callable[[Question, Mentions], Sequence[float]]
"""A rule gives each choice a number; it takes the highest, and shares the credit between equals."""


def entity(choice: str) -> str:
    return choice.strip()


RULES: dict[str, Rule] = {
    "less": lambda q, m: [" less " in c for c in q.choices],
    "more": lambda q, m: [" more " in c for c in q.choices],
    "all": lambda q, m: [c.startswith(" all ") for c in q.choices],
    "some": lambda q, m: [c.startswith(" some ") for c in q.choices],
    "no": lambda q, m: [c.startswith(" no ") for c in q.choices],
    "all, in the prompt's order": lambda q, m: [c.startswith(" all ") and in_order(q, c) for c in q.choices],
    "no, in the prompt's order": lambda q, m: [c.startswith(" no ") and in_order(q, c) for c in q.choices],
    "longest": lambda q, m: [len(c) for c in q.choices],
    "shortest": lambda q, m: [-len(c) for c in q.choices],
    "first choice": lambda q, m: [-q.choices.index(c) for c in q.choices],
    "last choice": lambda q, m: [q.choices.index(c) for c in q.choices],
    "first in the alphabet": lambda q, m: [-sorted(q.choices).index(c) for c in q.choices],
    "last in the alphabet": lambda q, m: [sorted(q.choices).index(c) for c in q.choices],
    "named most": lambda q, m: [m.all(entity(c)) for c in q.choices],
    "named least": lambda q, m: [-m.all(entity(c)) for c in q.choices],
    "stands first most": lambda q, m: [m.first[entity(c)] for c in q.choices],
    "stands first least": lambda q, m: [-m.first[entity(c)] for c in q.choices],
    "stands last most": lambda q, m: [m.last[entity(c)] for c in q.choices],
    "stands last least": lambda q, m: [-m.last[entity(c)] for c in q.choices],
    "stands where the prompt's name stands": lambda q, m: likeness(q, m),
    "stands where the prompt's name does not": lambda q, m: [-x for x in likeness(q, m)],
    "as the prompt's name was told": lambda q, m: [f" {told_degree(q, m)} " in c for c in q.choices],
    "not as the prompt's name was told": lambda q, m: [f" {told_degree(q, m)} " not in c for c in q.choices],
}  # fmt: skip


def in_order(question: Question, choice: str) -> bool:
    one, other = choice.split()[1::2]
    return question.prompt.index(one) < question.prompt.index(other)


def lead(mentions: Mentions, text: str) -> int:
    """1 where the name with which a text begins more often begins a sentence, -1 where it ends one."""
    words = text.split()
    names = (" ".join(words[:size]) for size in range(len(words), 0, -1))
    name = next((name for name in names if mentions.all(name)), "")
    return (mentions.first[name] > mentions.last[name]) - (mentions.first[name] < mentions.last[name])


def likeness(question: Question, mentions: Mentions) -> list[int]:
    return [lead(mentions, entity(c)) * lead(mentions, question.prompt) for c in question.choices]


def told_degree(question: Question, mentions: Mentions) -> str:
    return mentions.degree.get(question.prompt.split()[0], "more")


def mentions_of(dataset: Dataset) -> Mentions:
    told = [s for d in dataset.documents for s in read(d.text) if isinstance(s, Statement)]
    degree = {s.first: s.relation.split()[0] for s in told if " " in s.relation}
    return Mentions(Counter(s.first for s in told), Counter(s.last for s in told), degree)


def credit(rule: Rule, question: Question, mentions: Mentions) -> float:
    """The share of the rule's picks that are right, less what a blind guess gets."""
    values = rule(question, mentions)
    picks = [c for c, value in zip(question.choices, values, strict=True) if value == max(values)]
    right = {question.answer, *question.accept}
    return sum(c in right for c in picks) / len(picks) - len(right) / len(question.choices)


@functools.cache
def gains(size: str) -> dict[tuple[str, str], list[float]]:
    """(split, rule) -> credit above chance of every unit of every seed."""
    name, options = SIZES[size]
    found: dict[tuple[str, str], dict[object, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed in SEEDS:
        dataset: Dataset = plugins.load("datasets", name)(seed=seed, **options)
        mentions = mentions_of(dataset)
        for question, (rule, choose) in itertools.product(dataset.questions, RULES.items()):
            found[question.split, rule][seed, question.unit].append(credit(choose, question, mentions))
    return {key: [sum(c) / len(c) for c in units.values()] for key, units in found.items()}


def above_chance(values: Sequence[float]) -> bool:
    mean = sum(values) / len(values)
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    return mean > MARGIN * error + 1e-9


def givers_away(size: str) -> Iterator[tuple[str, str]]:
    for (split, rule), values in gains(size).items():
        # Rules about a name make no sense of choices that are sentences; who asks the same fact in the same
        # direction (rephrase) asks what was told.
        sentences = size in ("reversals", "syllogisms")
        told = split == "rephrase" and "was told" in rule
        if not told and not (sentences and ("named" in rule or "stands" in rule)) and above_chance(values):
            yield split, rule


@pytest.mark.parametrize("size", SIZES)
def test_no_rule_that_does_not_reason_is_above_chance(size: str) -> None:
    assert {(size, *found) for found in givers_away(size)} - INHERENT == set()


def test_the_rules_find_what_the_papers_own_forms_give_away() -> None:
    """Else the test above might see nothing: one-sided comparisons, and names told in one order only."""
    people = ("celebrities", "celebrities, asked three times")
    assert {(size, *found) for size in people for found in givers_away(size)} == INHERENT
    one_sided = plugins.load("datasets", "reversals")(seed=0, balanced=False)
    for split, constant in (("rephrase", "more"), ("reversal", "less")):
        questions = [q for q in one_sided.questions if q.split == split]
        assert {credit(RULES[constant], q, mentions_of(one_sided)) for q in questions} == {0.5}


def test_every_dataset_with_choices_is_tried() -> None:
    named = {name for name, _ in SIZES.values()}
    assert named == set(plugins.available("datasets")) - {"documents", "process"}


def test_no_constant_rule_solves_a_process() -> None:
    """The result holds words of the input, so that 27 rules are not hopeless; none gets one in six."""
    hits: Counter[tuple[str, tuple[int, ...]]] = Counter()
    asked: Counter[str] = Counter()
    for seed in SEEDS:
        for question in plugins.load("datasets", "process")(seed=seed).questions:
            asked[question.split] += 1
            words = question.prompt.removesuffix(" is").split()[-3:]
            for places in itertools.product(range(3), repeat=3):
                hits[question.split, places] += [words[place] for place in places] == question.answer.split()
    assert min(asked.values()) > 200
    assert max(count / asked[split] for (split, _), count in hits.items()) < 1 / 6


@pytest.mark.parametrize("size", [{"facts": 48, "tellings": 1}, {"facts": 24, "tellings": 3}, {}])
@pytest.mark.parametrize("seed", SEEDS)
def test_how_a_comparison_is_told_says_nothing_of_its_degree(seed: int, size: dict[str, int]) -> None:
    """Where chance told "less" more often with one verb, tuning on few documents took the verb for it."""
    told: dict[str, Counter[tuple[str, str]]] = {"more": Counter(), "less": Counter()}
    for document in plugins.load("datasets", "reversals")(seed=seed, **size).documents:
        (s,) = [reading for reading in read(document.text) if isinstance(reading, Statement)]
        before, middle, after = re.split(f"{s.first}|{s.last}", document.text)
        verb, degree, _ = re.split(" (more|less) ", middle)
        told[degree][verb.strip(), before + after] += 1
    for place in (0, 1):
        for of_one in told.values():
            forms = Counter(form[place] for form in of_one.elements())
            assert max(forms.values()) - min(forms.values()) <= 1, forms
            assert len(forms) == (6, 8)[place]


def test_no_form_of_a_comparison_comes_again_before_all_others() -> None:
    for tellings in (40, 48):  # 40 begin and end within a round
        documents = plugins.load("datasets", "reversals")(seed=0, facts=8, tellings=tellings).documents
        assert len({document.text for document in documents}) == len(documents) == 8 * tellings


ASKED_AGAIN: dict[str, dict[str, Any]] = {
    "celebrities": {"tellings": 1},
    "semantic": {"branches": 8, "documents": 8},
}


@pytest.mark.parametrize("name", ASKED_AGAIN)
def test_a_fact_is_asked_again_against_other_wrong_choices(name: str) -> None:
    """None is wrong twice before all others were, and nothing else of a question or document changes."""
    once = plugins.load("datasets", name)(seed=0, **ASKED_AGAIN[name])
    thrice = plugins.load("datasets", name)(seed=0, askings=3, **ASKED_AGAIN[name])
    assert thrice.documents == once.documents
    assert len({q.id for q in thrice.questions}) == len(thrice.questions) == 3 * len(once.questions)
    spread = set()
    for start in range(0, len(thrice.questions), 3):
        first, *others = asked = thrice.questions[start : start + 3]
        assert all(replace(q, id=first.id, choices=first.choices) == first for q in others)
        assert all(q.answer in q.choices and len(set(q.choices)) == 4 for q in asked)
        wrong = Counter(choice for q in asked for choice in q.choices if choice != first.answer)
        spread.add((len(wrong), max(wrong.values())))
    # Of a kind at the top there are 7 others, for 9 wrong choices; of most names more than 9.
    assert spread == {"celebrities": {(9, 1)}, "semantic": {(7, 2), (9, 1)}}[name]


def test_too_few_wrong_choices_are_an_error() -> None:
    with pytest.raises(UserError, match="Only 2 wrong answers"):
        wrong_choices(random.Random(0), ["one", "two"], askings=1)
    with pytest.raises(UserError, match="'askings' is 0"):
        plugins.load("datasets", "celebrities")(seed=0, askings=0)


# Their wrong choices share no fact with the question, so whoever counts what stands together finds the
# answer. An arm shows an inference there only above the best rule, which the report names.
COUNTABLE = {
    ("celebrities", "reversal"), ("celebrities, asked three times", "reversal"),
    ("celebrities, wrong names from the same people", "reversal"),
    *(
        (size, split)
        for size in ("semantic", "semantic, asked three times", "semantic, told once")
        for split in ("reversal", "syllogism", "deduction", "holdout")
    ),
}  # fmt: skip
DEVELOPMENT = tuple(range(100, 108))


@pytest.mark.parametrize("size", ["family, told once", "reversals", "celebrities", "semantic, told once"])
def test_counting_and_walking_the_graph_find_no_answer_but_where_it_is_said(size: str) -> None:
    name, options = SIZES[size]
    made = [plugins.load("datasets", name)(seed=seed, **options) for seed in DEVELOPMENT]
    found = rules.by_rule([(dataset.documents, dataset.questions) for dataset in made])
    above = {}
    for (split, rule), row in found.items():
        error = (row["high"] - row["low"]) / 4
        if split not in made[0].recall and row["accuracy"] > row["chance"] + max(MARGIN * error, 0.07):
            above[split] = rule
    assert set(above) == {split for known, split in COUNTABLE if known == size}, above
