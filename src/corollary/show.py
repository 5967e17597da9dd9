"""Progress and results on the command line: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from corollary.documents.corpus import COLUMNS, corpus_table, shown_name
from corollary.documents.questions import read_questions
from corollary.plugins import REQUIRED, name_of
from corollary.reporting import tables
from corollary.reporting.advice import advise
from corollary.reporting.cautions import cautions_of
from corollary.reporting.inference import written_sentence
from corollary.reporting.outline import outline_of
from corollary.reporting.table import Table
from corollary.reporting.wording import clean, count, percent

if TYPE_CHECKING:
    from corollary.commands import Answer, Plugin
    from corollary.documents.corpus import Corpus
    from corollary.studies.driver import Observer
    from corollary.types import Question, Result, Score, Trial

STAGES = {"make": "Making datasets", "write": "Generating augmentations", "try": "Tuning and answering"}
"""The stages of a study, in the order of their bars."""

FLAGS = ("datasets", "tunings")
"""Kinds whose options are flags of their own command."""

STEPS = 20
"""Without bars, a line is printed this many times."""


@contextmanager
def progress_of(command: str) -> Iterator[dict[str, Any]]:
    """The keyword argument through which a command reports its progress."""
    if command in ("study", "demo", "evaluate"):
        with comparison() as observer:
            yield {"observer": observer}
    elif command in ("augment", "tune", "ask"):
        with bar({"augment": "Generating", "tune": "Tuning", "ask": "Asking"}[command]) as progress:
            yield {"progress": progress}
    else:
        yield {}


def result(command: str, found: Any) -> None:
    """Print the value that a command returned."""
    if command in ("study", "demo") or hasattr(found, "summary"):
        line()
        line(summary(found.summary))
        line()
        line(advice(found.summary))
        for caution in cautions_of(found.summary, outline_of(found.summary)):
            line(f"Before you trust this: {caution}")
        line()
        line(f"Report: {found.report()}")
    elif command == "evaluate":
        # Outside a study there is one arm, and only the names of its tests are known.
        tests = [
            {"dataset": row["dataset"], "split": row["split"], "recall": False} for row in found.accuracy
        ]
        empty: dict[str, Any] = {key: [] for key in ("arms", "comparisons", "rules", "kept")}
        line(summary({**empty, "tests": tests, "accuracy": found.accuracy}))
        if found.folder:
            line(str(found.folder))
    elif command == "augment":
        line(f"{count(len(found.documents), 'line')} generated, {len(found.rejected)} rejected")
        line(str(found.folder or ""))
    elif command == "tune":
        line(str(found.folder or "The model was not saved: name a folder with --out."))
    elif command == "ask":
        line(answers(found))
    elif command == "costs":
        line(costs(found))
    elif command == "read":
        line(files(found))
    elif command == "list":
        line(listing(found))
    else:
        line(str(found))


def line(text: str = "", *, console: Console | None = None) -> None:
    """Print a text without colours and control characters; on a terminal, wrap it between words."""
    whole = "\n".join(_folded(clean(text)))
    (console or Console(file=sys.stdout)).print(whole, markup=False, highlight=False, soft_wrap=True)


def room() -> int | None:
    """The columns of the terminal. None without a terminal: files and programs get whole lines."""
    console = Console(file=sys.stdout)
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


@contextmanager
def bar(label: str) -> Iterator[Any]:
    """A progress bar; yields a function of (done, total)."""
    console = Console(file=sys.stderr)
    with _bars(console) as bars:
        task = bars.add_task(label, total=None)
        shown = 0

        def update(done: int, total: int, now: str = "") -> None:
            nonlocal shown
            name = clean(f"{label} {now}".rstrip())
            bars.update(task, completed=done, total=total, description=name, visible=total > 0)
            if not console.is_terminal and total and done * STEPS // total > shown:
                line(f"{label}: {done:,} of {total:,} ({100 * done // total} %)", console=console)
                shown = done * STEPS // total

        yield update


@contextmanager
def comparison() -> Iterator[Observer]:
    """An observer of a study that shows a bar for each stage and a row for each finished trial."""
    console = Console(file=sys.stdout)
    with _bars(console) as bars:
        # All bars are created now, as they appear in this order; a stage becomes visible once it has work.
        tasks = {stage: bars.add_task(name, total=0, visible=False) for stage, name in STAGES.items()}
        headed: list[bool] = []

        def observe(stage: str, done: int, total: int, what: Any) -> None:
            if stage in tasks:
                bars.update(tasks[stage], completed=done, total=total, visible=total > 0)
            if what is None:
                return
            if stage == "plan":
                planned, folder, seconds, powers = what
                sizes = ", ".join(
                    [
                        count(len(planned.datasets), "dataset"),
                        count(len(planned.arms), "arm"),
                        count(len(planned.seeds), "seed"),
                        *([count(planned.runs, "run")] if planned.runs > 1 else []),
                    ]
                )
                rest = f"{_time(seconds)} for the rest (estimated)" if seconds else "nothing left to do"
                line(f"{planned.name}: {sizes}, into {folder}: {rest}.", console=console)
                for name, (units, gain) in powers.items():
                    line(f"{name}: {count(units, 'unit')}, {_least(gain)} can show.", console=console)
            if stage == "try":
                if not headed:
                    line(trial_header(), console=console)
                    headed.append(True)
                place = "" if console.is_terminal else f"  ({done} of {total})"
                line(f"{trial_row(*what)}{place}", console=console)
            elif stage == "write" and not console.is_terminal:
                cell, strategy, rows = what
                line(
                    f"generated {cell.name} {strategy}: {count(rows, 'row')} ({done} of {total})",
                    console=console,
                )

        yield observe


def trial_header() -> str:
    """The heading of `trial_row`."""
    return f"{'dataset':<12} {'arm':<17} {'tuning':<6} {'seed':>5}  right answers in % (chance)"


def trial_row(trial: Trial, result: Result) -> str:
    """One line for a trial: its accuracy on each split, with chance."""
    tuning = name_of(trial.tune.use) if trial.tune else "none"
    seed = f"{trial.seed}.{trial.run}" if trial.run else str(trial.seed)
    head = f"{trial.dataset:<12} {trial.arm:<17} {tuning:<6} {seed:>5}  "
    if result.error:
        return f"{head}failed: {result.error.strip().splitlines()[-1]}"
    return head + "  ".join(_splits(trial.questions, result.scores))


def summary(found: Mapping[str, Any]) -> str:
    """A table for each dataset: mean accuracy over seeds by arm and split, in the study's order."""
    outline = outline_of(found)
    blocks = [tables.by_arm(found, outline, dataset) for dataset in outline.datasets(found["accuracy"])]
    blocks += [table] if (table := tables.kept(found, outline)).rows else []
    return "\n\n".join(f"{block.caption}\n{block.text(room())}" for block in blocks)


