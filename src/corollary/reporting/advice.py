"""The advice of a study: what to do and why, in a few sentences, as a pure function of its summary.

Only primary comparisons count (see `corollary.measure.stats`): the first treatment against the first
baseline, against documents in the prompt, and against its placebos. "Not known" is never read as "equal":
where a comparison shows nothing, the advice says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from corollary.reporting.inference import gain_sentence, gains_of
from corollary.reporting.outline import Outline, Row, outline_of
from corollary.reporting.wording import by_points, listing, percent, points, questions

NEVER = "never"


@dataclass(frozen=True)
class Advice:
    """Advice in a few sentences: what to do, why, what kind of gain it is ("" if there is none), and what it
    costs or when the advice changes. `kind` is "augment", "prompt", "placebo", "hurts" or "undecided"."""

    kind: str
    do: str
    why: str
    but: str
    gain: str = ""

    @property
    def sentences(self) -> list[str]:
        """All sentences, in the order of reading."""
        return [sentence for sentence in (self.do, self.why, self.gain, self.but) if sentence]


@dataclass(frozen=True)
class Verdict:
    """A pair of arms over the tests on which their comparison is primary: the number of each answer, the mean
    difference, and the ends of the widest interval (shares). `margin` is the study's."""

    a: str
    b: str
    answers: tuple[str, ...] = ()
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    margin: float = 0.05

    @property
    def wins(self) -> bool:
        """`a` is better on a test and worse on none."""
        return "better" in self.answers and "worse" not in self.answers

    @property
    def loses(self) -> bool:
        """`a` is worse on a test and better on none."""
        return "worse" in self.answers and "better" not in self.answers

    @property
    def holds(self) -> bool:
        """`a` is better or within the margin on every test."""
        return bool(self.answers) and {*self.answers} <= {"better", "within"}

    def __str__(self) -> str:
        """The result of `a` as the end of a clause, also if it is mixed or missing."""
        if not self.answers:
            return "was not measured"
        ways = {
            "better": "better",
            "within": f"not worse by more than {100 * self.margin:.0f} points",
            "worse": "worse",
            "unknown": "not known to be better or worse",
        }
        counts = {words: self.answers.count(answer) for answer, words in ways.items()}
        if len(self.answers) == 1:
            (found,) = [words for words, number in counts.items() if number]
            return f"is {found} on the one primary test ({by_points(self.mean)})"
        found = listing([f"{words} on {number}" for words, number in counts.items() if number])
        return f"is {found} of {len(self.answers)} primary tests ({by_points(self.mean)} on average)"


@dataclass(frozen=True)
class _Evidence:
    """The verdicts that decide. `gain` compares the treatment with the baseline, and `rival` with the prompt.
    `inference` says whether the gain is an inference on any test, or None if no placebo ran. `prompt` is the
    phrase for documents in the prompt, `compared` the phrase for the arm to which the break-even refers."""

    gain: Verdict
    rival: Verdict
    inference: bool | None
    sentence: str
    prompt: str
    compared: str
    costs: Sequence[Row]


def advise(summary: Mapping[str, Any]) -> Advice:
    """The advice that follows from the primary comparisons, costs and audits of a summary.json."""
    outline = outline_of(summary)
    found = _evidence(summary, outline)
    gain, rival = found.gain, found.rival
    if gain.loses:
        return _hurts(found, summary["augmentation"])
    if rival.loses:
        return _prompt(found)
    if gain.wins:
        return _placebo(found) if found.inference is False else _augment_or_prompt(found)
    if rival.wins and not gain.answers:
        return _augment_or_prompt(found)
    return _undecided(found)


def _evidence(summary: Mapping[str, Any], outline: Outline) -> _Evidence:
    rows = [row for row in summary["comparisons"] if row["primary"]]
    arm = next((row["a"] for row in rows), outline.first("treatment") or "augmented fine-tuning")
    contexts = outline.of_role("context")
    rival = _verdict(rows, arm, contexts, summary["margin"])
    gains = gains_of(summary, outline).values()
    tested = [gain.inference for gain in gains if gain.answer == "better" and gain.placebo]
    several, prompt = len(contexts) > 1, "the documents in the prompt"
    return _Evidence(
        gain=_verdict(rows, arm, [outline.first("baseline")], summary["margin"]),
        rival=rival,
        inference=any(tested) if tested else None,
        sentence=gain_sentence(gains),
        prompt=f"{prompt} ({rival.b})" if several and rival.b else prompt,
        compared=f"{prompt} ({contexts[0]})" if several else prompt,
        costs=[row for row in summary["costs"] if row["method"] == arm and row["tuning"] == outline.tuning],
    )


