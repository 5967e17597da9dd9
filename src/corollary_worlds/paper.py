"""The report section of the controlled datasets: the orderings that the paper found beside those of a study.

Lampinen et al. 2025 (arXiv 2505.00661) prints no accuracies in its text, so only orderings can be compared.
Each ordering is split into claims that numbers can decide; `READINGS` says how each is read, and is printed
under the table. The four arms of the paper are a study's first arms of four roles, whatever their names;
among contexts, the one that a primary comparison names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.reporting.outline import UNTUNED, Outline, Row, chance_of, main_tuning, outline_of
from corollary.reporting.sections import Section
from corollary.reporting.table import Table
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
    "above": "“above” another arm means better in a primary comparison; above chance, by the 95 % interval",
    "at least": "“as high as” and “highest” mean better or within the study's margin in a primary comparison",
    "near": "“near” means at most 7 points away, by the interval",
    "ceiling": "“at ceiling” means at least 90 %, by the interval",
    "floor": "“near zero” means at most 10 %, by the interval",
    "not easy": "“hard” means less than 25 points above chance, by the interval",
}
NEAR, EASY, CEILING, FLOOR = 0.07, 0.25, 0.9, 0.1

VERDICTS = {"yes": "Yes", "no": "No", "unknown": "Not known", "untested": "Not tested"}
"""The words for each verdict on a claim; "untested" is one without a primary comparison."""

Span = tuple[float, float, float]
"""An accuracy with its interval."""


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
    orderings = Table("Each claim of the paper by itself.", head, tuple(rows), words=True)
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
    """The cells of one test: its name, the paper's words, the study's accuracies, and which of the paper's
    claims it shows; None where the study has not the arms of any claim. Where a test ran with several
    tunings, the one with most arms counts."""
    test = (paper.dataset, paper.split)
    rows = [row for row in summary["accuracy"] if (row["dataset"], row["split"]) == test]
    tunings = (main_tuning(rows), UNTUNED)
    spans = {
        row["method"]: (row["accuracy"], row["low"], row["high"])
        for row in rows
        if row["tuning"] in tunings and row["accuracy"] is not None
    }
    if (chance := chance_of(rows)) is not None:
        spans[CHANCE] = (chance, chance, chance)
    answers = {
        (row["a"], row["b"]): row["answer"]
        for row in summary["comparisons"]
        if row["primary"] and (row["dataset"], row["split"]) == test
    }
    names = {**{role: outline.first(role) for role in ROLES}, CHANCE: CHANCE}
    prompts = (rival for _, rival in answers if rival in outline.of_role("context"))
    names["context"] = next(prompts, names["context"])
    claims = [Claim(names[claim.arm], claim.relation, names[claim.other]) for claim in paper.claims]
    measured = [claim for claim in claims if {claim.arm, claim.other} <= spans.keys()]
    if not measured:
        return None
    ranked = sorted((name for name in names.values() if name in spans), key=lambda name: -spans[name][0])
    ours = ", ".join(f"{name} {percent(spans[name][0])}" for name in ranked)
    return (
        " ".join(test),
        paper.words,
        ours,
        _verdict({claim: holds(claim, spans, answers) for claim in measured}),
    )


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


def holds(claim: Claim, spans: Mapping[str, Span], answers: Mapping[tuple[str, str], str]) -> str:
    """Whether a claim about measured arms holds: a key of `VERDICTS`.

    `spans` are the accuracies of the arms on one test, and of "chance", with the ends of their intervals;
    `answers` those of the primary comparisons (a, b).
    """
    (_, low, high), (other, _, _) = spans[claim.arm], spans[claim.other]
    if claim.other != CHANCE:
        answer = answers.get((claim.arm, claim.other))
        good = {"above": {"better"}, "at least": {"better", "within"}}.get(claim.relation)
        if answer is None or good is None:
            return "untested"
        return "yes" if answer in good else "no" if answer == "worse" else "unknown"
    least, most = {
        "near": (other - NEAR, other + NEAR),
        "above": (other, 1.0),
        "ceiling": (CEILING, 1.0),
        "floor": (0.0, FLOOR),
        "not easy": (0.0, other + EASY),
    }[claim.relation]
    if least <= low and high <= most:
        return "yes"
    return "no" if high < least or most < low else "unknown"


def _verdict(found: Mapping[Claim, str]) -> str:
    """ "Yes: a above b. Not known: a near chance." """
    said = {
        words: listing([_words(claim) for claim, verdict in found.items() if verdict == key])
        for key, words in VERDICTS.items()
        if key in found.values()
    }
    return " ".join(f"{words}: {claims}." for words, claims in said.items())


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
