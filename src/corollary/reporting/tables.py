"""The tables of a study: each is a function of its summary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from corollary.reporting.inference import gains_of
from corollary.reporting.outline import CHOICES, UNTUNED, Outline, Row, chance_of
from corollary.reporting.table import Table
from corollary.reporting.wording import answered, p_value, percent, points, quantity, questions

Columns = Mapping[str, Callable[[Row], str]]
"""The heading of each column, and its cell for a row."""


def by_arm(summary: Mapping[str, Any], outline: Outline, dataset: str) -> Table:
    """Accuracy on one dataset: a row for each arm and tuning, a column for each split; first chance and the
    best rule without a model, which the caption names."""
    rows = [row for row in summary["accuracy"] if row["dataset"] == dataset]
    splits = sorted({row["split"] for row in rows}, key=lambda split: outline.test_place(dataset, split))
    cells = {(row["method"], row["tuning"], row["split"]): row["accuracy"] for row in rows}
    arms = sorted({key[:2] for key in cells}, key=lambda arm: outline.arm_place(*arm))
    chance = [chance_of(row for row in rows if row["split"] == split) for split in splits]
    body = [("chance", "", *map(percent, chance))]
    caption = f"{dataset}: right answers{_repeats(rows)}"
    if rules := {row["split"]: row for row in summary["rules"] if row["dataset"] == dataset}:
        found = (percent(rules[split]["accuracy"] if split in rules else None) for split in splits)
        body.append(("best rule without a model", "", *found))
        named = (f"{split} “{rules[split]['rule']}”" for split in splits if split in rules)
        caption += f"; best rules: {', '.join(named)}"
    body += [(*arm, *(percent(cells.get((*arm, split))) for split in splits)) for arm in arms]
    return Table(caption, ("arm", "tuning", *splits), tuple(body), names=2)


def _repeats(rows: Collection[Row]) -> str:
    """ ", mean of 3 seeds and up to 3 runs"."""
    most = {key: max((row[key] for row in rows), default=0) for key in ("seeds", "runs")}
    parts = [f"{most['seeds']} seeds"] if most["seeds"] > 1 else []
    parts += [f"up to {most['runs']} runs"] if most["runs"] > 1 else []
    return f", mean of {' and '.join(parts)}" if parts else ""


def glance(summary: Mapping[str, Any], outline: Outline) -> Table:
    """The arms that you could use, side by side on every test of inference, with the gain of the first
    treatment and what the primary comparisons show of it."""
    main = (UNTUNED, outline.tuning)
    rows = [
        row
        for row in outline.inference(summary["accuracy"])
        if row["tuning"] in main or outline.roles.get(row["method"]) == "added"
    ]
    cells = {(row["dataset"], row["split"], row["method"]): row for row in rows}
    arms = [arm for arm in outline.of_role(*CHOICES) if any(key[2] == arm for key in cells)]
    treatment, baseline = outline.first("treatment"), outline.first("baseline")
    differences = {
        (row["dataset"], row["split"]): row["difference"]
        for row in outline.main(summary["comparisons"])
        if (row["a"], row["b"]) == (treatment, baseline)
    }
    gains, prompts = gains_of(summary, outline), _against_prompts(summary, outline)
    rules = {(row["dataset"], row["split"]): row["accuracy"] for row in summary["rules"]}
    out = []
    for test in sorted({key[:2] for key in cells}, key=lambda test: outline.test_place(*test)):
        found = [cells.get((*test, arm)) for arm in arms]
        line = [" ".join(test), percent(chance_of(row for row in found if row))]
        line += [percent(rules.get(test))] if rules else []
        line += [percent(row["accuracy"] if row else None) for row in found]
        if differences:
            shown = gains[test].words(summary["margin"]) if test in gains else "exploratory"
            line += [points(differences.get(test)), shown]
        line += [prompts.get(test, "exploratory")] if prompts else []
        out.append(tuple(line))
    head = ["Test", "Chance", *(["Best rule"] if rules else []), *arms]
    head += ["Gain", "Shows"] if differences else []
    head += ["Against the prompt"] if prompts else []
    caption = "Accuracy on tests that need an inference."
    if differences:
        caption += f" Gain: {treatment} minus {baseline}, in points."
    if rules:
        caption += " Best rule: the best that a fixed rule finds in the documents without a model."
    return Table(caption, tuple(head), tuple(out))


def _against_prompts(summary: Mapping[str, Any], outline: Outline) -> dict[tuple[str, str], str]:
    """The answer of the first treatment against documents in the prompt, on each test on which that is a
    primary comparison."""
    contexts = outline.of_role("context")
    found: dict[tuple[str, str], Row] = {}
    for row in summary["comparisons"]:
        if row["primary"] and row["a"] == outline.first("treatment") and row["b"] in contexts:
            test = (row["dataset"], row["split"])
            found[test] = min(found.get(test, row), row, key=lambda each: each["difference"])
    return {test: answered(row["answer"], summary["margin"]) for test, row in found.items()}


SECONDARY = {
    "accuracy_distant": ("Distant choices", "among wrong choices that share no fact with the question"),
    "accuracy_free": ("Free answer", "by exact match of a free answer"),
    "accuracy_pmi": ("Less the prior", "by how much likelier the question makes a choice"),
}
"""Other metrics of the same questions: the heading of each, and what it measures."""


def accuracies(summary: Mapping[str, Any], outline: Outline, dataset: str) -> Table:
    """Every row of "accuracy" of a dataset, with its interval, counts and secondary metrics; for each split
    also the best rule without a model."""
    keys = ("split", "method", "tuning", "model")

    def of(metric: str) -> list[Row]:
        return [row for row in summary[metric] if row["dataset"] == dataset]

    rows, metrics = of("accuracy"), [metric for metric in SECONDARY if of(metric)]
    others = {(metric, *(row[key] for key in keys)): row for metric in metrics for row in of(metric)}
    body = []
    for split in sorted({row["split"] for row in rows}, key=lambda split: outline.test_place(dataset, split)):
        for rule in (rule for rule in of("rules") if rule["split"] == split):
            said = f"{split} best rule without a model: {rule['rule']}"
            measured = (percent(rule["accuracy"]), span(rule, percent), percent(rule["chance"]))
            body.append((said, *measured, *(["–"] * len(metrics)), "–", f"{rule['n_units']:,}", "–", "–"))
        for row in outline.sorted(row for row in rows if row["split"] == split):
            measured = (percent(row["accuracy"]), span(row, percent), percent(row["chance"]))
            beside = (others.get((metric, *(row[key] for key in keys))) for metric in metrics)
            counts = (f"{row['n']:,}", f"{row['n_units']:,}", f"{row['seeds']} × {row['runs']}")
            secondary = (percent(each["accuracy"] if each else None) for each in beside)
            name = f"{split} {outline.label(row)}"
            body.append((name, *measured, *secondary, *counts, percent(row["no_answer"])))
    head = ("Test and arm", "Accuracy", "95 %", "Chance", *(SECONDARY[metric][0] for metric in metrics),
            "Questions", "Units", "Seeds × runs", "No answer")  # fmt: skip
    about = "".join(f" {SECONDARY[metric][0]}: {SECONDARY[metric][1]}." for metric in metrics)
    return Table(f"Accuracy on {dataset}.{about}", head, tuple(body))


_PAIR: Columns = {
    "Test and pair": lambda row: f"{row['dataset']} {row['split']}: {row['a']} − {row['b']}",
    "Points": lambda row: points(row["difference"]),
    "95 %": lambda row: span(row, points),
}


def primary(rows: Iterable[Row], outline: Outline, margin: float) -> Table:
    """The primary comparisons, with their adjusted p and what they show."""
    columns: Columns = {
        **_PAIR,
        "Units": lambda row: f"{row['n_units']:,}",
        "p adjusted": lambda row: p_value(row["p_adjusted"], floor=row["p"] <= 2.0 ** (1 - row["n_units"])),
        "Shows": lambda row: answered(row["answer"], margin),
    }
    caption = (
        "Primary comparisons: paired differences in percentage points, with p adjusted by Holm's method."
    )
    return _table(caption, columns, _by_test((row for row in rows if row["primary"]), outline))


def exploratory(rows: Iterable[Row], outline: Outline) -> Table:
    """All other comparisons: differences with raw intervals, and no p."""
    columns: Columns = {
        **_PAIR,
        "Test and pair": lambda row: f"{_PAIR['Test and pair'](row)}{outline.way(row)}",
    }
    caption = "Exploratory: paired differences in percentage points, with raw intervals. They decide nothing."
    return _table(caption, columns, _by_test((row for row in rows if not row["primary"]), outline))


def _by_test(rows: Iterable[Row], outline: Outline) -> list[Row]:
    return sorted(rows, key=lambda row: (outline.test_place(row["dataset"], row["split"]), row["tuning"]))


def kept(summary: Mapping[str, Any], outline: Outline) -> Table:
    """The share of the treatment's gain that false lines keep: a row for each test of inference, a column for
    each placebo."""
    rows = outline.inference(outline.main(summary["kept"]))
    placebos = [arm for arm in outline.of_role("placebo") if any(row["placebo"] == arm for row in rows)]
    cells = {(row["dataset"], row["split"], row["placebo"]): row for row in rows}
    tests = sorted({key[:2] for key in cells}, key=lambda test: outline.test_place(*test))
    body = [(" ".join(test), *(_share(cells.get((*test, arm))) for arm in placebos)) for test in tests]
    caption = (
        "What false lines keep of the treatment's gain over the baseline: the share, with its 95 % interval;"
        " – where nothing is known to be gained."
    )
    return Table(caption, ("Test", *placebos), tuple(body))


def _share(row: Row | None) -> str:
    if row is None or row["share"] is None:
        return "–"
    return f"{percent(row['share'])} ({span(row, percent)})"


def generated(rows: Iterable[Row], outline: Outline) -> Table:
    """The numbers of lines that each arm generated, dropped, lost to leaks and used."""
    columns: Columns = {
        "Dataset and arm": _dataset_and_arm,
        "Generated": lambda row: f"{row['written']['lines']:,}",
        "Dropped": lambda row: f"{row['dropped']['lines']:,}",
        "Leaked": lambda row: f"{row['leaked']:,}",
        "Used": lambda row: f"{row['lines']:,}",
    }
    caption = (
        "Distinct lines, summed over seeds. Dropped: lines that the strategy left out. Leaked: lines with the"
        " text of a question, all removed. Used: lines that the arm was trained on."
    )
    return _table(caption, columns, outline.sorted(rows))


def precision(rows: Iterable[Row], outline: Outline) -> Table:
    """The precision and coverage of the generated lines."""
    columns: Columns = {
        "Dataset and arm": _dataset_and_arm,
        "Lines": lambda row: f"{row['lines']:,}",
        "Text read": lambda row: percent(row.get("read")),
        "Precision": lambda row: percent(row["precision"]),
        "Coverage": lambda row: percent(row["coverage"]),
        "Several steps": lambda row: percent(row["coverage_several_step"]),
        "Leaked": lambda row: f"{row['leaked']:,}",
        "Dropped": lambda row: f"{row['dropped']['lines']:,}",
        "Precision with dropped": lambda row: percent(row["written"]["precision"]),
    }
    caption = (
        "Each distinct line counts once. Text read: the share of the documents' sentences that the audit can"
        " read. Precision: the share of right lines among all that do not restate a"
        " document. Coverage: the share of the statements one step away from the documents that were"
        " generated, then of those several steps away. Leaked: lines with the text of a question, all"
        " removed. Dropped: lines that the strategy left out; the last column is the precision with these."
    )
    return _table(caption, columns, outline.sorted(rows))


def kinds(rows: Iterable[Row], outline: Outline) -> Table:
    """The number of generated lines of each kind."""
    columns: Columns = {
        "Dataset and arm": _dataset_and_arm,
        "Restates": lambda row: f"{row.get('restates', 0):,}",
        "One step": lambda row: f"{row.get('one_step', 0):,}",
        "Several steps": lambda row: f"{row.get('several_step', 0):,}",
        "False": lambda row: f"{row.get('false', 0):,}",
        "Unreadable": lambda row: f"{row.get('unreadable', 0):,}",
        "Undecided": lambda row: f"{row.get('undecided', 0):,}",
    }
    return _table("Distinct lines of each kind.", columns, outline.sorted(rows))


def costs(rows: Iterable[Row], outline: Outline | None = None) -> Table:
    """Tokens, operations, time, money and break-even of every arm, in the order of `outline` if it is
    given."""
    rows = outline.sorted(rows) if outline else list(rows)
    dollars: Columns = {"Dollars": lambda row: quantity(row["usd"], "usd")}
    columns: Columns = {
        "Dataset": lambda row: row["dataset"],
        "arm": lambda row: row["method"],
        "tuning": lambda row: row["tuning"],
        "Tokens generated": lambda row: quantity(row["augment_tokens"]),
        "Tokens trained": lambda row: quantity(row["train_tokens"]),
        "Tokens a question": lambda row: quantity(row["query_tokens"]),
        "Operations": lambda row: quantity(row["flops"]),
        "Seconds": lambda row: quantity(row["seconds"]),
        **(dollars if any(row["usd"] is not None for row in rows) else {}),
        "Cheaper after": lambda row: _even(row["break_even_queries"]),
        "With caching": lambda row: _even(row["break_even_queries_cached"]),
    }
    caption = (
        "Means over seeds. Cheaper after: the number of questions after which the arm costs less than"
        " documents in the prompt, without and with prompt caching."
    )
    return _table(caption, columns, rows, names=3)


def breakdown(
    rows: Iterable[Row], outline: Outline, column: str, labels: Mapping[Any, str], *, caption: str
) -> Table:
    """Accuracy of each arm for each value of `column`, side by side, on tests of inference with several
    values.

    `labels` names the values, in the order of the columns. Values without a label follow, with their own
    names.
    """
    cells: dict[tuple[str, str, str, str], dict[Any, Row]] = {}
    for row in outline.sorted(outline.inference(rows)):
        key = (row["dataset"], row["split"], row["method"], row["tuning"])
        cells.setdefault(key, {})[row[column]] = row
    cells = {key: found for key, found in cells.items() if len(found) > 1}
    values = _ordered({value for found in cells.values() for value in found}, labels)
    # With more than three values and all columns, the table would be wider than a page.
    width = 3 if len(values) <= 3 else 1
    out = []
    for found in cells.values():
        row = next(iter(found.values()))
        texts = (text for value in values for text in _measured(found.get(value))[:width])
        out.append((f"{row['dataset']} {row['split']} {outline.label(row)}", *texts))
    parts = ((labels.get(value, str(value)), "95 %", "Questions")[:width] for value in values)
    return Table(caption, ("Test and arm", *(head for part in parts for head in part)), tuple(out))


def span(row: Row, say: Callable[[float | None], str]) -> str:
    """The interval of a row: "60 to 80 %"."""
    return f"{say(row['low'])} to {say(row['high'])}".replace("\u00a0% to", " to")


def _table(caption: str, columns: Columns, rows: Iterable[Row], *, names: int = 1) -> Table:
    body = (tuple(cell(row) for cell in columns.values()) for row in rows)
    return Table(caption, tuple(columns), tuple(body), names)


def _dataset_and_arm(row: Row) -> str:
    return f"{row['dataset']} {row['method']}"


def _ordered(values: Collection[Any], labels: Collection[Any]) -> list[Any]:
    return [*(value for value in labels if value in values), *sorted(set(values) - set(labels), key=str)]


def _measured(row: Row | None) -> tuple[str, str, str]:
    if row is None:
        return "–", "–", "–"
    return percent(row["accuracy"]), span(row, percent), f"{row['n']:,}"


def _even(bounds: list[Any] | str | None) -> str:
    return "–" if bounds is None else questions(bounds).replace(" questions", "").removeprefix("about ")
