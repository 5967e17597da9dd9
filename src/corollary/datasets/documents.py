"""Your own documents as a dataset: a folder of documents, with questions beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from corollary import store, values
from corollary.documents.corpus import read_corpus
from corollary.documents.questions import read_questions
from corollary.errors import UserError
from corollary.plugins import is_file
from corollary.types import Dataset, Spec

OFFERS = ("recall", "audit", "marks", "section", "model", "other_seed")
"""Fields of a dataset that dataset.json stores."""


def make(*, seed: int, path: str, name: str = "", language: str = "en", text_field: str = "") -> Dataset:
    """The documents of a folder or file, and the questions of its questions.jsonl.

    The seed changes nothing. `name` is the dataset's name in results; its default is the name in
    dataset.json, or else the folder's. `language` and `text_field` are those of `corollary read`. Without
    questions.jsonl there are no questions. Raises `UserError` when there is no such folder, or no document in
    it.
    """
    source = Path(path)
    folder = source if source.is_dir() else source.parent
    found = tuple(read_corpus(source, language=language, text_field=text_field).documents())
    asked = folder / "questions.jsonl"
    questions = read_questions(asked) if asked.is_file() else ()
    note_file = folder / "dataset.json"
    note = store.read_json(note_file) if source.is_dir() and note_file.is_file() else {}
    if not isinstance(note, dict):
        raise UserError(f"{note_file} is not a JSON object: remove it, or make the dataset again.")
    data = Dataset(name or str(note.get("name") or source.resolve().stem), found, questions)
    # The note may come from anybody, so it may name installed plug-ins but never a file.
    named = [str(note.get(key, "")) for key in ("use", "audit", "section", "model")]
    if "use" not in note or any(map(is_file, named)):
        return data
    try:
        offers = {key: note[key] for key in OFFERS if key in note}
        kept = values.from_plain(Dataset, {"name": data.name, "documents": (), "questions": (), **offers})
        made = Spec(str(note["use"]), dict(note.get("options", {})))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The dataset.json of {data.name} is damaged ({error}): make the dataset again."
        ) from error
    return replace(kept, documents=found, questions=questions, made=made)
