"""Make a controlled dataset, and list what there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_doc import Doc

from corollary import plugins, store, values
from corollary.commands.sources import PathLike, spec_of
from corollary.datasets.documents import OFFERS
from corollary.documents.corpus import Corpus, read_corpus
from corollary.errors import UserError
from corollary.plugins import Option
from corollary.types import Dataset, Spec


def make(
    dataset: Annotated[Spec | str, Doc("A dataset's name, or file.py.")],
    out: Annotated[PathLike | None, Doc("Folder to write to. [default: out/DATASET.sSEED]")] = None,
    *,
    seed: Annotated[int, Doc("Seed, 0 to 31 (or 100 to 131): the same one, the same result.")] = 0,
    **options: Any,
) -> Path:
    """Make a controlled dataset: documents to learn from, and questions.

    The questions are held out: they ask what follows from the documents. The options of the dataset are
    flags; `corollary list datasets` names them. Writes documents.jsonl, questions.jsonl and dataset.json, and
    returns the folder.

    Raises `UserError` for names, options and seeds that do not exist, and when the folder holds files that
    were not made here, or a dataset with other settings.

        corollary make reversals --facts 24 --out data/reversals
        corollary make celebrities --from FOLDER   (the published reversal-curse files)
    """
    spec = spec_of("datasets", dataset, options)
    folder = Path(out) if out is not None else Path("out") / f"{plugins.name_of(spec.use)}.s{seed}"
    note_file = folder / "dataset.json"
    own = [name for name in ("documents.jsonl", "questions.jsonl") if (folder / name).exists()]
    if own and not note_file.exists():
        raise UserError(f"{folder} holds a {own[0]} of your own: name another folder, so that it stays.")
    made: Dataset = plugins.bind("datasets", spec)(seed=seed)
    offers = {key: values.to_plain(getattr(made, key)) for key in OFFERS}
    note = {
        "name": made.name,
        "use": spec.use,
        "seed": seed,
        "options": values.to_plain(spec.options),
        **offers,
    }
    if note_file.exists() and store.read_json(note_file) != note:
        raise UserError(
            f"{folder} holds a dataset with other settings, and what was made from it may still be in use:"
            " name another folder, or remove that one."
        )
    # The note first, since it says that the rest was made here; the documents last, since nothing reads a
    # folder without them: after a kill between two files the same command writes all of them.
    store.write_json(note_file, note)
    store.write_jsonl(folder / "questions.jsonl", made.questions)
    store.write_jsonl(folder / "documents.jsonl", made.documents)
    return folder


def read(
    source: Annotated[PathLike, Doc("Folder or file of documents.")],
    *,
    language: Annotated[str, Doc("Language of the documents, for where sentences end.")] = "en",
    text_field: Annotated[str, Doc("Field of a row that is its text. [default: found by its name]")] = "",
) -> Corpus:
    """Read the documents of a folder, and show what became of each file.

    Text, Markdown, HTML, PDF, Word, CSV, Parquet and JSON files are read, each by its reader. A file or row
    that cannot be read costs itself alone. Raises `UserError` when there is nothing to read.

        corollary read docs/
    """
    return read_corpus(source, language=language, text_field=text_field)


@dataclass(frozen=True)
class Plugin:
    """A plug-in: its kind, its name, one sentence about it, and its options."""

    kind: str
    name: str
    summary: str
    options: tuple[Option, ...]


def list_(
    kind: Annotated[str | None, Doc("datasets, strategies, models, tunings, runners, ...")] = None,
) -> list[Plugin]:
    """List the plug-ins and their options.

    Options of datasets and tunings are flags of `make` and `tune`; the others are set with --set
    SECTION.OPTION. Raises `UserError` for an unknown kind.

        corollary list datasets
    """
    found = []
    for each in [kind] if kind else plugins.KINDS:
        for name in plugins.available(each):
            function = plugins.load(each, name)
            line = plugins.summary(function).split(". ")[0].rstrip(".") + "."
            found.append(Plugin(each, name, line, plugins.options(function)))
    return found
