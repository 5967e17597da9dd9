"""Writes and reads the files in a study's folder (see docs/design.md).

A trial is finished when its result.json exists, and a strategy when its written.json exists: each is written
last and as a whole. Both contain a hash of their inputs, so that old files never pass for new ones.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from corollary import plugins, store, values
from corollary.errors import UserError
from corollary.measure.rows import checked
from corollary.plugins import name_of
from corollary.studies.jobs import open_model
from corollary.studies.plan import Cell, Writing, dataset_name
from corollary.studies.presets import check_word
from corollary.types import Cost, Document, Question, Result, Spec, Study, Trial
from corollary.writing.engine import Written
from corollary.writing.prompts import prompts_of

PACKAGES = ("corollary", "torch", "transformers", "tokenizers", "peft", "accelerate", "numpy", "scipy")
COMPLETIONS = "completions.db"
FAILURES = "failures.json"
INDEX = "trials.json"


class Named(TypedDict):
    """A name of a trial in trials.json."""

    dataset: str
    arm: str
    seed: int
    run: int


def read_plan(out: Path) -> Study:
    """The study of a folder. Raises `UserError` when the folder contains no study."""
    if not (out / "study.json").is_file():
        raise UserError(f"{out} is not the folder of a study (it has no study.json): name the folder of one.")
    names = {field.name for field in dataclasses.fields(Study)}
    found = store.read_json(out / "study.json")
    try:
        if not isinstance(found, dict):
            raise TypeError("it is no object")
        plan = values.from_plain(Study, {key: value for key, value in found.items() if key in names})
    except TypeError as error:
        raise UserError(f"{out / 'study.json'} is damaged ({error}): run the study again.") from error
    check_names(plan)
    return plan


def check_names(plan: Study) -> None:
    """Raises `UserError` for a name that cannot be that of a folder, also in a study made in Python."""
    for spec in plan.datasets:
        check_word("dataset", dataset_name(spec))
    for arm in plan.arms:
        check_word("arm", arm.name)


def check_files(out: Path, value: Any) -> None:
    """Raises `UserError` when something that was read from a folder names a plug-in by its file.

    The folder may come from anybody, and opening it must run none of its code.
    """
    for use in _uses(values.to_plain(value)):
        if plugins.is_file(use):
            raise UserError(
                f"{out} names the file {use}, whose code would run: read that file, and add --own-code if you"
                " trust it."
            )


def _uses(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("use"), str):
            yield value["use"]
        for item in value.values():
            yield from _uses(item)
    elif isinstance(value, list):
        for item in value:
            yield from _uses(item)


def write_plan(out: Path, plan: Study, runner: str, host: dict[str, Any]) -> None:
    """Store the study and the machine that runs it. Removes the summary of another study in this folder."""
    if (out / "study.json").is_file():
        try:
            same = read_plan(out) == values.from_plain(Study, values.to_plain(plan))
        except UserError:  # damaged, or of another version: written anew
            same = False
        if not same:
            (out / "summary.json").unlink(missing_ok=True)
    store.write_json(out / "study.json", {**values.to_plain(plan), "runner": runner, **host})


def finished(out: Path) -> dict[str, tuple[Path, Result]]:
    """The results in a folder by the id of their trial, each with the trial's folder.

    One that is damaged, or of another version, is as good as none: its trial is run again.
    """
    found = {}
    for path in sorted((out / "trials").glob("*/result.json")):
        try:
            result = values.from_plain(Result, store.read_json(path))
            read_trial(path.parent)
        except (UserError, TypeError):
            continue
        # The id becomes part of paths, and the folder may come from anybody.
        if path.parent.name.endswith(f"-{result.trial[:16]}"):
            found[result.trial] = (path.parent, result)
    return found


def keep_trial(out: Path, trial: Trial, result: Result, host: dict[str, Any]) -> Path:
    """Store a finished trial and return its folder."""
    tuning = name_of(trial.tune.use) if trial.tune else "none"
    name = f"{trial.dataset}.{trial.arm}.{tuning}.{name_of(trial.model.use)}.s{trial.seed}"
    name += f"r{trial.run}" if trial.run else ""
    folder = out / "trials" / f"{name}-{result.trial[:16]}"
    store.write_json(folder / "trial.json", {**values.to_plain(trial), "host": host})
    store.write_json(folder / "result.json", result)
    return folder


def keep_index(out: Path, by_id: Mapping[str, Sequence[Trial]]) -> None:
    """Store which trials the study has, by id. Arms with the same training rows, and seeds with the same
    questions, share one."""
    index = {
        id: [{"dataset": one.dataset, "arm": one.arm, "seed": one.seed, "run": one.run} for one in same]
        for id, same in by_id.items()
    }
    store.write_json(out / INDEX, index)


def unfinished(out: Path, finished: Mapping[str, Any]) -> bool:
    """Whether a trial of the study is not finished, or its jobs failed."""
    failed = (out / FAILURES).is_file()
    return failed or not (out / INDEX).is_file() or any(id not in finished for id in _index(out))


def finished_trials(out: Path) -> list[tuple[Trial, Result]]:
    """The finished trials of a study and their results, each under all of its names. Runs nothing and makes
    no dataset."""
    done = finished(out)
    return [
        (dataclasses.replace(read_trial(done[id][0]), **name), done[id][1])
        for id, names in _index(out).items()
        if id in done
        for name in names
    ]


def _index(out: Path) -> dict[str, list[Named]]:
    found = store.read_json(out / INDEX) if (out / INDEX).is_file() else {}
    return checked(found, dict[str, list[Named]], out / INDEX)


def read_questions(out: Path, cell: Cell) -> tuple[Question, ...]:
    """The questions of a cell, as the study asked them."""
    path = out / "datasets" / cell.name / "questions.jsonl"
    if not path.is_file():
        raise UserError(f"{path} is missing: run the study again.")
    return tuple(values.from_plain(Question, row) for row in store.read_jsonl(path))


def read_trial(folder: Path) -> Trial:
    """The trial of a folder."""
    plain = store.read_json(folder / "trial.json")
    if not isinstance(plain, dict) or not isinstance(plain.pop("host", None), dict):
        raise UserError(f"{folder / 'trial.json'} is damaged: remove {folder} and run the study again.")
    return values.from_plain(Trial, plain)


def differing(folders: Iterable[Path]) -> list[str]:
    """A warning for each condition that differs between these trials."""
    seen: dict[str, set[str]] = {}
    for folder in folders:
        where = store.read_json(folder / "trial.json")["host"]
        notes = store.read_json(folder / "result.json")["notes"]
        number = {"precision": notes["dtype"]} if "dtype" in notes else {}
        for key, value in {**where.pop("versions"), **where, **number}.items():
            seen.setdefault(key, set()).add(str(value))
    return [
        f"The trials ran with different versions of {key}: {', '.join(sorted(values))}."
        for key, values in sorted(seen.items())
        if len(values) > 1
    ]


def keep_rows(out: Path, job: Writing, answer: Written, generator: Spec, prompts: Mapping[str, str]) -> None:
    """Store the documents of a strategy."""
    folder = _rows_folder(out, job)
    store.write_jsonl(folder / "documents.jsonl", answer.documents)
    # With a hash of the rows: after a kill between the two files, old rows must not pass for new ones.
    note = {
        "job": _job_id(job, generator, prompts),
        "rows": values.content_id(answer.documents),
        "cost": answer.cost,
    }
    store.write_json(folder / "written.json", note)


def read_rows(out: Path, job: Writing, generator: Spec, prompts: Mapping[str, str]) -> Written | None:
    """The stored documents of a strategy for these inputs, or None."""
    folder = _rows_folder(out, job)
    if not (folder / "written.json").is_file():
        return None
    wanted = _job_id(job, generator, prompts)
    try:
        note = store.read_json(folder / "written.json")
        if note["job"] != wanted:
            return None
        rows = tuple(values.from_plain(Document, row) for row in store.read_jsonl(folder / "documents.jsonl"))
        if note["rows"] != values.content_id(rows):
            return None
        return Written(rows, values.from_plain(Cost, note["cost"]))
    # Damaged, or of another version: they are derived, and can be derived again.
    except (UserError, TypeError, KeyError):
        return None


def keep_reasons(
    out: Path, job: Writing, answer: Written, checks: Sequence[Spec], judge: Any, reasons: Mapping[str, str]
) -> None:
    """Store the reasons for which checks rejected lines of a strategy, by the lines' ids."""
    note = {"checks": _checks_id(answer, checks, judge), "reasons": reasons}
    store.write_json(_rows_folder(out, job) / "rejected.json", note)


