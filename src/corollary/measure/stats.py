"""Accuracies, intervals and comparisons from one row per question and trial.

The statistics count units and training runs, never questions (see `corollary.measure.estimates`). A unit is
the smallest group of facts that share a name or a premise: questions about one fact are right or wrong
together. A run is a training on the same rows: two of them may differ by several points. Seeds are strata. If
seeds change only the training and not the documents (as with your own), they are further runs.

A study names few primary comparisons. Their p is adjusted (Holm), and only they decide advice and words; all
other comparisons are exploratory. Each comparison has one of four answers: an absence of significance is
never read as equality.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from corollary.measure.estimates import Estimate, Floats, estimate, holm, ratio
from corollary.measure.rows import (
    AccuracyRow,
    Answer,
    ArmRow,
    ComparisonRow,
    KeptRow,
    ResultRow,
    SeedRow,
    Statistics,
)

Row = Mapping[str, Any]
Matrices = list[Floats]
"""One matrix of unit means, runs x units, for each seed; one for all seeds with the same documents."""

CHANCE = "chance"
"""Takes the place of an arm in a comparison: its accuracy is each question's chance."""

LEVEL = 0.05
MARGIN = 0.05
"""The difference that a study calls small if it states no other."""


@dataclass(frozen=True)
class Comparing:
    """The comparisons (a, b), for a minus b, of a study: `pairs` on every test, and of these the `primary`
    ones, by (dataset, split), with the study's main `tuning`. `margin` is the difference (a share) that
    counts as small. `placebos` are (placebo, treatment, baseline), for the share of the gain that false lines
    keep."""

    pairs: Sequence[tuple[str, str]]
    primary: Mapping[tuple[str, str], Sequence[tuple[str, str]]] = field(default_factory=dict)
    tuning: str = ""
    margin: float = MARGIN
    placebos: Sequence[tuple[str, str, str]] = ()


def summarise(
    results: Iterable[ResultRow], *, comparing: Comparing, repeated: Collection[str] = ()
) -> Statistics:
    """The statistics of a study, from the rows of results.jsonl.

    "accuracy_pmi", "accuracy_distant" and "accuracy_free" use other metrics, for the questions that have
    them: less the prior, among distant choices, and by a free answer. "by_premises_shown" contains only arms
    that saw a part of the documents. `repeated` names the datasets that are the same at every seed, whose
    seeds are further runs on one sample.
    """
    rows: list[Row] = [
        {**row, "sample": 0, "run": _run_of(row)} if row["dataset"] in repeated else {**row}
        for row in results
    ]
    known = [row for row in rows if row["written"] is not None]
    cut = {(row["dataset"], row["method"]) for row in rows if not row["premises_shown"]}
    partly = [row for row in rows if (row["dataset"], row["method"]) in cut]
    marked = [{**row, "mark": mark, "value": row["marks"][mark]} for row in rows for mark in row["marks"]]
    return {
        "accuracy": accuracy(rows),
        "seeds": seeds(rows),
        "comparisons": comparisons(rows, comparing),
        "kept": kept(rows, comparing.placebos),
        "accuracy_pmi": accuracy(_by(rows, "correct_pmi")),
        "accuracy_distant": accuracy(_by(rows, "correct_distant")),
        "accuracy_free": accuracy(_by(rows, "correct_free", chance=0.0)),
        "by_written": accuracy(known, by=("written",)),
        "by_mark": accuracy(marked, by=("mark", "value")),
        "by_premises_shown": accuracy(partly, by=("premises_shown",)),
    }


def pairs_of(arms: Iterable[ArmRow]) -> list[tuple[str, str]]:
    """The comparisons (a, b), for a minus b, of the arms of a study: those against chance first."""
    found = [(arm["name"], rival) for arm in arms for rival in arm["against"]]
    return sorted(found, key=lambda pair: pair[1] != CHANCE)


