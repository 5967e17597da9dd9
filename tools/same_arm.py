"""A/A on the real pipeline: `python tools/same_arm.py` says how often two runs of one arm differ.

The same documents are trained on with other training seeds, so every difference is chance. Every pair
of runs is compared on every dataset and split, as a study compares its arms; between 2 and 9 % of the
comparisons should have a raw p under 0.05. Splits at the ceiling have nothing to differ in: how often an
exact test of so few differences can call one at all is printed beside what it called.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
from development import development_plan

from corollary.measure import stats
from corollary.plugins import bind
from corollary.studies.jobs import run_trial
from corollary.studies.plan import cells, make_dataset, trials
from corollary.studies.results import Tried, rows
from corollary.types import Result, Spec, Study, Trial

DATASETS = ("reversals", "celebrities", "family", "semantic")


def runs(study: Study, training_seeds: int) -> list[tuple[str, Trial]]:
    """Every plain tuning of the study, once per training seed, each under a name of its own."""
    made = {cell: make_dataset(spec, cell.seed) for cell, spec in cells(study)}
    found = []
    for trial in trials(study, made, {}):
        for number in range(training_seeds):
            found.append((f"run{number}", replace(trial, seed=trial.seed + 1000 * number, checkpoints=0)))
    return found


def attainable(differences: stats.Samples) -> float:
    """How often a sign-flip test of these differences gives p < 0.05 when every flip is alike.

    A test of discrete values calls less than 5 %: it can call none where five units or fewer differ.
    All flips are tried for up to 16 units that differ, else 65,536 are drawn.
    """
    values = np.concatenate([sample / len(sample) for sample in differences])
    values = values[values != 0]
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=min(16, len(values)))))
    if len(values) > 16:
        signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(2**16, len(values)))
    sums = np.sort(np.abs(signs @ values).round(9))
    at_least = len(sums) - np.searchsorted(sums, sums, side="left")
    return float(np.mean(at_least / len(sums) < stats.LEVEL))


def by_split(
    compared: list[dict[str, Any]], differences: dict[tuple[str, ...], stats.Samples]
) -> list[dict[str, Any]]:
    """One row per dataset and split: comparisons, the share of p < 0.05, the share that an exact test can
    reach, and the mean number of units that differ."""
    groups: dict[tuple[str, str], list[tuple[bool, float, int]]] = {}
    for row in compared:
        units = differences[tuple(row[key] for key in ("dataset", "split", "tuning", "a", "b"))]
        differ = sum(int(np.count_nonzero(sample)) for sample in units)
        place = groups.setdefault((row["dataset"], row["split"]), [])
        place.append((row["p"] < stats.LEVEL, attainable(units), differ))
    names = ("raw_below_05", "attainable", "units_that_differ")
    return [
        {"dataset": dataset, "split": split, "comparisons": len(group)}
        | dict(zip(names, np.mean(group, axis=0).round(4).tolist(), strict=True))
        for (dataset, split), group in groups.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training-seeds", type=int, default=7)
    parser.add_argument("--seeds", default="100,101,102", help="development seeds of the data")
    args = parser.parse_args()
    plan = development_plan(args.seeds, DATASETS)
    plan = replace(
        plan,
        arms=tuple(replace(arm, whole=()) for arm in plan.arms if arm.name == "fine-tuned"),
        tunings=tuple(spec for spec in plan.tunings if spec.use == "full"),
    )
    todo = runs(plan, args.training_seeds)
    names = {(trial.dataset, trial.seed): name for name, trial in todo}
    found: list[dict[str, Any]] = []
    answers: list[tuple[Trial, Result]] = bind("runners", Spec("processes"))(run_trial, [t for _, t in todo])
    for number, (trial, result) in enumerate(answers, start=1):
        data = replace(trial, seed=trial.seed % 1000)
        found += rows(plan.name, Tried(data, result, names[trial.dataset, trial.seed]))
        print(f"{number}/{len(todo)} {trial.dataset} data {data.seed}", flush=True)
    pairs = list(itertools.combinations(sorted({name for name, _ in todo}), 2))
    compared = stats.comparisons(found, pairs)
    apart = by_split(compared, dict(stats.unit_differences(found, pairs)))
    for row in apart:
        print(json.dumps(row))
    reach = sum(row["attainable"] * row["comparisons"] for row in apart) / len(compared)
    low = sum(row["p"] < stats.LEVEL for row in compared) / len(compared)
    named = sum(row["significant"] for row in compared)
    print(
        json.dumps({"comparisons": len(compared), "raw_below_05": low, "attainable": reach, "called": named})
    )


if __name__ == "__main__":
    main()