def advice(found: Mapping[str, Any]) -> str:
    """The advice, and what was lost where nothing was written, one sentence a line."""
    lost = written_sentence(found, outline_of(found))
    said = [*advise(found).sentences, *([lost] if lost else [])]
    return "\n".join(said).replace("\u00a0", " ")


def files(corpus: Corpus) -> str:
    """A table of a corpus's files, then the parts that were left out and why, and the questions beside them.

    Raises `UserError` for a question that is none.
    """
    rows = corpus_table(corpus)
    counts = Table("", COLUMNS[:4], tuple(row[:4] for row in rows), names=2).text(room())
    notes = [
        f"  {file}: {'; '.join(filter(None, left))}"
        for file, *_, parts, why in rows
        if any(left := (parts, why))
    ]
    source = corpus.source
    asked = (source if source.is_dir() else source.parent) / "questions.jsonl"
    if asked.is_file():
        remarks: list[str] = []
        questions = read_questions(asked, note=remarks.append)
        remarks += _about_evidence(questions, corpus)
        notes += [
            "",
            f"{asked.name}: {count(len(questions), 'question')}",
            *(f"  {remark}" for remark in remarks),
        ]
    return "\n".join([counts, *(["", "Left out, or worth knowing:", *notes] if notes else [])])


def _about_evidence(questions: Sequence[Question], corpus: Corpus) -> Iterator[str]:
    """What is worth knowing about the premises and units of questions beside a corpus."""
    from corollary.studies.plan import with_units

    premises = {premise for question in questions for premise in question.premises}
    if premises and corpus.source.is_dir():
        premises.difference_update(document.id for document in corpus.documents())
        if premises:
            lost = (
                f"{count(len(premises), 'premise')} without a document, such as '{shown_name(min(premises))}'"
            )
            yield f"{lost}: a page or row has an id of its own"
    units = len({question.unit for question in with_units(questions)})
    if units < len(questions):
        yield f"{count(units, 'unit')}: questions that share a premise are one, unless you set 'unit'"


