"""Models that were tuned elsewhere and added to a study as arms.

`elsewhere.json` in the study's folder names them and the trials in which they were scored. So every later run
of the study shows them too, without needing the models again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corollary import store, values
from corollary.errors import Unknown, UserError
from corollary.studies.folder import read_trial
from corollary.studies.jobs import asked, trial_id
from corollary.studies.plan import Cell, cells, dataset_name
from corollary.studies.presets import check_word
from corollary.studies.results import Tried
from corollary.types import Dataset, Result, Spec, Study, Trial

FILE = "elsewhere.json"


def check_name(plan: Study, name: str) -> None:
    """Raise `UserError` if an added model cannot have this name."""
    if name in {arm.name for arm in plan.arms}:
        raise UserError(f"The study has an arm {name} of its own: choose another name with --name.")
    check_word("arm", name)


def choose(plan: Study, *, dataset: str | None, seed: int | None) -> list[Cell]:
    """The cells of a study, or only those of a dataset or a seed."""
    names = [dataset_name(spec) for spec in plan.datasets]
    if dataset is not None and dataset not in names:
        raise Unknown("dataset of this study", dataset, names)
    if seed is not None and seed not in plan.seeds:
        known = ", ".join(map(str, plan.seeds))
        raise UserError(f"The study has no seed {seed}: choose from {known}.")
    return [cell for cell, _ in cells(plan) if dataset in (None, cell.dataset) and seed in (None, cell.seed)]


def trial(dataset: Dataset, cell: Cell, *, name: str, model: Spec) -> Trial:
    """A trial that asks the model a cell's questions without tuning it."""
    return Trial(cell.dataset, name, cell.seed, model, None, (), (), ((),), dataset.questions)


def keep(out: Path, *, name: str, model: Spec, tuning: str, trials: Sequence[Trial]) -> None:
    """Store that a model was scored in these trials. This replaces earlier trials of the name on their
    cells."""
    new = [
        {"method": name, "tuning": tuning, "model": values.to_plain(model), "trial": trial_id(one)}
        | {"dataset": one.dataset, "seed": one.seed}
        for one in trials
    ]
    replaced = {_key(entry) for entry in new}
    old = [entry for entry in _entries(out) if _key(entry) not in replaced]
    store.write_json(out / FILE, sorted([*old, *new], key=_key))


def read(
    out: Path, made: Mapping[Cell, Dataset], finished: Mapping[str, tuple[Path, Result]]
) -> tuple[list[Tried], list[str]]:
    """The trials of added models on the study's questions, and warnings about models that were asked others,
    before the study was changed."""
    found, stale = [], []
    for entry in _entries(out):
        cell = Cell(entry["dataset"], entry["seed"])
        if entry["trial"] in finished and cell in made:
            where, result = finished[entry["trial"]]
            scored, now = read_trial(where), made[cell].questions
            if asked(scored.questions) == asked(now):
                # Seeds with the same questions share this trial.
                mine = replace(scored, dataset=cell.dataset, seed=cell.seed, questions=now)
                found.append(Tried(mine, result, entry["method"], entry["tuning"]))
                continue
        stale.append(
            f"The questions of {cell.name} have changed since {entry['method']} was scored, so it is left out"
            " there: evaluate it again."
        )
    return found, stale


def _entries(out: Path) -> Sequence[dict[str, Any]]:
    entries: Sequence[dict[str, Any]] = store.read_json(out / FILE) if (out / FILE).is_file() else []
    fields = {"method": str, "tuning": str, "dataset": str, "seed": int, "trial": str}
    fits = isinstance(entries, list) and all(
        isinstance(entry, dict) and all(type(entry.get(key)) is kind for key, kind in fields.items())
        for entry in entries
    )
    if not fits:
        raise UserError(f"{out / FILE} is damaged: remove it, and add the models again.")
    return entries


def _key(entry: Mapping[str, Any]) -> tuple[str, str, int]:
    return entry["method"], entry["dataset"], entry["seed"]
