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
LEVEL = comparison("augmented", "in-context", 0.01, significant=False)
PROMPT_HELPS = comparison("in-context", "fine-tuned", 0.5)


def test_augmentation_that_helps_and_pays_is_advised_with_its_break_even() -> None:
    found = advice(HELPS, LEVEL, PROMPT_HELPS, costs=(cost(),))
    assert found.kind == "augment"
    assert "on the one test of inference" in found.why
    assert "+50 points" in found.why
    assert "after 900 to 1,200 questions" in found.but
    assert "after 4,000 to 5,000 questions" in found.but
    assert "operations" not in found.but
    found = advice(HELPS, LEVEL, costs=(cost(unit="flops"),))
    assert "counted in operations" in found.but


def test_where_the_prompt_is_as_good_and_always_cheaper_it_is_advised() -> None:
    never = cost(break_even_queries="never", break_even_queries_cached="never")
    assert advice(HELPS, LEVEL, PROMPT_HELPS, costs=(never,)).kind == "prompt"
    # Cheaper only with caching: it depends on the server, and the advice says so.
    found = advice(HELPS, LEVEL, PROMPT_HELPS, costs=(cost(break_even_queries_cached="never"),))
    assert found.kind == "augment"
    assert "with it never" in found.but
    # Better answers may be worth their price.
    better = comparison("augmented", "in-context", 0.2)
    found = advice(HELPS, better, PROMPT_HELPS, costs=(never,))
    assert found.kind == "augment"
    assert "never becomes cheaper" in found.but


def test_where_the_prompt_is_significantly_better_it_is_advised() -> None:
    found = advice(HELPS, comparison("augmented", "in-context", -0.2), PROMPT_HELPS, costs=(cost(),))
    assert found.kind == "prompt"
    assert "augment and fine-tune" in found.but


def test_augmentation_that_hurts_is_advised_against() -> None:
    hurts = comparison("augmented", "fine-tuned", -0.3)
    found = advice(hurts, LEVEL, PROMPT_HELPS, augmentation=({"method": "augmented", "precision": 0.4},))
    assert found.kind == "hurts"
    assert "Do not augment" in found.do
    assert "40\u00a0%" in found.why
    assert "in the prompt instead" in found.but
    # The same difference the other way round is the same difference.
    turned = comparison("fine-tuned", "augmented", 0.3)
    found = advice(turned, comparison("in-context", "fine-tuned", 0.0, significant=False))
    assert found.kind == "hurts"
    assert "as they are" in found.but


def test_without_significance_no_decision_is_advised_however_large_the_difference() -> None:
    found = advice(*(c | {"significant": False} for c in (HELPS, LEVEL, PROMPT_HELPS)), costs=(cost(),))
    assert found.kind == "undecided"
    assert "+40 to +60" in found.why
    assert advice().kind == "undecided"
    # What was merely told is repeated by all: it decides nothing.
    assert advice(HELPS | {"split": "rephrase"}).kind == "undecided"


def test_plain_fine_tuning_is_advised_where_nothing_beats_it() -> None:
    nothing = comparison("augmented", "fine-tuned", 0.01, significant=False)
    found = advice(nothing, comparison("in-context", "fine-tuned", -0.3), LEVEL)
    assert found.kind == "plain"


def test_the_prompt_is_advised_where_only_it_beats_plain_fine_tuning() -> None:
    nothing = comparison("augmented", "fine-tuned", 0.01, significant=False)
    assert advice(nothing, PROMPT_HELPS).kind == "prompt"


SAME = comparison("augmented", "paraphrase", 0.02, significant=False)
WORDINGS_HELP = comparison("paraphrase", "fine-tuned", 0.48)
PROMPT_WINS = comparison("augmented", "in-context", -0.2)


def test_a_gain_that_a_control_gives_too_is_not_credited_to_inferences() -> None:
    found = advice(HELPS, LEVEL, SAME, WORDINGS_HELP)
    assert found.kind == "control"
    assert "the control paraphrase" in found.do
    assert "Against plain fine-tuning this is significantly better on the one test" in found.why
    # To find no difference is not to show that there is none.
    assert "not what helps" not in found.do
    better = comparison("augmented", "paraphrase", 0.4)
    assert advice(HELPS, LEVEL, better, WORDINGS_HELP).kind == "augment"


def test_more_wordings_are_not_advised_where_they_are_not_shown_to_help() -> None:
    for wordings in ((), (WORDINGS_HELP | {"significant": False},)):
        found = advice(HELPS, LEVEL, SAME, *wordings)
        assert found.kind == "augment"
        assert "against the control paraphrase it is not significantly different" in found.why


