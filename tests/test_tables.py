"""The table of bars says no where one is missed: it is what docs/results.md is judged by."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import tables

MET = {
    "pretrained": 0.25,
    "in-context": 0.75,
    "fine-tuned": 0.40,
    "fine-tuned-best": 0.45,
    "augmented": 0.73,
}


def bars(*, reversal: dict[str, float], rephrase: float = 0.9, chance: float = 0.25) -> list[str]:
    """The cells of one made-up test, without its name."""

    def row(split: str, method: str, accuracy: float) -> dict[str, Any]:
        known = {
            "dataset": "family",
            "tuning": "none" if method == "in-context" else "full",
            "chance": chance,
        }
        return {**known, "split": split, "method": method, "accuracy": accuracy}

    test = {"dataset": "family", "split": "reversal", "tuning": "full", "a": "augmented", "primary": True}
    summary = {
        "margin": 0.05,
        "accuracy": [
            *(row("reversal", method, accuracy) for method, accuracy in reversal.items()),
            row("rephrase", "fine-tuned", rephrase),
        ],
        "comparisons": [
            test | {"b": "fine-tuned", "answer": "better"},
            test | {"b": "in-context", "answer": "within"},
            test | {"b": "oracle", "answer": "better", "primary": False},
        ],
    }
    head, rule, *lines = tables.bars(summary)
    assert len(lines) == 1, "a test that was not run has no line"
    assert head.count("|") == rule.count("|") == lines[0].count("|")
    return [cell.strip() for cell in lines[0].strip("|").split("|")][1:]


def test_what_is_met_to_the_point_is_met() -> None:
    assert bars(reversal=MET) == [
        "+0 yes",
        "90 yes",
        "75 yes",
        "+35 yes",
        "+28 yes",
        "fine-tuned: better, in-context: within 5 points",
    ]


@pytest.mark.parametrize(
    ("changed", "cell"),
    [
        ({"pretrained": 0.17}, 0),
        ({"pretrained": 0.33}, 0),
        ({"in-context": 0.74}, 2),
        ({"fine-tuned": 0.56}, 3),
        ({"fine-tuned-best": 0.49}, 4),
        ({"fine-tuned": 0.49}, 4),
        ({"augmented": 0.69}, 4),
    ],
)
def test_what_is_missed_by_a_point_is_missed(changed: dict[str, float], cell: int) -> None:
    assert "**no**" in bars(reversal=MET | changed)[cell]


def test_rephrasings_count_too_and_of_two_choices_more_is_asked() -> None:
    assert bars(reversal=MET, rephrase=0.89)[1] == "89 **no**"
    two = MET | {"pretrained": 0.5, "in-context": 0.84}
    assert bars(reversal=two, chance=0.5)[2] == "84 **no**", "of two choices more is asked"
    assert bars(reversal=two | {"in-context": 0.85}, chance=0.5)[2] == "85 yes"
    split = MET | {"fine-tuned-split": 0.6}
    assert bars(reversal=split)[3] == "+15 **no**", "plain is the better of its two variants"
