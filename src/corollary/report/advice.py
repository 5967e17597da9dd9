"""What to do and why, in three sentences: a pure function of a study's summary.

Only significant differences count (see `corollary.stats`), and only on tests that need an inference:
every way of using documents can repeat them. The advice weighs augmented fine-tuning against plain
fine-tuning first, then against keeping the documents in the prompt, then the costs of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.report.wording import RECALL, by_points, count, main_tuning, percent, points, questions

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
    """A pair of arms over all tests of inference: how many tests, on how many the first is significantly
    better and worse, the mean difference, and the widest reach of the intervals. Shares, not points."""

    tests: int
    better: int
    worse: int
    mean: float
    low: float
    high: float

    @property
    def leans(self) -> int:
        """1 where the first arm is better on more tests than it is worse on, -1 the other way, else 0."""
        return (self.better > self.worse) - (self.better < self.worse)


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
    costs = [row for row in summary.get("costs", []) if row["method"] == arm and row["tuning"] == tuning]

    if not any(v.better or v.worse for v in (gain, rival, context)):
        return _undecided(gain if gain.tests else context)
    if gain.leans < 0:
        return _hurts(gain, context, summary.get("augmentation", []), arm)
    if gain.leans > 0 and reworded.tests and not reworded.better:
        return _paraphrase(gain, reworded)
    if gain.leans > 0 and rival.leans >= 0:
        return _augment_or_prompt(gain, rival, costs)
    if rival.leans < 0 or context.leans > 0:
        return _in_context(gain, rival, context)
    return _plain(gain, context)


def _augment_or_prompt(gain: Verdict, rival: Verdict, costs: Sequence[Row]) -> Advice:
    plain, cached = (_break_even(costs, key) for key in ("break_even_queries", "break_even_queries_cached"))
    better = _over_tests(gain, "it is significantly better than plain fine-tuning")
    if rival.tests and rival.leans == 0 and plain == cached == "never":
        return Advice(
            "in-context",
            "Keep the documents in the prompt: at these costs fine-tuning never becomes the cheaper way.",
            f"Augmented fine-tuning is about as good ({by_points(rival.mean)} on average against the prompt, "
            f"{by_points(gain.mean)} against plain fine-tuning) but costs more, however much you ask.",
            "If the documents do not fit into the prompt, augment and fine-tune.",
        )
    if not rival.tests:
        level = "keeping the documents in the prompt was not compared with it"
    elif rival.leans > 0:
        level = (
            f"it is significantly better than keeping the documents in the prompt on {rival.better} "
            f"({by_points(rival.mean)} on average)"
        )
    else:
        level = (
            f"it is about as good as keeping the documents in the prompt ({by_points(rival.mean)} on average)"
        )
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
    return Advice("augment", do, f"{better}, and {level}.", but)


def _in_context(gain: Verdict, rival: Verdict, context: Verdict) -> Advice:
    if rival.leans < 0:
        why = _over_tests(rival, "augmented fine-tuning is significantly worse than this", worse=True)
    else:
        why = _over_tests(context, "this is significantly better than plain fine-tuning")
    if gain.leans > 0:
        but = (
            f"If they do not fit into the prompt, augment and fine-tune: on {gain.better} of "
            f"{count(gain.tests, 'test')} that is significantly better than plain fine-tuning "
            f"({by_points(gain.mean)} on average)."
        )
    else:
        but = (
            "Augmenting before fine-tuning gave no significant gain here, so it does not replace the prompt."
        )
    return Advice("in-context", "Keep the documents in the prompt as long as they fit.", f"{why}.", but)


def _plain(gain: Verdict, context: Verdict) -> Advice:
    if context.worse > context.better:
        why = _over_tests(context, "keeping them in the prompt is significantly worse", worse=True)
    else:
        why = "Neither augmenting them nor keeping them in the prompt is significantly better on most tests"
    return Advice(
        "plain",
        "Fine-tune on your documents as they are.",
        f"{why}.",
        f"Augmenting them first changes the result by {by_points(gain.mean)} on average, which is not "
        "significant, so there is no reason to pay for it.",
    )


def _paraphrase(gain: Verdict, reworded: Verdict) -> Advice:
    return Advice(
        "paraphrase",
        "Fine-tune on your documents and on more wordings of them; inferences are not what helps here.",
        f"{_over_tests(gain, 'augmented fine-tuning is significantly better than plain fine-tuning')}, "
        f"but on none better than as much text of paraphrases ({by_points(reworded.mean)} on average).",
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
        instead = (
            "Keep the documents in the prompt instead: that is significantly better than plain fine-tuning "
            f"on {context.better} of {count(context.tests, 'test')}."
        )
    else:
        instead = "Fine-tune on the documents as they are: nothing that was compared is significantly better."
    why = _over_tests(gain, "augmented fine-tuning is significantly worse than plain fine-tuning", worse=True)
    return Advice("hurts", "Do not augment: here it makes the model worse.", f"{why}; {cause}.", instead)


def _undecided(verdict: Verdict) -> Advice:
    if not verdict.tests:
        why = "No two ways of using the documents were compared on a test that needs an inference."
    else:
        why = (
            f"Over {count(verdict.tests, 'test')} the difference is {by_points(verdict.mean)} on average, "
            f"and the intervals reach from {points(verdict.low)} to {points(verdict.high)} points."
        )
    return Advice(
        "undecided",
        "Do not decide on this study: no difference between the methods is significant.",
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
        return Verdict(0, 0, 0, 0.0, 0.0, 0.0)
    return Verdict(
        tests=len(found),
        better=sum(significant and difference > 0 for difference, _, _, significant in found),
        worse=sum(significant and difference < 0 for difference, _, _, significant in found),
        mean=sum(row[0] for row in found) / len(found),
        low=min(row[1] for row in found),
        high=max(row[2] for row in found),
    )


def _has(rows: Sequence[Row], arm: str) -> bool:
    return any(arm in (row["a"], row["b"]) for row in rows)


def _over_tests(verdict: Verdict, says: str, *, worse: bool = False) -> str:
    """ "On 9 of 11 tests it is ... (+41 points on average), and the other way round on 1" """
    side, other = (verdict.worse, verdict.better) if worse else (verdict.better, verdict.worse)
    against = f", and the other way round on {other}" if other else ""
    tests = f"On {side} of {count(verdict.tests, 'test')} of inference"
    return f"{tests} {says} ({by_points(verdict.mean)} on average over all){against}"


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
