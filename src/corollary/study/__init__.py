"""A whole comparison: make datasets, let the model write, tune, evaluate, and keep what was measured.

Only the driver writes; workers take values and return values. Everything is known by the content of
its inputs, so a second run in the same folder does nothing, a changed knob re-runs just what it
changes, and a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corollary import plugins, store
from corollary.augment import Written
from corollary.errors import UserError
from corollary.study import results
from corollary.study.plan import Cell, cells, make_dataset, trials, writings
from corollary.study.presets import presets, read_study, study_of
from corollary.study.work import Writing, run, trial_id
from corollary.types import Dataset, Document, Result, Spec, Study, Trial

__all__ = ["TEMPORARY", "presets", "read_study", "study", "study_of"]

Observer = Callable[[str, int, int, Any], None]
"""Called with a stage ("make", "write", "try"), how much of it is done, of how much, and what was
finished (a `Cell`, a `Writing`'s cell and strategy, or a `Trial` with its `Result`)."""

PACKAGES = ("corollary", "torch", "transformers", "tokenizers", "peft", "accelerate", "numpy", "scipy")
TEMPORARY = "completions.db"


def study(plan: Study, out: Path, *, runner: Spec = Spec("processes"), observer: Observer | None = None) -> Path:
    """Run a study into the folder `out` (design, section 6) and return the folder.

    Trials that are finished in the folder are not run again. Raises UserError when a trial fails, after
    all others are finished and written; what succeeded is kept.
    """
    tell = observer or (lambda stage, done, total, what: None)
    out.mkdir(parents=True, exist_ok=True)
    host = _host()
    store.write_json(out / "study.json", {"study": plan, "runner": runner.use, **host})
    made = _make(plan, out, tell)
    finished: dict[str, Result] = _finished(out)
    written: dict[tuple[Cell, str], Sequence[Document]] = {}
    costs: dict[tuple[Cell, str], Any] = {}

    def attempt() -> list[Trial]:
        ready = trials(plan, made, written)
        _try(ready, out, finished, runner, host, tell)
        return ready

    attempt()  # what needs no augmentation comes first: the first numbers within a minute
    first, second = writings(plan, made, store=str(out / "completions.db"))
    _write(first, out, runner, written, costs, tell)
    sized = [(cell, replace(job, rows=_rows_of_augmented(plan, cell, written))) for cell, job in second]
    _write(sized, out, runner, written, costs, tell)
    done = attempt()
    results.write(plan, out, done, finished, made, written, costs)
    failed = [trial for trial in done if finished[trial_id(trial)].error]
    if failed:
        first_error = finished[trial_id(failed[0])].error or ""
        raise UserError(
            f"{len(failed)} of {len(done)} trials failed (first: {failed[0].dataset} {failed[0].method} seed"
            f" {failed[0].seed}: {first_error.strip().splitlines()[-1]}); run the same command again to repeat just these."
        )
    return out


def _make(plan: Study, out: Path, tell: Observer) -> dict[Cell, Dataset]:
    made: dict[Cell, Dataset] = {}
    todo = cells(plan)
    for number, (cell, spec) in enumerate(todo, start=1):
        made[cell] = make_dataset(spec, cell.seed)
        folder = out / "datasets" / cell.name
        store.write_jsonl(folder / "documents.jsonl", made[cell].documents)
        store.write_jsonl(folder / "questions.jsonl", made[cell].questions)
        tell("make", number, len(todo), cell)
    return made


def _write(
    jobs: Sequence[tuple[Cell, Writing]], out: Path, runner: Spec, written: dict[tuple[Cell, str], Sequence[Document]],
    costs: dict[tuple[Cell, str], Any], tell: Observer,
) -> None:  # fmt: skip
    """Run writing jobs. A job whose rows are in the folder already, for the same inputs, is read back."""
    todo: dict[str, tuple[Cell, Writing]] = {}
    for cell, job in jobs:
        kept = _kept_rows(out, cell, job)
        if kept is None:
            todo[store.content_id([cell.name, job.strategy.use])] = (cell, job)
        else:
            written[cell, job.strategy.use], costs[cell, job.strategy.use] = kept
    done = len(jobs) - len(todo)
    by_job = {store.content_id([job.dataset.name, job.seed, job.strategy.use]): (cell, job) for cell, job in todo.values()}
    for job, answer in _runner(runner)(run, [job for _, job in todo.values()]):
        cell, _ = by_job[store.content_id([job.dataset.name, job.seed, job.strategy.use])]
        assert isinstance(answer, Written)
        folder = _rows_folder(out, cell, job)
        store.write_jsonl(folder / "documents.jsonl", answer.documents)
        store.write_json(folder / "written.json", {"job": _job_id(job), "cost": answer.cost})
        written[cell, job.strategy.use], costs[cell, job.strategy.use] = answer.documents, answer.cost
        done += 1
        tell("write", done, len(jobs), (cell, job.strategy.use, len(answer.documents)))


def _rows_folder(out: Path, cell: Cell, job: Writing) -> Path:
    return out / "augmented" / f"{cell.dataset}.{job.strategy.use}.s{cell.seed}"


def _job_id(job: Writing) -> str:
    """What decides a job's rows: the texts, the strategy, the model; not the store or its path."""
    model = "" if job.strategy.use == "oracle" else _model_identity(job.model)
    other = [document.text for document in job.other.documents] if job.other else None
    own = [[document.id, document.text] for document in job.dataset.documents]
    return store.content_id([own, plugins.identity("strategies", job.strategy), job.seed, model, job.rows, other])


def _model_identity(spec: Spec) -> str:
    from corollary.study.work import open_model

    identity: str = open_model(spec).identity
    return identity


def _kept_rows(out: Path, cell: Cell, job: Writing) -> tuple[Sequence[Document], Any] | None:
    folder = _rows_folder(out, cell, job)
    if not (folder / "written.json").is_file():
        return None
    note = store.read_json(folder / "written.json")
    if note["job"] != _job_id(job):
        return None
    from corollary.types import Cost

    rows = [store.from_plain(Document, row) for row in store.read_jsonl(folder / "documents.jsonl")]
    return rows, store.from_plain(Cost, note["cost"])


def _rows_of_augmented(plan: Study, cell: Cell, written: dict[tuple[Cell, str], Sequence[Document]]) -> int:
    """How many distinct rows the augmented arm adds: the size of its control."""
    method = next((m for m in plan.methods if m.name == "augmented"), None)
    parts = [written.get((cell, s.use), ()) for s in method.augment] if method else []
    return len({row.text for part in parts for row in part})


def _try(
    ready: Sequence[Trial], out: Path, finished: dict[str, Result], runner: Spec, host: dict[str, Any], tell: Observer
) -> None:
    """Run the trials that are not finished. Equal trials (same hash) are run once."""
    ids = {trial_id(trial): trial for trial in ready}
    todo = [trial for id, trial in ids.items() if id not in finished]
    done = len(ids) - len(todo)
    for trial, answer in _runner(runner)(run, todo):
        assert isinstance(answer, Result)
        finished[answer.trial] = answer
        if answer.error is None:
            folder = out / "trials" / _trial_name(trial, answer.trial)
            # trial.json first: a folder counts as finished when result.json is there, and whole.
            store.write_json(folder / "trial.json", {**store.to_plain(trial), "host": host})
            store.write_json(folder / "result.json", answer)
        done += 1
        tell("try", done, len(ids), (trial, answer))


def _trial_name(trial: Trial, id: str) -> str:
    tuning = trial.tune.use if trial.tune else "none"
    return f"{trial.dataset}.{trial.method}.{tuning}.{trial.model.use}.s{trial.seed}-{id[:16]}"


def _finished(out: Path) -> dict[str, Result]:
    found = (store.from_plain(Result, store.read_json(path)) for path in sorted((out / "trials").glob("*/result.json")))
    return {result.trial: result for result in found}


def _runner(spec: Spec) -> Callable[[Callable[..., Any], Iterable[Any]], Iterable[tuple[Any, Any]]]:
    return plugins.bind("runners", spec)


def _host() -> dict[str, Any]:
    """Versions, git revision and machine: recorded beside every result, never part of an identity."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "unknown"
    folder = Path(__file__).parent
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    revision = asked.stdout.strip() if asked.returncode == 0 else "unknown"
    return {"versions": versions, "revision": revision, "python": platform.python_version(), "machine": platform.machine()}
