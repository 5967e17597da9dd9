"""The report section of the controlled datasets: the orderings that the paper found beside those of a study.

Lampinen et al. 2025 (arXiv 2505.00661) prints no accuracies in its text, so only orderings can be compared.
Each ordering is split into claims that numbers can decide; `READINGS` says how each is read, and is printed
under the table. The four arms of the paper are a study's first arms of four roles, whatever their names.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.reporting.outline import UNTUNED, Outline, Row, chance_of, main_tuning, outline_of
from corollary.reporting.sections import Section
from corollary.reporting.tables import Table
from corollary.reporting.wording import listing, percent

NAME = "paper"
"""This plug-in, as datasets name it."""

TITLE = "The paper's orderings and this study's"
INTRO = (
    "Lampinen et al. (2025) print no accuracies for these tests, only orderings, so orderings are compared."
)
DISCLAIMER = (
    "The bundled model was trained on this kind of puzzle: it shows how the method works, not how well your"
    " model will do."
)
NO_PUBLIC_MODEL = (
    "No public language model was measured by the study itself: run it on one before you rely on a gain."
)
OTHER_RATES = (
    "The presets chose rates and batch sizes for the bundled model. Another model needs its own"
    " (`--set full.lr=...`): with wrong ones every tuned arm looks worse than it is."
)

ROLES = ("floor", "context", "baseline", "treatment")
CHANCE = "chance"

READINGS = {
    "near": "“near” means at most 7 points away",
    "above": "“above” means by the 95 % interval; with the right sign alone it is not decided",
    "at least": "“as high as” and “highest” mean not lower by more than 5 points, by the 95 % interval; if "
    "the interval shows neither this nor the opposite, it is not decided",
    "ceiling": "“at ceiling” means at least 90 %",
    "floor": "“near zero” means at most 10 %; under half of chance is not decided",
    "not easy": "“hard” means less than 25 points above chance",
}
LEVEL, NEAR, EASY, MARGIN = 0.02, 0.07, 0.25, 0.05


@dataclass(frozen=True)
class Claim:
    """`arm` is in a `relation` (a key of `READINGS`) to `other`, which some relations do not need. Both are
    roles in `PAPER`, and names of arms once a study is known."""

    arm: str
    relation: str
    other: str = CHANCE


@dataclass(frozen=True)
class Found:
    """What the paper found on one test, in its words and as claims."""

    dataset: str
    split: str
    words: str
    claims: tuple[Claim, ...]


_CONTEXT = Claim("context", "above", "baseline")
_AUGMENTED = Claim("treatment", "above", "baseline")
_AS_HIGH = Claim("treatment", "at least", "context")
_CHANCE = Claim("floor", "near")

PAPER = (
    Found(
        "celebrities", "reversal",
        "pretrained near chance; in-context nearly at ceiling; plain fine-tuning near zero; augmented as "
        "high as in-context",
        (_CHANCE, Claim("context", "ceiling"), Claim("baseline", "floor"), _AS_HIGH),
    ),
    Found(
        "reversals", "reversal",
        "pretrained near chance; in-context modestly above plain fine-tuning; augmented highest",
        (_CHANCE, _CONTEXT, _AUGMENTED, _AS_HIGH),
    ),
    Found(
        "syllogisms", "syllogism",
        "pretrained at chance; plain fine-tuning above chance; in-context far above plain; augmented highest",
        (_CHANCE, Claim("baseline", "above"), _CONTEXT, _AUGMENTED, _AS_HIGH),
    ),
    Found(
        "semantic", "rephrase",
        "in-context above plain fine-tuning; augmented improves on plain, often above in-context",
        (_CONTEXT, _AUGMENTED),
    ),
    Found(
        "semantic", "reversal",
        "in-context above plain fine-tuning, which is somewhat above chance; augmented improves on plain, "
        "often above in-context",
        (_CONTEXT, Claim("baseline", "above"), _AUGMENTED),
    ),
    Found(
        "semantic", "syllogism",
        "in-context above plain fine-tuning; augmented improves on plain, often above in-context",
        (_CONTEXT, _AUGMENTED),
    ),
    Found(
        "semantic", "holdout",
        "hard for all; in-context hardly better than plain fine-tuning",
        (
            Claim("context", "near", "baseline"),
            *(Claim(arm, "not easy") for arm in ("baseline", "context", "treatment")),
        ),
    ),
    Found(
        "process", "held-out", "in-context above plain fine-tuning; augmented improves on plain",
        (_CONTEXT, _AUGMENTED),
    ),
)  # fmt: skip


def section(summary: Mapping[str, Any]) -> Section | None:
    """What the paper found and what the study found, for each of the paper's tests that the study decides."""
    outline = outline_of(summary)
    datasets = {dataset for dataset, name in summary["sections"].items() if name == NAME}
    found = [
        paper
        for paper in PAPER
        if paper.dataset in datasets and (paper.dataset, paper.split) in outline.tests
    ]
    found.sort(key=lambda paper: outline.test_place(paper.dataset, paper.split))
    rows = [line for paper in found if (line := compare(paper, summary, outline))]
    head = ("Test", "Paper", "This study", "Reproduced?")
    orderings = Table("≈ joins arms within 2 points.", head, tuple(rows), words=True)
    own = {row["model"] for row in summary["accuracy"] if outline.roles.get(row["method"]) != "added"}
    bundled = own == {"embedded"}
    judged = [row for row in summary["augmentation"] if row["dataset"] in datasets and bundled]
    return Section(
        title=TITLE if rows else "What the bundled model practised",
        intro=INTRO if rows else "",
        tables=tuple(table for table in (orderings, practised(judged, outline)) if table.rows),
        notes=(f"How words are read: {'; '.join(READINGS.values())}.",) if rows else (),
        disclaimer=DISCLAIMER if bundled else "",
        unknown=(NO_PUBLIC_MODEL if bundled else OTHER_RATES,),
    )


