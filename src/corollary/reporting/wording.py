"""How the report says things: names of arms and tests, and numbers as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

METHODS = {
    "pretrained": "the model as it is, without the documents",
    "in-context": "all documents stand in the prompt before each question",
    "fine-tuned": "tuned on the documents as they are",
    "fine-tuned-best": "the same run at the checkpoint that did best on the test itself: an upper bound",
    "fine-tuned-split": "tuned on the documents split into sentences, where fine-tuned reads them whole",
    "paraphrase": "control: tuned on the documents and as much text that only words them anew",
    "foreign": "control: tuned on the documents and the augmentations of other documents",
    "augmented-local": "tuned on the documents and what the model inferred from each sentence alone",
    "augmented-global": "tuned on the documents and what the model inferred from each, all others in view",
    "augmented": "tuned on the documents and both kinds of inference",
    "oracle": "tuned on the documents and all that truly follows: an upper bound for augmentation",
}
"""Every arm in the order in which it is shown, and what it is."""

SPLITS = (
    "rephrase",
    "seen",
    "reversal",
    "two-hop",
    "three-hop",
    "syllogism",
    "deduction",
    "holdout",
    "held-out",
)

RECALL = ("rephrase", "seen")
"""The splits that ask only for what was told. All others need an inference."""

DATASETS = ("reversals", "celebrities", "family", "semantic", "syllogisms", "process")


def method_order(method: str, tuning: str = "none") -> tuple[int, int, str]:
    """A sort key: untuned arms, then the arms in their order, full tuning before LoRA, others last."""
    names = list(METHODS)
    place = names.index(method) if method in names else len(names)
    return (
        ("none", "full", "lora").index(tuning) if tuning in ("none", "full", "lora") else 3,
        place,
        method,
    )


def tuning_name(tuning: str) -> str:
    """The word for a kind of tuning."""
    return "LoRA" if tuning == "lora" else tuning


def main_tuning(rows: Iterable[Mapping[str, Any]]) -> str:
    """The tuning that tables and advice go by: full where it was run, else the first other one."""
    tunings = {row["tuning"] for row in rows} - {"none"}
    return "full" if "full" in tunings or not tunings else min(tunings)


def place_of(dataset: str, split: str = "") -> tuple[int, str, int, str]:
    """A sort key for datasets and their splits: as this file lists them, others behind by name."""
    known, splits = DATASETS.index(dataset) if dataset in DATASETS else len(DATASETS), list(SPLITS)
    return known, dataset, splits.index(split) if split in splits else len(splits), split


def percent(share: float | None) -> str:
    """A share as a whole percentage, with a space that does not break; a dash for None."""
    if share is None:
        return "–"
    # Rounding must not turn "some" into none or all.
    if 0 < share < 0.005:
        return "<1\u00a0%"
    if 0.995 <= share < 1:
        return ">99\u00a0%"
    return f"{100 * share:.0f}\u00a0%"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, always with its sign."""
    if difference is None:
        return "–"
    whole = round(100 * difference)
    return "0" if whole == 0 else f"{'+' if whole > 0 else '−'}{abs(whole)}"


def by_points(difference: float) -> str:
    """A difference with its unit: "+50 points", "−1 point"."""
    shown = points(difference)
    return f"{shown} point{'' if shown[1:] == '1' else 's'}"


def p_value(p: float) -> str:
    """A p value as text; four decimals are all that the resampling knows."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def quantity(value: float | None, unit: str | None = None) -> str:
    """A number for reading: dollars with their sign, operations and tokens with thousand, million, ..."""
    if value is None:
        return "–"
    if unit == "usd":
        return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.2g}"
    for size, name in ((1e18, "quintillion"), (1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion")):
        if value >= size:
            return f"{value / size:.3g}\u00a0{name}"
    if value >= 1e6:
        return f"{value / 1e6:.3g}\u00a0million"
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.2g}"


def questions(bounds: list[Any] | str | None) -> str:
    """A break-even range from summary.json in words: "1,200 to 1,500 questions", "never", ..."""
    if bounds is None:
        return "not known"
    if isinstance(bounds, str):
        return bounds
    low, high = bounds
    if high == "never":
        return f"{_rounded(low)} questions at best, or never"
    shown = _rounded(low), _rounded(high)
    if shown[0] == shown[1]:
        return "the first question" if high == 1 else f"about {shown[1]} questions"
    return f"{shown[0]} to {shown[1]} questions"


def listing(names: Sequence[str]) -> str:
    """Names in a row of words: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def count(number: int, noun: str) -> str:
    """A number with its noun, the plural with s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _rounded(number: int) -> str:
    """Two significant digits: more would claim what a break-even cannot know."""
    return quantity(float(f"{number:.2g}"))
