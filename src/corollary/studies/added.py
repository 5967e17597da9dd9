"""Models that were tuned elsewhere and come back as methods of a study.

`elsewhere.json` in the study's folder names them and the trials in which they were scored, so that
every later run of the study shows them too, without needing the models again.
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
    """Raises `UserError` for a name that a model from elsewhere cannot have."""
    if name in {arm.name for arm in plan.arms}:
        raise UserError(f"The study has an arm {name} of its own: choose another name with --as.")
    check_word("arm", name)


def choose(plan: Study, *, dataset: str | None, seed: int | None) -> list[Cell]:
    """The cells of a study to ask: all, or those of a dataset or a seed."""
    names = [dataset_name(spec) for spec in plan.datasets]
    if dataset is not None and dataset not in names:
        raise Unknown("dataset of this study", dataset, names)
    if seed is not None and seed not in plan.seeds:
        known = ", ".join(map(str, plan.seeds))
        raise UserError(f"The study has no seed {seed}: choose from {known}.")
    return [cell for cell, _ in cells(plan) if dataset in (None, cell.dataset) and seed in (None, cell.seed)]


def trial(dataset: Dataset, cell: Cell, *, name: str, model: Spec) -> Trial:
    """A cell's questions, put to the model as it is."""
    return Trial(cell.dataset, name, cell.seed, model, None, (), (), ((),), dataset.questions)


def keep(out: Path, *, name: str, model: Spec, tuning: str, trials: Sequence[Trial]) -> None:
    """Note that a model was scored in these trials, in place of what the name stood for on their cells."""
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
    """What models from elsewhere scored on the questions that the study has now, and warnings of those
    that were asked others (the study was changed since)."""
    found, stale = [], []
    for entry in _entries(out):
        cell = Cell(entry["dataset"], entry["seed"])
        if entry["trial"] in finished and cell in made:
            where, result = finished[entry["trial"]]
            scored, now = read_trial(where), made[cell].questions
            if asked(scored.questions) == asked(now):
                # Where seeds share their questions, they share this trial.
                mine = replace(scored, dataset=cell.dataset, seed=cell.seed, questions=now)
                found.append(Tried(mine, result, entry["method"], entry["tuning"]))
                continue
        stale.append(
            f"{entry['method']} was scored on other questions of {cell.name} and is left out there:"
            " evaluate it again."
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
