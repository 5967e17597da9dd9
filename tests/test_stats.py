"""The unit of statistics is a group of facts, never a question; seeds are strata and must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from corollary import values
from corollary.measure import stats
from corollary.studies.arms import arm_rows
from corollary.types import Arm

Row = Any
"""A row of results.jsonl."""


def row(**changes: Any) -> Row:
    plain = {
        "study": "made-up",
        "dataset": "reversals",
        "split": "reversal",
        "method": "fine-tuned",
        "tuning": "full",
        "model": "embedded",
        "seed": 0,
        "question": "q0",
        "unit": "u0",
        "correct": 1.0,
        "correct_pmi": None,
        "chance": 0.5,
        "tied": False,
        "written": None,
        "marks": {},
        "premises_shown": True,
        "logprobs": [[-1.0, -2.0]],
        "text": None,
    }
    assert changes.keys() <= plain.keys()
    return plain | changes


def rows_of(
    correct: Callable[[int, int], float | None], *, units: int = 12, seeds: int = 3, **same: Any
) -> list[Row]:
    """One question for each unit; `correct` is called with the seed and the unit."""
    return [
        row(seed=s, unit=f"u{u}", question=f"q{u}", correct=correct(s, u), **same)
        for s in range(seeds)
        for u in range(units)
    ]


def null_rows(random: np.random.Generator, *, trials: int, questions: int) -> Iterator[Row]:
    """Two arms alike in truth. Each masters a unit's fact more or less, so its questions go together."""
    for trial in range(trials):
        for seed in range(3):
            for unit in range(12):
                ease = random.uniform(0.2, 0.8)
                for method in ("augmented", "fine-tuned"):
                    mastered = random.beta(ease, 1 - ease)
                    for q in range(questions):
                        yield row(
                            dataset=f"d{trial}",
                            method=method,
                            seed=seed,
                            unit=f"u{unit}",
                            question=f"u{unit}q{q}",
                            correct=float(random.random() < mastered),
                        )


def test_alike_arms_differ_in_2_to_9_percent_of_comparisons_and_far_more_if_questions_were_the_unit() -> None:
    rows = list(null_rows(np.random.default_rng(7), trials=300, questions=4))
    pair = [("augmented", "fine-tuned")]
    by_unit = stats.comparisons(rows, pair, resamples=999)
    assert len(by_unit) == 300
    assert 0.02 <= np.mean([c["p"] < 0.05 for c in by_unit]) <= 0.09
    naive = stats.comparisons([r | {"unit": r["question"]} for r in rows], pair, resamples=999)
    assert np.mean([c["p"] < 0.05 for c in naive]) > 0.12


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        samples = [random.beta(3, 2, size=24) for _ in range(3)]
        low, high = stats.interval(samples, bounds=(0, 1), random=random, resamples=499)
        held += low <= 0.6 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_a_mean_is_taken_over_questions_then_units_then_seeds() -> None:
    rows = [
        # Seed 0: a unit of three questions, all right, and a unit of one, wrong. Seed 1: one unit, right.
        *(row(unit="a", question=f"a{i}", correct=1.0, chance=0.5) for i in range(3)),
        row(unit="b", question="b", correct=0.0, chance=0.25),
        row(seed=1, unit="c", question="c", correct=1.0, chance=0.25),
    ]
    (found,) = stats.accuracy(rows)
    assert found["accuracy"] == pytest.approx((0.5 + 1.0) / 2)
    assert found["chance"] == pytest.approx((0.375 + 0.25) / 2)
    assert (found["n"], found["n_units"], found["seeds"]) == (5, 3, 2)
    assert [r["accuracy"] for r in stats.seeds(rows)] == [0.5, 1.0]


def test_no_answer_is_counted_apart_from_wrong() -> None:
    rows = rows_of(lambda s, u: [1.0, 0.0, None][u % 3])
    (found,) = stats.accuracy(rows)
    assert found["no_answer"] == pytest.approx(1 / 3)
    assert found["accuracy"] == pytest.approx(1 / 2)
    assert found["accuracy_of_all"] == pytest.approx(1 / 3)
    (silent,) = stats.accuracy([r | {"correct": None} for r in rows])
    assert silent["accuracy"] is silent["low"] is None
    assert silent["no_answer"] == 1


def test_arms_are_compared_on_questions_that_both_answered() -> None:
    a = rows_of(lambda s, u: 1.0, method="augmented")
    b = rows_of(lambda s, u: None if u < 6 else 1.0)
    (found,) = stats.comparisons(a + b, [("augmented", "fine-tuned")])
    assert found["difference"] == 0
    assert found["n_units"] == 3 * 6


