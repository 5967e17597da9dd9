"""One stage at a time: make a dataset, let a model write, tune on both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corollary import plugins, store
from corollary.commands.folders import PathLike, model_spec, read_data, spec_of
from corollary.errors import UserError
from corollary.types import DROPPED, Cost, Dataset, Document, Spec, Trial

Progress = Callable[[int, int], None]
"""Called with how much is done, of how much."""

TICKS = 20
"""How often a tuning tells how far it is."""


def make(dataset: Spec | str, out: PathLike, *, seed: int = 0, **knobs: Any) -> Path:
    """Make a controlled dataset: documents.jsonl, questions.jsonl and dataset.json in the folder `out`.

    `dataset` is the name of a dataset plug-in, or `file.py:function`; `knobs` are its own. Returns the
    folder. Raises `UserError` for names, knobs and seeds that do not exist, and when the folder holds
    documents that were not made here, or a dataset with other settings.
    """
    spec = spec_of("datasets", dataset, knobs)
    folder = Path(out)
    if (folder / "documents.jsonl").exists() and not (folder / "dataset.json").exists():
        raise UserError(f"{folder} holds documents of your own: name another folder, so that they stay.")
    made: Dataset = plugins.bind("datasets", spec)(seed=seed)
    note = {"name": made.name, "use": spec.use, "seed": seed, "knobs": store.to_plain(spec.knobs)}
    if (folder / "dataset.json").exists() and store.read_json(folder / "dataset.json") != note:
        raise UserError(
            f"{folder} holds a dataset with other settings, and what was made from it may still be in use:"
            " name another folder, or remove that one."
        )
    # The note first, since it says that the rest was made here; the documents last, since nothing reads a
    # folder without them: after a kill between two files the same command writes all of them.
    store.write_json(folder / "dataset.json", note)
    store.write_jsonl(folder / "questions.jsonl", made.questions)
    store.write_jsonl(folder / "documents.jsonl", made.documents)
    return folder


def augment(
    data_folder: PathLike,
    out: PathLike,
    *,
    strategies: Sequence[Spec | str] = ("local", "linked"),
    model: Spec | PathLike = "embedded",
    seed: int = 0,
    rows: int = 0,
    withhold: float = 0.0,
    progress: Progress | None = None,
) -> Path:
    """Let a model write what follows from the documents of a folder: documents.jsonl in the folder `out`.

    Each line that was written is a document with its sources. What the model was asked is kept in
    completions.db there, so a run that was stopped goes on, and nothing is asked twice. augmented.json
    says what was asked and what it cost; for a controlled dataset audit.jsonl says what each line is
    worth. `rows` is how many rows a strategy is asked for that asks (`paraphrase`); `withhold` keeps the
    inferences of that share of the facts out. `progress` is called with the requests done and asked.

    Returns the folder. Raises `UserError` for names that do not exist, a folder without documents, and
    when `out` is that folder or holds documents that were not written so.
    """
    from corollary.augment import augment as write
    from corollary.study.audit import lines
    from corollary.study.plan import strategy_key
    from corollary.study.presets import share_of
    from corollary.study.work import Nobody, open_model

    share_of(withhold)
    data, source, folder = read_data(data_folder), Path(data_folder), Path(out)
    asked = folder / "completions.db"
    # Documents beside what a model was asked are those of an earlier run of this.
    own = (folder / "documents.jsonl").exists() and not asked.exists()
    if own or folder.resolve() == source.resolve():
        raise UserError(f"{folder} holds documents of your own: name another folder, so that they stay.")
    used = [spec_of("strategies", strategy) for strategy in strategies]
    opened = Nobody() if all(spec.use == "oracle" for spec in used) else open_model(model_spec(model))
    written: dict[str, Document] = {}
    found: list[Document] = []
    cost, leaked = Cost(), 0
    for spec in used:
        answer = write(
            data,
            spec,
            seed=seed,
            model=opened,
            store=asked,
            rows=rows,
            other=_other(source) if spec.use == "foreign" else None,
            progress=progress,
        )
        kept = lines(data, answer.documents, spec.use, withhold=withhold, seed=seed)
        cost, leaked = cost + answer.cost, leaked + kept.leaked
        key = strategy_key(spec)
        named = [row if key == spec.use else replace(row, id=f"{key}:{row.id}") for row in kept.used]
        for row in named:
            written.setdefault(row.text, row)
        found += answer.documents
    store.write_jsonl(folder / "documents.jsonl", written.values())
    note = {"strategies": used, "seed": seed, "model": opened.identity, "withhold": withhold}
    summary = _audited(data, found, folder, leaked) if (source / "dataset.json").is_file() else {}
    store.write_json(folder / "augmented.json", {**note, "cost": cost, "leaked": leaked, "audit": summary})
    if found and not written and all(row.strategy == DROPPED for row in found):
        raise UserError(
            f"The model wrote {len(found)} lines and none names two things of what it was asked about, so all"
            " were dropped: try a larger model, or keep them with --set STRATEGY.grounded=no."
        )
    return folder


def tune(
    data_folder: PathLike,
    out: PathLike,
    *,
    tuning: Spec | str = "full",
    augmented: Sequence[PathLike] = (),
    model: Spec | PathLike = "embedded",
    seed: int = 0,
    whole: bool = False,
    progress: Progress | None = None,
    **knobs: Any,
) -> Path:
    """Tune a model on the documents of a folder, and on those of the folders `augmented` beside them.

    Every sentence is a row of its own, unless `whole`. `tuning` is a tuning plug-in and `knobs` are its
    own. The folder `out` becomes the model's (an adapter's for lora, in PEFT's layout), with fit.json:
    losses, tokens, steps and cost. Tuned already on the same, nothing is done.

    Returns the folder. Raises `UserError` for names that do not exist, a folder without documents, and
    when `out` holds something else.
    """
    from corollary.models.local import LocalModel, save
    from corollary.study import work
    from corollary.study.plan import training_rows

    data, folder = read_data(data_folder), Path(out)
    added = [row for each in augmented for row in read_data(each).documents]
    spec = spec_of("tuning", tuning, knobs)
    base = model_spec(model)
    trial = Trial(
        dataset=data.name,
        method="tuned",
        seed=seed,
        model=base,
        tune=spec,
        documents=training_rows(data, added, whole=whole),
        context=(),
        orders=((),),
        questions=(),
        checkpoints=TICKS if progress else 0,
    )
    # Telling how far it is changes nothing of the model.
    id = work.trial_id(replace(trial, checkpoints=0))
    if folder.exists():
        if (folder / "fit.json").is_file() and store.read_json(folder / "fit.json")["trial"] == id:
            return folder
        raise UserError(f"{folder} exists already and holds something else: name a new folder for the model.")
    ticks = iter(range(1, TICKS + 1))
    tell = (lambda step, so_far: progress(next(ticks), TICKS)) if progress else None
    tuned, cost, losses, notes = work.tune(trial, work.open_model(base), tell)
    if not isinstance(tuned, LocalModel):
        raise UserError(f"What the tuning {spec.use} returns cannot be saved: return a LocalModel from it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and then moved there, so that the folder is whole or not there.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        save(tuned, Path(made) / "model")
        fit = {"trial": id, "tuning": spec, "base": base, "seed": seed, "cost": cost, "losses": losses}
        store.write_json(Path(made) / "model" / "fit.json", {**fit, **notes})
        (Path(made) / "model").rename(folder)
    return folder


def _other(source: Path) -> Dataset:
    """The same dataset of another seed, for the foreign control."""
    from corollary.study.plan import make_dataset, other_seed

    if not (source / "dataset.json").is_file():
        raise UserError("The strategy foreign needs a dataset that was made here: leave it out.")
    note = store.read_json(source / "dataset.json")
    return make_dataset(spec_of("datasets", Spec(note["use"], note["knobs"])), other_seed(note["seed"]))


def _audited(data: Dataset, rows: Sequence[Document], folder: Path, leaked: int) -> dict[str, Any]:
    from corollary import verify
    from corollary.study.audit import kept, reserved

    knowledge = verify.knowledge_of(data.documents)
    labelled = verify.audit(data.documents, rows, reserved=reserved, kept=kept, knowledge=knowledge)
    store.write_jsonl(folder / "audit.jsonl", labelled)
    return dict(verify.summarise(labelled, knowledge, reserved=reserved, leaked=leaked))
