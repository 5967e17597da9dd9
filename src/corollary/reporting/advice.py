"""The advice of a study: what to do and why, in three sentences, as a pure function of its summary.

Only primary comparisons count (see `corollary.measure.stats`): the first treatment against the first
baseline, against documents in the prompt, and against its placebos. "Not known" is never read as "equal":
where a comparison shows nothing, the advice says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from corollary.reporting.outline import Outline, Row, outline_of
from corollary.reporting.wording import by_points, count, listing, percent, points, questions

NEVER = "never"


@dataclass(frozen=True)
class Advice:
    """Advice in three sentences: what to do, why, and what it costs or when the advice changes. `kind` is
    "augment", "prompt", "plain", "placebo", "hurts" or "undecided"."""

    kind: str
    do: str
    why: str
    but: str


@dataclass(frozen=True)
class Verdict:
    """A pair of arms over the tests on which their comparison is primary: the number of each answer, the mean
    difference, and the ends of the widest interval (shares). `margin` is the study's."""

    a: str
    b: str
    tests: int = 0
    better: int = 0
    within: int = 0
    worse: int = 0
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    margin: float = 0.05

    @property
    def wins(self) -> bool:
        """`a` is better on a test and worse on none."""
        return self.better > 0 and not self.worse

    @property
    def loses(self) -> bool:
        """`a` is worse on a test and better on none."""
        return self.worse > 0 and not self.better

    @property
    def holds(self) -> bool:
        """`a` is better or within the margin on every test."""
        return self.tests > 0 and self.better + self.within == self.tests

    def __str__(self) -> str:
        """The result of `a` as the end of a clause, also if it is mixed or missing."""
        if not self.tests:
            return "was not measured"
        unknown = self.tests - self.better - self.within - self.worse
        small = f"not worse by more than {points(self.margin).lstrip('+')} points"
        sides = [("better", self.better), (small, self.within), ("worse", self.worse), ("not known", unknown)]
        if self.tests == 1:
            (word,) = [word for word, n in sides if n]
            found = "not known to differ" if word == "not known" else word
            return f"is {found} on the one primary test ({by_points(self.mean)})"
        ways = listing([f"{word} on {n}" for word, n in sides if n])
        return f"is {ways} of {count(self.tests, 'primary test')} ({by_points(self.mean)} on average)"


@dataclass(frozen=True)
class _Evidence:
    """The verdicts that decide. `gain` compares the treatment with the baseline, `rival` with the prompt, and
    `placebo` with the placebo or control that it is worst against. `kept` is a clause about the share of the
    gain that false lines keep. `prompt` is the phrase for documents in the prompt, `compared` the phrase for
    the arm to which the break-even refers."""

    gain: Verdict
    rival: Verdict
    placebo: Verdict
    kept: str
    prompt: str
    compared: str
    costs: Sequence[Row]


def advise(summary: Mapping[str, Any]) -> Advice:
    """The advice that follows from the primary comparisons, costs and audits of a summary.json."""
    outline = outline_of(summary)
    found = _evidence(summary, outline)
    gain, rival, placebo = found.gain, found.rival, found.placebo
    if gain.loses:
        return _hurts(found, summary["augmentation"])
    if rival.loses:
        return _prompt(found)
    if gain.wins:
        if placebo.tests and not placebo.better:
            return _placebo(found)
        return _augment_or_prompt(found)
    if rival.wins and not gain.worse:
        return _augment_or_prompt(found)
    if gain.holds:
        return _plain(found)
    return _undecided([verdict for verdict in (gain, rival) if verdict.tests])


def _evidence(summary: Mapping[str, Any], outline: Outline) -> _Evidence:
    rows = [row for row in summary["comparisons"] if row["primary"]]
    arm = next((row["a"] for row in rows), outline.first("treatment") or "augmented fine-tuning")
    contexts = [
        name for name in outline.of_role("context") if (arm, name) in {(r["a"], r["b"]) for r in rows}
    ]
    shown = outline.of_role("context")
    others = [_verdict(rows, arm, name, summary["margin"]) for name in outline.of_role("placebo", "control")]
    tried = [verdict for verdict in others if verdict.tests]
    rivals = [_verdict(rows, arm, name, summary["margin"]) for name in contexts]
    # Where several are named, the hardest to beat counts.
    rival = min(rivals, key=lambda verdict: verdict.mean, default=Verdict(arm, ""))
    several = len(shown) > 1
    costs = [row for row in summary["costs"] if row["method"] == arm and row["tuning"] == outline.tuning]
    return _Evidence(
        gain=_verdict(rows, arm, outline.first("baseline") or "plain fine-tuning", summary["margin"]),
        rival=rival,
        placebo=min(tried, key=lambda verdict: (verdict.better, verdict.mean), default=Verdict(arm, "")),
        kept=_kept(summary, arm, outline),
        prompt=f"the documents in the prompt ({rival.b})"
        if several and rival.b
        else "the documents in the prompt",
        compared=f"the documents in the prompt ({shown[0]})" if several else "the documents in the prompt",
        costs=costs,
    )


