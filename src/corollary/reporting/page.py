"""One self-contained page that says what to do and why, for those who decide and those who check."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from corollary import store
from corollary.errors import UserError
from corollary.reporting import figures, samples, tables
from corollary.reporting.advice import advise
from corollary.reporting.wording import (
    METHODS,
    RECALL,
    count,
    listing,
    main_tuning,
    method_order,
    percent,
    place_of,
    tuning_name,
)
from corollary_worlds import paper

__all__ = ["report"]

_PARTS = (
    "accuracy", "seeds", "comparisons", "augmentation", "costs", "by_written", "by_reserved",
    "by_premises_shown", "accuracy_pmi", "warnings",
)  # fmt: skip

QUESTIONS = 1_000
"""The number of questions for which costs are set against accuracy."""

_DEPLOYABLE = (
    "pretrained",
    "in-context",
    "fine-tuned",
    "augmented-local",
    "augmented-global",
    "augmented",
)
"""The arms whose cost means something: the others are controls, or need what a user does not have."""


def write_page(folder: Path, *, prices: Path | None = None) -> Path:
    """Writes `report.html` into the folder of a study, from its summary.json, results.jsonl, study.json,
    elsewhere.json, audits and datasets, and returns the page's path.

    The page needs no other file, no network and no scripts. Same folder, same bytes. Raises `UserError`
    when the folder holds no finished study.
    """
    if not (folder / "summary.json").is_file():
        raise UserError(
            f"{folder} holds no summary.json: name the folder of a study that has run to its end."
        )
    summary = dict.fromkeys(_PARTS, ()) | store.read_json(folder / "summary.json")
    study = store.read_json(folder / "study.json") if (folder / "study.json").is_file() else {}
    results = store.read_jsonl(folder / "results.jsonl") if (folder / "results.jsonl").is_file() else []
    elsewhere = _elsewhere(folder)
    embedded = _only_embedded(summary, elsewhere)
    page = _template().render(
        name=study.get("name") or folder.name,
        advice=advise(summary),
        embedded=embedded,
        scope=_scope(summary, results),
        glance=tables.glance(summary),
        paper=paper.lines(summary),
        readings=list(paper.READINGS.values()),
        accuracy=_accuracy(summary, samples.asked(folder, summary)),
        comparisons=tables.comparisons(summary["comparisons"]),
        methods=_methods(summary, elsewhere),
        costs=_costs(summary),
        augmentation=_augmentation(summary),
        samples=samples.augmentations(folder, summary),
        labels=samples.LABELS,
        written=tables.apart(
            summary["by_written"], "written", yes="Written", no="Not written",
            caption="Accuracy where a line of the augmentation states the answer, and where none does.",
        ),
        reserved=tables.apart(
            summary["by_reserved"], "reserved", yes="Kept out", no="Practised",
            caption="Accuracy where the relation or wording was kept out of the tasks on which the embedded "
            "model learned to augment, and where it was not.",
        ),
        practised=tables.practised(summary["augmentation"]),
        pmi=tables.beside(summary["accuracy"], summary["accuracy_pmi"]),
        shown=tables.apart(
            summary["by_premises_shown"], "premises_shown", yes="Premises in the prompt", no="Not all",
            caption="Accuracy where all that proves the answer stood in the prompt, and where it did not.",
        ),
        written_means=tables.means(summary["by_written"], "written", "augmented"),
        reserved_means=tables.means(summary["by_reserved"], "reserved", "augmented"),
        warnings=_warnings(summary),
        unknown=_unknown(summary, embedded),
        study=_flat(study),
    )  # fmt: skip
    store.write_text(folder / "report.html", page)
    return folder / "report.html"


def _template() -> jinja2.Template:
    here = files("corollary.reporting")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["style"] = Markup((here / "style.css").read_text(encoding="utf-8"))
    return environment.from_string((here / "template.html.j2").read_text(encoding="utf-8"))


def _elsewhere(folder: Path) -> frozenset[str]:
    """The methods that are models tuned elsewhere: how they learned is not the study's to say."""
    path = folder / "elsewhere.json"
    return frozenset(entry["method"] for entry in store.read_json(path)) if path.is_file() else frozenset()