def accuracy(rows: Iterable[Row], *, by: Sequence[str] = ()) -> list[AccuracyRow]:
    """One row per dataset, split, method, tuning and model (and per value of the columns in `by`).

    `accuracy` is the mean over the questions of a unit, then over units and runs, then over seeds. `chance`
    is weighted in the same way, so that you can compare the two. Both leave out questions without a readable
    answer (`correct` is null), because these are not wrong answers. `no_answer` is their share of all `n`
    questions (those of further runs count again); `accuracy_of_all` counts them as wrong, as a lower bound.
    `accuracy`, `low`, `high` and `chance` are null if no answer was readable. `n_units` is the sum over
    seeds, `seeds` the number of seeds, `runs` the greatest number of runs.
    """
    keys = ("dataset", "split", "method", "tuning", "model", *by)
    out: list[Any] = []
    for key, group in _groups(rows, keys):
        answered = [row for row in group if row["correct"] is not None]
        right = estimate(_matrices(answered, "correct")) if answered else None
        low, high = right.share_span() if right else (None, None)
        as_wrong = [{**row, "correct": row["correct"] or 0.0} for row in group]
        out.append(
            dict(zip(keys, key, strict=True))
            | {
                "n": len(group),
                "n_units": len({(_sample(row), row["unit"]) for row in group}),
                "seeds": len({row["seed"] for row in group}),
                "runs": max(len(runs) for runs in _runs(group).values()),
                "accuracy": right.mean if right else None,
                "low": low,
                "high": high,
                "chance": estimate(_matrices(answered, "chance")).mean if right else None,
                "no_answer": 1 - len(answered) / len(group),
                "accuracy_of_all": estimate(_matrices(as_wrong, "correct")).mean,
            }
        )
    return out


def seeds(rows: Iterable[Row]) -> list[SeedRow]:
    """The accuracy of each seed by itself, a mean over runs and units: the dots beside every interval."""
    keys = ("dataset", "split", "method", "tuning", "model", "seed")
    out: list[Any] = []
    for key, group in _groups((row for row in rows if row["correct"] is not None), keys):
        value = estimate(_matrices(group, "correct")).mean
        out.append(dict(zip(keys, key, strict=True)) | {"accuracy": value})
    return out


def comparisons(rows: Iterable[Row], comparing: Comparing) -> list[ComparisonRow]:
    """Paired differences a - b for every dataset, split and tuning in which both arms of a pair exist.

    The arms are compared unit by unit and run by run, on the questions that both answered. An arm without
    tuning (`in-context`) takes part in the comparisons of every tuning, with its one run; a pair of two such
    arms appears once, under "none". `p` is two-sided. `p_adjusted` is Holm's over the primary comparisons,
    and null for all others. `answer` is what the comparison shows, see `answer_of`.
    """
    found = differences(list(rows), comparing.pairs)
    estimates = [estimate(matrices) for _, matrices in found]
    primary = [
        at for at, ((dataset, split, tuning, a, b), _) in enumerate(found)
        if (a, b) in comparing.primary.get((dataset, split), ()) and tuning in (comparing.tuning, "none")
    ]  # fmt: skip
    adjusted = dict(zip(primary, holm([estimates[at].p for at in primary]), strict=True))
    out: list[Any] = []
    for at, ((key, matrices), each) in enumerate(zip(found, estimates, strict=True)):
        low, high = each.span(-1, 1)
        p = adjusted.get(at, each.p)
        out.append(
            dict(zip(("dataset", "split", "tuning", "a", "b"), key, strict=True))
            | {
                "difference": each.mean,
                "low": low,
                "high": high,
                "p": each.p,
                "p_adjusted": adjusted.get(at),
                "primary": at in adjusted,
                "answer": answer_of(each, p, comparing.margin),
                "n_units": each.units,
                "by_seed": [float(matrix.mean()) for matrix in matrices],
            }
        )
    return out


def answer_of(found: Estimate, p: float, margin: float) -> Answer:
    """What a difference shows: "better" (p under 0.05 and above 0), "within" (the interval's
    lower end is above -margin), "worse" (the interval is below 0 and its lower end is not above -margin), or
    "unknown".

    Superiority needs the adjusted p; harm and "not worse" are read from the interval, because an adjustment
    would hide harm.
    """
    low, high = found.span(-1, 1)
    if p < LEVEL and low > 0:
        return "better"
    if low > -margin:
        return "within"
    return "worse" if high < 0 else "unknown"


def kept(rows: Iterable[Row], placebos: Sequence[tuple[str, str, str]]) -> list[KeptRow]:
    """For each test and placebo the share of the treatment's gain over the baseline that false lines keep,
    with its interval; null where the treatment gains nothing."""
    rows = list(rows)
    out: list[Any] = []
    for placebo, treatment, baseline in placebos:
        lower = dict(differences(rows, [(placebo, baseline)]))
        upper = dict(differences(rows, [(treatment, baseline)]))
        for (dataset, split, tuning, *_), below in lower.items():
            above = upper.get((dataset, split, tuning, treatment, baseline))
            same = above is not None and [m.shape for m in above] == [m.shape for m in below]
            share, low, high = (ratio(below, above) if same and above else None) or (None, None, None)
            row = {"dataset": dataset, "split": split, "tuning": tuning, "placebo": placebo}
            out.append({**row, "treatment": treatment, "share": share, "low": low, "high": high})
    return sorted(out, key=lambda row: (row["dataset"], row["split"], row["tuning"]))


