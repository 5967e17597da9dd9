"""Models that were tuned elsewhere and added to a study as arms.

`elsewhere.json` in the study's folder names them and the trials in which they were scored. So every later run
of the study shows them too, without needing the models again. Adding one reads the study's folder alone: the
documents and plug-ins that the study was made from may be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corollary import store, values
from corollary.errors import StudyFailed, Unknown, UserError
from corollary.measure.rows import read_results, read_summary
from corollary.studies import folder, results
from corollary.studies.jobs import asked, one_thread, run, trial_id
from corollary.studies.plan import Cell, cells, dataset_name
from corollary.studies.presets import check_word
from corollary.studies.results import Tried
from corollary.types import Question, Result, Spec, Study, Trial

FILE = "elsewhere.json"

Questions = Mapping[Cell, Sequence[Question]]


def add_model(
    out: Path,
    *,
    name: str,
    model: Spec,
    tuning: str,
    dataset: str | None = None,
    seed: int | None = None,
    tell: Callable[[str, int, int, Any], None] = lambda stage, done, total, what: None,
) -> Path:
    """Score a model that was tuned elsewhere on a finished study's questions, as a new arm of the study.

    `name` and `tuning` are the arm's name and tuning in the results; `dataset` and `seed` limit the
    questions. Its rows are in results.jsonl and summary.json, now and after every further run of the study.
    `tell` is called as the observer of `run_study` is. Returns the folder. Raises `UserError` when the folder
    contains no finished study, or has an arm of that name.
    """
    plan = folder.read_plan(out)
    check_name(plan, name)
    chosen = choose(plan, dataset=dataset, seed=seed)
    finished = folder.finished(out)
    if not (out / "summary.json").is_file() or folder.unfinished(out, finished):
        raise UserError(
            f"The study in {out} is not finished: run it to its end before you add a model to it."
        )
    summary, rows = read_summary(out), read_results(out)
    questions = {cell: folder.read_questions(out, cell) for cell, _ in cells(plan)}
    _, stale_before = read(out, questions, finished)
    extra = [trial(questions[cell], cell, name=name, model=model) for cell in chosen]
    tell("try", 0, len(extra), None)
    for number, one in enumerate(extra, start=1):
        if (id := trial_id(one)) not in finished:
            with one_thread():
                answer = run(one)
            if not isinstance(answer, Result):
                why = str(answer).strip().splitlines()[-1]
                raise StudyFailed(
                    f"{name} on {one.dataset} at seed {one.seed} failed ({why}): fix the model and run the"
                    " same command again."
                )
            finished[id] = (folder.keep_trial(out, one, answer, folder.host()), answer)
        tell("try", number, len(extra), (one, finished[id][1]))
    keep(out, name=name, model=model, tuning=tuning, trials=extra)
    found, stale = read(out, questions, finished)
    named = {arm.name for arm in plan.arms}
    warnings = [*(each for each in summary["warnings"] if each not in stale_before), *stale]
    own = [row for row in rows if row["method"] in named]
    results.renew(plan, out, own, found, questions, {**summary, "warnings": warnings})
    return out


def finished_trials(plan: Study, out: Path, cell: Cell) -> list[Tried]:
    """The finished trials of a cell, those of added models last. Runs nothing, and reads the folder alone."""
    own = [Tried(trial, result) for trial, result in folder.finished_trials(out)]
    extra, _ = read(out, {cell: folder.read_questions(out, cell)}, folder.finished(out))
    order = {arm.name: at for at, arm in enumerate(plan.arms)}
    here = [one for one in own if Cell(one.trial.dataset, one.trial.seed) == cell and one.name in order]
    return [*sorted(here, key=lambda one: order[one.name]), *extra]


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


def trial(questions: Sequence[Question], cell: Cell, *, name: str, model: Spec) -> Trial:
    """A trial that asks the model a cell's questions without tuning it."""
    return Trial(cell.dataset, name, cell.seed, model, None, (), (), ((),), tuple(questions))


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
    out: Path, questions: Questions, finished: Mapping[str, tuple[Path, Result]]
) -> tuple[list[Tried], list[str]]:
    """The trials of added models on the study's questions, and warnings about models that were asked others,
    before the study was changed."""
    found, stale = [], []
    for entry in _entries(out):
        cell = Cell(entry["dataset"], entry["seed"])
        if entry["trial"] in finished and cell in questions:
            where, result = finished[entry["trial"]]
            scored, now = folder.read_trial(where), questions[cell]
            if asked(scored.questions) == asked(now):
                # Seeds with the same questions share this trial.
                mine = replace(scored, dataset=cell.dataset, seed=cell.seed, questions=tuple(now))
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
