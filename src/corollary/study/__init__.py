"""A whole comparison: make datasets, let the model write, tune, evaluate, and keep what was measured.

Only the driver writes; workers take values and return values. Everything is known by the content of
its inputs, so a second run in the same folder does nothing, a changed knob re-runs just what it
changes, and a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corollary import plugins, store
from corollary.augment import Written
from corollary.errors import JobFailed, UserError
from corollary.study import audit, elsewhere, folder, results
from corollary.study.plan import (
    Cell,
    arms,
    cells,
    make_dataset,
    sized,
    strategy_key,
    trials,
    writings,
)
from corollary.study.presets import presets, read_study, study_of
from corollary.study.work import Writing, one_thread, open_model, run, trial_id
from corollary.types import Cost, Dataset, Document, Result, Spec, Study, Trial

__all__ = [
    "HERE",
    "PROCESSES",
    "Observer",
    "add",
    "finished_trials",
    "presets",
    "read_study",
    "study",
    "study_of",
]

Observer = Callable[[str, int, int, Any], None]
"""Called with a stage ("make", "write", "try"), how much of it is done, of how much, and what was
finished: a `Cell`, a writing job's (cell, strategy, number of rows), a (`Trial`, `Result`), or None when
the stage begins."""

FAILURES = "failures.json"
PROCESSES, HERE = Spec("processes"), Spec("here")


@dataclass
class _Driver:
    """A study while it runs."""

    plan: Study
    out: Path
    runner: Spec
    tell: Observer
    host: dict[str, Any]
    made: dict[Cell, Dataset] = field(default_factory=dict)
    written: dict[tuple[Cell, str], audit.Lines] = field(default_factory=dict)
    used: dict[tuple[Cell, str], Sequence[Document]] = field(default_factory=dict)
    spent: dict[tuple[Cell, str], Cost] = field(default_factory=dict)
    finished: dict[str, tuple[Path, Result]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def study(plan: Study, out: Path, *, runner: Spec = PROCESSES, observer: Observer | None = None) -> Path:
    """Run a study into the folder `out` (design: a study's folder) and return the folder.

    Trials that are finished in the folder are not run again, and methods that were added to it (see
    `add`) stay. Raises `UserError` when jobs fail, after all else is finished and written, and at once for
    what the user can mend; what succeeded is kept.
    """
    driver = _driver(plan, out, runner, observer)
    folder.write_plan(out, plan, runner.use, driver.host)
    _make(driver)
    _try(driver, trials(plan, driver.made, driver.used))  # what needs no augmentation comes first
    first, second = writings(plan, driver.made, store=str(out / folder.COMPLETIONS))
    _write(driver, first)
    _write(driver, _sized(driver, second))
    ready = trials(plan, driver.made, driver.used)
    _try(driver, ready)
    _finish(driver, ready)
    if driver.failed:
        raise UserError(
            f"{_failures(driver)}; all else is kept, so run the same command again to repeat just these."
        )
    (out / FAILURES).unlink(missing_ok=True)
    return out


def add(
    out: Path,
    *,
    name: str,
    model: Spec,
    tuning: str,
    dataset: str | None = None,
    seed: int | None = None,
    runner: Spec = HERE,
    observer: Observer | None = None,
) -> Path:
    """Score a model that was tuned elsewhere on a finished study's questions: a method of that study.

    `name` is what the method is called and `tuning` what stands in its column; `dataset` and `seed`
    limit what is asked. Its rows stand in results.jsonl and summary.json, now and after every further
    run of the study. Returns the folder. Raises `UserError` when the folder holds no finished study, or
    the name is one of the study's own.
    """
    plan = folder.read_plan(out)
    elsewhere.check_name(plan, name)
    chosen = elsewhere.choose(plan, dataset=dataset, seed=seed)
    driver = _driver(plan, out, runner, observer)
    _make(driver)
    ready = _all_finished(driver)
    extra = [elsewhere.trial(driver.made[cell], cell, name=name, model=model) for cell in chosen]
    _try(driver, extra)
    if driver.failed:
        raise UserError(f"{_failures(driver)}: mend the model and run the same command again.")
    elsewhere.keep(out, name=name, model=model, tuning=tuning, trials=extra)
    _finish(driver, ready)
    return out


def finished_trials(plan: Study, out: Path) -> list[results.Tried]:
    """The trials of a study that are finished in its folder, those from elsewhere last. Runs nothing."""
    driver = _driver(plan, out, HERE, None)
    _make(driver)
    _read_all(driver)
    own = [(trial, trial_id(trial)) for trial in trials(plan, driver.made, driver.used)]
    added, _ = elsewhere.read(out, driver.made, driver.finished)
    return [
        *(results.Tried(trial, driver.finished[id][1]) for trial, id in own if id in driver.finished),
        *added,
    ]


def _driver(plan: Study, out: Path, runner: Spec, observer: Observer | None) -> _Driver:
    open_model(plan.model)  # before anything is written: a folder that holds no model shows now
    out.mkdir(parents=True, exist_ok=True)
    tell = observer or (lambda stage, done, total, what: None)
    return _Driver(plan, out, runner, tell, folder.host(), finished=folder.finished(out))


def _make(driver: _Driver) -> None:
    todo = cells(driver.plan)
    driver.tell("make", 0, len(todo), None)
    for number, (cell, spec) in enumerate(todo, start=1):
        driver.made[cell] = made = make_dataset(spec, cell.seed)
        target = driver.out / "datasets" / cell.name
        store.write_jsonl(target / "documents.jsonl", made.documents)
        store.write_jsonl(target / "questions.jsonl", made.questions)
        driver.tell("make", number, len(todo), cell)


def _write(driver: _Driver, jobs: Sequence[tuple[Cell, Writing]]) -> None:
    """Run writing jobs. A job whose rows are in the folder already, for the same inputs, is read back."""
    todo = [(cell, job) for cell, job in jobs if not _read_back(driver, cell, job)]
    done = len(jobs) - len(todo)
    driver.tell("write", done, len(jobs), None)
    by_job = {(job.dataset.name, job.seed, strategy_key(job.strategy)): cell for cell, job in todo}
    for job, answer in _run(driver, [job for _, job in todo]):
        key = strategy_key(job.strategy)
        cell = by_job[job.dataset.name, job.seed, key]
        if isinstance(answer, JobFailed):
            driver.failed[f"{cell.name} {key}"] = str(answer)
            continue
        assert isinstance(answer, Written)
        folder.keep_rows(driver.out, cell, job, answer)
        _take(driver, cell, job, answer)
        done += 1
        driver.tell("write", done, len(jobs), (cell, key, len(answer.documents)))


def _read_back(driver: _Driver, cell: Cell, job: Writing) -> bool:
    found = folder.read_rows(driver.out, cell, job)
    if found is None:
        return False
    _take(driver, cell, job, found)
    return True


def _take(driver: _Driver, cell: Cell, job: Writing, answer: Written) -> None:
    """Note what a strategy brought, and what of it may be trained on."""
    key = cell, strategy_key(job.strategy)
    driver.written[key] = lines = audit.lines(
        driver.made[cell], answer.documents, job.strategy.use, withhold=driver.plan.withhold, seed=cell.seed
    )
    driver.used[key], driver.spent[key] = lines.used, answer.cost


def _sized(driver: _Driver, controls: Sequence[tuple[Cell, Writing]]) -> list[tuple[Cell, Writing]]:
    """The controls that are to be written; those that stay empty are noted as such."""
    ready, empty = sized(driver.plan, controls, driver.used)
    for cell, job in empty:
        _take(driver, cell, job, Written((), Cost()))
    return ready


def _try(driver: _Driver, ready: Sequence[Trial]) -> None:
    """Run the trials that are not finished. Equal ones (same id: two methods may come to the same
    training rows) are run once, and told of each."""
    by_id: dict[str, list[Trial]] = {}
    for trial in ready:
        by_id.setdefault(trial_id(trial), []).append(trial)
    todo = [same[0] for id, same in by_id.items() if id not in driver.finished]
    done = sum(len(same) for id, same in by_id.items() if id in driver.finished)
    # Those whose augmentations are not written yet count too, so that a progress bar never goes back.
    total = max(len(ready), len(arms(driver.plan)))
    driver.tell("try", done, total, None)
    for trial, answer in _run(driver, todo):
        id = trial_id(trial)
        if isinstance(answer, JobFailed):
            answer = Result(id, error=str(answer))
        assert isinstance(answer, Result)
        assert answer.trial == id, "a worker sees another model than the driver"
        if answer.error is None:
            where = folder.keep_trial(driver.out, trial, answer, driver.host)
            driver.finished[id] = (where, answer)
        for same in by_id[id]:
            way = f" {plugins.name_of(same.tune.use)}" if same.tune else ""
            what = f"{same.dataset} {same.method}{way} seed {same.seed}"
            if answer.error is not None:
                driver.failed[what] = answer.error
            else:  # perhaps at the second attempt
                driver.failed.pop(what, None)
            done += 1
            driver.tell("try", done, total, (same, answer))


def _finish(driver: _Driver, ready: Sequence[Trial]) -> None:
    """Write what other programs read, from all that is finished."""
    ids = [(trial, trial_id(trial)) for trial in ready]
    own = [results.Tried(trial, driver.finished[id][1]) for trial, id in ids if id in driver.finished]
    added, stale = elsewhere.read(driver.out, driver.made, driver.finished)
    missing = [f"{len(driver.failed)} of the jobs failed and are missing."] if driver.failed else []
    where = [driver.finished[id][0] for _, id in ids if id in driver.finished]
    tried = [*own, *added]
    warnings = [*missing, *stale, *results.cut(tried), *folder.differing(where)]
    results.write(driver.plan, driver.out, tried, driver.made, driver.written, driver.spent, warnings)


def _all_finished(driver: _Driver) -> list[Trial]:
    """All trials of a study that has run to its end, with its rows read back; else raises `UserError`."""
    complete = _read_all(driver)
    ready = trials(driver.plan, driver.made, driver.used)
    if not complete or any(trial_id(trial) not in driver.finished for trial in ready):
        raise UserError(
            f"The study in {driver.out} is not finished: run it to its end, then add a method to it."
        )
    return ready


def _read_all(driver: _Driver) -> bool:
    """Read back all rows that are in the folder; says whether none is missing."""
    first, second = writings(driver.plan, driver.made, store=str(driver.out / folder.COMPLETIONS))
    there = [_read_back(driver, cell, job) for cell, job in first]
    there += [_read_back(driver, cell, job) for cell, job in _sized(driver, second)]
    return all(there)


def _failures(driver: _Driver) -> str:
    """One clause about what failed. The tracebacks go to a file: the first may not be the telling one."""
    path = driver.out / FAILURES
    store.write_json(path, driver.failed)
    what, why = next(iter(driver.failed.items()))
    return (
        f"{len(driver.failed)} of the study's jobs failed (first: {what}: {why.strip().splitlines()[-1]};"
        f" all are in {path})"
    )


def _run(driver: _Driver, jobs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """The jobs with their answers, as the runner brings them."""
    alone = driver.runner.use == HERE.use and bool(jobs)
    with one_thread() if alone else contextlib.nullcontext():
        yield from plugins.bind("runners", driver.runner)(run, jobs)
