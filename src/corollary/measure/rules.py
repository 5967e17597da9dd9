"""Trivial rules: answers to questions from the documents alone, without a model and without inference.

What such a rule finds, a model may have found in the same way. So an arm shows an inference only where it is
above the best rule. A rule gives each choice a number; the highest wins, and ties share the credit.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from corollary.documents.names import rare_words, words
from corollary.documents.split import sentences
from corollary.measure.estimates import estimate
from corollary.measure.rows import RuleRow
from corollary.types import Document, Question

MEANINGLESS = 1e-9
_SHORT = 3
"""Words of up to this many letters are no names."""

Made = tuple[Sequence[Document], Sequence[Question], frozenset[str] | None]
"""The documents and questions of a dataset at one seed, and the words of its names if they are known."""


@dataclass
class Index:
    """What rules look up: the words of sentences and documents, counts of words and word pairs, and the graph
    in which names that share a sentence are neighbours."""

    lines: list[list[str]] = field(default_factory=list)
    documents: list[set[str]] = field(default_factory=list)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    first: Counter[str] = field(default_factory=Counter)
    last: Counter[str] = field(default_factory=Counter)
    names: frozenset[str] = frozenset()
    near: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, documents: Sequence[Document], names: frozenset[str] | None = None) -> Index:
        """The index of some documents. Where the words of names are not known, the rare words are taken."""
        texts = [[sentence.text for sentence in sentences(document)] for document in documents]
        if names is None:
            names = rare_words([text for part in texts for text in part])
        # "or" may be rare too, and "of" a part of a name: both link whatever is said with them.
        found = cls(names=frozenset(word for word in names if len(word) > _SHORT))
        for part in texts:
            found.documents.append({word for text in part for word in words(text)})
            for text in part:
                found._add(words(text))
        return found

    def _add(self, line: list[str]) -> None:
        self.lines.append(line)
        self.counts.update(line)
        self.pairs.update(itertools.pairwise(line))
        said = [word for word in line if word in self.names]
        if said:
            self.first[said[0]] += 1
            self.last[said[-1]] += 1
        for name in said:
            self.near[name].update(other for other in said if other != name)

    def named(self, text: str) -> list[str]:
        """The names in a text."""
        return [word for word in words(text) if word in self.names]

    def steps(self, starts: Iterable[str], most: int = 6) -> dict[str, int]:
        """The number of sentences in a row that link names with the nearest of `starts`."""
        found = dict.fromkeys(starts, 0)
        edge = list(found)
        for step in range(1, most + 1):
            edge = sorted({name for at in edge for name in self.near[at] if name not in found})
            found |= dict.fromkeys(edge, step)
        return found


Rule = Callable[[Index, str, str], float]
"""(index, prompt, choice) -> a number; the choice with the highest is the rule's answer."""


def _shares_line(index: Index, prompt: str, choice: str) -> float:
    asked, said = set(index.named(prompt)), set(index.named(choice)) - set(index.named(prompt))
    return float(sum(bool(asked & set(line)) and bool(said & set(line)) for line in index.lines))


def _shares_document(index: Index, prompt: str, choice: str) -> float:
    asked, said = set(index.named(prompt)), set(index.named(choice)) - set(index.named(prompt))
    return float(sum(bool(asked & each) and bool(said & each) for each in index.documents))


def _stands(before: bool) -> Rule:
    """How often the choice's names stand before those of the question in a line, or after them."""

    def rule(index: Index, prompt: str, choice: str) -> float:
        asked, said = set(index.named(prompt)), set(index.named(choice)) - set(index.named(prompt))
        found = 0
        for line in index.lines:
            own, other = ([at for at, word in enumerate(line) if word in names] for names in (asked, said))
            found += bool(own and other) and (other[0] < own[0]) == before
        return float(found)

    return rule


def _nearest(index: Index, prompt: str, choice: str) -> float:
    steps = index.steps(index.named(prompt))
    return -float(min((steps.get(name, 99) for name in index.named(choice)), default=99))


def _at(distance: int) -> Rule:
    def rule(index: Index, prompt: str, choice: str) -> float:
        return float(_nearest(index, prompt, choice) == -distance)

    return rule


def _overlap(index: Index, prompt: str, choice: str) -> float:
    """The most word pairs that the completed sentence shares with one line."""
    whole = words(prompt + choice)
    pairs = set(itertools.pairwise(whole))
    return float(max((len(pairs & set(itertools.pairwise(line))) for line in index.lines), default=0))


def _turned(index: Index, prompt: str, choice: str) -> float:
    """Against the words that the completed sentence shares with the line most like it among those with all
    its names: the word that was not told ("less" for "more")."""
    whole = set(words(prompt + choice))
    asked = whole & index.names
    return -float(max((len(whole & set(line)) for line in index.lines if asked <= set(line)), default=0))


def _pairs(sign: int) -> Rule:
    """How often the choice's word pairs are in the documents ("more dangerous")."""

    def rule(index: Index, prompt: str, choice: str) -> float:
        said = words(choice)
        return sign * float(sum(index.pairs[pair] for pair in itertools.pairwise(said)))

    return rule


