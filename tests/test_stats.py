"""Statistics count groups of facts and runs, never questions; few comparisons are primary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from corollary import values
from corollary.measure import stats
from corollary.measure.estimates import Estimate
from corollary.measure.stats import Comparing
from corollary.studies.arms import arm_rows, comparing
from corollary.types import Arm, Spec, Study

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


GAIN = ("augmented", "fine-tuned")
NONE = Comparing([])


def compared(rows: list[Row], *pairs: tuple[str, str], **parts: Any) -> list[Any]:
    """The rows of "comparisons"; all pairs are primary on `reversals`."""
    primary = {("reversals", "reversal"): pairs}
    return stats.comparisons(rows, Comparing(pairs or [GAIN], primary, "full", **parts))


def test_alike_arms_differ_in_2_to_9_percent_of_comparisons_and_far_more_if_questions_were_the_unit() -> None:
    rows = list(null_rows(np.random.default_rng(7), trials=300, questions=4))
    by_unit = compared(rows, GAIN)
    assert len(by_unit) == 300
    assert 0.02 <= np.mean([c["p"] < 0.05 for c in by_unit]) <= 0.09
    naive = compared([r | {"unit": r["question"]} for r in rows], GAIN)
    assert np.mean([c["p"] < 0.05 for c in naive]) > 0.12


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
    (found,) = compared(a + b, GAIN)
    assert found["difference"] == 0
    assert found["n_units"] == 3 * 6


def test_runs_are_paired_with_runs() -> None:
    def tuned(method: str, *shares: float) -> list[Row]:
        return [
            r | {"run": run, "correct": share}
            for run, share in enumerate(shares)
            for r in rows_of(lambda s, u: 1.0, method=method)
        ]

    shaky, alike = tuned("augmented", 1.0, 0.8, 0.3), tuned("fine-tuned", 0.8, 0.6, 0.1)
    rows = [*shaky, *alike, *rows_of(lambda s, u: 0.5, method="in-context", tuning="none")]
    pair, other = compared(rows, GAIN, ("augmented", "in-context"))
    assert (pair["difference"], other["difference"]) == pytest.approx((0.2, 0.2))
    assert pair["answer"] == "better", "each run gains as much"
    assert other["answer"] == "unknown", "the runs differ by more than the gain"


@pytest.mark.parametrize(
    ("mean", "error", "p", "answer"),
    [
        (0.2, 0.05, 0.01, "better"),
        (0.2, 0.05, 0.2, "within"),  # not lower, but the correction forbids "better"
        (0.01, 0.02, 0.6, "within"),
        (-0.02, 0.01, 0.04, "within"),  # surely lower, but by less than the margin
        (0.3, 0.4, 0.4, "unknown"),
        (0.0, 0.05, 1.0, "unknown"),  # no difference was found, which is not equality
        (-0.06, 0.05, 0.2, "unknown"),
        (-0.2, 0.05, 0.9, "worse"),  # no correction hides harm
    ],
)
def test_the_four_answers(mean: float, error: float, p: float, answer: str) -> None:
    assert stats.answer_of(Estimate(mean, error, df=1e6, units=40), p, 0.05) == answer


def test_a_wider_margin_makes_a_small_loss_small() -> None:
    found = Estimate(-0.05, 0.01, df=1e6, units=40)
    assert [stats.answer_of(found, 0.001, margin) for margin in (0.02, 0.1)] == ["worse", "within"]


def test_only_primary_comparisons_are_adjusted() -> None:
    rows = rows_of(lambda s, u: float(u % 4 == 0))
    rows += rows_of(lambda s, u: float(u % 4 != 3), method="augmented")
    rows += [r | {"split": "two-hop"} for r in rows] + [r | {"tuning": "lora"} for r in rows]
    pairs = [GAIN, ("augmented", "chance")]
    found = stats.comparisons(rows, Comparing(pairs, {("reversals", "reversal"): pairs}, "full"))
    primary = [c for c in found if c["primary"]]
    assert {(c["split"], c["tuning"], c["b"]) for c in primary} == {
        ("reversal", "full", "fine-tuned"),
        ("reversal", "full", "chance"),
    }
    low, high = sorted(primary, key=lambda c: c["p"])
    assert low["p_adjusted"] == pytest.approx(2 * low["p"])
    assert high["p_adjusted"] == pytest.approx(max(high["p"], 2 * low["p"]))
    assert {c["p_adjusted"] for c in found if not c["primary"]} == {None}


def test_the_primary_comparisons_are_those_of_the_study_or_of_its_roles() -> None:
    arms = (
        Arm("all", "context"), Arm("near", "context"), Arm("plain", "baseline", tune=True),
        Arm("ours", "treatment", tune=True), Arm("lies", "placebo", tune=True, same_size_as="ours"),
    )  # fmt: skip
    study = Study("s", (Spec("d"),), arms, (Spec("full"), Spec("lora")), (0,), Spec("m"))
    tests: Any = [
        {"dataset": "d", "split": split, "recall": split == "told"} for split in ("told", *"abcdefg")
    ]
    found = comparing(study, arm_rows(arms), tests)
    pairs = [("ours", "plain"), ("ours", "all"), ("ours", "lies")]
    assert found.primary == {("d", split): pairs for split in "abcdef"}, "six tests, and none of recall"
    assert found.tuning == "full"
    assert found.placebos == [("lies", "ours", "plain")]
    named = Study(**{**vars(study), "primary": {"d": {"g": ("near",)}}, "margin": 0.1})
    found = comparing(named, arm_rows(arms), tests)
    assert found.primary == {("d", "g"): [("ours", "near")]}
    assert ("ours", "near") in found.pairs
    assert found.margin == 0.1


def test_the_share_of_a_gain_that_false_lines_keep() -> None:
    rows = [
        *rows_of(lambda s, u: 0.2),
        *rows_of(lambda s, u: 1.0 - u % 2 / 10, method="augmented"),
        *rows_of(lambda s, u: 0.5, method="lies"),
    ]
    rows += rows_of(lambda s, u: 0.2, split="none")
    rows += [r | {"split": "none"} for r in rows if r["method"] == "lies"]
    rows += rows_of(lambda s, u: 0.2, split="none", method="augmented")
    gains: Any
    nothing: Any
    gains, nothing = stats.kept(rows, [("lies", "augmented", "fine-tuned")])[::-1]
    assert gains["share"] == pytest.approx(0.3 / 0.75)
    assert gains["low"] < 0.3 / 0.75 < gains["high"]
    assert (nothing["split"], nothing["share"], nothing["low"]) == ("none", None, None)


def test_untuned_arms_take_part_in_every_tuning_and_chance_is_an_arm() -> None:
    rows = [
        *rows_of(lambda s, u: 1.0, method="in-context", tuning="none"),
        *rows_of(lambda s, u: float(u % 2), tuning="full"),
        *rows_of(lambda s, u: 0.0, tuning="lora"),
    ]
    pairs = [("in-context", "fine-tuned"), ("in-context", "chance"), ("fine-tuned", "chance")]
    found = {(c["tuning"], c["a"], c["b"]): c["difference"] for c in compared(rows, *pairs)}
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
    pairs = Comparing([("oracle", "fine-tuned")])
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


@pytest.mark.parametrize(("metric", "chance"), [("pmi", 0.5), ("distant", 0.5), ("free", 0.0)])
def test_secondary_metrics_are_beside_for_questions_that_have_them(metric: str, chance: float) -> None:
    rows = [r | {f"correct_{metric}": 1.0} for r in rows_of(lambda s, u: 0.0, units=6)]
    rows += rows_of(lambda s, u: 1.0, units=6, split="rephrase")
    found: Any = stats.summarise(rows, comparing=NONE)
    (beside,) = found[f"accuracy_{metric}"]
    assert (beside["split"], beside["accuracy"], beside["n"], beside["chance"]) == (
        "reversal",
        1.0,
        18,
        chance,
    )
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
    found = stats.summarise(rows, comparing=Comparing([GAIN]))
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
    assert stats.summarise(rows, comparing=NONE)["by_premises_shown"] == []
    cut = rows_of(lambda s, u: float(u < 6), method="in-context", tuning="none")
    rows += [r | {"premises_shown": r["correct"] == 1} for r in cut]
    found = stats.summarise(rows, comparing=NONE)["by_premises_shown"]
    assert [(r["method"], r["premises_shown"], r["accuracy"]) for r in found] == [
        ("in-context", False, 0.0),
        ("in-context", True, 1.0),
    ]


def test_seeds_that_change_no_document_are_one_sample() -> None:
    def differ(s: int, u: int) -> float:
        return float(u != 0 or s == 0)

    arms = [
        *rows_of(differ, units=5),
        *rows_of(lambda s, u: 0.0, units=5, method="pretrained", tuning="none"),
    ]
    chance = Comparing([("pretrained", "chance")])
    (several,) = stats.comparisons(arms, chance)
    assert several["p"] == 2 / 2**15
    found = stats.summarise(arms, comparing=chance, repeated={"reversals"})
    (once,) = [c for c in found["comparisons"] if (c["a"], c["b"]) == ("pretrained", "chance")]
    assert once["p"] == 2 / 2**5
    (tuned,) = [r for r in found["accuracy"] if r["method"] == "fine-tuned"]
    assert (tuned["n"], tuned["n_units"], tuned["seeds"]) == (15, 5, 3)
    assert tuned["accuracy"] == pytest.approx((1 / 3 + 4) / 5)
    assert once["by_seed"] == [-0.5]
    assert tuned["runs"] == 3, "seeds are further runs"
    assert [r["accuracy"] for r in found["seeds"] if r["method"] == "fine-tuned"] == [1.0, 0.8, 0.8]


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
