"""A/A on the real pipeline: `python tools/same_arm.py` says how often two runs of one arm differ.

The same documents are trained on with other training seeds, so every difference is chance. Every pair
of runs is compared on every dataset and split, as a study compares its arms; between 2 and 9 % of the
comparisons should have a raw p under 0.05. Splits at the ceiling have nothing to differ in.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import replace
from typing import Any

from development import development_plan

from corollary import stats
from corollary.plugins import bind
from corollary.study.plan import cells, make_dataset, trials
from corollary.study.results import Tried, rows
from corollary.study.work import run_trial
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training-seeds", type=int, default=7)
    parser.add_argument("--seeds", default="100,101,102", help="development seeds of the data")
    args = parser.parse_args()
    plan = development_plan(args.seeds, DATASETS)
    plan = replace(
        plan,
        methods=tuple(replace(m, whole=()) for m in plan.methods if m.name == "fine-tuned"),
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
    low = sum(row["p"] < stats.LEVEL for row in compared)
    named = sum(row["significant"] for row in compared)
    print(json.dumps({"comparisons": len(compared), "raw_below_05": low / len(compared), "called": named}))


if __name__ == "__main__":
    main()
