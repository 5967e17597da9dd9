"""The tool that compares an arm with itself says what an exact test could have called."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import same_arm


@pytest.mark.parametrize(("differ", "share"), [(0, 0.0), (5, 0.0), (6, 2 / 64), (8, 2 / 256), (9, 20 / 512)])
def test_an_exact_test_of_few_alike_units_calls_what_the_binomial_says(differ: int, share: float) -> None:
    ones = np.array([1.0] * differ + [0.0] * 7)
    assert same_arm.attainable([ones]) == pytest.approx(share)


def test_the_sign_of_a_difference_does_not_matter_and_its_size_does() -> None:
    mixed = np.array([0.5, -0.25, 1.0, 0.75, -1.0, 0.5, 0.25, -0.75])
    assert (
        same_arm.attainable([mixed]) == same_arm.attainable([abs(mixed)]) > same_arm.attainable([np.ones(8)])
    )


def test_splits_are_counted_apart() -> None:
    key = {"tuning": "full", "a": "run0", "b": "run1"}
    compared = [
        {"dataset": "family", "split": "two-hop", "p": 0.03, **key},
        {"dataset": "family", "split": "reversal", "p": 0.5, **key},
    ]
    differences = {
        ("family", "two-hop", "full", "run0", "run1"): [np.ones(4), np.ones(2)],
        ("family", "reversal", "full", "run0", "run1"): [np.array([0.0, 1.0])],
    }
    first, second = same_arm.by_split(compared, differences)
    assert (first["raw_below_05"], first["units_that_differ"]) == (1.0, 6.0)
    assert first["attainable"] > 0
    assert (second["raw_below_05"], second["attainable"], second["units_that_differ"]) == (0.0, 0.0, 1.0)
