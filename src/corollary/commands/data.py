"""Commands that make a dataset, read documents and list plug-ins."""

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
    seed: Annotated[int, Doc("Seed, 0 to 31 (or 100 to 131); the same seed gives the same result.")] = 0,
    **options: Any,
) -> Path:
    """Make a controlled dataset: documents and held-out questions.

    The questions ask what follows from the documents. The options of the dataset are flags;
    `corollary list datasets` names them. Writes documents.jsonl, questions.jsonl and dataset.json, and
    returns the folder.

    Raises `UserError` for unknown names, options and seeds, and when the folder contains files of your own or
    a dataset with other settings.

        corollary make reversals --facts 24 --out data/reversals
        corollary make celebrities --from FOLDER   (the published reversal-curse files)
    """
    spec = spec_of("datasets", dataset, options)
    folder = Path(out) if out is not None else Path("out") / f"{plugins.name_of(spec.use)}.s{seed}"
    note_file = folder / "dataset.json"
    own = [name for name in ("documents.jsonl", "questions.jsonl") if (folder / name).exists()]
    if own and not note_file.exists():
        raise UserError(f"{folder} contains a {own[0]} of your own: name another folder, so that it stays.")
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
            f"{folder} contains a dataset with other settings, which may still be in use: name another"
            " folder, or remove that one."
        )
    # The note first, as it marks the files as ours. The documents last, as a folder without them is not
    # read. After a kill in between, the same command writes all files again.
    store.write_json(note_file, note)
    store.write_jsonl(folder / "questions.jsonl", made.questions)
    store.write_jsonl(folder / "documents.jsonl", made.documents)
    return folder


def read(
    source: Annotated[PathLike, Doc("Folder or file of documents.")],
    *,
    language: Annotated[str, Doc("Language of the documents; it decides where sentences end.")] = "en",
    text_field: Annotated[str, Doc("Field that contains a row's text. [default: by its name]")] = "",
) -> Corpus:
    """Read the documents of a folder, and show the result for each file.

    Reads text, Markdown, HTML, PDF, Word, CSV, Parquet and JSON files. A file or row that cannot be read is
    reported, and the others are read. Raises `UserError` when there is nothing to read.

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

    Options of datasets and tunings are flags of `make` and `tune`. Set the others with --set SECTION.OPTION.
    Raises `UserError` for an unknown kind.

        corollary list datasets
    """
    found = []
    for each in [kind] if kind else plugins.KINDS:
        for name in plugins.available(each):
            function = plugins.load(each, name)
            line = plugins.summary(function).split(". ")[0].rstrip(".") + "."
            found.append(Plugin(each, name, line, plugins.options(function)))
    return found
