"""The tables of the report hold the numbers of the summary, each in its own column."""

from __future__ import annotations

from typing import Any

from made_up_study import summary_of
from rich.cells import cell_len

from corollary.reporting import tables
from corollary.reporting.outline import Outline, outline_of
from corollary.reporting.table import Table
from corollary_worlds import paper

Row = dict[str, Any]


def arm(method: str, accuracy: float | None, **changes: Any) -> Row:
    """A row of "accuracy"."""
    plain = {"dataset": "family", "split": "reversal", "tuning": "full", "model": "embedded"}
    tuning = "none" if method in ("pretrained", "in-context") else "full"
    counts = {
        "seeds": 3,
        "n": 1234,
        "n_units": 24,
        "chance": 0.25,
        "no_answer": 0.125,
        "low": 0.11,
        "high": 0.99,
    }
    return {**plain, "tuning": tuning, "method": method, "accuracy": accuracy, **counts, **changes}


TESTS = [
    {"dataset": "family", "split": split, "recall": split == "rephrase"} for split in ("rephrase", "reversal")
]


def outline(*accuracy: Row) -> Outline:
    return outline_of(summary_of(tests=TESTS, accuracy=[*accuracy, arm("augmented", 1.0)]))


def percents(*shares: int) -> tuple[str, ...]:
    return tuple(f"{share}\u00a0%" for share in shares)


GAIN = {
    "dataset": "family", "split": "reversal", "tuning": "full", "a": "augmented", "b": "fine-tuned",
    "difference": 0.75, "low": 0.6, "high": 0.9, "p": 0.0004, "p_adjusted": 0.031, "primary": True,
    "answer": "better", "n_units": 24,
}  # fmt: skip


def test_at_a_glance() -> None:
    rows: list[Any] = [
        arm("pretrained", 0.27),
        arm("in-context", 0.91),
        arm("fine-tuned", 0.22),
        arm("augmented", 0.97),
        arm("fine-tuned", 0.4, tuning="lora"),
        arm("fine-tuned", 0.99, split="rephrase"),
    ]
    table = tables.glance({"accuracy": rows, "comparisons": [GAIN], "rules": []}, outline())
    assert table.head == ("Test", "Chance", "pretrained", "in-context", "fine-tuned", "augmented", "Gain")
    assert table.rows == (("family reversal", *percents(25, 27, 91, 22, 97), "+75\u00a0*"),)
    # Chance is over the answered questions: that of the arm which answered most of them counts.
    silent = arm("pretrained", 0.27, no_answer=0.5, chance=0.4)
    (line,) = tables.glance({"accuracy": [silent, *rows[1:]], "comparisons": [], "rules": []}, outline()).rows
    assert line == ("family reversal", *percents(25, 27, 91, 22, 97))


def test_right_answers_by_arm_and_split_in_the_order_of_the_study() -> None:
    rows: list[Any] = [
        arm("augmented", 0.97),
        arm("fine-tuned", 0.4, tuning="lora"),
        arm("fine-tuned", 0.22),
        arm("fine-tuned", 0.99, split="rephrase"),
        arm("pretrained", 0.27),
    ]
    table = tables.by_arm({"accuracy": rows}, outline(), "family")
    assert table.head == ("arm", "tuning", "rephrase", "reversal")
    assert table.rows == (
        ("chance", "", *percents(25, 25)),
        ("pretrained", "none", "–", *percents(27)),
        ("fine-tuned", "full", *percents(99, 22)),
        ("augmented", "full", "–", *percents(97)),
        ("fine-tuned", "lora", "–", *percents(40)),
    )


def test_all_accuracies() -> None:
    table = tables.accuracies(
        [arm("fine-tuned", 0.5, tuning="lora"), arm("pretrained", None)], outline(), caption="c"
    )
    assert table.rows == (
        ("reversal pretrained", "–", "11 to 99\u00a0%", "25\u00a0%", "1,234", "24", "12\u00a0%"),
        (
            "reversal fine-tuned, lora",
            "50\u00a0%",
            "11 to 99\u00a0%",
            "25\u00a0%",
            "1,234",
            "24",
            "12\u00a0%",
        ),
    )


def test_all_comparisons() -> None:
    (line,) = tables.comparisons([GAIN], outline()).rows
    assert line == ("family reversal: augmented − fine-tuned", "+75", "+60 to +90", "24", "0.031", "better")
    (line,) = tables.comparisons([{**GAIN, "primary": False, "p_adjusted": None}], outline()).rows
    assert line[-2:] == ("–", "exploratory")


def test_the_best_rule_stands_beside_the_arms() -> None:
    rules = [{"dataset": "family", "split": "reversal", "rule": "shares a line", "accuracy": 0.83}]
    table = tables.glance(
        {"accuracy": [arm("augmented", 0.97)], "comparisons": [], "rules": rules}, outline()
    )
    assert table.head == ("Test", "Chance", "Best rule", "augmented")
    assert table.rows[0][2] == "83\u00a0%"


def test_what_false_lines_keep() -> None:
    row = {"dataset": "family", "split": "reversal", "tuning": "full", "placebo": "false-relation"}
    rows: list[Any] = [
        row | {"share": 0.37, "low": 0.28, "high": 0.44},
        row | {"share": None, "low": None, "high": None},
    ]
    first, second = tables.kept(rows, outline()).rows
    assert first == ("family reversal: false-relation", "37\u00a0%", "28 to 44\u00a0%")
    assert second[1] == "–"


