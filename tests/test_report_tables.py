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
        "runs": 2,
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


def summary(**parts: Any) -> Row:
    """The parts of a summary.json, others empty."""
    names = ("accuracy", "comparisons", "kept", "rules", *tables.SECONDARY)
    return {"margin": 0.05, **{name: [] for name in names}, **parts}


RULE = {
    "dataset": "family", "split": "reversal", "rule": "shares a line", "accuracy": 0.83, "low": 0.8,
    "high": 0.86, "chance": 0.25, "n_units": 24,
}  # fmt: skip
KEPT = {
    "dataset": "family", "split": "reversal", "tuning": "full", "placebo": "false-relation",
    "treatment": "augmented", "share": 0.37, "low": -0.02, "high": 0.44,
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
    table = tables.glance(summary(accuracy=rows, comparisons=[GAIN]), outline())
    arms = ("pretrained", "in-context", "fine-tuned", "augmented")
    assert table.head == ("Test", "Chance", *arms, "Gain", "Shows")
    assert table.rows == (
        ("family reversal", *percents(25, 27, 91, 22, 97), "+75", "gain; no false lines ran"),
    )
    # Chance is over the answered questions: that of the arm which answered most of them counts.
    silent = arm("pretrained", 0.27, no_answer=0.5, chance=0.4)
    (line,) = tables.glance(summary(accuracy=[silent, *rows[1:]]), outline()).rows
    assert line == ("family reversal", *percents(25, 27, 91, 22, 97))


def glance(*comparisons: Row, **parts: Any) -> tuple[str, ...]:
    """The words about a gain of 75 points, and what follows them."""
    rows = [arm("augmented", 0.97), arm("false-relation", 0.4)]
    (line,) = tables.glance(summary(accuracy=rows, comparisons=comparisons, **parts), outline()).rows
    return line[line.index("+75") + 1 :]


def test_a_gain_is_called_what_the_primary_comparisons_show() -> None:
    lies = GAIN | {"b": "false-relation"}
    assert glance(GAIN, lies) == ("inference",)
    assert glance(GAIN, lies | {"answer": "unknown"}) == ("gain; false lines keep some of it",)
    assert glance(GAIN, kept=[KEPT]) == ("gain; false lines keep 37\u00a0%",)
    assert glance(GAIN | {"answer": "within"}, lies) == ("within 5 points",)
    assert glance(GAIN | {"answer": "unknown"}, lies) == ("not known",)
    assert glance(GAIN | {"primary": False}, lies) == ("exploratory",)
    assert "gain; a rule reaches 98\u00a0%" in glance(GAIN, lies, rules=[RULE | {"accuracy": 0.98}])
    assert "inference" in glance(GAIN, lies, rules=[RULE | {"accuracy": 0.1}])
    prompt = GAIN | {"b": "in-context", "difference": -0.2}
    assert glance(GAIN, lies, prompt | {"answer": "worse"}) == ("inference", "worse")
    assert glance(GAIN, lies, prompt | {"primary": False}) == ("inference",)


def test_right_answers_by_arm_and_split_in_the_order_of_the_study() -> None:
    rows: list[Any] = [
        arm("augmented", 0.97),
        arm("fine-tuned", 0.4, tuning="lora"),
        arm("fine-tuned", 0.22),
        arm("fine-tuned", 0.99, split="rephrase"),
        arm("pretrained", 0.27),
    ]
    table = tables.by_arm(summary(accuracy=rows, rules=[RULE]), outline(), "family")
    assert table.caption == (
        "family: right answers, mean of 3 seeds and up to 2 runs; best rules: reversal “shares a line”"
    )
    assert table.head == ("arm", "tuning", "rephrase", "reversal")
    assert table.rows == (
        ("chance", "", *percents(25, 25)),
        ("best rule without a model", "", "–", *percents(83)),
        ("pretrained", "none", "–", *percents(27)),
        ("fine-tuned", "full", *percents(99, 22)),
        ("augmented", "full", "–", *percents(97)),
        ("fine-tuned", "lora", "–", *percents(40)),
    )


def test_all_accuracies_with_the_best_rule_and_secondary_metrics() -> None:
    rows = [arm("fine-tuned", 0.5, tuning="lora"), arm("pretrained", None)]
    others = [arm("pretrained", 0.6), arm("pretrained", 0.7, tuning="lora")]
    table = tables.accuracies(
        summary(accuracy=rows, accuracy_distant=others, rules=[RULE]), outline(), "family"
    )
    assert table.head[1:6] == ("Accuracy", "95 %", "Chance", "Distant choices", "Questions")
    assert "Distant choices: among wrong choices that share no fact" in table.caption
    counts = ("1,234", "24", "3 × 2", "12\u00a0%")
    assert table.rows == (
        (
            "reversal best rule without a model: shares a line",
            *("83\u00a0%", "80 to 86\u00a0%", "25\u00a0%"),
            *("–", "–", "24", "–", "–"),
        ),
        ("reversal pretrained", "–", "11 to 99\u00a0%", "25\u00a0%", "60\u00a0%", *counts),
        ("reversal fine-tuned, lora", "50\u00a0%", "11 to 99\u00a0%", "25\u00a0%", "–", *counts),
    )


def test_primary_and_exploratory_comparisons_are_apart() -> None:
    other = GAIN | {"b": "oracle", "tuning": "lora", "primary": False, "p_adjusted": None}
    rows = [GAIN, other]
    (line,) = tables.primary(rows, outline(), 0.05).rows
    assert line == ("family reversal: augmented − fine-tuned", "+75", "+60 to +90", "24", "0.031", "better")
    table = tables.exploratory(rows, outline())
    assert table.caption.startswith("Exploratory")
    assert table.rows == (("family reversal: augmented − oracle, lora", "+75", "+60 to +90"),)


def test_the_margin_is_in_words_and_a_floored_p_is_at_most() -> None:
    row = GAIN | {"answer": "within", "n_units": 6, "p": 2 / 2**6, "p_adjusted": 0.1875}
    for units, p in ((6, "at most 0.188"), (7, "0.188")):
        (line,) = tables.primary([row | {"n_units": units}], outline(), 0.03).rows
        assert line[-2:] == (p, "within 3 points")


def test_what_false_lines_keep() -> None:
    lost = KEPT | {"split": "two-hop", "share": None, "low": None, "high": None}
    told, lora = KEPT | {"split": "rephrase"}, KEPT | {"tuning": "lora", "share": 0.9}
    table = tables.kept(summary(kept=[lost, KEPT, told, lora]), outline())
    assert table.head == ("Test", "false-relation")
    assert table.rows == (
        ("family reversal", "37\u00a0% (−2 to 44\u00a0%)"),
        ("family two-hop", "–"),
    )


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


def test_two_sides_of_a_question_side_by_side() -> None:
    sides = [arm("augmented", 0.9, written=True), arm("augmented", 0.3, written=False, n=5)]
    told = [arm("augmented", 1.0, written=flag, split="rephrase") for flag in (True, False)]
    labels = {True: "Generated", False: "Not"}
    table = tables.breakdown([*sides, *told], outline(), "written", labels, caption="c")
    bounds = "11 to 99\u00a0%"
    assert table.head == ("Test and arm", "Generated", "95 %", "Questions", "Not", "95 %", "Questions")
    assert table.rows == (
        ("family reversal augmented", "90\u00a0%", bounds, "1,234", "30\u00a0%", bounds, "5"),
    )


def test_a_mark_with_many_values_shows_each_that_was_measured() -> None:
    rows = [arm("augmented", n / 10, value=str(n)) for n in range(5)]
    table = tables.breakdown(rows, outline(), "value", {"3": "three", "9": "nine"}, caption="c")
    assert table.head == ("Test and arm", "three", "0", "1", "2", "4")
    assert table.rows == (("family reversal augmented", *percents(30, 0, 10, 20, 40)),)


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
