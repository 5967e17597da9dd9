"""The tool that compares the halves of one arm's runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import same_arm


def rows(effect: float) -> list[Any]:
    """Six runs of 12 units at 3 seeds; from run 3 on the accuracy is higher by `effect`."""
    random = np.random.default_rng(0)
    return [
        {
            "dataset": "family", "split": split, "method": "augmented", "tuning": "full", "model": "embedded",
            "seed": seed, "run": run, "question": f"q{unit}", "unit": f"u{unit}", "chance": 0.25,
            "correct": float(random.random() < 0.5 + effect * (run >= 3)),
        }
        for split in ("reversal", "two-hop")
        for seed in (100, 101, 102) for run in range(6) for unit in range(12)
    ]  # fmt: skip


def test_six_runs_are_halved_in_ten_ways() -> None:
    found = list(same_arm.halves(6))
    assert len(found) == len({frozenset(half) for half in found}) == 10
    assert all(sorted(a + b) == list(range(6)) for a, b in found)


def test_halves_that_are_alike_are_rarely_called_and_others_are() -> None:
    alike = same_arm.compared(rows(0.0), [100, 101, 102])
    assert {row["split"] for row in alike} == {"reversal", "two-hop"}
    assert np.mean([row["p"] < 0.05 for row in alike]) < 0.2
    # Of the ten ways, one has the three better runs on one side.
    apart = same_arm.compared(rows(0.5), [100, 101, 102])
    assert max(abs(row["difference"]) for row in apart) > 0.4
    assert min(row["p"] for row in apart) < 0.05
