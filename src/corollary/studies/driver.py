"""The driver of a study: it makes datasets, generates augmentations, tunes, asks, and stores measurements.

Only the driver stores; workers take values and return values. The content of its inputs identifies every
result. So a second run in the same folder does nothing, a changed option repeats only what depends on it, and
a run that was killed continues where it stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corollary import plugins, store
from corollary.completions import Completions
from corollary.errors import JobFailed, StudyFailed
from corollary.runners.processes import cores
from corollary.studies import added, folder, results
from corollary.studies.capabilities import check_models
from corollary.studies.estimate import expected_seconds, speeds_of, work_of
from corollary.studies.jobs import Generation, one_thread, open_model, run, trial_id
from corollary.studies.plan import (
    Cell,
    Writing,
    cells,
    cells_of_arms,
    make_dataset,
    sized,
    trials,
    writings,
)
from corollary.types import Cost, Dataset, Result, Spec, Study, Trial, Writer
from corollary.writing import engine
from corollary.writing.audit import Audit, Lines, audit_of, rejected, usable
from corollary.writing.engine import Batch, Generated, Written

Observer = Callable[[str, int, int, Any], None]
"""Called with (stage, done, total, what was finished), and with None as the last when a stage begins. A stage
finishes these: "make" a `Cell`; "plan" a (`Study`, folder, expected seconds for the rest, units and
least gain of each dataset); "write" a (cell,
strategy, number of rows); "try" a (`Trial`, `Result`)."""

PROCESSES, HERE = Spec("processes"), Spec("in_process")


@dataclass
class _Driver:
    """The state of a running study."""

    plan: Study
    out: Path
    runner: Spec
    tell: Observer
    host: dict[str, Any]
    made: dict[Cell, Dataset] = field(default_factory=dict)
    audits: dict[Cell, Audit] = field(default_factory=dict)
    lines: dict[tuple[Cell, str], Lines] = field(default_factory=dict)
    spent: dict[tuple[Cell, str], Cost] = field(default_factory=dict)
    finished: dict[str, tuple[Path, Result]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def used(self) -> dict[tuple[Cell, str], Sequence[Any]]:
        """The lines of each strategy that may be trained on."""
        return {key: lines.used for key, lines in self.lines.items()}

    @property
    def generator(self) -> Spec:
        return self.plan.generator or self.plan.model


def run_study(plan: Study, out: Path, *, runner: Spec = PROCESSES, observer: Observer | None = None) -> Path:
    """Run a study into the folder `out` and return the folder (see docs/design.md for its files).

    Finished trials in the folder are not run again, and added models (see `corollary.studies.added`) stay.
    Raises `UserError` at once for mistakes that you can fix. If jobs fail, raises `StudyFailed` after
    everything else is finished and stored.
    """
    driver = _driver(plan, out, runner, observer)
    folder.write_plan(out, plan, runner.use, driver.host)
    _make(driver)
    check_models(plan, driver.made)
    if observer:
        _announce(driver)
    _try(driver, trials(plan, driver.made, driver.used))  # trials without augmentations come first
    first, second = writings(plan, driver.made)
    _write(driver, first)
    _write(driver, _sized(driver, second))
    ready = trials(plan, driver.made, driver.used)
    _try(driver, ready)
    _finish(driver, ready)
    if driver.failed:
        raise StudyFailed(
            f"{_failures(driver)}; everything else is stored: run the same command again to repeat these."
        )
    (out / folder.FAILURES).unlink(missing_ok=True)
    return out


def _driver(plan: Study, out: Path, runner: Spec, observer: Observer | None) -> _Driver:
    folder.check_names(plan)
    open_model(plan.model)  # before anything is stored: a folder that holds no model shows now
    out.mkdir(parents=True, exist_ok=True)
    tell = observer or (lambda stage, done, total, what: None)
    return _Driver(plan, out, runner, tell, folder.host(), finished=folder.finished(out))


def _make(driver: _Driver) -> None:
    todo = cells(driver.plan)
    driver.tell("make", 0, len(todo), None)
    for number, (cell, spec) in enumerate(todo, start=1):
        driver.made[cell] = made = make_dataset(spec, cell.seed)
        driver.audits[cell] = audit_of(made)
        target = driver.out / "datasets" / cell.name
        store.write_jsonl(target / "documents.jsonl", made.documents)
        store.write_jsonl(target / "questions.jsonl", made.questions)
        driver.tell("make", number, len(todo), cell)


def _announce(driver: _Driver) -> None:
    """Report how long the rest of the study will take."""
    plan, total = driver.plan, len(cells_of_arms(driver.plan))
    left = max(0, total - len(driver.finished)) / total if total else 0.0
    seconds = 0.0
    if left:
        with one_thread():
            speeds = speeds_of(open_model(plan.model), plan.tunings[0] if plan.tunings else None)
        options = plugins.check_options("runners", driver.runner).options
        workers = 1 if driver.runner.use == HERE.use else int(options.get("workers", 0)) or cores()
        seconds = expected_seconds(work_of(plan), speeds, workers=workers) * left
    shown = results.power(plan, driver.made)
    driver.tell("plan", total - round(left * total), total, (plan, driver.out, seconds, shown))


def _write(driver: _Driver, jobs: Sequence[Writing]) -> None:
    """Run writing tasks, or read their rows from the folder if they are there for the same inputs."""
    todo = [job for job in jobs if not _read_back(driver, job)]
    done = len(jobs) - len(todo)
    driver.tell("write", done, len(jobs), None)
    if not todo:
        return
    model: Writer = open_model(driver.generator)
    tasks = [
        engine.start(
            job.dataset,
            job.strategy,
            seed=job.seed,
            model=model,
            rows=job.rows,
            other=job.other,
            lines=job.lines,
            prompts=driver.plan.prompts,
        )
        for job in todo
    ]
    with Completions(driver.out / folder.COMPLETIONS) as completions:
        generate = engine.here(model) if engine.is_remote(model) else _through_runner(driver)
        for number, answer in engine.run(tasks, model=model, store=completions, generate=generate):
            job = todo[number]
            if isinstance(answer, JobFailed):
                driver.failed[f"{job.cell.name} {job.key[1]}"] = str(answer)
                continue
            if answer.failed:
                driver.warnings.append(
                    f"{answer.failed} requests of {job.key[1]} on {job.cell.dataset} failed, so their lines"
                    " are missing: run the study again to repeat them."
                )
            else:
                folder.keep_rows(driver.out, job, answer, driver.generator, driver.plan.prompts)
            _take(driver, job, answer)
            done += 1
            driver.tell("write", done, len(jobs), (job.cell, job.key[1], len(answer.documents)))


def _through_runner(driver: _Driver) -> engine.Generate:
    """A function that generates batches as jobs of the study's runner."""

    def generate(batches: Sequence[Batch]) -> Iterator[tuple[Batch, Generated | JobFailed]]:
        jobs = [Generation(driver.generator, batch.requests, at) for at, batch in enumerate(batches)]
        for job, answer in _run(driver, jobs):
            yield batches[job.number], answer

    return generate


