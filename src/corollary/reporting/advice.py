"""What to do and why, in three sentences: a pure function of a study's summary.

Only significant differences count (see `corollary.measure.stats`), and only on tests that need an inference:
every way of using documents can repeat them. The advice weighs augmented fine-tuning against plain
fine-tuning first, then against keeping the documents in the prompt, then the costs of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.reporting.wording import RECALL, by_points, count, main_tuning, percent, points, questions

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Advice:
    """`kind` is "augment", "in-context", "plain", "paraphrase", "hurts" or "undecided"; then one
    sentence each: what to do, why, and what it costs or under which condition it changes."""

    kind: str
    do: str
    why: str
    but: str


@dataclass(frozen=True)
class Verdict:
    """A pair of arms over all tests of inference: how many tests, on how many `a` is significantly better
    and worse than `b`, the mean difference, and the widest reach of the intervals. Shares, not points."""

    a: str
    b: str
    tests: int
    better: int
    worse: int
    mean: float
    low: float
    high: float

    @property
    def leans(self) -> int:
        """1 where `a` is better on more tests than it is worse on, -1 the other way, else 0."""
        return (self.better > self.worse) - (self.better < self.worse)

    def __str__(self) -> str:
        """What `a` showed, as the end of a clause: true also where it is mixed or missing."""
        if not self.tests:
            return "was not measured"
        sides = [f"{w} on {n}" for w, n in (("better", self.better), ("worse", self.worse)) if n]
        found = f"significantly {' and '.join(sides)}" if sides else "not significantly different on any"
        tests = f"{count(self.tests, 'test')} of inference"
        return f"is {found} of {tests} ({by_points(self.mean)} on average over all)"


def advise(summary: Mapping[str, Any]) -> Advice:
    """Weighs the comparisons and costs of a summary.json (see design: "comparisons", "costs",
    "augmentation"; parts may be missing). Full tuning decides where it was run, else the other."""
    rows = [row for row in summary.get("comparisons", []) if row["split"] not in RECALL]
    tuning = main_tuning(rows)
    rows = [row for row in rows if row["tuning"] in (tuning, "none")]
    arm = next(
        (a for a in ("augmented", "augmented-global", "augmented-local") if _has(rows, a)), "augmented"
    )
    gain = _verdict(rows, arm, "fine-tuned")
    rival = _verdict(rows, arm, "in-context")
    context = _verdict(rows, "in-context", "fine-tuned")
    reworded = _verdict(rows, arm, "paraphrase")
    wordings = _verdict(rows, "paraphrase", "fine-tuned")
    costs = [row for row in summary.get("costs", []) if row["method"] == arm and row["tuning"] == tuning]

    measured = [verdict for verdict in (gain, rival, context) if verdict.tests]
    if not any(verdict.better or verdict.worse for verdict in measured):
        return _undecided(measured)
    if gain.leans < 0:
        return _hurts(gain, context, summary.get("augmentation", []), arm)
    if gain.leans > 0 and rival.leans >= 0:
        # That no difference to paraphrases was found does not say that they do as well: they are advised
        # only where they help themselves.
        if reworded.tests and not reworded.better and wordings.leans > 0:
            return _paraphrase(reworded, wordings)
        return _augment_or_prompt(gain, rival, reworded, costs)
    if rival.leans > 0 and (not gain.tests or context.leans > 0):
        return _augment_or_prompt(gain, rival, reworded, costs)
    if gain.leans == 0 and context.leans < 0:
        return _plain(gain, context)
    if rival.leans < 0 or context.leans > 0:
        return _in_context(gain, rival, context)
    if not gain.tests and not context.tests:
        return _undecided(measured)
    return _plain(gain, context)


def _augment_or_prompt(gain: Verdict, rival: Verdict, reworded: Verdict, costs: Sequence[Row]) -> Advice:
    plain, cached = (_break_even(costs, key) for key in ("break_even_queries", "break_even_queries_cached"))
    if rival.tests and rival.leans == 0 and plain == cached == "never":
        return Advice(
            "in-context",
            "Keep the documents in the prompt: at these costs fine-tuning never becomes the cheaper way.",
            f"Against the prompt, augmented fine-tuning {rival}, but it costs more, however much you ask.",
            "If the documents do not fit into the prompt, augment and fine-tune.",
        )
    why = f"Against plain fine-tuning this {gain}; against keeping the documents in the prompt it {rival}"
    if reworded.tests and not reworded.better:
        why += f"; against as much text of paraphrases it {reworded}"
    counted = " (counted in operations)" if any(row.get("unit") == "flops" for row in costs) else ""
    if plain is None:
        but = "What it costs was not measured, so weigh that before you decide."
    elif plain == "never":
        but = "It never becomes cheaper than keeping the documents in the prompt: better answers cost more."
    else:
        but = (
            f"It becomes cheaper{counted} than keeping the documents in the prompt after {questions(plain)} "
            f"without prompt caching, and with it {_after(cached)}; for fewer, keep them in the prompt."
        )
    do = "Augment your documents with what follows from them, and fine-tune on both."
    return Advice("augment", do, f"{why}.", but)


def _in_context(gain: Verdict, rival: Verdict, context: Verdict) -> Advice:
    if rival.leans < 0:
        why = f"Against this, augmented fine-tuning {rival}."
    else:
        why = f"Against plain fine-tuning this {context}."
    if gain.leans > 0:
        but = (
            "If they do not fit into the prompt, augment and fine-tune: against plain fine-tuning "
            f"that {gain}."
        )
    else:
        but = f"Against plain fine-tuning, augmenting first {gain}, so nothing here speaks for it."
    return Advice("in-context", "Keep the documents in the prompt as long as they fit.", why, but)


def _plain(gain: Verdict, context: Verdict) -> Advice:
    return Advice(
        "plain",
        "Fine-tune on your documents as they are.",
        f"Against this, keeping them in the prompt {context}.",
        f"Augmenting them first {gain}, so nothing here says that it is worth its price.",
    )


def _paraphrase(reworded: Verdict, wordings: Verdict) -> Advice:
    return Advice(
        "paraphrase",
        "Fine-tune on your documents and on more wordings of them: that inferences add to this is not shown.",
        f"Against plain fine-tuning this {wordings}; against this, augmented fine-tuning {reworded}.",
        "Look at the sample augmentations: if few are right and new, a stronger model may write better ones.",
    )


def _hurts(gain: Verdict, context: Verdict, augmentation: Sequence[Row], arm: str) -> Advice:
    measured = [
        row["precision"] for row in augmentation if row["method"] == arm and row["precision"] is not None
    ]
    cause = (
        f"only {percent(sum(measured) / len(measured))} of its new lines are right"
        if measured and sum(measured) / len(measured) < 0.9
        else "see the sample augmentations for what it wrote"
    )
    if context.leans > 0:
        instead = f"Keep the documents in the prompt instead: against plain fine-tuning that {context}."
    else:
        instead = f"Fine-tune on the documents as they are: keeping them in the prompt {context}."
    return Advice(
        "hurts",
        "Do not augment: here it makes the model worse.",
        f"Against plain fine-tuning this {gain}; {cause}.",
        instead,
    )


def _undecided(measured: Sequence[Verdict]) -> Advice:
    if not measured:
        why = "No two of them were compared on a test that needs an inference."
    else:
        first = measured[0]
        why = (
            f"Against {first.b}, {first.a} {first}, and the intervals reach "
            f"from {points(first.low)} to {points(first.high)} points."
        )
    return Advice(
        "undecided",
        "Do not decide on this study: of plain tuning, augmenting and the prompt none is clearly better.",
        why,
        "More seeds and more independent facts would narrow it; more questions on the same facts would not.",
    )


def _verdict(rows: Sequence[Row], a: str, b: str) -> Verdict:
    """A pair's tests, whichever way round it was compared."""
    found: list[tuple[float, float, float, bool]] = []
    for row in rows:
        sides, numbers = (row["a"], row["b"]), (row["difference"], row["low"], row["high"])
        if sides == (a, b):
            found.append((*numbers, row["significant"]))
        elif sides == (b, a):
            found.append((-numbers[0], -numbers[2], -numbers[1], row["significant"]))
    if not found:
        return Verdict(a, b, 0, 0, 0, 0.0, 0.0, 0.0)
    return Verdict(
        a=a,
        b=b,
        tests=len(found),
        better=sum(significant and difference > 0 for difference, _, _, significant in found),
        worse=sum(significant and difference < 0 for difference, _, _, significant in found),
        mean=sum(row[0] for row in found) / len(found),
        low=min(row[1] for row in found),
        high=max(row[2] for row in found),
    )


def _has(rows: Sequence[Row], arm: str) -> bool:
    return any(arm in (row["a"], row["b"]) for row in rows)


def _break_even(costs: Sequence[Row], key: str) -> list[Any] | str | None:
    """From the best bound to the worst over all datasets; None where none was measured."""
    found = [row[key] for row in costs if row[key] is not None]
    if not found:
        return None
    bounds = [("never", "never") if value == "never" else tuple(value) for value in found]
    lows = [low for low, _ in bounds if low != "never"]
    if not lows:
        return "never"
    highs = [high for _, high in bounds]
    return [min(lows), "never" if "never" in highs else max(highs)]


def _after(bounds: list[Any] | str | None) -> str:
    if bounds is None:
        return "not known"
    return "never" if bounds == "never" else f"after {questions(bounds)}"
