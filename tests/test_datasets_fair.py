"""No constant answer, and no rule that does not reason, is right more often than chance on any dataset."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from corollary import plugins
from corollary.measure import rules
from corollary.types import Dataset, Question
from corollary_worlds.reasoner import Statement, read, weaker

SEEDS = (0, 1, 2, 3, 100, 101, 102, 103)
MARGIN = 4.0
"""Standard errors above chance that are allowed; some 300 combinations are tried, on pinned seeds."""

# Every dataset at its default size (semantic with fewer tellings, for speed) and in the smallest form.
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "reversals": ("reversals", {}),
    "syllogisms": ("syllogisms", {}),
    "syllogisms, the paper's form": ("syllogisms", {"invalid": False}),
    "celebrities": ("celebrities", {"tellings": 6}),
    "family": ("family", {}),
    "family, told once": ("family", {"trees": 16, "tellings": 1}),
    "semantic": ("semantic", {"documents": 240}),
    "semantic, told once": ("semantic", {"rings": 3, "documents": 0}),
}

# From the premises of half of the syllogisms nothing follows, so that no rule on their mood is right more
# often. A ring has two other middle kinds, so a third wrong choice, where only recall is asked, is of another
# level: some 2 points.
INHERENT = {
    ("syllogisms", "syllogism", "shortest"),
    ("semantic", "rephrase", "stands first most"),
} | {
    (size, "rephrase", rule)
    for size in ("semantic", "semantic, told once")
    for rule in ("named most", "stands last most", "stands where the prompt's name does not")
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
    assert {(size, *found) for found in givers_away(size)} == {each for each in INHERENT if each[0] == size}


def test_the_rules_find_what_the_papers_own_forms_give_away() -> None:
    """Else the test above might see nothing: one-sided comparisons, and names told in one order only."""
    one_sided = plugins.load("datasets", "reversals")(seed=0, balanced=False)
    for split, constant in (("rephrase", "more"), ("reversal", "less")):
        questions = [q for q in one_sided.questions if q.split == split]
        assert {credit(RULES[constant], q, mentions_of(one_sided)) for q in questions} == {0.5}
    people = plugins.load("datasets", "celebrities")(seed=0)
    among_all = [
        replace(q, choices=(q.answer, *q.distant)) for q in people.questions if q.split == "reversal"
    ]
    mentions = mentions_of(people)
    assert above_chance([credit(RULES["stands last least"], q, mentions) for q in among_all])


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


@pytest.mark.parametrize("size", SIZES)
def test_every_inference_is_asked_in_a_wording_that_no_document_has(size: str) -> None:
    name, options = SIZES[size]
    dataset: Dataset = plugins.load("datasets", name)(seed=100, **options)
    asked = {q.id: q for q in dataset.questions}
    told = "\n".join(document.text for document in dataset.documents)
    again = [q for q in dataset.questions if q.split not in dataset.recall and q.marks["wording"] == "new"]
    assert 2 * len(again) == sum(q.split not in dataset.recall for q in dataset.questions)
    for question in again:
        first = asked[question.id.removesuffix("-new")]
        assert first.marks["wording"] == "usual"
        assert (first.answer, set(first.choices)) == (question.answer, set(question.choices))
        assert wording_of(question) not in told


def wording_of(question: Question) -> str:
    """A question's words from the first that is no name on."""
    (said,) = read(question.prompt + question.answer)
    assert isinstance(said, Statement)
    start = question.prompt.split()[0] if said.relation not in ("is_called",) else said.first
    return question.prompt.removeprefix(start)


def test_half_of_the_premises_let_nothing_follow_and_most_have_the_mood_of_those_that_do() -> None:
    dataset = plugins.load("datasets", "syllogisms")(seed=100, facts=64)
    moods: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for document, question in zip(dataset.documents, dataset.questions[::2], strict=True):
        told = [s.relation for s in read(document.text) if isinstance(s, Statement)]
        moods[question.answer == " not known"][" ".join(sorted(told))] += 1
    assert sum(moods[True].values()) == 32
    assert sum((moods[True] & moods[False]).values()) >= 24