def compare(paper: Found, summary: Mapping[str, Any], outline: Outline) -> tuple[str, ...] | None:
    """The cells of one test: its name, the paper's words, the study's ordering and the verdict; None where
    the study has not the arms to decide any claim. Where a test ran with several tunings, the one with most
    arms counts."""
    test = (paper.dataset, paper.split)
    rows = [row for row in summary["accuracy"] if (row["dataset"], row["split"]) == test]
    tunings = (main_tuning(rows), UNTUNED)
    values = {
        row["method"]: row["accuracy"]
        for row in rows
        if row["tuning"] in tunings and row["accuracy"] is not None
    }
    chance = chance_of(rows)
    if chance is not None:
        values[CHANCE] = chance
    pairs = [
        row
        for row in summary["comparisons"]
        if (row["dataset"], row["split"]) == test and row["tuning"] in tunings
    ]
    names = {**{role: outline.first(role) for role in ROLES}, CHANCE: CHANCE}
    claims = [Claim(names[claim.arm], claim.relation, names[claim.other]) for claim in paper.claims]
    verdict = _verdict([(claim, holds(claim, values, pairs)) for claim in claims])
    shown = {name: values[name] for name in names.values() if name in values}
    return (" ".join(test), paper.words, ordering(shown), verdict) if verdict else None


def practised(rows: Sequence[Row], outline: Outline) -> Table:
    """Precision and coverage where the bundled model practised augmenting and where that was kept out."""
    out = [
        (
            f"{row['dataset']} {row['method']}",
            *(percent(row[part][key]) for key in ("precision", "coverage") for part in ("reserved", "seen")),
        )
        for row in outline.sorted(rows)
        if row.get("seen") and row.get("reserved")
    ]
    head = ("Dataset and arm", "Precision, kept out", "practised", "Coverage, kept out", "practised")
    return Table(
        "Augmentations by whether the relation or wording was kept out of the tasks on which the bundled"
        " model learned to augment.",
        head,
        tuple(out),
    )


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
        return "yes" if a <= 0.1 else "tendency" if a < values[CHANCE] / 2 else "no"
    if claim.relation == "not easy":
        return "yes" if a < values[CHANCE] + EASY else "no"
    low, high = _span(claim, comparisons)
    if claim.relation == "above":
        return "yes" if low > 0 else "tendency" if a > b else "no"
    assert claim.relation == "at least", claim.relation
    return "yes" if low > -MARGIN else "no" if high < 0 else "tendency"


def _span(claim: Claim, comparisons: Sequence[Row]) -> tuple[float, float]:
    """The interval of a difference, whichever way round it was compared; all that is possible if it was
    not."""
    for row in comparisons:
        if (row["a"], row["b"]) == (claim.arm, claim.other):
            return row["low"], row["high"]
        if (row["b"], row["a"]) == (claim.arm, claim.other):
            return -row["high"], -row["low"]
    return -1.0, 1.0


def ordering(values: Mapping[str, float]) -> str:
    """ "augmented 96 % ≈ in-context 95 % > chance 25 % > fine-tuned 4 %"; ≈ within 2 points."""
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{arm} {percent(value)}" for arm, value in ranked]
    signs = ["≈" if a - b <= LEVEL else ">" for (_, a), (_, b) in itertools.pairwise(ranked)]
    return " ".join(part for pair in zip(parts, [*signs, ""], strict=True) for part in pair).strip()


def _verdict(claims: Sequence[tuple[Claim, str | None]]) -> str:
    """ "yes", "in tendency", "partly" or "no", with the claims that do not hold; "" where none is decided."""
    decided = [(claim, answer) for claim, answer in claims if answer is not None]
    missed = [claim for claim, answer in decided if answer == "no"]
    if not decided:
        return ""
    if len(missed) == len(decided):
        return "no"
    if missed:
        return f"partly (not: {listing([_words(claim) for claim in missed])})"
    weak = [claim for claim, answer in decided if answer == "tendency"]
    if weak:
        return f"in tendency (not decided: {listing([_words(claim) for claim in weak])})"
    return "yes"


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