def _counted(of: Callable[[Index], Mapping[str, int]], sign: int) -> Rule:
    def rule(index: Index, prompt: str, choice: str) -> float:
        names = index.named(choice) or words(choice)
        return sign * float(sum(of(index).get(name, 0) for name in names)) / max(1, len(names))

    return rule


def _atmosphere(index: Index, prompt: str, choice: str) -> float:
    """For syllogisms: "some" if a premise says "some", "no" or "not" if one denies (Woodworth and Sells
    1935)."""
    said = words(choice)
    if not said or said[0] not in ("all", "some", "no"):
        return -1.0
    asked = set(index.named(prompt))
    told = {word for line in index.lines if asked & set(line) for word in line}
    alike = ("some" in told) == (said[0] == "some")
    return float(alike) + float(bool(_DENIALS & told) == bool(_DENIALS & set(said)))


_DENIALS = {"no", "not"}


def _bare(index: Index, choice: str) -> str:
    """A choice without its names."""
    return " ".join(word for word in words(choice) if word not in index.names)


def _always(bare: str) -> Rule:
    def rule(index: Index, prompt: str, choice: str) -> float:
        return float(_bare(index, choice) == bare)

    return rule


CONSTANTS = 3
"""The commonest answers of a test that are tried as rules."""

RULES: Mapping[str, Rule] = {
    "shares a line with the question": _shares_line,
    "shares a document with the question": _shares_document,
    "stands before the question's name in a line": _stands(before=True),
    "stands after the question's name in a line": _stands(before=False),
    "nearest in the graph of names": _nearest,
    "two steps away": _at(2),
    "three steps away": _at(3),
    "most word pairs shared with a line": _overlap,
    "least like a line of its names": _turned,
    "its word pairs are told most often": _pairs(1),
    "its word pairs are told least often": _pairs(-1),
    "named most often": _counted(lambda index: index.counts, 1),
    "named least often": _counted(lambda index: index.counts, -1),
    "stands first most often": _counted(lambda index: index.first, 1),
    "stands last most often": _counted(lambda index: index.last, 1),
    "stands last least often": _counted(lambda index: index.last, -1),
    "as the mood of the premises": _atmosphere,
    "longest": lambda index, prompt, choice: float(len(choice)),
    "shortest": lambda index, prompt, choice: -float(len(choice)),
}


def credits(index: Index, question: Question, rule: Rule) -> float:
    """The credit of a rule for a question with choices."""
    right = {question.answer, *question.accept}
    values = [rule(index, question.prompt, choice) for choice in question.choices]
    best = max(values) - MEANINGLESS
    chosen = [choice for choice, value in zip(question.choices, values, strict=True) if value >= best]
    return sum(choice in right for choice in chosen) / len(chosen)


def by_rule(made: Sequence[Made]) -> dict[tuple[str, str], RuleRow]:
    """The accuracy of every rule on every split of a dataset, by (split, rule). Questions without choices are
    left out."""
    units: dict[tuple[str, str], list[dict[str, list[float]]]] = {}
    chance: dict[str, list[float]] = defaultdict(list)
    indices = [Index.of(documents, names) for documents, _, names in made]
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for index, (_, questions, _) in zip(indices, made, strict=True):
        for question in questions:
            answers[question.split][_bare(index, question.answer)] += 1
    for seed, (index, (_, questions, _)) in enumerate(zip(indices, made, strict=True)):
        for question in questions:
            if not question.choices:
                continue
            common = [bare for bare, _ in answers[question.split].most_common(CONSTANTS)]
            constants = {f'always "{bare}"': _always(bare) for bare in common if bare}
            right = {question.answer, *question.accept}
            chance[question.split].append(sum(c in right for c in question.choices) / len(question.choices))
            for name, rule in {**RULES, **constants}.items():
                found = units.setdefault((question.split, name), [{} for _ in made])
                found[seed].setdefault(question.unit or question.id, []).append(
                    credits(index, question, rule)
                )
    out = {}
    for (split, name), seeds in units.items():
        samples = [np.array([[np.mean(each) for each in seed.values()]]) for seed in seeds if seed]
        right_share = estimate(samples)
        low, high = right_share.share_span()
        out[split, name] = RuleRow(
            dataset="", split=split, rule=name, accuracy=right_share.mean, low=low, high=high,
            chance=float(np.mean(chance[split])), n_units=right_share.units,
        )  # fmt: skip
    return out


def best_rules(dataset: str, made: Sequence[Made]) -> list[RuleRow]:
    """The best rule on each split of a dataset. It is chosen on the test itself, which favours the rules."""
    best: dict[str, RuleRow] = {}
    for (split, _), row in by_rule(made).items():
        if split not in best or row["accuracy"] > best[split]["accuracy"]:
            best[split] = RuleRow(**{**row, "dataset": dataset})
    return list(best.values())
