"""The orderings that the paper found, set beside those of a study.

Lampinen et al. 2025 (arXiv 2505.00661) prints no accuracies in its text, so only orderings can be
compared. Each ordering is cut into claims that numbers can decide; how each is read stands in
`READINGS` and is printed under the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.reporting.wording import RECALL, listing, main_tuning, percent, place_of

Row = Mapping[str, Any]

READINGS = {
    "near": "“near” means at most 7 points away",
    "above": "“above” means a significant difference; with the right sign alone it is not decided",
    "at least": "“as high as” and “highest” mean at most 2 points below the other; if further below, but not "
    "significantly, it is not decided",
    "ceiling": "“at ceiling” means at least 90 %",
    "floor": "“near zero” means at most 10 %; under half of chance is not decided",
    "not easy": "“hard” means less than 25 points above chance",
}
LEVEL, NEAR, EASY = 0.02, 0.07, 0.25


@dataclass(frozen=True)
class Claim:
    """`arm` stands in `relation` (a key of `READINGS`) to `other`, which some relations do not need."""

    arm: str
    relation: str
    other: str = "chance"


@dataclass(frozen=True)
class Found:
    """What the paper found on one test, in its words and as claims."""

    dataset: str
    split: str
    words: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Line:
    """One line of the table. `verdict` is "yes", "in tendency", "partly", "no" or, where the paper has
    no such test or the study no such arms, "–"; `missed` names the claims that do not hold. `ours` is cut
    where a line may break."""

    dataset: str
    split: str
    paper: str
    ours: tuple[str, ...]
    verdict: str
    missed: str


def _semantic(split: str) -> Found:
    words = "in-context above plain fine-tuning; augmented improves on plain, often above in-context"
    return Found("semantic", split, words, (_CONTEXT, _AUGMENTED))


_CONTEXT = Claim("in-context", "above", "fine-tuned")
_AUGMENTED = Claim("augmented", "above", "fine-tuned")

PAPER = (
    Found(
        "celebrities",
        "reversal",
        "pretrained near chance; in-context nearly at ceiling; plain fine-tuning near zero; augmented as "
        "high as in-context",
        (
            Claim("pretrained", "near"),
            Claim("in-context", "ceiling"),
            Claim("fine-tuned", "floor"),
            Claim("augmented", "at least", "in-context"),
        ),
    ),
    Found(
        "reversals",
        "reversal",
        "pretrained near chance; in-context modestly above plain fine-tuning; augmented highest",
        (Claim("pretrained", "near"), _CONTEXT, _AUGMENTED, Claim("augmented", "at least", "in-context")),
    ),
    Found(
        "syllogisms",
        "syllogism",
        "pretrained at chance; plain fine-tuning above chance; in-context far above plain; augmented highest",
        (
            Claim("pretrained", "near"),
            Claim("fine-tuned", "above"),
            _CONTEXT,
            _AUGMENTED,
            Claim("augmented", "at least", "in-context"),
        ),
    ),
    _semantic("rephrase"),
    Found(
        "semantic",
        "reversal",
        "in-context above plain fine-tuning, which is somewhat above chance; augmented improves on plain, "
        "often above in-context",
        (_CONTEXT, Claim("fine-tuned", "above"), _AUGMENTED),
    ),
    _semantic("syllogism"),
    Found(
        "semantic",
        "holdout",
        "hard for all; in-context hardly better than plain fine-tuning",
        (
            Claim("in-context", "near", "fine-tuned"),
            Claim("fine-tuned", "not easy"),
            Claim("in-context", "not easy"),
            Claim("augmented", "not easy"),
        ),
    ),
    Found(
        "process",
        "held-out",
        "in-context above plain fine-tuning; augmented improves on plain",
        (_CONTEXT, _AUGMENTED),
    ),
)

_SHOWN = ("augmented", "in-context", "fine-tuned", "pretrained", "chance")


def lines(summary: Mapping[str, Any]) -> list[Line]:
    """One line per test of the study's controlled datasets, and per test that only the paper has measured
    on these datasets. Full tuning is compared where it was run, else the other tuning."""
    tests = {(row["dataset"], row["split"]) for row in summary["accuracy"]}
    datasets = {dataset for dataset, _ in tests} - {"documents"}
    found = {(paper.dataset, paper.split): paper for paper in PAPER if paper.dataset in datasets}
    ours = {(d, s) for d, s in tests if d in datasets and s not in RECALL}
    out = []
    for dataset, split in sorted(ours | set(found), key=lambda test: place_of(*test)):
        rows = [r for r in summary["accuracy"] if (r["dataset"], r["split"]) == (dataset, split)]
        pairs = [r for r in summary["comparisons"] if (r["dataset"], r["split"]) == (dataset, split)]
        tuning = main_tuning(rows)
        values = {r["method"]: r["accuracy"] for r in rows if r["tuning"] in (tuning, "none")}
        values = {method: value for method, value in values.items() if value is not None}
        chances = [row["chance"] for row in rows if row["chance"] is not None]
        if chances:
            values["chance"] = sum(chances) / len(chances)
        paper = found.get((dataset, split))
        verdict, missed = ("–", "")
        if paper:
            pairs = [row for row in pairs if row["tuning"] in (tuning, "none")]
            verdict, missed = _verdict([(claim, holds(claim, values, pairs)) for claim in paper.claims])
        words = paper.words if paper else "not a test of the paper"
        out.append(Line(dataset, split, words, _ordering(values), verdict, missed))
    return out


def holds(claim: Claim, values: Mapping[str, float], comparisons: Sequence[Row]) -> str | None:
    """Whether a claim holds: "yes", "tendency", "no", or None where an arm was not measured.

    `values` are the accuracies of the arms on one test and of "chance"; `comparisons` those of this test.
    """
    if claim.arm not in values or claim.other not in values:
        return None
    a, b = values[claim.arm], values[claim.other]
    if claim.relation == "near":
        return "yes" if abs(a - b) <= NEAR else "no"
    if claim.relation == "ceiling":
        return "yes" if a >= 0.9 else "no"
    if claim.relation == "floor":
        return "yes" if a <= 0.1 else "tendency" if a < values["chance"] / 2 else "no"
    if claim.relation == "not easy":
        return "yes" if a < values["chance"] + EASY else "no"
    significant = any(
        row["significant"] for row in comparisons if {row["a"], row["b"]} == {claim.arm, claim.other}
    )
    if claim.relation == "above":
        return ("yes" if significant else "tendency") if a > b else "no"
    assert claim.relation == "at least", claim.relation
    return "yes" if a >= b - LEVEL else "no" if significant else "tendency"


def _verdict(claims: Sequence[tuple[Claim, str | None]]) -> tuple[str, str]:
    decided = [(claim, answer) for claim, answer in claims if answer is not None]
    missed = [claim for claim, answer in decided if answer == "no"]
    if not decided:
        return "–", ""
    if len(missed) == len(decided):
        return "no", ""
    names = listing([_words(claim) for claim in missed])
    if missed:
        return "partly", f"not: {names}"
    weak = [claim for claim, answer in decided if answer == "tendency"]
    if weak:
        return "in tendency", f"not decided: {listing([_words(claim) for claim in weak])}"
    return "yes", ""


def _words(claim: Claim) -> str:
    arm, other = claim.arm, claim.other
    return {
        "near": f"{arm} near {other}",
        "above": f"{arm} above {other}",
        "at least": f"{arm} as high as {other}",
        "ceiling": f"{arm} at ceiling",
        "floor": f"{arm} near zero",
        "not easy": f"hard for {arm}",
    }[claim.relation]


def _ordering(values: Mapping[str, float]) -> tuple[str, ...]:
    """("augmented 96 % ≈", "in-context 95 % >", "chance 25 % >", "fine-tuned 4 %"); ≈ within 2 points."""
    shown = sorted(((values[arm], arm) for arm in _SHOWN if arm in values), reverse=True)
    below = [value for value, _ in shown[1:]]
    signs = [
        " ≈" if value - next_ <= LEVEL else " >" for (value, _), next_ in zip(shown, below, strict=False)
    ]
    return tuple(
        f"{arm} {percent(value)}{sign}" for (value, arm), sign in zip(shown, [*signs, ""], strict=False)
    ) or ("not measured",)