def read_reasons(
    out: Path, job: Writing, answer: Written, checks: Sequence[Spec], judge: Any
) -> dict[str, str] | None:
    """The stored reasons for these lines and checks, or None."""
    path = _rows_folder(out, job) / "rejected.json"
    note = store.read_json(path) if path.is_file() else {}
    found = note.get("checks") == _checks_id(answer, checks, judge)
    return dict(note["reasons"]) if found else None


def _checks_id(answer: Written, checks: Sequence[Spec], judge: Any) -> str:
    specs = [plugins.identity("checks", spec) for spec in checks]
    return values.content_id([answer.documents, specs, judge.identity])


def host() -> dict[str, Any]:
    """Versions, git revision and machine. They are stored with every result and never part of an identity."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return {
        "versions": versions,
        "revision": _revision(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _revision() -> str:
    # Only in a checkout of this project: an installed package may be inside another repository.
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return "unknown"
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
        )
    except OSError:  # no git on this machine
        return "unknown"
    return asked.stdout.strip() if asked.returncode == 0 else "unknown"


def _rows_folder(out: Path, job: Writing) -> Path:
    cell, key = job.key
    return out / f"augmented/{cell.dataset}.{key}.s{cell.seed}"


def _job_id(job: Writing, generator: Spec, prompts: Mapping[str, str]) -> str:
    """A hash of everything that determines a job's rows: texts, strategy, prompts, model and seed."""
    model = open_model(generator)
    function = plugins.load("strategies", job.strategy.use)
    asked = prompts_of(function, plugins.name_of(job.strategy.use), model.kind, prompts)
    digests = {name: prompt.digest for name, prompt in asked.items() if prompt is not None}
    own, other = _texts(job.dataset.documents), _texts(job.other.documents if job.other else ())
    lines = None if job.lines is None else [line.text for line in job.lines]
    strategy = plugins.identity("strategies", job.strategy)
    return values.content_id([own, strategy, job.seed, model.identity, job.rows, other, lines, digests])


def _texts(documents: Sequence[Document]) -> list[list[Any]]:
    # With the spans: another language setting may give the same text other sentences.
    return [[document.id, document.text, document.spans] for document in documents]
