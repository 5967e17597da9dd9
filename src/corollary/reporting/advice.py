"""The advice of a study: what to do and why, in three sentences, as a pure function of its summary.

Only significant differences count (see `corollary.measure.stats`), and only on tests that need an inference,
as every arm can repeat what the documents state. The advice compares the first treatment with the first
baseline, then with the best arm that has documents in the prompt, then the costs of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from corollary.reporting.outline import Outline, Row, outline_of
from corollary.reporting.wording import by_points, count, percent, points, questions

NEVER = "never"


@dataclass(frozen=True)
class Advice:
    """Advice in three sentences: what to do, why, and what it costs or when the advice changes. `kind` is
    "augment", "prompt", "plain", "control", "hurts" or "undecided"."""

    kind: str
    do: str
    why: str
    but: str


@dataclass(frozen=True)
class Verdict:
    """A pair of arms over all tests of inference. `better` and `worse` count the tests on which `a` is
    significantly better or worse than `b`. `mean` is the mean difference; `low` and `high` are the ends of
    the widest interval. These three are shares."""

    a: str
    b: str
    tests: int = 0
    better: int = 0
    worse: int = 0
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def leans(self) -> int:
        """1 if `a` is better on more tests than it is worse, -1 if on fewer, else 0."""
        return (self.better > self.worse) - (self.better < self.worse)

    def __str__(self) -> str:
        """The result of `a` as the end of a clause, also if it is mixed or missing."""
        if not self.tests:
            return "was not measured"
        sides = [("better", self.better), ("worse", self.worse)]
        if self.tests == 1:
            found = next((f"significantly {word}" for word, n in sides if n), "not significantly different")
            return f"is {found} on the one test of inference ({by_points(self.mean)})"
        ways = " and ".join(f"{word} on {n}" for word, n in sides if n)
        found = f"significantly {ways}" if ways else "not significantly different on any"
        return f"is {found} of {count(self.tests, 'test')} of inference ({by_points(self.mean)} on average)"


@dataclass(frozen=True)
class _Evidence:
    """The verdicts that decide. `gain` compares the treatment with the baseline, `rival` with the prompt, and
    `control` with a control that it does not beat. `context` compares the prompt with the baseline, and
    `control_gain` that control with the baseline. `prompt` is the phrase for documents in the prompt,
    `compared` the phrase for the arm to which the break-even refers."""

    gain: Verdict
    rival: Verdict
    context: Verdict
    control: Verdict
    control_gain: Verdict
    prompt: str
    compared: str
    costs: Sequence[Row]


def advise(summary: Mapping[str, Any]) -> Advice:
    """The advice that follows from the comparisons, costs and audits of a summary.json."""
    outline = outline_of(summary)
    rows = outline.main(outline.inference(summary["comparisons"]))
    found = _evidence(summary, outline, rows)
    gain, rival, context = found.gain, found.rival, found.context

    measured = [verdict for verdict in (gain, rival, context) if verdict.tests]
    if not any(verdict.better or verdict.worse for verdict in measured):
        return _undecided(measured)
    if gain.leans < 0:
        return _hurts(found, summary["augmentation"])
    if gain.leans > 0 and rival.leans >= 0:
        # No significant difference to the control does not mean that the control is as good. So the advice is
        # the control only if it also beats the baseline.
        if found.control.tests and found.control_gain.leans > 0:
            return _control(found)
        return _augment_or_prompt(found)
    if rival.leans > 0 and (not gain.tests or context.leans > 0):
        return _augment_or_prompt(found)
    if gain.leans == 0 and context.leans < 0:
        return _plain(found)
    if rival.leans < 0 or context.leans > 0:
        return _prompt(found)
    if not gain.tests and not context.tests:
        return _undecided(measured)
    return _plain(found)


def _evidence(summary: Mapping[str, Any], outline: Outline, rows: Sequence[Row]) -> _Evidence:
    compared = {arm for row in rows for arm in (row["a"], row["b"])}
    candidates = [*outline.of_role("treatment"), *outline.of_role("ablation")]
    arm = next((arm for arm in candidates if arm in compared), "augmented fine-tuning")
    baseline = outline.first("baseline") or "plain fine-tuning"
    contexts = outline.of_role("context")
    accuracy = {
        name: [
            row["accuracy"]
            for row in outline.inference(summary["accuracy"])
            if row["method"] == name and row["accuracy"] is not None
        ]
        for name in contexts
    }
    # An arm without comparisons cannot be advised; among equals the first one counts.
    best = max(
        contexts or ["the prompt"],
        key=lambda name: (name in compared, mean(accuracy.get(name) or [0.0])),
    )
    controls = [_verdict(rows, arm, name) for name in outline.of_role("control")]
    control = next((v for v in controls if v.tests and not v.better), Verdict(arm, ""))
    several = len(contexts) > 1
    costs = [row for row in summary["costs"] if row["method"] == arm and row["tuning"] == outline.tuning]
    return _Evidence(
        gain=_verdict(rows, arm, baseline),
        rival=_verdict(rows, arm, best),
        context=_verdict(rows, best, baseline),
        control=control,
        control_gain=_verdict(rows, control.b, baseline),
        prompt=f"the documents in the prompt ({best})" if several else "the documents in the prompt",
        compared=f"the documents in the prompt ({contexts[0]})" if several else "the documents in the prompt",
        costs=costs,
    )


def _augment_or_prompt(found: _Evidence) -> Advice:
    gain, rival = found.gain, found.rival
    plain = _break_even(found.costs, "break_even_queries")
    cached = _break_even(found.costs, "break_even_queries_cached")
    if rival.tests and rival.leans == 0 and plain == cached == NEVER:
        return Advice(
            "prompt",
            f"Keep {found.prompt}: at these costs fine-tuning never becomes cheaper.",
            f"Against the prompt, augmented fine-tuning {rival}, but it costs more, however much you ask.",
            "If the documents do not fit into the prompt, augment and fine-tune.",
        )
    why = f"Against plain fine-tuning this {gain}; against keeping {found.prompt} it {rival}"
    if found.control.tests:
        why += f"; against the control {found.control.b} it {found.control}"
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
    do = "Augment your documents with what follows from them, and fine-tune on both."
    return Advice("augment", do, f"{why}.", but)


def _prompt(found: _Evidence) -> Advice:
    gain = found.gain
    if found.rival.leans < 0:
        why = f"Against this, augmented fine-tuning {found.rival}."
    else:
        why = f"Against plain fine-tuning this {found.context}."
    if gain.leans > 0:
        but = (
            "If they do not fit into the prompt, augment and fine-tune: against plain fine-tuning that"
            f" {gain}."
        )
    else:
        but = f"Against plain fine-tuning, augmenting first {gain}, so no result here speaks for it."
    return Advice("prompt", f"Keep {found.prompt} as long as they fit.", why, but)


def _plain(found: _Evidence) -> Advice:
    return Advice(
        "plain",
        "Fine-tune on your documents as they are.",
        f"Against this, keeping {found.prompt} {found.context}.",
        f"Augmenting them first {found.gain}, so no result here shows that it is worth its price.",
    )


def _control(found: _Evidence) -> Advice:
    name = found.control.b
    return Advice(
        "control",
        f"Fine-tune on your documents and on the text of the control {name}: this study does not show that"
        " inferences add to this.",
        f"Against plain fine-tuning this {found.control_gain}; against this, augmented fine-tuning"
        f" {found.control}.",
        "Look at the sample augmentations: if few are right and new, a stronger model may generate better"
        " ones.",
    )


def _hurts(found: _Evidence, augmentation: Sequence[Row]) -> Advice:
    arm, context = found.gain.a, found.context
    measured = [
        row["precision"] for row in augmentation if row["method"] == arm and row["precision"] is not None
    ]
    cause = (
        f"only {percent(mean(measured))} of its new lines are right"
        if measured and mean(measured) < 0.9
        else "see the sample augmentations for what was generated"
    )
    if context.leans > 0:
        instead = f"Keep {found.prompt} instead: against plain fine-tuning that {context}."
    else:
        instead = f"Fine-tune on the documents as they are: keeping {found.prompt} {context}."
    return Advice(
        "hurts",
        "Do not augment: here it makes the model worse.",
        f"Against plain fine-tuning this {found.gain}; {cause}.",
        instead,
    )


def _undecided(measured: Sequence[Verdict]) -> Advice:
    if not measured:
        why = "No two of them were compared on a test that needs an inference."
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
        "More seeds and more independent facts would narrow it; more questions on the same facts would not.",
    )


def _verdict(rows: Sequence[Row], a: str, b: str) -> Verdict:
    """The verdict on a pair, whichever of the two was compared with the other."""
    found: list[tuple[float, float, float, bool]] = []
    for row in rows:
        sides, numbers = (row["a"], row["b"]), (row["difference"], row["low"], row["high"])
        if sides == (a, b):
            found.append((*numbers, row["significant"]))
        elif sides == (b, a):
            found.append((-numbers[0], -numbers[2], -numbers[1], row["significant"]))
    if not found:
        return Verdict(a, b)
    return Verdict(
        a=a,
        b=b,
        tests=len(found),
        better=sum(significant and difference > 0 for difference, _, _, significant in found),
        worse=sum(significant and difference < 0 for difference, _, _, significant in found),
        mean=mean([row[0] for row in found]),
        low=min(row[1] for row in found),
        high=max(row[2] for row in found),
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
