"""The section of the paper: its claims are decided by numbers, and its arms are found by role."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_study import ARMS, comparison, summary_of

from corollary.types import Arm
from corollary_worlds import paper

Row = dict[str, Any]


VALUES = {"pretrained": 0.27, "in-context": 0.95, "fine-tuned": 0.05, "augmented": 0.94, "chance": 0.25}


@pytest.mark.parametrize(
    ("claim", "comparisons", "answer"),
    [
        (("pretrained", "near"), [], "yes"),
        (("fine-tuned", "near"), [], "no"),
        (("in-context", "ceiling"), [], "yes"),
        (("fine-tuned", "floor"), [], "yes"),
        (("pretrained", "floor"), [], "no"),
        (("fine-tuned", "not easy"), [], "yes"),
        (("augmented", "not easy"), [], "no"),
        (("in-context", "above", "fine-tuned"), [comparison("in-context", "fine-tuned", 0.9)], "yes"),
        (("in-context", "above", "fine-tuned"), [], "tendency"),
        (("fine-tuned", "above", "in-context"), [comparison("in-context", "fine-tuned", 0.9)], "no"),
        (("augmented", "at least", "in-context"), [], "tendency"),
        (
            ("augmented", "at least", "in-context"),
            [comparison("augmented", "in-context", 0.0, low=-0.04)],
            "yes",
        ),
        (
            ("augmented", "at least", "in-context"),
            [comparison("in-context", "augmented", 0.0, high=0.04)],
            "yes",
        ),
        (("pretrained", "at least", "in-context"), [], "tendency"),
        (("pretrained", "at least", "in-context"), [comparison("pretrained", "in-context", -0.7)], "no"),
        (("oracle", "above", "fine-tuned"), [], None),
    ],
)
def test_claims_of_the_paper_are_decided_by_numbers(
    claim: tuple[str, ...], comparisons: list[Row], answer: str | None
) -> None:
    assert paper.holds(paper.Claim(*claim), VALUES, comparisons) == answer


def celebrities(accuracies: dict[str, float], **changed: Any) -> Row:
    """The summary of a study of one test."""
    test = {"dataset": "celebrities", "split": "reversal"}
    rows = [
        {**test, "method": arm, "tuning": "full", "model": "local", "accuracy": value, "chance": 0.25}
        | {"no_answer": 0.0}
        for arm, value in accuracies.items()
    ]
    sections = {"celebrities": "paper"}
    return summary_of(tests=[{**test, "recall": False}], accuracy=rows, sections=sections, **changed)


MEASURED = {method: value for method, value in VALUES.items() if method != "chance"}


def test_the_table_of_orderings_names_what_was_not_reproduced() -> None:
    section = paper.section(celebrities({**MEASURED, "fine-tuned": 0.4}))
    assert section
    ((_, _, ours, verdict),) = section.tables[0].rows
    assert verdict == "partly (not: fine-tuned near zero)"
    assert ours.startswith("in-context 95\u00a0% ≈ augmented 94\u00a0% > fine-tuned 40\u00a0% >")


def test_the_arms_of_the_paper_are_found_by_role() -> None:
    names = {"pretrained": "a", "in-context": "b", "fine-tuned": "c", "augmented": "d"}
    arms = [Arm(names[arm.name], arm.role) for arm in ARMS if arm.name in names]
    measured = {names[arm]: value for arm, value in MEASURED.items()}
    near = comparison("d", "b", -0.01, low=-0.04, dataset="celebrities")
    section = paper.section(celebrities(measured, arms=arms, comparisons=[near]))
    assert section
    ((_, _, ours, verdict),) = section.tables[0].rows
    assert verdict == "yes"
    assert ours.startswith("b 95\u00a0% ≈ d 94\u00a0% >")


def test_where_nothing_of_the_paper_can_be_decided_it_has_no_table() -> None:
    section = paper.section(celebrities({"oracle": 0.9}))
    assert section
    assert section.tables == ()
    # A dataset of the same name that does not bring this section is another one.
    section = paper.section(celebrities(MEASURED) | {"sections": {"other": "paper"}})
    assert section
    assert section.tables == ()
