"""Tables of a study, which the page renders as HTML and the terminal as text."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import rich.table
from rich.align import Align
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from corollary.reporting.outline import CHOICES, UNTUNED, Outline, Row, chance_of
from corollary.reporting.wording import ANSWERS, cleaned, p_value, percent, points, quantity, questions

GAP = 2

Columns = Mapping[str, Callable[[Row], str]]
"""The heading of each column, and its cell for a row."""


@dataclass(frozen=True)
class Table:
    """Text in rows. The first `names` columns name a row. The others contain numbers, aligned to the right,
    or with `words` text."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    words: bool = False

    def text(self, width: int | None = None) -> str:
        """The table in `width` columns of a terminal (None: as wide as it is), without its caption.

        Columns that do not fit follow in a second block, after the names again. Words are never broken, so a
        long word may make a line longer.
        """
        head = [cleaned(cell) for cell in self.head]
        body = [[cleaned(cell) for cell in row] for row in self.rows]
        wide = [_column_width(head, body, at) + GAP for at in range(len(head))]
        names, numbers = list(range(self.names)), list(range(self.names, len(head)))
        room = 10**6 if width is None else width
        # An arm's answer may be long: the widest name column shrinks, down to its longest word.
        widest = max(names, key=lambda at: wide[at])
        words = [head[widest], *(word for row in body for word in row[widest].split())]
        others = sum(wide[at] for at in names if at != widest) + max((wide[at] for at in numbers), default=0)
        wide[widest] = max(min(wide[widest], room - others), GAP + max(map(cell_len, words)))
        blocks: list[list[int]] = [[]]
        left = free = room - sum(wide[at] for at in names)
        for at in numbers:
            if wide[at] > left and blocks[-1]:
                blocks.append([])
                left = free
            blocks[-1].append(at)
            left -= wide[at]
        return "\n\n".join(_grid(head, body, wide, [*names, *block], self.names) for block in blocks)

    def markdown(self) -> str:
        """The table in Markdown, without its caption."""
        lines = [
            self.head,
            [":---" if at < self.names or self.words else "---:" for at in range(len(self.head))],
        ]
        cells = ([cleaned(cell).replace("|", "\\|") for cell in line] for line in (*lines, *self.rows))
        return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _column_width(head: Sequence[str], body: Sequence[Sequence[str]], at: int) -> int:
    """The width of the widest cell or of the heading's longest word; headings may have several lines."""
    return max([*(cell_len(row[at]) for row in body), *(cell_len(word) for word in head[at].split(" "))])


def _grid(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    wide: Sequence[int],
    columns: Sequence[int],
    names: int,
) -> str:
    grid = rich.table.Table(box=None, padding=(0, 0, 0, GAP), show_edge=False)
    for at in columns:
        justify: Any = "left" if at < names else "right"
        grid.add_column(
            Align(Text(head[at]), justify, vertical="bottom"), width=wide[at] - GAP, justify=justify
        )
    for row in body:
        grid.add_row(*(Text(row[at]) for at in columns))
    console = Console(file=io.StringIO(), width=sum(wide[at] for at in columns), color_system=None)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().replace("\u00a0", " ").splitlines())


def by_arm(summary: Mapping[str, Any], outline: Outline, dataset: str) -> Table:
    """Accuracy on one dataset: a row for each arm and tuning, a column for each split, chance first."""
    rows = [row for row in summary["accuracy"] if row["dataset"] == dataset]
    splits = sorted({row["split"] for row in rows}, key=lambda split: outline.test_place(dataset, split))
    cells = {(row["method"], row["tuning"], row["split"]): row["accuracy"] for row in rows}
    arms = sorted({key[:2] for key in cells}, key=lambda arm: outline.arm_place(*arm))
    chance = [chance_of(row for row in rows if row["split"] == split) for split in splits]
    body = [("chance", "", *map(percent, chance))]
    body += [(*arm, *(percent(cells.get((*arm, split))) for split in splits)) for arm in arms]
    seeds = max((row["seeds"] for row in rows), default=0)
    caption = f"{dataset}: right answers" + (f", mean of {seeds} seeds" if seeds > 1 else "")
    return Table(caption, ("arm", "tuning", *splits), tuple(body), names=2)


def glance(summary: Mapping[str, Any], outline: Outline) -> Table:
    """The arms that you could use, side by side on every test of inference."""
    main = (UNTUNED, outline.tuning)
    rows = [
        row
        for row in outline.inference(summary["accuracy"])
        if row["tuning"] in main or outline.roles.get(row["method"]) == "added"
    ]
    cells = {(row["dataset"], row["split"], row["method"]): row for row in rows}
    arms = [arm for arm in outline.of_role(*CHOICES) if any(key[2] == arm for key in cells)]
    treatment, baseline = outline.first("treatment"), outline.first("baseline")
    gains = {
        (row["dataset"], row["split"]): row
        for row in outline.main(summary["comparisons"])
        if (row["a"], row["b"]) == (treatment, baseline)
    }
    rules = {(row["dataset"], row["split"]): row for row in summary["rules"]}
    out = []
    for test in sorted({key[:2] for key in cells}, key=lambda test: outline.test_place(*test)):
        found = [cells.get((*test, arm)) for arm in arms]
        gain = gains.get(test)
        mark = "\u00a0*" if gain and gain["primary"] and gain["answer"] == "better" else ""
        gained = (points(gain["difference"] if gain else None) + mark,) if gains else ()
        rule = rules.get(test)
        ruled = (percent(rule["accuracy"] if rule else None),) if rules else ()
        chance = percent(chance_of(row for row in found if row))
        values = (percent(row["accuracy"] if row else None) for row in found)
        out.append((" ".join(test), chance, *ruled, *values, *gained))
    caption = "Accuracy on tests that need an inference."
    if gains:
        caption += f" Gain: {treatment} minus {baseline}, in points; * better in a primary comparison."
    if rules:
        caption += " Best rule: the best that a fixed rule finds in the documents without a model."
    head = ("Test", "Chance", *(["Best rule"] if rules else []), *arms, *(["Gain"] if gains else []))
    return Table(caption, head, tuple(out))