def _read_back(driver: _Driver, job: Writing) -> bool:
    found = folder.read_rows(driver.out, job, driver.generator, driver.plan.prompts)
    if found is None:
        return False
    _take(driver, job, found)
    return True


def _take(driver: _Driver, job: Writing, answer: Written) -> None:
    """Store the lines of a strategy in the driver, with those that may be trained on."""
    reasons = _checked(driver, job, answer) if job.treated and driver.plan.checks else {}
    driver.lines[job.key] = usable(
        driver.made[job.cell],
        answer.documents,
        driver.audits[job.cell],
        withhold=driver.plan.withhold if job.treated else 0.0,
        by=driver.plan.withhold_by,
        seed=job.seed,
        reasons=reasons,
    )
    driver.spent[job.key] = answer.cost


def _checked(driver: _Driver, job: Writing, answer: Written) -> dict[str, str]:
    """The reasons for which the study's checks reject lines. They are stored, so that no judge is asked
    twice."""
    plan = driver.plan
    judge = open_model(plan.judge or plan.model)
    kept = folder.read_reasons(driver.out, job, answer, plan.checks, judge)
    if kept is None:
        made = driver.made[job.cell]
        kept = rejected(made, answer.documents, plan.checks, judge=judge, prompts=plan.prompts)
        folder.keep_reasons(driver.out, job, answer, plan.checks, judge, kept)
    return kept


def _sized(driver: _Driver, controls: Sequence[Writing]) -> list[Writing]:
    """The controls that can start. Those that stay empty get an empty result."""
    ready, empty = sized(driver.plan, controls, driver.used)
    for job in empty:
        _take(driver, job, Written((), Cost()))
    return ready


def _try(driver: _Driver, ready: Sequence[Trial]) -> None:
    """Run the trials that are not finished. Equal trials (two arms may have the same training rows) run once,
    and each of them is reported."""
    by_id: dict[str, list[Trial]] = {}
    for trial in ready:
        by_id.setdefault(trial_id(trial), []).append(trial)
    folder.keep_index(driver.out, by_id)
    todo = [same[0] for id, same in by_id.items() if id not in driver.finished]
    done = sum(len(same) for id, same in by_id.items() if id in driver.finished)
    # Trials that still wait for augmentations count too, so that a progress bar never goes back.
    total = max(len(ready), len(cells_of_arms(driver.plan)))
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
            what = f"{same.dataset} {same.arm}{way} seed {same.seed}"
            if answer.error is not None:
                driver.failed[what] = answer.error
            else:  # perhaps at the second attempt
                driver.failed.pop(what, None)
            done += 1
            driver.tell("try", done, total, (same, answer))


def _finish(driver: _Driver, ready: Sequence[Trial]) -> None:
    """Write the files that other programs read, from all finished trials."""
    ids = [(trial, trial_id(trial)) for trial in ready]
    own = [results.Tried(trial, driver.finished[id][1]) for trial, id in ids if id in driver.finished]
    questions = {cell: made.questions for cell, made in driver.made.items()}
    extra, stale = added.read(driver.out, questions, driver.finished)
    missing = [f"{len(driver.failed)} of the jobs failed and are missing."] if driver.failed else []
    where = [driver.finished[id][0] for _, id in ids if id in driver.finished]
    tried = [*own, *extra]
    warnings = [*missing, *driver.warnings, *results.cut(tried), *folder.differing(where), *stale]
    generated = results.Generated(driver.made, driver.audits, driver.lines, driver.spent)
    results.write(driver.plan, driver.out, tried, generated, warnings)


def _failures(driver: _Driver) -> str:
    """A clause about the failed jobs. All tracebacks go to a file, as the first may not show the cause."""
    path = driver.out / folder.FAILURES
    store.write_json(path, driver.failed)
    what, why = next(iter(driver.failed.items()))
    return (
        f"{len(driver.failed)} of the study's jobs failed (first: {what}: {why.strip().splitlines()[-1]};"
        f" all are in {path})"
    )


def _run(driver: _Driver, jobs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """The jobs with their answers, as they are done."""
    alone = driver.runner.use == HERE.use and bool(jobs)
    with one_thread() if alone else contextlib.nullcontext():
        yield from plugins.bind("runners", driver.runner)(run, jobs)