def _only_embedded(summary: Mapping[str, Any], elsewhere: Collection[str]) -> bool:
    """Whether the study itself ran on the embedded model, whatever was added to it."""
    return {row["model"] for row in summary["accuracy"] if row["method"] not in elsewhere} == {"embedded"}


def _scope(summary: Mapping[str, Any], results: list[dict[str, Any]]) -> str:
    """One line: how much was measured."""
    datasets = {row["dataset"] for row in summary["accuracy"]}
    methods = {row["method"] for row in summary["accuracy"]}
    seeds = {row["seed"] for row in summary["seeds"]}
    asked = {(row["dataset"], row["seed"], row["question"]) for row in results}
    parts = [count(len(datasets), "dataset"), count(len(methods), "method"), count(len(seeds), "seed")]
    return ", ".join([*parts, f"{len(asked):,} questions"] if asked else parts)


def _accuracy(summary: Mapping[str, Any], asked: Mapping[str, list[samples.Asked]]) -> list[dict[str, Any]]:
    """For each dataset: a panel per split, examples of its questions, and all numbers."""
    out = []
    for dataset in sorted({row["dataset"] for row in summary["accuracy"]}, key=place_of):
        rows = [row for row in summary["accuracy"] if row["dataset"] == dataset]
        panels = []
        for split in sorted({row["split"] for row in rows}, key=lambda split: place_of(dataset, split)):
            here = [row for row in rows if row["split"] == split]
            dots = [s for s in summary["seeds"] if (s["dataset"], s["split"]) == (dataset, split)]
            tunings = sorted({row["tuning"] for row in here} - {"none"}) or ["none"]
            for tuning in tunings:
                arms = [row for row in here if row["tuning"] in (tuning, "none")]
                title = f"{dataset} {split}{f', {tuning_name(tuning)}' if len(tunings) > 1 else ''}"
                panels.append(figures.accuracy(arms, dots, title=title))
        table = tables.accuracies(rows, caption=f"Accuracy on {dataset}.")
        out.append({"dataset": dataset, "panels": panels, "table": table, "asked": asked.get(dataset, [])})
    return out


