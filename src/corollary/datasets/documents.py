"""A dataset that lies in a folder, as `corollary make` writes one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from corollary import store, values
from corollary.errors import UserError
from corollary.plugins import is_file
from corollary.types import Dataset, Document, Question, Spec

T = TypeVar("T", Document, Question)

OFFERS = ("recall", "audit", "marks", "section", "model", "other_seed")
"""Fields of a dataset that its dataset.json keeps."""


def make(*, seed: int, path: str, name: str = "") -> Dataset:
    """The documents and questions of a folder: documents.jsonl and questions.jsonl, a `Document` or
    `Question` a line.

    It is the same for every seed. `name` is what it is called in results; if it is empty, what its
    dataset.json says, else the folder's name. Without questions.jsonl there are no questions. Raises
    `UserError` when there is no such folder, when it holds no documents, or when a line is not one.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: make one with `corollary make`, or name another.")
    if not (folder / "documents.jsonl").is_file():
        raise UserError(
            f"{folder} holds no documents.jsonl: name a folder that `corollary make` wrote, or write your"
            ' documents to that file, one {"id": ..., "text": ...} a line.'
        )
    found = _read(folder / "documents.jsonl", Document)
    if not found:
        raise UserError(f"{folder / 'documents.jsonl'} is empty: give it at least one document.")
    asked = folder / "questions.jsonl"
    questions = _read(asked, Question) if asked.is_file() else ()
    note = store.read_json(folder / "dataset.json") if (folder / "dataset.json").is_file() else {}
    if not isinstance(note, dict):
        raise UserError(f"{folder / 'dataset.json'} is no object: remove it, or make the dataset again.")
    return _offering(Dataset(name or str(note.get("name") or folder.resolve().name), found, questions), note)


def _offering(data: Dataset, note: dict[str, Any]) -> Dataset:
    """The dataset with what its dataset.json says that its plug-in offers.

    The note is data, which may come from anybody: it names installed plug-ins and never a file.
    """
    named = [str(note.get(key, "")) for key in ("use", "audit", "section", "model")]
    if "use" not in note or any(is_file(name) for name in named):
        return data
    try:
        offers = {key: note[key] for key in OFFERS if key in note}
        kept = values.from_plain(Dataset, {"name": data.name, "documents": (), "questions": (), **offers})
        made = Spec(str(note["use"]), dict(note.get("options", {})))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The dataset.json of {data.name} is damaged ({error}): make the dataset again."
        ) from error
    return replace(kept, documents=data.documents, questions=data.questions, made=made)


def _read(path: Path, kind: type[T]) -> tuple[T, ...]:
    made: list[T] = []
    for number, row in enumerate(store.read_jsonl(path), start=1):
        try:
            # Tables that are written as JSON have null where a column is empty.
            row = {key: v for key, v in row.items() if v is not None} if isinstance(row, dict) else row
            one = values.from_plain(kind, row)
            texts = (one.id, one.text) if isinstance(one, Document) else (one.id, one.prompt, one.answer)
            if not all(isinstance(text, str) and text for text in texts):
                raise TypeError("its id or a text of it is empty or no text")
            if isinstance(one, Question) and one.choices and one.answer not in one.choices:
                raise ValueError("its answer is not among its choices")
        except (TypeError, ValueError) as error:
            what = kind.__name__.lower()
            raise UserError(f"Row {number} of {path} is not a {what} ({error}): mend it.") from error
        made.append(one)
    ids = [one.id for one in made]
    if len(set(ids)) < len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise UserError(f"Two rows of {path} have the id '{twice}': give each its own.")
    return tuple(made)