def test_a_clear_gain_is_significant_and_a_gain_that_one_seed_contradicts_is_not() -> None:
    plain = rows_of(lambda s, u: float(u % 4 == 0), units=40)
    clear = rows_of(lambda s, u: float(u % 4 != 3), units=40, method="augmented")
    (found,) = stats.comparisons(plain + clear, [("augmented", "fine-tuned")])
    assert found["difference"] == pytest.approx(0.5)
    assert found["low"] > 0.3
    assert found["significant"]

    split = rows_of(lambda s, u: 0.0 if s == 2 else 1.0, units=40, method="augmented")
    (found,) = stats.comparisons(plain + split, [("augmented", "fine-tuned")])
    assert found["p_adjusted"] < 0.05
    assert found["by_seed"] == pytest.approx([0.75, 0.75, -0.25])
    assert not found["significant"]


def test_untuned_arms_take_part_in_every_tuning_and_chance_is_an_arm() -> None:
    rows = [
        *rows_of(lambda s, u: 1.0, method="in-context", tuning="none"),
        *rows_of(lambda s, u: float(u % 2), tuning="full"),
        *rows_of(lambda s, u: 0.0, tuning="lora"),
    ]
    pairs = [("in-context", "fine-tuned"), ("in-context", "chance"), ("fine-tuned", "chance")]
    found = {(c["tuning"], c["a"], c["b"]): c["difference"] for c in stats.comparisons(rows, pairs)}
    assert found == {
        ("full", "in-context", "fine-tuned"): 0.5,
        ("lora", "in-context", "fine-tuned"): 1.0,
        ("none", "in-context", "chance"): 0.5,
        ("full", "fine-tuned", "chance"): 0.0,
        ("lora", "fine-tuned", "chance"): -0.5,
    }


def test_adding_a_method_leaves_other_rows_as_they_were() -> None:
    random = np.random.default_rng(1)
    rows = rows_of(lambda s, u: random.random())
    more = rows_of(lambda s, u: 0.5, method="oracle")
    assert stats.accuracy(rows) == [r for r in stats.accuracy(more + rows) if r["method"] == "fine-tuned"]
    turned = [*reversed(more), *reversed(rows)]
    pairs = [("oracle", "fine-tuned")]
    assert stats.summarise(rows + more, pairs=pairs) == stats.summarise(turned, pairs=pairs)


def test_a_strong_difference_survives_the_adjustment_in_a_large_study() -> None:
    # 280 comparisons: with 9,999 flips no p could survive Holm, however strong the difference.
    rows: list[Row] = []
    for d in range(140):
        plain = 0.0 if d == 0 else 1.0
        rows += rows_of(lambda s, u: 1.0, units=6, dataset=f"d{d:03}", method="augmented")
        rows += [r | {"method": "fine-tuned", "correct": plain} for r in rows[-18:]]
    pairs = [("augmented", "fine-tuned"), ("fine-tuned", "augmented")]
    found = stats.comparisons(rows, pairs)
    assert [c["dataset"] for c in found if c["significant"]] == ["d000", "d000"]


def test_each_arm_is_compared_as_its_role_asks_whatever_its_name() -> None:
    arms = [
        Arm("a", "floor"),
        Arm("b", "context"),
        Arm("c", "baseline", tune=True),
        Arm("d", "bound", tune=True, read_off="c"),
        Arm("e", "control", tune=True, same_size_as="f"),
        Arm("f", "treatment", tune=True),
        Arm("g", "ablation", tune=True, against=("f",)),
    ]
    pairs = stats.pairs_of(arm_rows(arms, added=["h"]))
    assert set(pairs) == {
        ("a", "chance"),
        ("b", "chance"), ("b", "c"),
        ("c", "chance"),
        ("e", "c"),
        ("f", "chance"), ("f", "c"), ("f", "d"), ("f", "e"), ("f", "b"),
        ("g", "f"),
        ("h", "c"), ("h", "b"),
    }  # fmt: skip
    assert len(set(pairs)) == len(pairs)
    assert [b for _, b in pairs].index("c") >= 4, "those against chance come first"


def test_holm_by_hand() -> None:
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.5, 0.6]) == [1.0, 1.0]


def test_an_interval_holds_95_in_100_by_the_normal_law() -> None:
    half = np.array([0.0] * 200 + [1.0] * 200)
    low, high = stats.interval([half], bounds=(0, 1), random=np.random.default_rng(0))
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.025, 0.5 + 1.96 * 0.025), abs=0.004)


def test_the_secondary_metric_stands_beside_for_questions_that_have_it() -> None:
    rows = [r | {"correct_pmi": 1.0} for r in rows_of(lambda s, u: 0.0, units=6)]
    rows += [r | {"correct_pmi": None} for r in rows_of(lambda s, u: 1.0, units=6, split="rephrase")]
    found = stats.summarise(rows, pairs=[])
    assert [(r["split"], r["accuracy"], r["n"]) for r in found["accuracy_pmi"]] == [("reversal", 1.0, 18)]
    assert {r["split"]: r["accuracy"] for r in found["accuracy"]} == {"rephrase": 1.0, "reversal": 0.0}


