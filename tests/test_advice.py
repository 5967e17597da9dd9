"""The advice: it follows the numbers, and says nothing that was not measured."""

from __future__ import annotations

from typing import Any

from made_up_study import comparison, summary_of

from corollary.reporting.advice import Advice, advise
from corollary.types import Arm

Row = dict[str, Any]


def cost(**changes: Any) -> Row:
    row = {"dataset": "family", "method": "augmented", "tuning": "full"}
    return row | {"break_even_queries": [900, 1_200], "break_even_queries_cached": [4_000, 5_000]} | changes


TESTS = [
    {"dataset": "family", "split": split, "recall": split == "rephrase"}
    for split in ("rephrase", "reversal", "two-hop")
]


def advice(*comparisons: Row, **parts: Any) -> Advice:
    found = advise(summary_of(**{"tests": TESTS, "comparisons": list(comparisons), **parts}))
    for sentence in (found.do, found.why, found.but):
        assert sentence.endswith(".")
        assert ". " not in sentence, "three sentences in all"
    return found


HELPS = comparison("augmented", "fine-tuned", 0.5)
SAME = comparison("augmented", "in-context", 0.01, "within")
OPEN = comparison("augmented", "in-context", 0.01, "unknown")
LOSES = comparison("augmented", "in-context", -0.2)
REAL = comparison("augmented", "false-relation", 0.3)
EMPTY = comparison("augmented", "false-relation", 0.02, "unknown")


def test_augmentation_that_helps_and_pays_is_advised_with_its_break_even() -> None:
    found = advice(HELPS, SAME, REAL, costs=(cost(),))
    assert found.kind == "augment"
    assert found.do.startswith("Augment your documents")
    assert "is better on the one primary test (+50 points)" in found.why
    assert "not worse by more than 5 points" in found.why
    assert "after 900 to 1,200 questions" in found.but
    assert "after 4,000 to 5,000 questions" in found.but
    assert "operations" not in found.but
    assert "counted in operations" in advice(HELPS, SAME, costs=(cost(unit="flops"),)).but


def test_what_is_not_known_is_not_read_as_equal() -> None:
    never = cost(break_even_queries="never", break_even_queries_cached="never")
    found = advice(HELPS, OPEN, REAL, costs=(never,))
    assert found.kind == "augment", "the prompt is not known to be as good"
    assert "where they fit, this study does not decide" in found.do
    assert "not known to differ" in found.why
    assert advice(comparison("augmented", "fine-tuned", 0.3, "unknown"), OPEN).kind == "undecided"


def test_where_the_prompt_is_as_good_and_always_cheaper_it_is_advised() -> None:
    never = cost(break_even_queries="never", break_even_queries_cached="never")
    assert advice(HELPS, SAME, costs=(never,)).kind == "prompt"
    # Cheaper only with caching: it depends on the server, and the advice says so.
    found = advice(HELPS, SAME, costs=(cost(break_even_queries_cached="never"),))
    assert (found.kind, "with it never" in found.but) == ("augment", True)
    found = advice(HELPS, comparison("augmented", "in-context", 0.2), costs=(never,))
    assert (found.kind, "never becomes cheaper" in found.but) == ("augment", True)


def test_where_the_prompt_is_better_it_is_advised() -> None:
    found = advice(HELPS, LOSES, costs=(cost(),))
    assert found.kind == "prompt"
    assert "augment and fine-tune" in found.but
    assert "was not measured" in advice(LOSES).but


def test_augmentation_that_hurts_is_advised_against() -> None:
    hurts = comparison("augmented", "fine-tuned", -0.3)
    found = advice(hurts, SAME, augmentation=({"method": "augmented", "precision": 0.4},))
    assert found.kind == "hurts"
    assert "Do not augment" in found.do
    assert "40\u00a0%" in found.why


def test_a_gain_is_inference_only_over_false_lines() -> None:
    kept = [
        {"dataset": "family", "split": "reversal", "tuning": "full", "placebo": "false-relation"}
        | {"treatment": "augmented", "share": 0.87, "low": 0.79, "high": 0.94}
    ]
    found = advice(HELPS, SAME, EMPTY, kept=kept)
    assert found.kind == "placebo"
    assert "Do not call the gain inference" in found.do
    assert "false lines keep 87\u00a0% of the gain" in found.why
    found = advice(HELPS, SAME, REAL, kept=kept)
    assert found.kind == "augment"
    assert "against false-relation it is better" in found.why
    assert "false lines keep 87" in found.why


def test_plain_fine_tuning_is_advised_where_augmenting_is_shown_to_add_little() -> None:
    found = advice(comparison("augmented", "fine-tuned", 0.01, "within"), OPEN)
    assert found.kind == "plain"
    assert "not worse by more than 5 points" in found.why


def test_exploratory_comparisons_decide_nothing() -> None:
    assert advice(HELPS | {"primary": False}, SAME | {"primary": False}).kind == "undecided"
    assert advice().kind == "undecided"
    found = advice(HELPS, LOSES | {"primary": False}, costs=(cost(),))
    assert found.kind == "augment"


def test_differences_that_cancel_out_are_said() -> None:
    worse = comparison("augmented", "fine-tuned", -0.3, split="two-hop")
    found = advice(HELPS, worse)
    assert found.kind == "undecided"
    assert "better on 1 and worse on 1 of 2 primary tests" in found.why


def test_the_hardest_of_several_prompts_is_what_augmenting_has_to_beat() -> None:
    arms = [
        Arm("plain", "baseline", tune=True), Arm("everything", "context"), Arm("retrieval", "context"),
        Arm("ours", "treatment", tune=True),
    ]  # fmt: skip
    gain, all_of = comparison("ours", "plain", 0.3), comparison("ours", "everything", 0.2)
    found = advice(gain, all_of, comparison("ours", "retrieval", -0.2), arms=arms)
    assert found.kind == "prompt"
    assert "(retrieval)" in found.do
    assert advice(gain, all_of, arms=arms).kind == "augment"