def accuracies(rows: Iterable[Row], outline: Outline, *, caption: str) -> Table:
    """Every given row of "accuracy", with its interval and counts."""
    columns: Columns = {
        "Test and arm": lambda row: f"{row['split']} {outline.label(row)}",
        "Accuracy": lambda row: percent(row["accuracy"]),
        "95 %": lambda row: span(row, percent),
        "Chance": lambda row: percent(row["chance"]),
        "Questions": lambda row: f"{row['n']:,}",
        "Units": lambda row: f"{row['n_units']:,}",
        "No answer": lambda row: percent(row["no_answer"]),
    }
    return _table(caption, columns, outline.sorted(rows))


def comparisons(rows: Iterable[Row], outline: Outline) -> Table:
    """Comparisons with their intervals and what they show. Only a primary one has an adjusted p."""
    columns: Columns = {
        "Test and pair": lambda row: (
            f"{row['dataset']} {row['split']}: {row['a']} − {outline.label(row, arm='b')}"
        ),
        "Points": lambda row: points(row["difference"]),
        "95 %": lambda row: span(row, points),
        "Units": lambda row: f"{row['n_units']:,}",
        "p adjusted": lambda row: p_value(row["p_adjusted"]),
        "Shows": lambda row: ANSWERS[row["answer"]] if row["primary"] else "exploratory",
    }
    ordered = sorted(rows, key=lambda row: (outline.test_place(row["dataset"], row["split"]), row["tuning"]))
    return _table("Paired differences in percentage points.", columns, ordered)


def kept(rows: Iterable[Row], outline: Outline) -> Table:
    """The share of the treatment's gain that false lines keep, by test and placebo."""
    columns: Columns = {
        "Test and placebo": lambda row: (
            f"{row['dataset']} {row['split']}: {outline.label(row, arm='placebo')}"
        ),
        "Share of the gain": lambda row: percent(row["share"]),
        "95 %": lambda row: span(row, percent),
    }
    ordered = sorted(rows, key=lambda row: (outline.test_place(row["dataset"], row["split"]), row["tuning"]))
    caption = (
        "The share of the treatment's gain over the baseline that is left when its lines are false; – where"
        " it gains nothing."
    )
    return _table(caption, columns, outline.inference(ordered))


def rules(rows: Iterable[Row], outline: Outline) -> Table:
    """The best rule without a model on each test."""
    columns: Columns = {
        "Test": lambda row: f"{row['dataset']} {row['split']}",
        "Best rule": lambda row: row["rule"],
        "Accuracy": lambda row: percent(row["accuracy"]),
        "95 %": lambda row: span(row, percent),
        "Chance": lambda row: percent(row["chance"]),
    }
    ordered = sorted(rows, key=lambda row: outline.test_place(row["dataset"], row["split"]))
    caption = "Rules that look only at the documents, without a model: the best on each test, chosen on it."
    return _table(caption, columns, ordered, names=2)


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


def means(
    rows: Iterable[Row], outline: Outline, column: str, labels: Mapping[Any, str]
) -> tuple[int, list[tuple[str, str]]]:
    """The number of tests of inference with a result of the first treatment for every value of `column`, and
    (label, mean accuracy) of each value. It is (0, []) if there is no such test."""
    treatment = outline.first("treatment")
    found: dict[Any, dict[tuple[str, str], float]] = {}
    for row in outline.main(outline.inference(rows)):
        if row["method"] == treatment and row["accuracy"] is not None:
            found.setdefault(row[column], {})[row["dataset"], row["split"]] = row["accuracy"]
    shared = sorted(set.intersection(*map(set, found.values()))) if len(found) > 1 else []
    if not shared:
        return 0, []
    return len(shared), [
        (labels.get(value, str(value)), percent(mean(found[value][test] for test in shared)))
        for value in _ordered(found, labels)
    ]


def beside(
    rows: Iterable[Row], secondary: Iterable[Row], outline: Outline, *, head: str, caption: str
) -> Table:
    """Accuracy by the primary and by another metric, for the questions that have both."""
    keys = ("dataset", "split", "method", "tuning", "model")
    primary = {tuple(row[key] for key in keys): row for row in rows}
    columns: Columns = {
        "Test and arm": lambda row: f"{row['dataset']} {row['split']} {outline.label(row)}",
        "Accuracy": lambda row: percent(primary[tuple(row[key] for key in keys)]["accuracy"]),
        head: lambda row: percent(row["accuracy"]),
        "95 %": lambda row: span(row, percent),
        "Chance": lambda row: percent(row["chance"]),
    }
    return _table(caption, columns, outline.sorted(secondary))


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
