"""The tables of the report hold the numbers of the summary, each in its own column."""

from __future__ import annotations

from typing import Any

from corollary.reporting.page import tables

Row = dict[str, Any]


def arm(method: str, accuracy: float | None, **changes: Any) -> Row:
    """A row of "accuracy"."""
    plain = {"dataset": "family", "split": "reversal", "tuning": "full", "model": "embedded"}
    tuning = "none" if method in ("pretrained", "in-context") else "full"
    counts = {"n": 1234, "n_units": 24, "chance": 0.25, "no_answer": 0.125, "low": 0.11, "high": 0.99}
    return {**plain, "tuning": tuning, "method": method, "accuracy": accuracy, **counts, **changes}


def percents(*shares: int) -> tuple[str, ...]:
    return tuple(f"{share}\u00a0%" for share in shares)


GAIN = {
    "dataset": "family", "split": "reversal", "tuning": "full", "a": "augmented", "b": "fine-tuned",
    "difference": 0.75, "low": 0.6, "high": 0.9, "p": 0.0004, "p_adjusted": 0.031, "significant": True,
}  # fmt: skip


def test_at_a_glance() -> None:
    rows = [
        arm("pretrained", 0.27),
        arm("in-context", 0.91),
        arm("fine-tuned", 0.22),
        arm("augmented", 0.97),
        arm("fine-tuned", 0.4, tuning="lora"),
        arm("fine-tuned", 0.99, split="rephrase"),
    ]
    (line,) = tables.glance({"accuracy": rows, "comparisons": [GAIN]}).rows
    assert line == ("family reversal", *percents(25, 27, 91, 22, 97), "+75\u00a0*")


def test_all_accuracies() -> None:
    table = tables.accuracies([arm("fine-tuned", 0.5, tuning="lora"), arm("pretrained", None)], caption="c")
    assert table.rows == (
        ("reversal pretrained", "–", "11 to 99\u00a0%", "25\u00a0%", "1,234", "24", "12\u00a0%"),
        (
            "reversal fine-tuned, LoRA",
            "50\u00a0%",
            "11 to 99\u00a0%",
            "25\u00a0%",
            "1,234",
            "24",
            "12\u00a0%",
        ),
    )


def test_all_comparisons() -> None:
    (line,) = tables.comparisons([GAIN]).rows
    assert line == ("family reversal: augmented − fine-tuned", "+75", "+60 to +90", "<0.001", "0.031", "yes")


WRITTEN = {
    "dataset": "family", "method": "augmented", "lines": 1500, "precision": 0.9, "coverage": 0.8,
    "coverage_several_step": 0.7, "leaked": 3, "dropped": {"lines": 4}, "written": {"precision": 0.6},
    "restates": 10, "one_step": 20, "several_step": 30, "false": 40, "unreadable": 50,
    "seen": {"precision": 0.95, "coverage": 0.85}, "reserved": {"precision": 0.45, "coverage": 0.35},
}  # fmt: skip


def test_what_was_written() -> None:
    (line,) = tables.precision([WRITTEN]).rows
    assert line == ("family augmented", "1,500", *percents(90, 80, 70), "3", "4", "60\u00a0%")
    (line,) = tables.kinds([WRITTEN]).rows
    assert line == ("family augmented", "10", "20", "30", "40", "50")
    (line,) = tables.practised([WRITTEN]).rows
    assert line == ("family augmented", *percents(45, 95, 35, 85))


def test_what_it_cost() -> None:
    row = {
        "dataset": "family", "method": "augmented", "tuning": "lora", "augment_tokens": 1e6,
        "train_tokens": 42_000, "query_tokens": 17, "flops": 3e12, "seconds": 60, "usd": 1.5,
        "break_even_queries": [120, 340], "break_even_queries_cached": "never",
    }  # fmt: skip
    (line,) = tables.costs([row]).rows
    assert line == (
        "family augmented, LoRA", "1\u00a0million", "42,000", "17", "3\u00a0trillion", "60", "$1.50",
        "120 to 340", "never",
    )  # fmt: skip


def test_two_sides_of_a_question_apart_and_their_means() -> None:
    sides = [arm("augmented", 0.9, written=True), arm("augmented", 0.3, written=False, n=5)]
    told = [arm("augmented", 1.0, written=flag, split="rephrase") for flag in (True, False)]
    table = tables.apart([*sides, *told], "written", yes="Written", no="Not", caption="c")
    bounds = "11 to 99\u00a0%"
    assert table.rows == (
        ("family reversal augmented", "90\u00a0%", bounds, "1,234", "30\u00a0%", bounds, "5"),
    )
    assert tables.means([*sides, *told], "written", "augmented") == ("90\u00a0%", "30\u00a0%", 1)
    assert tables.means(sides[:1], "written", "augmented") is None


def test_the_secondary_metric_beside_the_primary_one() -> None:
    rows = [
        arm("fine-tuned", 0.1, tuning="mine"),
        arm("fine-tuned", 0.2, tuning="yours"),
        arm("in-context", 0.8),
    ]
    secondary = [arm("fine-tuned", 0.3, tuning="mine"), arm("fine-tuned", 0.4, tuning="yours")]
    found = [(line[0], line[1], line[2]) for line in tables.beside(rows, secondary).rows]
    assert found == [
        ("family reversal fine-tuned, mine", *percents(10, 30)),
        ("family reversal fine-tuned, yours", *percents(20, 40)),
    ]
