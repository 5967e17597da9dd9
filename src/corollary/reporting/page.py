"""The report of a study: one self-contained page that says what to do and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath, PureWindowsPath
from statistics import mean
from typing import Any

import jinja2
from markupsafe import Markup

from corollary import store
from corollary.measure.cost import cost_rows, read_measured, read_prices
from corollary.measure.rows import read_results, read_summary
from corollary.plugins import name_of
from corollary.reporting import figures, samples, tables
from corollary.reporting.advice import advise
from corollary.reporting.cautions import cautions_of
from corollary.reporting.inference import written_sentence
from corollary.reporting.outline import UNTUNED, Outline, Row, main_tuning, outline_of
from corollary.reporting.sections import sections_of
from corollary.reporting.table import Table
from corollary.reporting.wording import clean, cleaned, count, listing

QUESTIONS = 1_000
"""The number of questions for which costs are set against accuracy."""

IN_PROMPT: Row = {
    "title": "Was it in the prompt?",
    "about": "Not all documents were in the prompt, so some questions were asked without the documents that"
    " prove their answer.",
    "labels": {True: "Premises in the prompt", False: "Not all"},
}
"""The breakdown by the documents in the prompt, described as a mark is."""

PAID = ("floor", "context", "baseline", "ablation", "treatment")
"""Roles with a meaningful cost: the others are controls, or need something that you do not have."""


@dataclass(frozen=True)
class Breakdown:
    """Accuracy by a property of questions: a heading, an explanation, and the numbers."""

    title: str
    about: str
    table: Table


def write_page(folder: Path, *, prices: Path | None = None) -> Path:
    """Write `report.html` into the folder of a study and return its path.

    The page contains data from summary.json, results.jsonl, study.json, the audits and the datasets. With a
    price file, the costs are computed again from costs.jsonl. The page needs no other file, no network and no
    scripts. The same folder gives the same bytes. Raises `UserError` when the folder contains no finished
    study, or the price file cannot be read.
    """
    summary: dict[str, Any] = cleaned(read_summary(folder))
    if prices:
        summary["costs"] = cleaned(cost_rows(read_measured(folder), prices=read_prices(prices)))
    study = cleaned(store.read_json(folder / "study.json")) if (folder / "study.json").is_file() else {}
    outline = outline_of(summary)
    sections, left_out = sections_of(summary)
    page = _template().render(
        name=study.get("name") or folder.resolve().name,
        advice=advise(summary),
        scope=_scope(folder, summary, study),
        disclaimers=[section.disclaimer for section in sections if section.disclaimer],
        warnings=[*cautions_of(summary, outline), *left_out],
        glance=tables.glance(summary, outline),
        arms=[(a["name"], a["about"], figures.colour_of(a["name"], outline)) for a in summary["arms"]],
        sections=[section for section in sections if section.tables],
        accuracy=_accuracy(summary, outline, samples.asked(folder, summary, outline)),
        recall=listing(list(dict.fromkeys(split for (_, split), recall in outline.tests.items() if recall))),
        primary=tables.primary(summary["comparisons"], outline, summary["margin"]),
        exploratory=tables.exploratory(summary["comparisons"], outline),
        margin=f"{100 * summary['margin']:.0f}",
        kept=tables.kept(summary, outline),
        written=_written(summary, outline),
        written_sentence=written_sentence(summary, outline),
        costs=_costs(summary, outline),
        augmentation=_augmentation(summary, outline),
        samples=samples.augmentations(folder, summary, outline),
        labels=samples.LABELS,
        breakdowns=_breakdowns(summary, outline),
        unknown=_unknown(summary, outline) + [line for section in sections for line in section.unknown],
        study=_flat(study),
    )  # fmt: skip
    store.write_text(folder / "report.html", clean(page))
    return folder / "report.html"


def _runs(summary: Row) -> int:
    return max((row["runs"] for row in summary["accuracy"]), default=1)


def _template() -> jinja2.Template:
    here = files("corollary.reporting")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["style"] = Markup((here / "style.css").read_text(encoding="utf-8"))
    return environment.from_string((here / "template.html.j2").read_text(encoding="utf-8"))


def _scope(folder: Path, summary: Row, study: Row) -> str:
    """One line with the model and the numbers of datasets, arms, seeds and questions."""
    datasets = {row["dataset"] for row in summary["accuracy"]}
    arms = {row["method"] for row in summary["accuracy"]}
    seeds, runs = {row["seed"] for row in summary["seeds"]}, _runs(summary)
    asked = {(row["dataset"], row["seed"], row["question"]) for row in read_results(folder)}
    parts = [count(len(datasets), "dataset"), count(len(arms), "arm"), count(len(seeds), "seed")]
    parts += [f"up to {count(runs, 'run')} of an arm"] if runs > 1 else []
    parts += [count(len(asked), "question")] if asked else []
    model = study.get("model") or {}
    named = [
        str(value)
        for key, value in model.get("options", {}).items()
        if key in ("path", "name", "id") and value
    ]
    about = [f"model {name_of(model['use'])}{f' ({_last(named[0])})' if named else ''}"] if model else []
    return ", ".join([*about, *parts])


def _accuracy(
    summary: Row, outline: Outline, asked: Mapping[str, list[samples.Asked]]
) -> list[dict[str, Any]]:
    """For each dataset: a panel per split and tuning, examples of its questions, and all numbers."""
    out = []
    for dataset in outline.datasets(summary["accuracy"]):
        rows = [row for row in summary["accuracy"] if row["dataset"] == dataset]
        panels = []
        for split in sorted(
            {row["split"] for row in rows}, key=lambda split: outline.test_place(dataset, split)
        ):
            here = [row for row in rows if row["split"] == split]
            dots = [s for s in summary["seeds"] if (s["dataset"], s["split"]) == (dataset, split)]
            tunings = sorted({row["tuning"] for row in here} - {UNTUNED}) or [UNTUNED]
            for tuning in tunings:
                arms = [row for row in here if row["tuning"] in (tuning, UNTUNED)]
                title = f"{dataset} {split}{f', {tuning}' if len(tunings) > 1 else ''}"
                panels.append(figures.accuracy(arms, dots, outline, title=title))
        table = tables.accuracies(summary, outline, dataset)
        out.append({"dataset": dataset, "panels": panels, "table": table, "asked": asked.get(dataset, [])})
    return out


def _costs(summary: Row, outline: Outline) -> dict[str, Any]:
    """Cost against accuracy, and the lines that cross at break-even, for each dataset."""
    against, crossing = [], []
    for dataset in outline.datasets(summary["costs"]):
        here = [row for row in summary["costs"] if row["dataset"] == dataset and row["unit"]]
        tuning = main_tuning(here)
        here = outline.sorted(row for row in here if row["tuning"] in (tuning, UNTUNED))
        points = _points(here, outline, outline.inference(summary["accuracy"]))
        if len(points) > 1:
            against.append(figures.cost_against_accuracy(points, title=dataset, unit=here[0]["unit"]))
        # A logarithmic axis cannot show a cost of zero.
        paid = [row for row in here if min(row["per_query"] + row["per_query_cached"]) > 0]
        contexts = [row for row in paid if outline.roles.get(row["method"]) == "context"]
        treated = [row for row in paid if outline.roles.get(row["method"]) == "treatment"]
        for row in treated if contexts else []:
            title = f"{dataset}, {row['method']}" if len(treated) > 1 else dataset
            crossing.append(figures.break_even(row, contexts, title=title))
    dates = {row["priced"] for row in summary["costs"] if row["priced"]}
    return {
        "against": against,
        "crossing": crossing,
        "table": tables.costs(summary["costs"], outline),
        "money": any(row["unit"] == "usd" for row in summary["costs"]),
        "priced": listing(sorted(dates)) if dates else "",
        "questions": f"{QUESTIONS:,}",
    }


def _points(costs: Sequence[Row], outline: Outline, accuracies: Sequence[Row]) -> list[figures.Point]:
    """Each arm's cost of tuning and of `QUESTIONS` questions, with its mean accuracy over tests of
    inference."""
    out = []
    for row in costs:
        cell = (row["dataset"], row["method"], row["tuning"])
        values = [
            a["accuracy"]
            for a in accuracies
            if (a["dataset"], a["method"], a["tuning"]) == cell and a["accuracy"] is not None
        ]
        role = outline.roles.get(row["method"])
        if role not in PAID or not values:
            continue
        for cached in (False, True) if role == "context" else (False,):
            once, query = (row[f"{key}{'_cached' if cached else ''}"] for key in ("once", "per_query"))
            cost = mean(once) + QUESTIONS * mean(query)
            name = f"{row['method']}{', cached' if cached else ''}"
            if cost > 0:
                colour = figures.colour_of(row["method"], outline)
                out.append(figures.Point(name, colour, cost, mean(values), hollow=cached))
    return out


def _augmentation(summary: Row, outline: Outline) -> dict[str, Any]:
    """The generated lines: their kinds if there is an exact audit, else only their number."""
    rows = outline.sorted(summary["augmentation"])
    judged = [row for row in rows if "one_step" in row]
    return {
        "panels": [
            figures.lines([row for row in judged if row["dataset"] == dataset], title=dataset)
            for dataset in outline.datasets(judged)
        ],
        "legend": [(word, colour) for _, word, colour in figures.LINES],
        "table": tables.precision(rows, outline) if judged else tables.generated(rows, outline),
        "kinds": tables.kinds(judged, outline),
        "unchecked": listing(outline.datasets(row for row in rows if row not in judged))
        if rows != judged
        else "",
    }


def _written(summary: Row, outline: Outline) -> Table:
    """The first treatment where an augmentation states the answer, and where none does."""
    rows = [row for row in outline.main(summary["by_written"]) if row["method"] == outline.first("treatment")]
    labels = {True: "Written", False: "Not written"}
    caption = "Accuracy where an augmentation states the answer, and where none does."
    return tables.breakdown(rows, outline, "written", labels, caption=caption)


def _breakdowns(summary: Row, outline: Outline) -> list[Breakdown]:
    """Accuracy by every mark and by the documents in the prompt; each only if there are measurements on both
    sides."""
    described: dict[tuple[str, str], tuple[Row, list[str]]] = {}
    for dataset in outline.datasets(summary["by_mark"]):
        for mark in sorted({row["mark"] for row in summary["by_mark"] if row["dataset"] == dataset}):
            words = summary["marks"].get(dataset, {}).get(mark) or {"title": mark, "about": "", "labels": {}}
            described.setdefault((mark, str(words)), (words, []))[1].append(dataset)
    by_mark = [
        (words, "value", [r for r in summary["by_mark"] if r["mark"] == mark and r["dataset"] in datasets])
        for (mark, _), (words, datasets) in described.items()
    ]
    return [
        Breakdown(words["title"], words["about"], table)
        for words, column, rows in [*by_mark, (IN_PROMPT, "premises_shown", summary["by_premises_shown"])]
        if (table := tables.breakdown(rows, outline, column, words["labels"], caption=words["title"])).rows
    ]


def _unknown(summary: Row, outline: Outline) -> list[str]:
    """What this study cannot say."""
    tunings = {row["tuning"] for row in summary["accuracy"]} - {UNTUNED}
    seeds = {row["seed"] for row in summary["seeds"]}
    out = [
        "All arms start from one model. Seeds change the tuning. If a dataset is made from a seed, they also"
        " change its documents and questions.",
    ]
    if _runs(summary) < 2:
        out.append(
            "Each arm was trained once on its rows, so the intervals contain the noise between groups of"
            " facts and not that between training runs, which may be several points: run with --runs 3."
        )
    if len(seeds) < 3:
        out.append(
            f"Only {count(len(seeds), 'seed')} ran: a difference can be an accident of one tuning run."
        )
    if len(tunings) == 1:
        out.append(
            f"Only {next(iter(tunings))} tuning was measured; another kind can rank the arms differently."
        )
    if outline.first("treatment") and not outline.first("placebo"):
        out.append(
            "No arm was tuned on false lines, so a gain from augmentation may come from the names that they"
            " put together, not from inferences."
        )
    return out


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines of "a.b" and text; lists of plain values stay on one line. Paths on this
    machine are shortened to their last part, as you may pass the page on."""
    if isinstance(value, dict):
        return [line for key in value for line in _flat(value[key], f"{prefix}.{key}" if prefix else key)]
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return [line for i, item in enumerate(value, 1) for line in _flat(item, f"{prefix}.{i}")]
        return [(prefix, ", ".join(_last(str(item)) for item in value))]
    return [(prefix, "–" if value is None else _last(str(value)))]


def _last(text: str) -> str:
    for path in (PurePosixPath(text), PureWindowsPath(text)):
        if path.is_absolute() and path.name:
            return f"…/{path.name}"
    return text
