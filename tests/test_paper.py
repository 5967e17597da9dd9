"""The section of the paper: its claims are decided by numbers, and its arms are found by role."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_study import ARMS, comparison, summary_of

from corollary.types import Arm
from corollary_worlds import paper

Row = dict[str, Any]


VALUES = {"pretrained": 0.27, "in-context": 0.95, "fine-tuned": 0.05, "augmented": 0.94, "chance": 0.25}
SPANS = {arm: (value, value - 0.04, value + 0.04) for arm, value in VALUES.items()}


@pytest.mark.parametrize(
    ("claim", "answer", "verdict"),
    [
        (("pretrained", "near"), "", "yes"),
        (("fine-tuned", "near"), "", "no"),
        (("in-context", "ceiling"), "", "yes"),
        (("fine-tuned", "floor"), "", "yes"),
        (("pretrained", "floor"), "", "no"),
        (("fine-tuned", "not easy"), "", "yes"),
        (("augmented", "not easy"), "", "no"),
        (("augmented", "above"), "", "yes"),
        (("pretrained", "above"), "", "unknown"),
        (("fine-tuned", "above"), "", "no"),
        (("augmented", "above", "fine-tuned"), "better", "yes"),
        (("augmented", "above", "fine-tuned"), "within", "unknown"),
        (("augmented", "above", "fine-tuned"), "unknown", "unknown"),
        (("augmented", "above", "fine-tuned"), "worse", "no"),
        (("augmented", "at least", "in-context"), "better", "yes"),
        (("augmented", "at least", "in-context"), "within", "yes"),
        (("augmented", "at least", "in-context"), "unknown", "unknown"),
        (("augmented", "at least", "in-context"), "worse", "no"),
        # However large the difference: what is not primary is not tested.
        (("in-context", "above", "fine-tuned"), "", "untested"),
        (("in-context", "near", "augmented"), "within", "untested"),
    ],
)
def test_claims_of_the_paper_are_decided_by_primary_answers_and_intervals(
    claim: tuple[str, ...], answer: str, verdict: str
) -> None:
    one = paper.Claim(*claim)
    assert paper.holds(one, SPANS, {(one.arm, one.other): answer} if answer else {}) == verdict


def test_an_interval_across_a_level_decides_nothing() -> None:
    spans = {"chance": (0.25, 0.25, 0.25), "fine-tuned": (0.08, 0.02, 0.2), "in-context": (0.92, 0.85, 0.97)}
    for arm, relation in (("fine-tuned", "floor"), ("in-context", "ceiling"), ("fine-tuned", "near")):
        assert paper.holds(paper.Claim(arm, relation), spans, {}) == "unknown"


def celebrities(accuracies: dict[str, float], **changed: Any) -> Row:
    """The summary of a study of one test."""
    test = {"dataset": "celebrities", "split": "reversal"}
    rows = [
        {**test, "method": arm, "tuning": "full", "model": "local", "accuracy": value, "chance": 0.25}
        | {"no_answer": 0.0, "low": value - 0.04, "high": value + 0.04}
        for arm, value in accuracies.items()
    ]
    sections = {"celebrities": "paper"}
    return summary_of(tests=[{**test, "recall": False}], accuracy=rows, sections=sections, **changed)


MEASURED = {method: value for method, value in VALUES.items() if method != "chance"}


def test_the_table_names_what_is_shown_and_what_is_not() -> None:
    same = comparison("augmented", "in-context", 0.0, "within", dataset="celebrities")
    section = paper.section(celebrities({**MEASURED, "fine-tuned": 0.4}, comparisons=[same]))
    assert section
    ((_, _, ours, verdict),) = section.tables[0].rows
    assert verdict == (
        "Yes: pretrained near chance, in-context at ceiling and augmented as high as in-context."
        " No: fine-tuned near zero."
    )
    assert ours == "in-context 95 %, augmented 94 %, fine-tuned 40 %, pretrained 27 %, chance 25 %".replace(
        " %", "\u00a0%"
    )
    section = paper.section(celebrities(MEASURED, comparisons=[same | {"primary": False}]))
    assert section
    assert section.tables[0].rows[0][3].endswith("Not tested: augmented as high as in-context.")


def test_the_arms_of_the_paper_are_found_by_role_and_its_prompt_by_the_primary_comparisons() -> None:
    names = {"pretrained": "a", "in-context": "b", "fine-tuned": "c", "augmented": "d"}
    arms = [Arm(names[arm.name], arm.role) for arm in ARMS if arm.name in names]
    arms.append(Arm("near", "context"))
    measured = {names[arm]: value for arm, value in MEASURED.items()} | {"near": 0.95}
    same = comparison("d", "b", 0.0, "within", dataset="celebrities")
    for rival in ("b", "near"):
        section = paper.section(celebrities(measured, arms=arms, comparisons=[same | {"b": rival}]))
        assert section
        verdict = section.tables[0].rows[0][3]
        assert f"{rival} at ceiling, c near zero and d as high as {rival}." in verdict


def test_where_nothing_of_the_paper_can_be_decided_it_has_no_table() -> None:
    section = paper.section(celebrities({"oracle": 0.9}))
    assert section
    assert section.tables == ()
    # A dataset of the same name that does not bring this section is another one.
    section = paper.section(celebrities(MEASURED) | {"sections": {"other": "paper"}})
    assert section
    assert section.tables == ()
