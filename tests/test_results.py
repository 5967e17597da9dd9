"""docs/results.md as one command writes it: everything that falls short stands first."""

from __future__ import annotations

import sys
from pathlib import Path

import made_up_study
import pytest
from made_up_study import comparison, summary_of

from corollary.reporting.outline import outline_of
from corollary.store import read_json, write_json

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
    assert [line for line in found if "`in-context`" in line] == [
        line for line in found if "is worse than" in line
    ]
    assert [line for line in found if "not known" in line] == [
        line for line in found if "`paraphrase`" in line
    ]
    assert not any("oracle" in line for line in found)
    assert any("is not shown to be inference" in line for line in found), "no placebo ran"


def test_only_the_seeds_of_the_plan_confirm() -> None:
    assert "committed before" in results.status({"seeds": list(range(10, 32))}, confirmatory=True)
    said = results.status({"seeds": [100, 101]}, confirmatory=False)
    assert said.startswith("**No figure on this page is confirmed.**")
    assert "development seeds 100 and 101" in said
    assert "reporting seeds 0 and 100" in results.status({"seeds": [0, 100]}, confirmatory=False)


@pytest.mark.parametrize("runs", [1, 3])
def test_the_page_has_every_table_and_says_what_it_is(runs: int, tmp_path: Path) -> None:
    folder = made_up_study.write(tmp_path / "demo")
    study = read_json(folder / "study.json")
    write_json(folder / "study.json", {**study, "seeds": list(results.CONFIRMATORY), "runs": runs})
    said = results.page(folder, folder)
    assert ("committed before" in said) == (runs == 3)
    for heading in (
        "What falls short",
        "Primary comparisons",
        "Answers that a training row states, and others",
        "What is withdrawn",
    ):
        assert f"\n## {heading}\n" in said
    assert "\n\n\n" not in said
    assert "| family reversal augmented |" in said
