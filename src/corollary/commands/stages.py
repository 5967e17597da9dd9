"""Commands for single stages: generate what follows from documents, and tune on both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from annotated_doc import Doc

from corollary import store
from corollary.commands.sources import (
    ModelLike,
    PathLike,
    Source,
    dataset_from,
    model_for,
    model_spec,
    spec_of,
)
from corollary.completions import Completions
from corollary.errors import JobFailed, UserError
from corollary.plugins import sections
from corollary.studies import jobs
from corollary.studies.plan import strategy_key, training_rows
from corollary.studies.presets import seed_of, share_of
from corollary.types import DROPPED, Cost, Dataset, Document, Spec, Trial
from corollary.writing import engine
from corollary.writing.audit import audit_of, rejected, usable
from corollary.writing.prompts import check_given

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class Augmented:
    """The generated documents, the rejected lines with their reasons, and the cost. `folder` contains them as
    files; it is None if you named none."""

    documents: tuple[Document, ...]
    rejected: tuple[tuple[Document, str], ...]
    cost: Cost
    folder: Path | None = None


@dataclass(frozen=True)
class Tuned:
    """A tuned model, the loss of every step, and the cost. `folder` contains the model; it is None if you
    named none."""

    model: Any
    losses: tuple[float, ...]
    cost: Cost
    folder: Path | None = None


def augment(
    documents: Annotated[Source, Doc("Folder or file of documents.")],
    out: Annotated[PathLike | None, Doc("Folder to write to.")] = None,
    *,
    strategy: Annotated[Sequence[Spec | str], Doc("Strategy that generates; may be repeated.")] = (
        "local",
        "linked",
    ),
    model: Annotated[ModelLike, Doc("A model's name, folder, hub id, GGUF file, or file.py.")] = None,
    adapter: Annotated[PathLike | None, Doc("Folder of an adapter for the model.")] = None,
    seed: Annotated[int, Doc("Seed, any whole number; the same seed gives the same result.")] = 0,
    rows: Annotated[int, Doc("Number of rows from `paraphrase`; 0: one round.")] = 0,
    withhold: Annotated[float, Doc("Share of the facts whose inferences are left out.")] = 0.0,
    prompt: Annotated[Mapping[str, str] | None, Doc("Prompt file of your own, as in local=mine.txt.")] = None,
    check: Annotated[
        Sequence[Spec | str], Doc("Check that lines must pass, such as judge; may be repeated.")
    ] = (),
    settings: Annotated[Mapping[str, Any] | None, Doc("Option of the model or a strategy.")] = None,
    progress: Progress | None = None,
) -> Augmented:
    """Let a model generate what follows from documents.

    Each generated line is a document with its sources. With `out`, they go to documents.jsonl there; rejected
    lines go to rejected.jsonl, with reasons. completions.db stores every completion, so a run that was
    stopped continues and asks nothing twice. `settings` maps "model.option" and "strategy.option" to values.

    Raises `UserError` for names that do not exist, for a source without documents, and when `out` contains
    documents of your own.

        corollary augment docs/ --model models/qwen --out docs.augmented
        corollary augment data/reversals --strategy paraphrase --set paraphrase.temperature=0.7 --out data/p
    """
    share_of(withhold)
    seed_of(seed)
    strategy = [strategy] if isinstance(strategy, str | Spec) else strategy
    if rows < 0:
        raise UserError(f"{rows} rows cannot be generated: give 0 or more.")
    data = dataset_from(documents)
    folder = None if out is None else _own_folder(Path(out), documents)
    by_section = sections(settings, ["model", *(s.use if isinstance(s, Spec) else s for s in strategy)])
    used = [spec_of("strategies", s, by_section[s.use if isinstance(s, Spec) else s]) for s in strategy]
    opened = jobs.open_model(model_spec(model_for(data, model), adapter=adapter, options=by_section["model"]))
    judges = [spec_of("checks", each) for each in check]
    users = [("strategies", each.use, opened.kind) for each in used]
    users += [("checks", each.use, "base") for each in judges]
    check_given(prompt or {}, users)
    tasks = [
        engine.start(
            data,
            spec,
            seed=seed,
            model=opened,
            rows=rows,
            other=_other(data, spec),
            prompts=prompt,
        )
        for spec in used
    ]
    with tempfile.TemporaryDirectory() as place:
        path = (folder or Path(place)) / "completions.db"
        with Completions(path) as completions:
            ends = engine.run(
                tasks, model=opened, store=completions, generate=engine.here(opened), progress=progress
            )
            brought = dict(ends)
    lines = [
        line for answer in brought.values() if isinstance(answer, engine.Written) for line in answer.documents
    ]
    reasons = rejected(data, lines, judges, judge=opened, prompts=prompt or {})
    found = _collected(data, used, brought, withhold=withhold, seed=seed, reasons=reasons)
    if folder is not None:
        _keep(folder, data, found, {"strategies": used, "seed": seed, "model": opened.identity})
        found = replace(found, folder=folder)
    if found.rejected and not found.documents:
        raise UserError(
            f"All {len(found.rejected)} generated lines were rejected (the first one:"
            f" {found.rejected[0][1]}): try a larger model, or keep them with --set STRATEGY.grounded=no."
        )
    return found


def tune(
    documents: Annotated[Source, Doc("Folder or file of documents.")],
    out: Annotated[PathLike | None, Doc("New folder for the model or the adapter.")] = None,
    *,
    tuning: Annotated[Spec | str, Doc("Tuning: full, lora or file.py.")] = "full",
    augmented: Annotated[Sequence[Source], Doc("Folder of augmentations; may be repeated.")] = (),
    model: Annotated[ModelLike, Doc("A model's name, folder, hub id, GGUF file, or file.py.")] = None,
    adapter: Annotated[PathLike | None, Doc("Folder of an adapter for the model.")] = None,
    seed: Annotated[int, Doc("Seed, any whole number; the same seed gives the same result.")] = 0,
    whole: Annotated[bool, Doc("Train on whole documents, not on single sentences.")] = False,
    settings: Annotated[Mapping[str, Any] | None, Doc("Option of the model.")] = None,
    progress: Progress | None = None,
    **options: Any,
) -> Tuned:
    """Tune a model on documents and augmentations.

    The tuning's options are flags; `corollary list tunings` names them. Every sentence is a training row of
    its own, unless `whole`. With `out`, the model is saved there (for lora the adapter, in PEFT's layout),
    with losses, tokens, steps and cost in fit.json. If the folder already contains this model, nothing is
    done.

    Raises `UserError` for names that do not exist, for a source without documents, and when `out` contains
    something else.

        corollary tune docs/ --augmented docs.augmented --model models/qwen --tuning lora --out models/mine
    """
    from corollary.inference.model import LocalModel
    from corollary.models.local import load as load_local

    seed_of(seed)
    data = dataset_from(documents)
    augmented = [augmented] if isinstance(augmented, str | Path | Dataset) else augmented
    added = [row for each in augmented for row in dataset_from(each).documents]
    spec = spec_of("tunings", tuning, options)
    base = model_spec(model_for(data, model), adapter=adapter, options=sections(settings, ["model"])["model"])
    trial = Trial(
        dataset=data.name,
        arm="tuned",
        seed=seed,
        model=base,
        tune=spec,
        documents=training_rows(data, added, whole=whole),
        context=(),
        orders=((),),
        questions=(),
    )
    id = jobs.trial_id(trial)
    folder = None if out is None else Path(out)
    if folder is not None and folder.exists():
        fit = store.read_json(folder / "fit.json") if (folder / "fit.json").is_file() else {}
        if fit.get("trial") == id:
            there = (
                jobs.open_model(model_spec(folder)) if base.use != "given" else load_local(path=str(folder))
            )
            return Tuned(there, tuple(fit["losses"]), Cost(**fit["cost"]), folder)
        raise UserError(
            f"{folder} exists already and contains something else: name a new folder for the model."
        )
    tuned, cost, losses, notes = jobs.tune(trial, jobs.open_model(base), on_step=progress)
    if folder is not None:
        if not isinstance(tuned, LocalModel):
            raise UserError(f"The tuning {spec.use} returns no LocalModel, so it cannot be saved.")
        note = {
            "trial": id,
            "tuning": spec,
            "base": base,
            "seed": seed,
            "cost": cost,
            "losses": losses,
            **notes,
        }
        save_with(tuned, folder, note)
    return Tuned(tuned, losses, cost, folder)


def save_with(model: Any, folder: Path, note: Mapping[str, Any]) -> None:
    """Save a model with its fit.json: as a whole or not at all."""
    from corollary.models.local import save

    folder.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic only within one file system.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        save(model, Path(made) / "model")
        store.write_json(Path(made) / "model" / "fit.json", note)
        (Path(made) / "model").rename(folder)


def _own_folder(folder: Path, source: Source) -> Path:
    """The folder, if writing to it overwrites no documents of yours."""
    # An augmented.json shows that an earlier run generated the documents.
    theirs = (folder / "documents.jsonl").exists() and not (folder / "augmented.json").exists()
    same = isinstance(source, str | Path) and folder.resolve() == Path(source).resolve()
    if theirs or same or (folder / "study.json").exists():
        raise UserError(f"{folder} contains documents of your own: name another folder, so that they stay.")
    return folder


def _other(data: Dataset, spec: Spec) -> Dataset | None:
    """The same dataset at another seed, for a strategy that asks for it."""
    from corollary.plugins import wants
    from corollary.studies.plan import make_dataset

    if "other" not in wants("strategies", spec.use):
        return None
    if data.other_seed is None or data.made is None:
        raise UserError(
            f"The strategy {spec.use} needs a dataset made by `corollary make`: leave the strategy out."
        )
    return make_dataset(spec_of("datasets", data.made), data.other_seed)


def _collected(
    data: Dataset,
    used: Sequence[Spec],
    brought: Mapping[int, Any],
    *,
    withhold: float,
    seed: int,
    reasons: Mapping[str, str],
) -> Augmented:
    kept: dict[str, Document] = {}
    left_out: list[tuple[Document, str]] = []
    cost, audit = Cost(), audit_of(data)
    for at, spec in enumerate(used):
        answer = brought[at]
        if isinstance(answer, JobFailed):
            raise answer
        lines = usable(data, answer.documents, audit, withhold=withhold, seed=seed, reasons=reasons)
        cost += answer.cost
        key = strategy_key(spec)
        good = {line.id for line in lines.used}
        for line in answer.documents:
            named = line if key == spec.use else replace(line, id=f"{key}:{line.id}")
            if line.id in good:
                kept.setdefault(line.text, named)
            elif line.strategy == DROPPED:
                left_out.append((named, str(line.meta.get("reason", "dropped by its strategy"))))
            else:
                other = "withheld" if withhold else "contains something of a question"
                left_out.append((named, reasons.get(line.id, other)))
    return Augmented(tuple(kept.values()), tuple(left_out), cost)


def _keep(folder: Path, data: Dataset, found: Augmented, note: Mapping[str, Any]) -> None:
    store.write_json(folder / "augmented.json", {**note, "cost": found.cost})
    store.write_jsonl(
        folder / "rejected.jsonl",
        [
            {"id": line.id, "text": line.text, "source": line.source, "reason": why}
            for line, why in found.rejected
        ],
    )
    if data.audit:
        audit = audit_of(data)
        labelled = audit.label([*found.documents, *(line for line, _ in found.rejected)])
        store.write_jsonl(folder / "audit.jsonl", labelled)
    store.write_jsonl(folder / "documents.jsonl", found.documents)