def test_results_are_broken_down_by_what_was_generated_and_by_every_mark() -> None:
    rows = [
        *rows_of(lambda s, u: 1.0, method="augmented", units=6),
        *rows_of(lambda s, u: 1.0, units=6),
    ]
    rows = [
        r
        | {"marks": {"size": "big" if r["unit"] == "u0" else "small", "place": "here"}}
        | ({"written": r["unit"] != "u1"} if r["method"] == "augmented" else {})
        for r in rows
    ]
    found = stats.summarise(rows, pairs=[("augmented", "fine-tuned")])
    assert values.to_plain(found) == found  # NumPy's numbers would not be JSON
    assert [(r["method"], r["written"], r["n"]) for r in found["by_written"]] == [
        ("augmented", False, 3),
        ("augmented", True, 15),
    ]
    assert [(r["method"], r["mark"], r["value"], r["n"]) for r in found["by_mark"]] == [
        ("augmented", "place", "here", 18),
        ("augmented", "size", "big", 3),
        ("augmented", "size", "small", 15),
        ("fine-tuned", "place", "here", 18),
        ("fine-tuned", "size", "big", 3),
        ("fine-tuned", "size", "small", 15),
    ]


def test_an_arm_that_saw_part_of_the_documents_is_broken_down_by_what_it_saw() -> None:
    rows = rows_of(lambda s, u: 1.0)
    assert stats.summarise(rows, pairs=[])["by_premises_shown"] == []
    cut = rows_of(lambda s, u: float(u < 6), method="in-context", tuning="none")
    rows += [r | {"premises_shown": r["correct"] == 1} for r in cut]
    found = stats.summarise(rows, pairs=[])["by_premises_shown"]
    assert [(r["method"], r["premises_shown"], r["accuracy"]) for r in found] == [
        ("in-context", False, 0.0),
        ("in-context", True, 1.0),
    ]


def test_units_that_all_agree_give_the_exact_interval_and_not_certainty() -> None:
    low, high = stats.interval([np.ones(24)], bounds=(0, 1), random=np.random.default_rng(0))
    exact = scipy_stats.binomtest(24, 24).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))


def test_seeds_that_agree_each_in_itself_show_no_certainty_either() -> None:
    low, high = stats.interval([np.ones(5), np.full(4, 0.5)], bounds=(0, 1), random=np.random.default_rng(0))
    assert low < 0.75 < high


def test_seeds_that_change_no_document_are_one_sample() -> None:
    def differ(s: int, u: int) -> float:
        return float(u != 0 or s == 0)

    arms = [
        *rows_of(differ, units=5),
        *rows_of(lambda s, u: 0.0, units=5, method="pretrained", tuning="none"),
    ]
    pairs = (("fine-tuned", "pretrained"),)
    (several,) = stats.comparisons(arms, pairs)
    assert several["p"] < 0.001
    chance = [("pretrained", "chance")]
    found = stats.summarise(arms, pairs=chance, repeated={"reversals"})
    (once,) = [c for c in found["comparisons"] if (c["a"], c["b"]) == ("pretrained", "chance")]
    assert once["p"] == 2 / 2**5
    (tuned,) = [r for r in found["accuracy"] if r["method"] == "fine-tuned"]
    assert (tuned["n"], tuned["n_units"], tuned["seeds"]) == (15, 5, 3)
    assert tuned["accuracy"] == pytest.approx((1 / 3 + 4) / 5)
    assert once["by_seed"] == [-0.5] * 3
    assert [r["accuracy"] for r in found["seeds"] if r["method"] == "fine-tuned"] == [1.0, 0.8, 0.8]


def test_sign_flips_of_few_units_are_counted_exactly() -> None:
    # 4 units with the same sign: 2 of the 16 flips are as extreme.
    p = stats.sign_flip([np.array([0.1, 0.2]), np.array([0.3, 0.4])], random=np.random.default_rng(0))
    assert p == pytest.approx(2 / 16)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_keeps_order_and_never_lowers(ps: list[float]) -> None:
    adjusted = stats.holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    by_p = [q for _, q in sorted(zip(ps, adjusted, strict=True))]
    assert by_p == sorted(by_p)
    if ps:
        assert min(adjusted) == pytest.approx(min(1.0, min(ps) * len(ps)))


shares = st.lists(st.floats(0, 1), min_size=1, max_size=6).map(np.array)


@settings(deadline=None)  # the first draw also loads parts of scipy
@given(st.lists(shares, min_size=1, max_size=3))
def test_an_interval_holds_its_estimate_and_stays_in_bounds(samples: list[stats.Floats]) -> None:
    low, high = stats.interval(samples, bounds=(0, 1), random=np.random.default_rng(0), resamples=199)
    assert 0 <= low <= high <= 1
    # A percentile interval of very skewed samples may miss the mean; one of units that agree may not.
    if all(np.ptp(sample) == 0 for sample in samples):
        assert low < high
        assert low - 1e-9 <= stats.mean_of_seeds(samples) <= high + 1e-9