def differences(
    rows: Iterable[Row], pairs: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, str, str, str, str], Matrices]]:
    """(dataset, split, tuning, a, b) and the paired differences a - b, for every comparison."""
    cells: dict[tuple[str, str], dict[tuple[str, str], list[Row]]] = defaultdict(dict)
    for (dataset, split, method, tuning), group in _groups(rows, ("dataset", "split", "method", "tuning")):
        cells[dataset, split][method, tuning] = group
    found = []
    for (dataset, split), arms in sorted(cells.items()):
        for a, b in pairs:
            for tuning, rows_a, rows_b in _arms(arms, a, b):
                if paired := _paired(rows_a, rows_b):
                    found.append(((dataset, split, tuning, a, b), paired))
    return found


def _groups(rows: Iterable[Row], keys: Sequence[str]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return sorted(groups.items())


def _matrices(rows: Iterable[Row], column: str) -> Matrices:
    """The mean of a column in each unit and run. If a unit has no answer in one run, it takes its mean over
    the others there."""
    values: dict[Any, dict[tuple[Any, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        values[_sample(row)][row["run"], row["unit"]].append(float(row[column]))
    out = []
    for _, means in sorted(values.items()):
        runs, units = sorted({run for run, _ in means}), sorted({unit for _, unit in means})
        none = [math.nan]
        matrix = np.array([[np.mean(means.get((run, unit), none)) for unit in units] for run in runs])
        out.append(np.where(np.isnan(matrix), np.nanmean(matrix, axis=0), matrix))
    return out


def _runs(rows: Iterable[Row]) -> dict[Any, set[Any]]:
    found: dict[Any, set[Any]] = defaultdict(set)
    for row in rows:
        found[_sample(row)].add(row["run"])
    return found


def _by(rows: Iterable[Row], column: str, **changes: float) -> list[Row]:
    """The rows by another metric."""
    return [{**row, "correct": row[column], **changes} for row in rows if row[column] is not None]


def _run_of(row: ResultRow) -> str:
    """The run of a row, where seeds are further runs. A model that is not tuned has one."""
    return "" if row["tuning"] == "none" else f"{row['seed']}.{row['run']}"


def _sample(row: Row) -> Any:
    return row.get("sample", row["seed"])


def _arms(
    arms: Mapping[tuple[str, str], list[Row]], a: str, b: str
) -> list[tuple[str, list[Row], list[Row]]]:
    """The (tuning, rows of a, rows of b) in which a pair was measured."""
    tunings = {tuning for method, tuning in arms if method in (a, b)}
    out = []
    for tuning in sorted(tunings - {"none"} or tunings):
        rows_a = arms.get((a, tuning), arms.get((a, "none"), []))
        rows_b = arms.get((b, tuning), arms.get((b, "none"), []))
        if b == CHANCE:
            rows_b = [{**row, "correct": row["chance"]} for row in rows_a]
        if rows_a and rows_b:
            out.append((tuning, rows_a, rows_b))
    return out


def _paired(rows_a: Sequence[Row], rows_b: Sequence[Row]) -> Matrices:
    """Differences of units and runs, over the questions that both arms answered, in the seeds that both ran.
    An arm with one run takes part in each run of the other."""
    runs_a, runs_b = _runs(rows_a), _runs(rows_b)
    answers: dict[Any, list[float]] = defaultdict(list)
    for row in rows_b:
        if row["correct"] is not None:
            once = len(runs_b[_sample(row)]) == 1
            answers[row["seed"], "any" if once else row["run"], row["question"]].append(row["correct"])
    by_question: dict[Any, list[Row]] = defaultdict(list)
    for row in rows_a:
        by_question[row["seed"], row["question"]].append(row)
    pairs = []
    for (seed, question), group in by_question.items():
        runs = {row["run"]: row for row in group if row["correct"] is not None}
        sample = _sample(group[0])
        once = len(runs_a[sample]) == 1
        wanted = sorted(runs_b[sample]) if once and runs else sorted(runs)
        for run in wanted:
            row = next(iter(runs.values())) if once else runs[run]
            other = answers.get((seed, "any", question)) or answers.get((seed, run, question))
            if other:
                pairs.append({**row, "run": run, "correct": row["correct"] - math.fsum(other) / len(other)})
    return _matrices(pairs, "correct")