def _kept(summary: Mapping[str, Any], arm: str, outline: Outline) -> str:
    """ "false lines keep 12 to 87 % of the gain", over the tests of inference and placebos; or ""."""
    rows = outline.main(outline.inference(summary["kept"]))
    shares = [row["share"] for row in rows if row["treatment"] == arm and row["share"] is not None]
    if not shares:
        return ""
    low, high = percent(max(0.0, min(shares))), percent(max(0.0, max(shares)))
    spread = high if low == high else f"{low} to {high}".replace("\u00a0% to", " to")
    return f"false lines keep {spread} of the gain"


def _augment_or_prompt(found: _Evidence) -> Advice:
    gain, rival = found.gain, found.rival
    plain = _break_even(found.costs, "break_even_queries")
    cached = _break_even(found.costs, "break_even_queries_cached")
    if rival.holds and not rival.better and plain == cached == NEVER:
        return Advice(
            "prompt",
            f"Keep {found.prompt}: at these costs fine-tuning never becomes cheaper.",
            f"Against the prompt, augmented fine-tuning {rival}, but it costs more, however much you ask.",
            "If the documents do not fit into the prompt, augment and fine-tune.",
        )
    why = f"Against plain fine-tuning this {gain}; against keeping {found.prompt} it {rival}"
    if found.placebo.tests:
        why += f"; against {found.placebo.b} it {found.placebo}"
    why += f"; {found.kept}" if found.kept else ""
    counted = " (counted in operations)" if any(row.get("unit") == "flops" for row in found.costs) else ""
    if plain is None:
        but = "Its costs were not measured, so find out about them before you decide."
    elif plain == NEVER:
        but = f"It never becomes cheaper than keeping {found.compared}: better answers cost more."
    else:
        but = (
            f"It becomes cheaper{counted} than keeping {found.compared} after {questions(plain)} without"
            f" prompt caching, and with it {_after(cached)}; for fewer, keep them in the prompt."
        )
    if rival.tests and not rival.holds:
        do = (
            "Augment and fine-tune where the documents do not fit into the prompt; where they fit, this study"
        )
        return Advice("augment", f"{do} does not decide.", f"{why}.", but)
    do = "Augment your documents with what follows from them, and fine-tune on both."
    return Advice("augment", do, f"{why}.", but)


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
    return Advice("prompt", f"Keep {found.prompt} as long as they fit.", why, but)


def _plain(found: _Evidence) -> Advice:
    return Advice(
        "plain",
        "Fine-tune on your documents as they are.",
        f"Against this, augmenting them first {found.gain}.",
        f"Against keeping {found.prompt}, augmented fine-tuning {found.rival}.",
    )


def _placebo(found: _Evidence) -> Advice:
    name = found.placebo.b
    return Advice(
        "placebo",
        f"Do not call the gain inference: this study does not show that true lines teach more than {name}.",
        f"Against plain fine-tuning, augmented fine-tuning {found.gain}; against {name} it {found.placebo}"
        f"{f'; {found.kept}' if found.kept else ''}.",
        "Look at the sample augmentations: if few are right and new, a stronger model may generate better"
        " ones.",
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


def _undecided(measured: Sequence[Verdict]) -> Advice:
    if not measured:
        why = "No two of them were compared on a primary test."
    else:
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


def _verdict(rows: Sequence[Row], a: str, b: str, margin: float) -> Verdict:
    """The verdict on a pair, over the tests on which their comparison is primary."""
    found = [row for row in rows if (row["a"], row["b"]) == (a, b)]
    if not found:
        return Verdict(a, b)
    answers = [row["answer"] for row in found]
    return Verdict(
        a=a,
        b=b,
        tests=len(found),
        better=answers.count("better"),
        within=answers.count("within"),
        worse=answers.count("worse"),
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