def costs(rows: Sequence[Mapping[str, Any]]) -> str:
    """The costs of a study as a table, with an explanation of its columns."""
    shown = tables.costs(rows)
    return f"{shown.text(room())}\n\n{shown.caption}"


def listing(found: Sequence[Plugin]) -> str:
    """The plug-ins by kind, each with its summary and its options as you type them."""
    lines: list[str] = []
    for kind in dict.fromkeys(plugin.kind for plugin in found):
        lines += ["", kind]
        for plugin in (plugin for plugin in found if plugin.kind == kind):
            options = " ".join(
                (f"--{option.name.replace('_', '-')}" if kind in FLAGS else option.name)
                + ("" if option.default is REQUIRED else f"={_default(option.default)}")
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
    heads = ("arm", "tuning", "answers", *(("prefers", "share") if shares else ()))
    body = []
    for answer in found:
        # A model may generate line breaks of any kind.
        row = (answer.method, answer.tuning, " ".join(clean(answer.text).split()) or "(nothing)")
        preferred = (answer.shares[0][0], f"{100 * answer.shares[0][1]:.0f} %") if answer.shares else ("", "")
        body.append((*row, *(preferred if shares else ())))
    table = Table("", heads, tuple(body), names=4 if shares else 3)
    right = f"\nright: {first.right}" if first.right else ""
    return f"{about}\n{table.text(room())}{right}"


def _folded(text: str) -> Iterator[str]:
    """The lines of a text. Those wider than the terminal are wrapped and indented; a word that does not fit,
    such as a path, stays whole."""
    width = room()
    for each in text.split("\n"):
        if width is None or len(each) <= width:
            yield each
            continue
        indent = " " * (len(each) - len(each.lstrip()))
        # A name and its explanation: the wrapped rest goes below the explanation.
        name, gap, rest = each.strip().partition("  ")
        hanging = indent + " " * (len(name) + len(gap) + len(rest) - len(rest.lstrip())) if rest else indent
        hanging = hanging if len(hanging) <= width // 2 else indent
        yield from textwrap.wrap(
            each,
            width,
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        # Files and pipes get plain lines.
        disable=not console.is_terminal,
        # A trial may take minutes: the default window of half a minute would see none.
        speed_estimate_period=3600,
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
        text = f"{split} {_whole(mean(right) if right else None)} ({_whole(mean(g.chance for g in grades))})"
        silent = len(grades) - len(right)
        yield text + (f" no answer {_whole(silent / len(grades))}" if silent else "")


def _whole(share: float | None) -> str:
    return percent(share).removesuffix("\u00a0%")


def _default(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "none" if default is None else str(default) or "''"


def _least(gain: float) -> str:
    return f"only gains of {100 * gain:.0f} points or more" if gain < 1 else "so few that no gain"


def _time(seconds: float) -> str:
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"about {seconds / 86400:.0f} days"
