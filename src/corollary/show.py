"""How the command line shows what happens and what came out: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from corollary.plugins import REQUIRED, name_of

if TYPE_CHECKING:
    from corollary.commands import Answer, Plugin
    from corollary.studies.driver import Observer
    from corollary.types import Question, Result, Score, Trial

STAGES = {"make": "Making datasets", "write": "Writing augmentations", "try": "Tuning and answering"}
FLAGS = ("datasets", "tunings")
"""Kinds whose options are flags of a command of their own."""

Row = Sequence[str]


@contextmanager
def progress_of(command: str) -> Iterator[dict[str, Any]]:
    """What a command reports its progress to, as keyword arguments."""
    if command in ("study", "demo", "evaluate"):
        with comparison() as observer:
            yield {"observer": observer}
    elif command in ("augment", "tune", "ask"):
        with bar({"augment": "Generating", "tune": "Tuning", "ask": "Asking"}[command]) as tell:
            yield {"progress": tell}
    else:
        yield {}


def result(command: str, found: Any) -> None:
    """Print what a command returned."""
    if command in ("study", "demo") or hasattr(found, "summary"):
        line()
        line(summary(found.summary))
        line()
        line(f"Report: {found.report()}")
    elif command == "evaluate":
        tests = [
            {"dataset": row["dataset"], "split": row["split"], "recall": False} for row in found.accuracy
        ]
        line(summary({"tests": tests, "arms": [], "accuracy": found.accuracy}))
        if found.folder:
            line(str(found.folder))
    elif command == "augment":
        line(f"{len(found.documents)} lines generated, {len(found.rejected)} rejected")
        line(str(found.folder or ""))
    elif command == "tune":
        line(str(found.folder or "The model was not saved: name a folder with --out."))
    elif command == "ask":
        line(answers(found))
    elif command == "costs":
        line(costs(found))
    elif command == "read":
        from corollary.documents.corpus import COLUMNS, corpus_table

        line(table(COLUMNS, corpus_table(found)))
    elif command == "list":
        line(listing(found))
    else:
        line(str(found))


def line(text: str = "", *, console: Console | None = None) -> None:
    """One line as it is: not folded, not coloured, whatever is in it."""
    (console or Console(file=sys.stdout)).print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def bar(label: str) -> Iterator[Any]:
    """A progress bar for one thing; gives a function of (done, of how much)."""
    console = Console(file=sys.stderr)
    with _bars(console) as bars:
        task = bars.add_task(label, total=None)

        def tell(done: int, total: int, now: str = "") -> None:
            bars.update(task, completed=done, total=total, description=f"{label} {now}".rstrip())

        yield tell


@contextmanager
def comparison() -> Iterator[Observer]:
    """What is shown while a study runs: a bar for each stage, and a row for each trial that finishes."""
    console = Console(file=sys.stdout)
    with _bars(console) as bars:
        tasks: dict[str, Any] = {}
        headed: list[bool] = []

        def tell(stage: str, done: int, total: int, what: Any) -> None:
            if total and stage not in tasks:
                tasks[stage] = bars.add_task(STAGES[stage], total=total)
            if stage in tasks:
                bars.update(tasks[stage], completed=done, total=total)
            if what is None:
                return
            if stage == "plan":
                planned, folder, seconds = what
                counts = (len(planned.datasets), len(planned.arms), len(planned.seeds))
                names = ("dataset", "arm", "seed")
                sizes = ", ".join(
                    f"{n} {name}{'' if n == 1 else 's'}" for n, name in zip(counts, names, strict=True)
                )
                rest = f"{_time(seconds)} for the rest (estimated)" if seconds else "nothing left to do"
                line(f"{planned.name}: {sizes}, into {folder}: {rest}.", console=console)
            if stage == "try":
                if not headed:
                    line(trial_header(), console=console)
                    headed.append(True)
                line(trial_row(*what), console=console)
            elif stage == "write" and not console.is_terminal:
                cell, strategy, rows = what
                line(f"wrote {cell.name} {strategy}: {rows} rows ({done} of {total})", console=console)

        yield tell


def trial_header() -> str:
    """The heading of `trial_row`."""
    return f"{'dataset':<12} {'arm':<17} {'tuning':<6} {'seed':>4}  right answers in % (chance)"


def trial_row(trial: Trial, result: Result) -> str:
    """One line for a trial: its accuracy on each split, with chance."""
    tuning = name_of(trial.tune.use) if trial.tune else "none"
    head = f"{trial.dataset:<12} {trial.arm:<17} {tuning:<6} {trial.seed:>4}  "
    if result.error:
        return f"{head}failed: {result.error.strip().splitlines()[-1]}"
    return head + "  ".join(_splits(trial.questions, result.scores))


def summary(found: Mapping[str, Any]) -> str:
    """A table for each dataset: accuracy by arm and split, means over seeds, in the study's order."""
    blocks = []
    splits: dict[str, list[str]] = {}
    for test in found["tests"]:
        splits.setdefault(test["dataset"], []).append(test["split"])
    order = {arm["name"]: place for place, arm in enumerate(found["arms"])}
    for dataset, asked in splits.items():
        rows = [row for row in found["accuracy"] if row["dataset"] == dataset]
        if not rows:
            continue
        arms = {(row["method"], row["tuning"]) for row in rows}
        cells = {(row["method"], row["tuning"], row["split"]): row for row in rows}
        chance = {row["split"]: row["chance"] for row in rows}
        body: list[Row] = [["chance", "", *(_percent(chance.get(split)) for split in asked)]]
        for method, tuning in sorted(arms, key=lambda arm: (order.get(arm[0], len(order)), arm)):
            shown = [cells.get((method, tuning, split), {}).get("accuracy") for split in asked]
            body.append([method, tuning, *map(_percent, shown)])
        seeds = max(row["seeds"] for row in rows)
        title = f"{dataset}: right answers in %" + (f", mean of {seeds} seeds" if seeds > 1 else "")
        blocks.append(f"{title}\n{table(['arm', 'tuning', *asked], body)}")
    return "\n\n".join(blocks)