def test_where_there_are_things_of_every_kind_more_follows() -> None:
    made = plugins.load("datasets", "syllogisms")
    answers = {}
    for inhabited in (False, True):
        dataset = made(seed=100, inhabited=inhabited)
        answers[inhabited] = [len(q.accept) for q in dataset.questions]
        texts = [document.text for document in dataset.documents]
        assert all((text.count("there are ") == 3) == inhabited for text in texts)
    assert sum(answers[True]) > sum(answers[False])


# Of these another rule than reasoning finds the answer. An arm shows an inference there only above the best
# rule, which the report names. No other name stands with all words of a description; and what follows from
# premises has their mood, or else nothing follows, which is the answer to every second question. A comparison
# turned round has the other word: it is enough to take the word that was not told of these two names. A
# held-out leaf is linked to its parent alone, so nothing is as near as what it inherits.
COUNTABLE = {
    ("celebrities", "reversal"), ("syllogisms", "syllogism"), ("syllogisms, the paper's form", "syllogism"),
    ("reversals", "reversal"), ("semantic, told once", "holdout"),
}  # fmt: skip
DEVELOPMENT = tuple(range(100, 108))


def names_of(dataset: Dataset) -> frozenset[str]:
    told = [s for d in dataset.documents for s in read(d.text) if isinstance(s, Statement)]
    return frozenset(word for s in told for name in (s.first, s.last) for word in name.split())


# The least that a rule must be above chance, in points: below it, noise of 64 units.
LEAST = 0.07


@pytest.mark.parametrize("size", [size for size in SIZES if size not in ("family", "semantic")])
def test_counting_and_walking_the_graph_find_no_answer_but_where_it_is_said(size: str) -> None:
    name, options = SIZES[size]
    made = [plugins.load("datasets", name)(seed=seed, **options) for seed in DEVELOPMENT]
    found = rules.by_rule([(each.documents, each.questions, names_of(each)) for each in made])
    above = {}
    for (split, rule), row in found.items():
        error = (row["high"] - row["low"]) / 4
        if split not in made[0].recall and row["accuracy"] > row["chance"] + max(MARGIN * error, LEAST):
            above[split] = rule
    assert set(above) == {split for known, split in COUNTABLE if known == size}, above


Profile = tuple[tuple[str, str], ...]
"""In which relations, and in which place of them, a name is told; a mother is a parent."""


def profiles(dataset: Dataset) -> Mapping[str, Profile]:
    told = [s for d in dataset.documents for s in read(d.text) if isinstance(s, Statement)]
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for s in dict.fromkeys(map(weaker, told)):
        found[s.first].append((s.relation, "first"))
        found[s.last].append((s.relation, "last"))
    return {name: tuple(sorted(places)) for name, places in found.items()}


@pytest.mark.parametrize("size", ["family, told once", "semantic, told once"])
def test_what_is_told_of_a_choice_alone_does_not_give_it_away(size: str) -> None:
    """A rule that was fitted to the answers of other seeds: it knows what is asked, and in which relations
    and places each choice is told, and never looks at the asked name."""
    name, options = SIZES[size]
    made = [plugins.load("datasets", name)(seed=seed, **options) for seed in range(100, 132)]
    told = [profiles(dataset) for dataset in made]
    for split in {q.split for q in made[0].questions} - set(made[0].recall):
        right: Counter[tuple[str, Profile]] = Counter()
        offered: Counter[tuple[str, Profile]] = Counter()
        earned: list[float] = []
        for fitting in (True, False):
            for dataset, known in list(zip(made, told, strict=True))[not fitting :: 2]:
                for q in (q for q in dataset.questions if q.split == split and q.marks["wording"] == "usual"):
                    asked = " ".join(q.prompt.split()[1:])
                    keys = {choice: (asked, known[choice.strip()]) for choice in q.choices}
                    if fitting:
                        right[keys[q.answer]] += 1
                        offered.update(keys.values())
                        continue
                    scores = {c: right[key] / max(1, offered[key]) for c, key in keys.items()}
                    best = [c for c in q.choices if scores[c] >= max(scores.values()) - 0.02]
                    earned.append((q.answer in best) / len(best) - 1 / len(q.choices))
        assert sum(earned) / len(earned) < LEAST, split
