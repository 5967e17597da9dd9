"""The tables of the report: from rows of summary.json to rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from corollary.reporting.wording import (
    RECALL,
    main_tuning,
    method_order,
    p_value,
    percent,
    place_of,
    points,
    quantity,
    questions,
    tuning_name,
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Text in rows. The first column is a name, the others are numbers, set flush right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def glance(summary: Mapping[str, Any]) -> Table:
    """The arms that matter for a decision, side by side on every test of inference."""
    arms = ("pretrained", "in-context", "fine-tuned", "augmented")
    rows = [row for row in summary["accuracy"] if row["split"] not in RECALL]
    tuning = main_tuning(rows)
    cells = {
        (row["dataset"], row["split"], row["method"]): row
        for row in rows
        if row["tuning"] in (tuning, "none")
    }
    gains = {
        (row["dataset"], row["split"]): row
        for row in summary["comparisons"]
        if (row["a"], row["b"], row["tuning"]) == ("augmented", "fine-tuned", tuning)
    }
    out = []
    for test in sorted({(d, s) for d, s, _ in cells}, key=lambda test: place_of(*test)):
        found = [cells.get((*test, arm)) for arm in arms]
        chances = [row["chance"] for row in found if row and row["chance"] is not None]
        gain = gains.get(test)
        mark = "\u00a0*" if gain and gain["significant"] else ""
        out.append(
            (
                " ".join(test),
                percent(sum(chances) / len(chances) if chances else None),
                *(percent(row["accuracy"] if row else None) for row in found),
                points(gain["difference"] if gain else None) + mark,
            )
        )
    caption = "Accuracy on tests that need an inference. Gain: augmented minus fine-tuned; * significant."
    return Table(caption, ("Test", "Chance", *map(str.capitalize, arms), "Gain"), tuple(out))


def accuracies(rows: Iterable[Row], *, caption: str) -> Table:
    """Every row of "accuracy" that is given, with interval and counts."""
    out = [
        (
            f"{row['split']} {_arm(row)}",
            percent(row["accuracy"]),
            _span(row, percent),
            percent(row["chance"]),
            f"{row['n']:,}",
            f"{row['n_units']:,}",
            percent(row["no_answer"]),
        )
        for row in sorted(rows, key=_order)
    ]
    head = ("Test and method", "Accuracy", "95 %", "Chance", "Questions", "Units", "No answer")
    return Table(caption, head, tuple(out))


def comparisons(rows: Iterable[Row]) -> Table:
    """Every comparison with its interval and tests."""
    out = [
        (
            f"{row['dataset']} {row['split']}: {row['a']} − {row['b']}{_tuning(row)}",
            points(row["difference"]),
            _span(row, points),
            p_value(row["p"]),
            p_value(row["p_adjusted"]),
            "yes" if row["significant"] else "no",
        )
        for row in sorted(rows, key=lambda row: (place_of(row["dataset"], row["split"]), row["tuning"]))
    ]
    head = ("Test and pair", "Points", "95 %", "p", "p adjusted", "Significant")
    return Table("Paired differences in percentage points.", head, tuple(out))


def precision(rows: Iterable[Row]) -> Table:
    """How right and how complete what the model wrote is."""
    out = [
        (
            f"{row['dataset']} {row['method']}",
            f"{row['lines']:,}",
            *(percent(row[key]) for key in ("precision", "coverage", "coverage_several_step")),
            f"{row['leaked']:,}",
            f"{row['dropped']['lines']:,}",
            percent(row["written"]["precision"]),
        )
        for row in sorted(rows, key=_written_order)
    ]
    caption = (
        "Each distinct line counts once. Precision: new and right among all lines that do not restate. "
        "Coverage: share of the statements one rule away from the documents that were written; beside it "
        "that of statements several rules away. Leaked: lines with a question's own text, all removed. "
        "Dropped: lines that their strategy left out because they cite what no document tells; beside it "
        "the precision of all that the model wrote, these included."
    )
    head = ("Dataset and method", "Lines", "Precision", "Coverage", "Several steps", "Leaked", "Dropped")
    return Table(caption, (*head, "Precision with these"), tuple(out))


def kinds(rows: Iterable[Row]) -> Table:
    """How many lines of each kind the model wrote."""
    keys = ("restates", "one_step", "several_step", "false", "unreadable")
    out = [
        (f"{row['dataset']} {row['method']}", *(f"{row[key]:,}" for key in keys))
        for row in sorted(rows, key=_written_order)
    ]
    head = ("Dataset and method", "Restates", "One step", "Several steps", "False", "Unreadable")
    return Table("Distinct lines of each kind.", head, tuple(out))


def practised(rows: Iterable[Row]) -> Table:
    """Precision and coverage where the model learned to augment and where that was kept out, for the rows
    of "augmentation" that hold both as "seen" and "reserved"."""
    out = [
        (
            f"{row['dataset']} {row['method']}",
            *(percent(row[part][key]) for key in ("precision", "coverage") for part in ("reserved", "seen")),
        )
        for row in sorted(rows, key=_written_order)
        if row.get("seen") and row.get("reserved")
    ]
    head = ("Dataset and method", "Precision, kept out", "practised", "Coverage, kept out", "practised")
    return Table("What the model wrote, apart in the same way.", head, tuple(out))


def costs(rows: Iterable[Row]) -> Table:
    """Tokens, operations, time, money and break-even of every arm."""
    out = [
        (
            f"{row['dataset']} {_arm(row)}",
            quantity(row["augment_tokens"]),
            quantity(row["train_tokens"]),
            quantity(row["query_tokens"]),
            quantity(row["flops"]),
            quantity(row["seconds"]),
            quantity(row["usd"], "usd"),
            _even(row["break_even_queries"]),
            _even(row["break_even_queries_cached"]),
        )
        for row in sorted(
            rows, key=lambda r: (place_of(r["dataset"]), method_order(r["method"], r["tuning"]))
        )
    ]
    head = (
        "Dataset and method", "Tokens written", "Tokens trained", "Tokens a question", "Operations",
        "Seconds", "Dollars", "Cheaper after", "With caching",
    )  # fmt: skip
    caption = (
        "Means over seeds. Cheaper after: the number of questions from which on the arm costs less than "
        "keeping the documents in the prompt, without and with prompt caching."
    )
    return Table(caption, head, tuple(out))


def apart(rows: Iterable[Row], column: str, *, yes: str, no: str, caption: str) -> Table:
    """Accuracy of each arm where `column` is true beside where it is false, tests of inference only."""
    cells: dict[tuple[str, str, str, str], dict[bool, Row]] = {}
    for row in rows:
        key = (row["dataset"], row["split"], row["method"], row["tuning"])
        cells.setdefault(key, {})[row[column]] = row
    out = []
    for key in sorted(cells, key=lambda k: (place_of(k[0], k[1]), method_order(k[2], k[3]))):
        found = cells[key]
        if key[1] in RECALL or len(found) < 2:
            continue
        texts = [
            (percent(r["accuracy"]), _span(r, percent), f"{r['n']:,}") for r in (found[True], found[False])
        ]
        out.append((f"{key[0]} {key[1]} {_arm(found[True])}", *texts[0], *texts[1]))
    head = ("Test and method", yes, "95 %", "Questions", no, "95 %", "Questions")
    return Table(caption, head, tuple(out))


def beside(rows: Iterable[Row], secondary: Iterable[Row]) -> Table:
    """Accuracy by the primary and by the secondary metric, where there is one."""
    keys = ("dataset", "split", "method", "tuning")
    primary = {tuple(row[key] for key in keys): row for row in rows}
    out = [
        (
            f"{row['dataset']} {row['split']} {_arm(row)}",
            percent(primary[tuple(row[key] for key in keys)]["accuracy"]),
            percent(row["accuracy"]),
            _span(row, percent),
            percent(row["chance"]),
        )
        for row in sorted(secondary, key=_order)
    ]
    caption = "Accuracy by the log-probability of a name, and by that less the one without a description."
    return Table(caption, ("Test and method", "Accuracy", "Less the prior", "95 %", "Chance"), tuple(out))


def means(rows: Iterable[Row], column: str, method: str) -> tuple[str, str, int] | None:
    """Mean accuracy of a method over tests of inference, where `column` is true and where it is false, and
    the number of tests that hold both; None without any."""
    rows = [row for row in rows if row["method"] == method and row["split"] not in RECALL]
    rows = [
        row for row in rows if row["tuning"] in (main_tuning(rows), "none") and row["accuracy"] is not None
    ]
    found = {
        value: {(row["dataset"], row["split"]): row["accuracy"] for row in rows if row[column] is value}
        for value in (True, False)
    }
    both = found[True].keys() & found[False].keys()
    if not both:
        return None
    yes, no = (sum(found[value][test] for test in both) / len(both) for value in (True, False))
    return percent(yes), percent(no), len(both)


def _arm(row: Row) -> str:
    return f"{row['method']}{_tuning(row)}"


def _tuning(row: Row) -> str:
    return "" if row["tuning"] in ("none", "full") else f", {tuning_name(row['tuning'])}"


def _order(row: Row) -> tuple[Any, ...]:
    return place_of(row["dataset"], row["split"]), method_order(row["method"], row["tuning"])


def _written_order(row: Row) -> tuple[Any, ...]:
    return place_of(row["dataset"]), method_order(row["method"])


def _span(row: Row, say: Callable[[float | None], str]) -> str:
    return f"{say(row['low'])} to {say(row['high'])}".replace("\u00a0% to", " to")


def _even(bounds: list[Any] | str | None) -> str:
    return "–" if bounds is None else questions(bounds).replace(" questions", "").removeprefix("about ")