def _costs(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Cost against accuracy, and the lines that cross at break-even, for each dataset."""
    rows = summary["costs"]
    against, crossing = [], []
    for dataset in sorted({row["dataset"] for row in rows}, key=place_of):
        here = [row for row in rows if row["dataset"] == dataset]
        here = [row for row in here if row["tuning"] in (main_tuning(here), "none") and row["unit"]]
        points = _points(dataset, here, summary["accuracy"])
        if len(points) > 1:
            unit = here[0]["unit"]
            against.append(figures.cost_against_accuracy(points, title=dataset, unit=unit))
        context = next((row for row in here if row["method"] == "in-context"), None)
        tuned = next((row for row in here if row["method"] == "augmented"), None)
        if context and tuned:
            crossing.append(figures.break_even(tuned, context, title=dataset))
    units = {row["unit"] for row in rows}
    dates = {row["priced"] for row in rows if row.get("priced")}
    return {
        "against": against,
        "crossing": crossing,
        "table": tables.costs(rows),
        "money": "usd" in units,
        "priced": listing(sorted(dates)) if dates else "",
        "questions": f"{QUESTIONS:,}",
    }


def _points(
    dataset: str, costs: list[dict[str, Any]], accuracies: list[dict[str, Any]]
) -> list[tuple[str, str, float, float]]:
    """(name, method, cost of tuning and of `QUESTIONS` questions, mean accuracy over tests of inference)."""
    out = []
    for row in sorted(costs, key=lambda row: method_order(row["method"])):
        values = [
            a["accuracy"]
            for a in accuracies
            if (a["dataset"], a["method"], a["tuning"]) == (dataset, row["method"], row["tuning"])
            and a["split"] not in RECALL
            and a["accuracy"] is not None
        ]
        if row["method"] not in _DEPLOYABLE or not values:
            continue
        names = ("", "_cached") if row["method"] == "in-context" else ("",)
        for name in names:
            once, query = row[f"once{name}"], row[f"per_query{name}"]
            cost = sum(once) / 2 + QUESTIONS * sum(query) / 2
            shown = f"{row['method']}{', cached' if name else ''}"
            if cost > 0:
                out.append((shown, row["method"], cost, sum(values) / len(values)))
    return out


def _augmentation(summary: Mapping[str, Any]) -> dict[str, Any]:
    rows = summary["augmentation"]
    datasets = sorted({row["dataset"] for row in rows}, key=place_of)
    return {
        "panels": [
            figures.written_lines([row for row in rows if row["dataset"] == dataset], title=dataset)
            for dataset in datasets
        ],
        "legend": [(word, role) for _, word, role in figures.LINES],
        "table": tables.precision(rows),
        "kinds": tables.kinds(rows),
    }


def _methods(summary: Mapping[str, Any], elsewhere: Collection[str]) -> list[tuple[str, str, str]]:
    """(name, what it is, its colour) of every arm of the study."""
    words = METHODS | dict.fromkeys(elsewhere, "a model tuned elsewhere")
    found = sorted({row["method"] for row in summary["accuracy"]}, key=method_order)
    return [(name, words.get(name, "a method of this study"), figures.role_of(name)) for name in found]


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    """Those of the study, where so many answers were unreadable that the accuracy tells little, and where
    an arm was trained on the documents alone since nothing was written or all of it dropped."""
    silent: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in summary["accuracy"]:
        if row["no_answer"] > 0.05:
            silent.setdefault((row["dataset"], row["method"]), []).append(row)
    found = [
        f"{method} gave no readable answer to {percent(max(row['no_answer'] for row in rows))} of the "
        f"questions of {dataset} {listing([row['split'] for row in rows])}: its accuracy is over the rest."
        for (dataset, method), rows in silent.items()
    ]
    for row in (row for row in summary["augmentation"] if not row["lines"]):
        all_of_it = (
            f"All {dropped} lines that {row['method']} wrote about {row['dataset']} were dropped"
            if (dropped := row["dropped"]["lines"])
            else f"{row['method']} wrote nothing about {row['dataset']}"
        )
        found.append(f"{all_of_it}: it was trained on the documents alone.")
    return [*summary["warnings"], *found]


def _unknown(summary: Mapping[str, Any], embedded: bool) -> list[str]:
    """What this study cannot say."""
    methods = {row["method"] for row in summary["accuracy"]}
    tunings = {row["tuning"] for row in summary["accuracy"]} - {"none"}
    seeds = {row["seed"] for row in summary["seeds"]}
    out = []
    if embedded:
        out.append(
            "No public language model was measured by the study itself. Whether one gains as much, or at "
            "all, is open: run this study on it before you rely on it."
        )
    else:
        out.append(
            "Rates and sizes of steps in the presets were chosen for the embedded model. Another model needs "
            "its own (`--set full.lr=...`): with the wrong ones every tuned arm looks worse than it is."
        )
    out.append(
        "One pre-training run is one subject. Seeds change the tuning and, of made-up datasets, the "
        "documents and questions, not the model they start from."
    )
    out.append(
        "The intervals hold the noise between groups of facts. That between training runs shows only in how "
        "far the dots of the seeds lie apart."
    )
    if len(seeds) < 3:
        out.append(
            f"Only {count(len(seeds), 'seed')} ran: a difference can be an accident of one tuning run."
        )
    if len(tunings) == 1:
        (tuning,) = tunings
        out.append(
            f"Only {tuning_name(tuning)} tuning was measured; another kind can rank the methods differently."
        )
    missing = [control for control in ("paraphrase", "foreign") if control not in methods]
    if missing and any(method.startswith("augmented") for method in methods):
        out.append(
            f"Without {listing(missing)} a gain of augmentation could come from more text of any kind, not "
            "from inferences."
        )
    return out


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines of "a.b" and text; lists of plain values stay on one line."""
    if isinstance(value, dict):
        return [line for key in value for line in _flat(value[key], f"{prefix}.{key}" if prefix else key)]
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return [line for i, item in enumerate(value, 1) for line in _flat(item, f"{prefix}.{i}")]
        return [(prefix, ", ".join(map(str, value)))]
    return [(prefix, "–" if value is None else str(value))]