def test_more_wordings_are_not_advised_where_the_prompt_is_better_than_what_equals_them() -> None:
    assert advice(HELPS, PROMPT_WINS, PROMPT_HELPS, SAME, WORDINGS_HELP).kind == "prompt"


def everything(found: Advice) -> str:
    return f"{found.do} {found.why} {found.but}"


def test_nothing_is_said_of_plain_tuning_that_was_never_measured() -> None:
    found = advice(comparison("augmented", "in-context", 0.3), costs=(cost(),))
    assert found.kind == "augment"
    assert "Against plain fine-tuning this was not measured" in found.why
    assert "it is significantly better on the one test" in found.why
    assert " 0 points" not in everything(found)
    found = advice(PROMPT_WINS)
    assert found.kind == "prompt"
    assert "augmenting first was not measured" in found.but
    found = advice(LEVEL)
    assert found.kind == "undecided"
    assert "Against in-context, augmented is not significantly different on the one test" in found.why
    assert "−9 to +11" in found.why


def test_nothing_is_said_of_augmenting_that_was_never_measured() -> None:
    assert "augmenting first was not measured" in advice(PROMPT_HELPS).but
    found = advice(comparison("in-context", "fine-tuned", -0.3))
    assert found.kind == "plain"
    assert "Augmenting them first was not measured" in found.but


def both_ways(a: str, b: str) -> tuple[Row, Row]:
    return comparison(a, b, 0.3), comparison(a, b, -0.3, split="two-hop")


def test_differences_that_cancel_out_are_not_called_insignificant() -> None:
    said = "significantly better on 1 and worse on 1 of 2 tests of inference"
    gain, rival, context = (
        both_ways(*pair)
        for pair in (("augmented", "fine-tuned"), ("augmented", "in-context"), ("in-context", "fine-tuned"))
    )
    found = advice(*gain, *context)
    assert found.kind == "plain"
    assert said in found.why
    assert said in found.but
    found = advice(*gain, PROMPT_HELPS)
    assert found.kind == "prompt"
    assert said in found.but
    found = advice(HELPS, *rival, costs=(cost(),))
    assert found.kind == "augment"
    assert said in found.why
    found = advice(*rival)
    assert found.kind == "undecided"
    assert said in found.why


def test_where_plain_tuning_beats_the_prompt_the_prompt_is_not_advised_for_beating_augmentation() -> None:
    nothing = comparison("augmented", "fine-tuned", 0.01, significant=False)
    assert advice(nothing, PROMPT_WINS, comparison("in-context", "fine-tuned", -0.3)).kind == "plain"


def test_where_the_prompt_beats_plain_tuning_and_augmentation_beats_both_it_is_advised() -> None:
    nothing = comparison("augmented", "fine-tuned", 0.3, significant=False)
    assert advice(nothing, PROMPT_HELPS, comparison("augmented", "in-context", 0.2)).kind == "augment"


def test_advice_follows_the_tuning_with_which_the_treatment_ran_on_most_tests() -> None:
    lora = comparison("augmented", "fine-tuned", -0.3, tuning="lora")
    assert advice(HELPS, LEVEL, lora).kind == "augment"
    assert advice(lora).kind == "hurts"
    more = comparison("augmented", "fine-tuned", -0.3, tuning="lora", split="two-hop")
    assert advice(HELPS, lora, more).kind == "hurts"


def accuracy(method: str, value: float, split: str = "reversal") -> Row:
    return {"dataset": "family", "split": split, "method": method, "tuning": "none", "accuracy": value}


def test_the_best_documents_in_the_prompt_are_what_augmenting_has_to_beat() -> None:
    arms = [
        Arm("plain", "baseline", tune=True),
        Arm("everything", "context"),
        Arm("retrieval", "context"),
        Arm("ours", "treatment", tune=True),
    ]
    rows = (
        comparison("ours", "plain", 0.3),
        comparison("ours", "everything", 0.2),
        comparison("ours", "retrieval", -0.2),
    )
    # That one of them repeats better what the documents state decides nothing.
    values = [
        accuracy("everything", 0.6),
        accuracy("everything", 1.0, "rephrase"),
        accuracy("retrieval", 0.9),
    ]
    found = advice(*rows, arms=arms, accuracy=values)
    assert found.kind == "prompt"
    assert "(retrieval)" in found.do
    values[2] = accuracy("retrieval", 0.5)
    found = advice(*rows, arms=arms, accuracy=values)
    assert found.kind == "augment"
    assert "(everything)" in found.why
    # What was compared with nothing cannot be weighed.
    values[2] = accuracy("retrieval", 0.9)
    assert advice(*rows[:2], arms=arms, accuracy=values).kind == "augment"