def costs(rows: Sequence[Mapping[str, Any]]) -> str:
    """The costs of a study as a table, and what their units are."""
    heads = [
        "dataset",
        "arm",
        "tuning",
        "write",
        "train",
        "query",
        "operations",
        "seconds",
        "usd",
        "break-even",
        "cached",
    ]
    body = [
        [
            row["dataset"],
            row["method"],
            row["tuning"],
            *(
                _short(row[key])
                for key in ("augment_tokens", "train_tokens", "query_tokens", "flops", "seconds")
            ),
            "-" if row["usd"] is None else f"{row['usd']:.2g}",
            _span(row["break_even_queries"]),
            _span(row["break_even_queries_cached"]),
        ]
        for row in rows
    ]
    notes = (
        "write, train: tokens, paid once. query: tokens of one question as served. break-even: questions from"
        " which on tuning is cheaper than the documents in the prompt; cached: where the server keeps them."
    )
    return f"{table(heads, body, left=3)}\n{notes}"


def listing(found: Sequence[Plugin]) -> str:
    """The plug-ins by kind, each with its line and its options, as they are written on the command line."""
    lines: list[str] = []
    for kind in dict.fromkeys(plugin.kind for plugin in found):
        lines += ["", kind]
        for plugin in (plugin for plugin in found if plugin.kind == kind):
            options = " ".join(
                (f"--{option.name.replace('_', '-')}" if kind in FLAGS else option.name)
                + ("" if option.default is REQUIRED else f"={_written(option.default)}")
                for option in plugin.options
            )
            lines.append(f"  {plugin.name:<12} {plugin.summary}")
            lines += [f"  {'':<12} {options}"] if options else []
    return "\n".join(lines).strip("\n")


def answers(found: Sequence[Answer]) -> str:
    """The arms' answers side by side."""
    first = found[0]
    about = f"Documents of {first.dataset}, seed {first.seed}"
    shares = any(answer.shares for answer in found)
    heads = ["arm", "tuning", "answers", *(["prefers", "share"] if shares else [])]
    body = []
    for answer in found:
        # A model may write anything that breaks a line.
        row = [answer.method, answer.tuning, " ".join(answer.text.split()) or "(nothing)"]
        if answer.shares:
            row += [answer.shares[0][0], f"{100 * answer.shares[0][1]:.0f} %"]
        body.append(row)
    right = f"\nright: {first.right}" if first.right else ""
    return f"{about}\n{table(heads, body, left=4)}{right}"


def table(heads: Row, body: Sequence[Row], *, left: int = 2) -> str:
    """Columns of text: the first `left` to the left, the others to the right."""
    widths = [max(len(row[at]) for row in [heads, *body] if at < len(row)) for at in range(len(heads))]
    lines = []
    for row in [heads, *body]:
        cells = [
            text.ljust(widths[at]) if at < left else text.rjust(widths[at]) for at, text in enumerate(row)
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        # A file or a pipe gets lines alone.
        disable=not console.is_terminal,
    )


def _splits(questions: Sequence[Question], scores: Sequence[Sequence[Score]]) -> Iterator[str]:
    from corollary.asking.scoring import grade

    for split in dict.fromkeys(question.split for question in questions):
        grades = [
            grade(question, order[at])
            for order in scores
            for at, question in enumerate(questions)
            if question.split == split
        ]
        right = [each.correct for each in grades if each.correct is not None]
        text = (
            f"{split} {_percent(mean(right) if right else None)} ({_percent(mean(g.chance for g in grades))})"
        )
        silent = len(grades) - len(right)
        yield text + (f" no answer {_percent(silent / len(grades))}" if silent else "")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _short(number: float | None) -> str:
    if number is None:
        return "-"
    for size, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def _span(found: Any) -> str:
    if found is None:
        return "-"
    if isinstance(found, str):
        return found
    low, high = (value if isinstance(value, str) else f"{value:,}" for value in found)
    return low if low == high else f"{low} to {high}"


def _written(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "none" if default is None else str(default) or "''"


def _time(seconds: float) -> str:
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"about {seconds / 86400:.0f} days"
