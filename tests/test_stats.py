"""The unit of statistics is a group of facts, never a question; seeds are strata and must agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

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
        "run": 0,
        "question": "q0",
        "unit": "u0",
        "correct": 1.0,
        "correct_pmi": None,
        "correct_distant": None,
        "correct_free": None,
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


def comparing(*pairs: tuple[str, str], **more: Any) -> stats.Comparing:
    return stats.Comparing(list(pairs), **more)


def rows_of(
    correct: Callable[[int, int], float | None], *, units: int = 12, seeds: int = 3, **same: Any
) -> list[Row]:
    """One question for each unit; `correct` is called with the seed and the unit."""
    return [
        row(seed=s, unit=f"u{u}", question=f"q{u}", correct=correct(s, u), **same)
        for s in range(seeds)
        for u in range(units)
    ]


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
    (found,) = stats.comparisons(a + b, comparing(("augmented", "fine-tuned")))
    assert found["difference"] == 0
    assert found["n_units"] == 3 * 6


def test_untuned_arms_take_part_in_every_tuning_and_chance_is_an_arm() -> None:
    rows = [
        *rows_of(lambda s, u: 1.0, method="in-context", tuning="none"),
        *rows_of(lambda s, u: float(u % 2), tuning="full"),
        *rows_of(lambda s, u: 0.0, tuning="lora"),
    ]
    pairs = [("in-context", "fine-tuned"), ("in-context", "chance"), ("fine-tuned", "chance")]
    found = {
        (c["tuning"], c["a"], c["b"]): c["difference"] for c in stats.comparisons(rows, comparing(*pairs))
    }
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
    pairs = comparing(("oracle", "fine-tuned"))
    assert stats.summarise(rows + more, comparing=pairs) == stats.summarise(turned, comparing=pairs)


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


def test_the_secondary_metric_stands_beside_for_questions_that_have_it() -> None:
    rows = [r | {"correct_pmi": 1.0} for r in rows_of(lambda s, u: 0.0, units=6)]
    rows += [r | {"correct_pmi": None} for r in rows_of(lambda s, u: 1.0, units=6, split="rephrase")]
    found = stats.summarise(rows, comparing=comparing())
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
    found = stats.summarise(rows, comparing=comparing(("augmented", "fine-tuned")))
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
    assert stats.summarise(rows, comparing=comparing())["by_premises_shown"] == []
    cut = rows_of(lambda s, u: float(u < 6), method="in-context", tuning="none")
    rows += [r | {"premises_shown": r["correct"] == 1} for r in cut]
    found = stats.summarise(rows, comparing=comparing())["by_premises_shown"]
    assert [(r["method"], r["premises_shown"], r["accuracy"]) for r in found] == [
        ("in-context", False, 0.0),
        ("in-context", True, 1.0),
    ]


def test_only_primary_comparisons_are_adjusted_and_each_says_what_it_shows() -> None:
    rows = [
        *rows_of(lambda s, u: float(u % 4 == 0), units=40),
        *rows_of(lambda s, u: float(u % 4 != 3), units=40, method="augmented"),
        *rows_of(lambda s, u: float(u % 4 != 2), units=40, method="in-context", tuning="none"),
    ]
    pairs = [("augmented", "fine-tuned"), ("augmented", "in-context"), ("fine-tuned", "augmented")]
    primary = {("reversals", "reversal"): pairs[:2]}
    found = stats.comparisons(rows, comparing(*pairs, primary=primary, tuning="full"))
    gain, rival, turned = (next(c for c in found if (c["a"], c["b"]) == pair) for pair in pairs)
    assert gain["difference"] == pytest.approx(0.5)
    assert (gain["primary"], gain["answer"], gain["n_units"]) == (True, "better", 120)
    assert gain["p_adjusted"] == pytest.approx(min(1, 2 * gain["p"]))
    assert rival["difference"] == pytest.approx(0.0)
    assert (rival["answer"], rival["p_adjusted"]) == ("unknown", 1.0), "the interval is wider than 5 points"
    assert (turned["primary"], turned["p_adjusted"], turned["answer"]) == (False, None, "worse")
    wide = stats.comparisons(rows, comparing(*pairs, primary=primary, tuning="full", margin=0.3))
    assert next(c for c in wide if c["b"] == "in-context")["answer"] == "within"
    lora = stats.comparisons(rows, comparing(*pairs, primary=primary, tuning="lora"))
    assert not any(c["primary"] for c in lora), "only the main tuning"


def test_a_run_is_a_unit_too() -> None:
    random = np.random.default_rng(0)
    level = random.normal(0, 0.2, size=3)
    rows = [
        r | {"run": run, "correct": 0.5 + level[run] + 0.01 * (int(r["unit"][1:]) % 2)}
        for run in range(3)
        for r in rows_of(lambda s, u: 0.0, units=30, seeds=1)
    ]
    several: Any
    once: Any
    (several,) = stats.accuracy(rows)
    (once,) = stats.accuracy([r for r in rows if r["run"] == 0])
    assert (several["runs"], several["n_units"], several["n"]) == (3, 30, 90)
    assert several["high"] - several["low"] > 10 * (once["high"] - once["low"])


def test_an_arm_of_one_run_meets_each_run_of_the_other() -> None:
    rows = [
        *(r | {"run": run} for run in range(3) for r in rows_of(lambda s, u: 1.0, method="augmented")),
        *rows_of(lambda s, u: float(u < 6), method="in-context", tuning="none"),
    ]
    ((key, matrices),) = stats.differences(rows, [("augmented", "in-context")])
    assert key == ("reversals", "reversal", "full", "augmented", "in-context")
    assert [matrix.shape for matrix in matrices] == [(3, 12)] * 3
    ((_, turned),) = stats.differences(rows, [("in-context", "augmented")])
    assert all((a == -b).all() for a, b in zip(matrices, turned, strict=True))


def test_where_seeds_change_no_document_they_are_runs_on_one_sample() -> None:
    rows = [
        *rows_of(lambda s, u: float(u != 0 or s == 0), units=5),
        *rows_of(lambda s, u: 0.0, units=5, method="pretrained", tuning="none"),
    ]
    pairs = comparing(("fine-tuned", "pretrained"))
    (apart,) = stats.summarise(rows, comparing=pairs)["comparisons"]
    assert apart["n_units"] == 15
    found = stats.summarise(rows, comparing=pairs, repeated={"reversals"})
    (together,) = found["comparisons"]
    assert together["n_units"] == 5
    assert together["low"] < apart["low"]
    (tuned,) = [r for r in found["accuracy"] if r["method"] == "fine-tuned"]
    assert (tuned["n"], tuned["n_units"], tuned["seeds"], tuned["runs"]) == (15, 5, 3, 3)
    assert tuned["accuracy"] == pytest.approx((1 / 3 + 4) / 5)


def test_the_share_of_the_gain_that_false_lines_keep() -> None:
    rows = [
        *rows_of(lambda s, u: 0.0, units=40),
        *rows_of(lambda s, u: float(u % 4 != 3), units=40, method="augmented"),
        *rows_of(lambda s, u: float(u % 4 == 0), units=40, method="false"),
    ]
    kept: Any
    (kept,) = stats.kept(rows, [("false", "augmented", "fine-tuned")])
    assert kept["share"] == pytest.approx(1 / 3)
    assert 0.2 < kept["low"] < 1 / 3 < kept["high"] < 0.5
    (none,) = stats.kept(rows, [("augmented", "fine-tuned", "fine-tuned")])
    assert none["share"] is None, "the treatment gains nothing"
