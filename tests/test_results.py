"""docs/results.md as one command writes it: everything that falls short stands first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import made_up_study
import pytest
from made_up_study import comparison, summary_of

from corollary.reporting.outline import outline_of
from corollary.store import write_json
from corollary.studies.presets import read_study
from corollary.values import to_plain

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import results


def test_every_primary_comparison_that_does_not_hold_is_named_first() -> None:
    primary = {"primary": True, "dataset": "family", "split": "reversal"}
    summary = summary_of(
        comparisons=[
            comparison("augmented", "in-context", -0.12, "worse", **primary),
            comparison("augmented", "paraphrase", 0.08, "unknown", **primary),
            comparison("augmented", "fine-tuned", 0.4, "better", **primary),
            comparison("augmented", "oracle", -0.2, "worse", **{**primary, "primary": False}),
        ]
    )
    found = results.falls_short(summary, outline_of(summary))
    assert sum("`augmented` is worse than `in-context`" in line for line in found) == 1
    assert sum("not known to be better or worse than `paraphrase`" in line for line in found) == 1
    assert not any("`fine-tuned`" in line for line in found)
    assert not any("oracle" in line for line in found)
    assert any("is not shown to be inference" in line for line in found), "no placebo ran"


def test_only_the_seeds_of_the_plan_confirm() -> None:
    assert "committed before" in results.status({"seeds": list(range(10, 32))}, confirmatory=True)
    said = results.status({"seeds": [100, 101]}, confirmatory=False)
    assert said.startswith("**No figure on this page is confirmed.**")
    assert "development seeds 100 and 101" in said
    assert "reporting seeds 0 and 100" in results.status({"seeds": [0, 100]}, confirmatory=False)


@pytest.mark.parametrize("changed", [{}, {"runs": 1}, {"seeds": [10, 11]}, {"margin": 0.1}])
def test_the_page_has_every_table_and_confirms_only_as_planned(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    folder = made_up_study.write(tmp_path / "demo")
    plan = to_plain(read_study(str(results.PLAN)))
    write_json(folder / "study.json", {**plan, **changed})
    said = results.page(folder, folder)
    assert ("committed before" in said) == (not changed)
    for heading in (
        "What falls short",
        "Primary comparisons",
        "Answers that a training row states, and others",
        "What is withdrawn",
    ):
        assert f"\n## {heading}\n" in said
    assert "\n\n\n" not in said
    assert "| family reversal augmented |" in said
