"""The arguments of commands: documents as files or values, models by name, folder or as values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corollary import plugins, store
from corollary.datasets.documents import make as read_folder
from corollary.errors import Unknown, UserError
from corollary.types import Dataset, Document, Scorer, Spec, Study, Writer

PathLike = str | os.PathLike[str]

Source = PathLike | Dataset | Sequence[str] | Iterable[Mapping[str, Any]]
"""Documents: a folder or file, a `Dataset`, texts, or rows with a "text" (as in `datasets.Dataset`)."""

ModelLike = Any
"""A model: the name of a plug-in, a folder, a hub id, a GGUF file, `file.py`, a `Spec`, an opened model, or a
pair (network, tokenizer) of transformers."""


def dataset_from(source: Source) -> Dataset:
    """The documents and questions of a source. Raises `UserError` when it contains no documents."""
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str | os.PathLike):
        return read_folder(seed=0, path=str(source))
    if not isinstance(source, Iterable):
        raise UserError(f"{source!r} is no source of documents: give a folder, a file or a list of texts.")
    rows = list(source)
    documents = [_document(at, row) for at, row in enumerate(rows)]
    if not documents:
        raise UserError("There are no documents: give at least one text.")
    return Dataset("documents", tuple(documents), ())


def check_apart(source: Source, out: PathLike | None) -> None:
    """Raises `UserError` where results would be written among the documents, to be read as such later."""
    given = out is not None and isinstance(source, str | os.PathLike)
    if given and Path(str(out)).resolve() == Path(str(source)).resolve():
        raise UserError(f"{out} holds the documents: write to another folder with --out.")


def _document(at: int, row: Any) -> Document:
    if isinstance(row, Document):
        return row
    if isinstance(row, str):
        return Document(f"d{at}", row)
    if isinstance(row, Mapping) and isinstance(row.get("text"), str):
        others = {key: value for key, value in row.items() if key not in ("id", "text")}
        return Document(str(row.get("id", f"d{at}")), row["text"], meta=others)
    raise UserError(f"Document {at} is neither a text nor a row with a 'text': {str(row)[:60]!r}.")


def spec_of(kind: str, given: Spec | str, options: Mapping[str, Any] | None = None) -> Spec:
    """A plug-in with its options resolved. Raises `UserError` for unknown names and values that do not
    fit."""
    spec = given if isinstance(given, Spec) else Spec(given)
    return plugins.check_options(kind, Spec(spec.use, {**spec.options, **(options or {})}))


def model_spec(
    given: ModelLike, *, adapter: PathLike | None = None, options: Mapping[str, Any] | None = None
) -> Spec:
    """The spec of a model; `adapter` is the folder of a PEFT adapter for it.

    Raises `UserError` when there is no such model. A folder is not opened here, so it may still be broken.
    """
    from corollary.studies.jobs import give_model

    if isinstance(given, tuple) and len(given) == 2:
        from corollary.inference.model import LocalModel

        given = LocalModel(*given)
    if isinstance(given, Writer | Scorer):
        return give_model(given)
    if not isinstance(given, Spec):
        given = _by_name(os.fspath(given))
    if adapter is not None:
        if given.use not in ("local", "embedded"):
            raise UserError(f"The model {given.use} takes no adapter: leave it out, or name a model folder.")
        given = Spec(given.use, {**given.options, "adapter": os.fspath(adapter)})
    return spec_of("models", given, options)


def _by_name(name: str) -> Spec:
    known = plugins.available("models")
    if name in known or plugins.is_file(name):
        return Spec(name)
    folder = Path(name)
    if folder.is_file() or folder.suffix == ".gguf":
        return Spec("local", {"path": name})
    if not folder.is_dir():
        if len(folder.parts) == 2 and not name.startswith((".", "/", "~")):
            return Spec("local", {"path": name})  # owner/name: an id of the Hugging Face hub
        raise Unknown("model or model folder", name, known)
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        found = store.read_json(folder / "adapter_config.json")
        base = (found.get("base_model_name_or_path") if isinstance(found, dict) else "") or ""
        if not (Path(base) / "config.json").is_file():
            raise UserError(
                f"The adapter in {folder} belongs to the model '{base}', which is not a folder here:"
                f" name it, as in --model FOLDER --adapter {folder}."
            )
        return Spec("local", {"path": base, "adapter": name})
    return Spec("local", {"path": name})


def model_for(data: Dataset, given: ModelLike | None) -> ModelLike:
    """The given model, or else the one that the dataset names.

    Raises `UserError` when there is neither: no model is right for everybody's documents.
    """
    if given is not None:
        return given
    if data.model:
        return data.model
    raise UserError(
        "Name the model to use with --model: a folder, a hub id (owner/name) or a GGUF file. The bundled"
        " model understands only the English of the controlled datasets."
    )


def with_option(planned: Study, key: str, value: Any) -> Study:
    """The study with one option changed, named as "section.option". Raises `UserError` for what has none."""
    from corollary.studies.plan import dataset_name

    section, dot, option = key.rpartition(".")
    datasets = {dataset_name(spec): spec for spec in planned.datasets}
    tunings = {spec.use: spec for spec in planned.tunings}
    if not dot:
        raise UserError(
            f"'{key}' does not name the section of an option: write dataset.option, tuning.option or"
            " model.option."
        )
    if section in ("model", "generator", "judge"):
        current = getattr(planned, section) or planned.model
        changed: Any = {section: spec_of("models", current, {option: value})}
        return replace(planned, **changed)
    if section in datasets:
        new = spec_of("datasets", datasets[section], {option: value})
        return replace(
            planned, datasets=tuple(new if s is datasets[section] else s for s in planned.datasets)
        )
    if section in tunings:
        new = spec_of("tunings", tunings[section], {option: value})
        return replace(planned, tunings=tuple(new if s is tunings[section] else s for s in planned.tunings))
    raise Unknown(
        "dataset or tuning of this study", section, [*datasets, *tunings, "model", "generator", "judge"]
    )
