"""What a gain is: an inference, or something that false lines teach as well; and how far it carries.

Only primary comparisons count. A gain is an inference only where the treatment is also better than the best
placebo that ran, and than every primary control, and its interval is above the best rule without a model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Any

from corollary.reporting.outline import Outline, Row
from corollary.reporting.wording import answered, count, percent

CRITICISM = "arXiv 2604.01430"
"""The paper that finds that tuning on augmentations of some facts does not help with others."""


@dataclass(frozen=True)
class Gain:
    """The treatment against the baseline on one test: the answer of the comparison, whether the gain is an
    inference, the best placebo that ran ("" if none did), the share of the gain that it keeps (None where
    it cannot be known), and the accuracy of a rule without a model that is as good (None if none is)."""

    answer: str
    inference: bool
    placebo: str
    kept: float | None
    rule: float | None = None

    def words(self, margin: float) -> str:
        """ "inference", "gain; false lines keep 78 %", "not known", ..."""
        if self.answer != "better":
            return answered(self.answer, margin)
        if self.inference:
            return "inference"
        if self.rule is not None:
            return f"gain; a rule reaches {percent(self.rule)}"
        if not self.placebo:
            return "gain; no false lines ran"
        return f"gain; false lines keep {percent(self.kept) if self.kept is not None else 'some of it'}"


def gains_of(summary: Mapping[str, Any], outline: Outline) -> dict[tuple[str, str], Gain]:
    """The gain of the first treatment on each test with a primary comparison with the first baseline."""
    treatment, baseline = outline.first("treatment"), outline.first("baseline")
    primary = {
        (row["dataset"], row["split"], row["b"]): row["answer"]
        for row in summary["comparisons"]
        if row["primary"] and row["a"] == treatment
    }
    controls = outline.of_role("control")
    out = {}
    for (dataset, split, rival), answer in primary.items():
        if rival == baseline:
            test = (dataset, split)
            best = _best_placebo(summary, outline, test)
            needed = [best, *(arm for arm in controls if (*test, arm) in primary)]
            beaten = all(primary.get((*test, arm)) == "better" for arm in needed)
            rule = _rule(summary, outline, test)
            inference = answer == "better" and bool(best) and beaten and rule is None
            out[test] = Gain(answer, inference, best, _kept(summary, outline, test, best), rule)
    return dict(sorted(out.items(), key=lambda found: outline.test_place(*found[0])))


def gain_sentence(gains: Collection[Gain]) -> str:
    """Whether the gains are inferences, as one sentence; "" if nothing is gained."""
    gained = [gain for gain in gains if gain.answer == "better"]
    inferred = [gain for gain in gained if gain.inference]
    others = [gain for gain in gained if not gain.inference]
    if not gained:
        return ""
    if not any(gain.placebo for gain in gained):
        return "No arm was tuned on false lines, so nothing shows that this gain needs inference."
    over = "better than the best arm with false lines"
    if not others:
        where = "" if len(gained) == len(gains) else f" on the {count(len(gained), 'test')} where it is shown"
        return f"The gain is inference{where}: {over}."
    kept = [gain.kept for gain in others if gain.kept is not None and gain.rule is None]
    what = "false lines may teach as well" if not kept else f"false lines keep {_from_to(kept)} of it"
    if any(gain.rule is not None for gain in others):
        what = f"a rule without a model is as good{f', or {what}' if kept else ''}"
    if not inferred:
        return f"This is a gain, but not shown to be inference: {what}."
    rest = "on the others" if len(others) > 1 else "on the other"
    return f"The gain is inference on {len(inferred)} of {len(gained)} tests ({over}); {rest} {what}."


def written_sentence(summary: Mapping[str, Any], outline: Outline) -> str:
    """What the treatment loses where no augmentation states the answer, as one sentence; "" if unknown."""
    treatment = outline.first("treatment")
    sides: dict[bool, dict[tuple[str, str], Row]] = {True: {}, False: {}}
    for row in outline.main(outline.inference(summary["by_written"])):
        if row["method"] == treatment and row["accuracy"] is not None:
            sides[row["written"]][row["dataset"], row["split"]] = row
    tests = sorted(sides[True].keys() & sides[False].keys())
    if not tests:
        return ""
    stated, not_stated = (mean(sides[side][test]["accuracy"] for test in tests) for side in (True, False))
    chance = mean(sides[False][test]["chance"] for test in tests)
    above = sum(sides[False][test]["low"] > sides[False][test]["chance"] for test in tests)
    loss = round(100 * (stated - not_stated))
    said = (
        f"Where an augmentation states the answer, {treatment} reaches {percent(stated)}; where none does,"
        f" {percent(not_stated)} (chance {percent(chance)})"
    )
    said += f", a loss of {loss} points" if loss > 0 else ""
    if above:
        return f"{said}: by the interval, that is above chance on {above} of {count(len(tests), 'test')}."
    return f"{said}: nothing shows that lines about some facts help with others, as {CRITICISM} criticises."


def _best_placebo(summary: Mapping[str, Any], outline: Outline, test: tuple[str, str]) -> str:
    """The placebo with the highest accuracy on a test, or ""."""
    ran = [
        row
        for row in outline.main(summary["accuracy"])
        if (row["dataset"], row["split"]) == test
        and outline.roles.get(row["method"]) == "placebo"
        and row["accuracy"] is not None
    ]
    return max(ran, key=lambda row: row["accuracy"])["method"] if ran else ""


def _rule(summary: Mapping[str, Any], outline: Outline, test: tuple[str, str]) -> float | None:
    """The accuracy of the best rule without a model, if the treatment's interval is not above it."""
    best = {(row["dataset"], row["split"]): row["accuracy"] for row in summary["rules"]}.get(test)
    lows = [
        row["low"]
        for row in outline.main(summary["accuracy"])
        if (row["dataset"], row["split"], row["method"]) == (*test, outline.first("treatment"))
    ]
    rule: float | None = (
        best if best is not None and any(low is None or low <= best for low in lows) else None
    )
    return rule


def _kept(summary: Mapping[str, Any], outline: Outline, test: tuple[str, str], placebo: str) -> float | None:
    for row in outline.main(summary["kept"]):
        if (row["dataset"], row["split"], row["placebo"]) == (*test, placebo):
            share: float | None = row["share"]
            return share
    return None


def _from_to(shares: Collection[float]) -> str:
    low, high = percent(min(shares)), percent(max(shares))
    return high if low == high else f"{low} to {high}".replace("\u00a0% to", " to")