WRITTEN = {
    "dataset": "family", "method": "augmented", "lines": 1500, "precision": 0.9, "coverage": 0.8,
    "coverage_several_step": 0.7, "leaked": 3, "dropped": {"lines": 4},
    "written": {"precision": 0.6, "lines": 1507},
    "restates": 10, "one_step": 20, "several_step": 30, "false": 40, "unreadable": 50,
    "seen": {"precision": 0.95, "coverage": 0.85}, "reserved": {"precision": 0.45, "coverage": 0.35},
}  # fmt: skip


def test_what_was_written() -> None:
    (line,) = tables.precision([WRITTEN], outline()).rows
    assert line == ("family augmented", "1,500", "–", *percents(90, 80, 70), "3", "4", "60\u00a0%")
    (line,) = tables.kinds([WRITTEN], outline()).rows
    assert line == ("family augmented", "10", "20", "30", "40", "50", "0")
    (line,) = tables.generated([WRITTEN], outline()).rows
    assert line == ("family augmented", "1,507", "4", "3", "1,500")
    (line,) = paper.practised([WRITTEN], outline()).rows
    assert line == ("family augmented", *percents(45, 95, 35, 85))


def test_what_it_cost() -> None:
    row = {
        "dataset": "family", "method": "augmented", "tuning": "lora", "augment_tokens": 1e6,
        "train_tokens": 42_000, "query_tokens": 17, "flops": 3e12, "seconds": 60, "usd": 1.5,
        "break_even_queries": [120, 340], "break_even_queries_cached": "never",
    }  # fmt: skip
    (line,) = tables.costs([row]).rows
    assert line == (
        "family", "augmented", "lora", "1\u00a0million", "42,000", "17", "3\u00a0trillion", "60", "$1.50",
        "120 to 340", "never",
    )  # fmt: skip


def test_two_sides_of_a_question_side_by_side_and_their_means() -> None:
    sides = [arm("augmented", 0.9, written=True), arm("augmented", 0.3, written=False, n=5)]
    told = [arm("augmented", 1.0, written=flag, split="rephrase") for flag in (True, False)]
    labels = {True: "Generated", False: "Not"}
    table = tables.breakdown([*sides, *told], outline(), "written", labels, caption="c")
    bounds = "11 to 99\u00a0%"
    assert table.head == ("Test and arm", "Generated", "95 %", "Questions", "Not", "95 %", "Questions")
    assert table.rows == (
        ("family reversal augmented", "90\u00a0%", bounds, "1,234", "30\u00a0%", bounds, "5"),
    )
    means = tables.means([*sides, *told], outline(), "written", labels)
    assert means == (1, [("Generated", "90\u00a0%"), ("Not", "30\u00a0%")])
    assert tables.means(sides[:1], outline(), "written", labels) == (0, [])


def test_a_mark_with_many_values_shows_each_that_was_measured() -> None:
    rows = [arm("augmented", n / 10, value=str(n)) for n in range(5)]
    table = tables.breakdown(rows, outline(), "value", {"3": "three", "9": "nine"}, caption="c")
    assert table.head == ("Test and arm", "three", "0", "1", "2", "4")
    assert table.rows == (("family reversal augmented", *percents(30, 0, 10, 20, 40)),)


def test_the_secondary_metric_beside_the_primary_one() -> None:
    rows: list[Any] = [
        arm("fine-tuned", 0.1, tuning="mine"),
        arm("fine-tuned", 0.2, tuning="yours"),
        arm("in-context", 0.8),
    ]
    secondary = [arm("fine-tuned", 0.3, tuning="mine"), arm("fine-tuned", 0.4, tuning="yours")]
    found = [
        (line[0], line[1], line[2])
        for line in tables.beside(rows, secondary, outline(*rows), head="Other", caption="").rows
    ]
    assert found == [
        ("family reversal fine-tuned, mine", *percents(10, 30)),
        ("family reversal fine-tuned, yours", *percents(20, 40)),
    ]


WIDE = Table(
    "c",
    ("Dataset", "arm", "Tokens generated", "Seconds", "Cheaper after"),
    (
        ("a-rather-long-name", "augmented", "1.25\u00a0million", "12,345", "1,200 to 1,500"),
        ("b", "a\nname\x1b[2J", "2", "3", "never"),
    ),
    names=2,
)


def test_a_table_that_is_too_wide_goes_on_below_and_breaks_no_word() -> None:
    for width in (*range(47, 100), None):
        text = WIDE.text(width)
        assert all(cell_len(line) <= (width or 10**6) for line in text.splitlines())
        for row in WIDE.rows:
            for cell in row[2:]:
                assert text.count(cell.replace("\u00a0", " ")) >= 1
    assert len(WIDE.text().split("\n\n")) == 1
    first, second = WIDE.text(60).split("\n\n")
    assert "million" in first
    assert "Cheaper" in second
    assert "a-rather-long-name" in first
    assert "a-rather-long-name" in second


def test_long_answers_are_folded_between_words() -> None:
    said = "one two three four five six seven eight nine ten eleven twelve"
    text = Table("", ("arm", "answers"), (("plain", said),), names=2).text(40)
    assert max(map(len, text.splitlines())) <= 40
    assert " ".join(line.removeprefix("  plain").strip() for line in text.splitlines()[1:]) == said


def test_no_cell_breaks_a_table_or_reaches_the_terminal_raw() -> None:
    for text in (WIDE.text(80), WIDE.text(), WIDE.markdown()):
        assert "\x1b" not in text
        assert "a name[2J" in text
    assert WIDE.markdown().splitlines()[1] == "| :--- | :--- | ---: | ---: | ---: |"
    assert all(line.count("|") == 6 for line in WIDE.markdown().splitlines())