def _augment_or_prompt(found: _Evidence) -> Advice:
    rival = found.rival
    plain = _break_even(found.costs, "break_even_queries")
    cached = _break_even(found.costs, "break_even_queries_cached")
    if rival.holds and "better" not in rival.answers and plain == cached == NEVER:
        return Advice(
            "prompt",
            f"Keep {found.prompt}: at these costs fine-tuning never becomes cheaper.",
            f"Against the prompt, augmented fine-tuning {rival}, but it costs more, however much you ask.",
            "If the documents do not fit into the prompt, augment and fine-tune.",
            found.sentence,
        )
    counted = " (counted in operations)" if any(row.get("unit") == "flops" for row in found.costs) else ""
    if plain is None:
        but = "Its costs were not measured, so find out about them before you decide."
    elif plain == NEVER:
        but = f"It never becomes cheaper than keeping {found.compared}."
    else:
        but = (
            f"It becomes cheaper{counted} than keeping {found.compared} after {questions(plain)} without"
            f" prompt caching, and with it {_after(cached)}; for fewer, keep them in the prompt."
        )
    do = "Augment your documents with what follows from them, and fine-tune on both."
    if rival.answers and not rival.holds:
        do = (
            "Augment and fine-tune where the documents do not fit into the prompt; where they fit, this study"
            " does not decide."
        )
    return Advice("augment", do, _why(found), but, found.sentence)


def _why(found: _Evidence) -> str:
    return (
        f"Against plain fine-tuning, augmented fine-tuning {found.gain}; against keeping {found.prompt} it"
        f" {found.rival}."
    )


def _prompt(found: _Evidence) -> Advice:
    gain = found.gain
    if gain.wins:
        but = (
            "If they do not fit into the prompt, augment and fine-tune: against plain fine-tuning that"
            f" {gain}."
        )
    else:
        but = f"Against plain fine-tuning, augmenting first {gain}, so no result here speaks for it."
    why = f"Against this, augmented fine-tuning {found.rival}."
    return Advice("prompt", f"Keep {found.prompt} as long as they fit.", why, but, found.sentence)


def _placebo(found: _Evidence) -> Advice:
    return Advice(
        "placebo",
        "Do not credit the gain to inference: this study does not show that true lines teach more than false"
        " ones.",
        _why(found),
        "Look at the sample augmentations: if few are right and new, a stronger model may generate better"
        " ones.",
        found.sentence,
    )


def _hurts(found: _Evidence, augmentation: Sequence[Row]) -> Advice:
    arm = found.gain.a
    measured = [
        row["precision"] for row in augmentation if row["method"] == arm and row["precision"] is not None
    ]
    cause = (
        f"only {percent(mean(measured))} of its new lines are right"
        if measured and mean(measured) < 0.9
        else "see the sample augmentations for what was generated"
    )
    instead = f"Keep {found.prompt} or fine-tune on the documents as they are."
    return Advice(
        "hurts",
        "Do not augment: here it makes the model worse.",
        f"Against plain fine-tuning this {found.gain}; {cause}.",
        instead,
    )


def _undecided(found: _Evidence) -> Advice:
    why = "No two of them were compared on a primary test."
    measured = [verdict for verdict in (found.gain, found.rival) if verdict.answers]
    if measured:
        first = measured[0]
        why = (
            f"Against {first.b}, {first.a} {first}, and the intervals reach"
            f" from {points(first.low)} to {points(first.high)} points."
        )
    return Advice(
        "undecided",
        "Do not decide by this study: plain tuning, augmenting and the prompt do not differ clearly.",
        why,
        "More runs, seeds and independent facts would narrow it; more questions on the same facts would not.",
    )


def _verdict(rows: Sequence[Row], a: str, rivals: Sequence[str], margin: float) -> Verdict:
    """The verdict of an arm on the tests on which a comparison with a rival is primary. Where a test has
    several, the hardest to beat counts."""
    hardest: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["a"] == a and row["b"] in rivals:
            test = (row["dataset"], row["split"])
            hardest[test] = min(hardest.get(test, row), row, key=lambda each: each["difference"])
    found = [*hardest.values()]
    if not found:
        return Verdict(a, "")
    return Verdict(
        a=a,
        b=listing([*dict.fromkeys(row["b"] for row in found)]),
        answers=tuple(row["answer"] for row in found),
        mean=mean(row["difference"] for row in found),
        low=min(row["low"] for row in found),
        high=max(row["high"] for row in found),
        margin=margin,
    )


def _break_even(costs: Sequence[Row], key: str) -> list[Any] | str | None:
    """The best and the worst bound over all datasets; None if none was measured."""
    found = [row[key] for row in costs if row[key] is not None]
    if not found:
        return None
    bounds = [(NEVER, NEVER) if value == NEVER else tuple(value) for value in found]
    lows = [low for low, _ in bounds if low != NEVER]
    if not lows:
        return NEVER
    highs = [high for _, high in bounds]
    return [min(lows), NEVER if NEVER in highs else max(highs)]


def _after(bounds: list[Any] | str | None) -> str:
    if bounds is None:
        return "not known"
    return NEVER if bounds == NEVER else f"after {questions(bounds)}"
