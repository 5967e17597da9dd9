"""A corpus: the documents in a folder's files, read one by one, with a report on each file."""

from __future__ import annotations

import functools
import inspect
import os
import sqlite3
import stat
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from corollary import plugins
from corollary.documents.readers import Found, LeftOut, Remark, Skipped
from corollary.documents.split import plain_spans, sentences
from corollary.errors import UserError
from corollary.types import Document

PathLike = str | os.PathLike[str]
Read = Callable[..., Iterator[Found]]

NO_DOCUMENTS = frozenset(
    "questions.jsonl dataset.json augmented.json audit.jsonl rejected.jsonl"
    " completions.db completions.db-wal completions.db-shm".split()
)
"""Files of ours that lie beside documents."""
WROTE = ("study.json", "augmented.json", "trial.json", "fit.json")
"""Files by which a folder is known that a command wrote: what a model generated is not read as documents."""
REASONS = 5
"""Reasons and remarks in the report on a file; further ones are only counted."""
COLUMNS = ("file", "reader", "documents", "sentences", "without sentences", "notes")


@dataclass(frozen=True)
class FileReport:
    """The result for one file. `why` says why it was not read, and is "" if it was. `skipped_parts` counts
    parts without sentences ("headings"), `rows_skipped` the rows or pages without a document; `reasons` are
    the first reasons for these."""

    file: str
    reader: str = ""
    documents: int = 0
    sentences: int = 0
    skipped_parts: Mapping[str, int] = field(default_factory=dict)
    rows_skipped: int = 0
    reasons: tuple[str, ...] = ()
    note: str = ""
    why: str = ""


class Corpus:
    """Documents that are read from their files each time, so that memory does not grow with them."""

    def __init__(
        self, source: Path, entries: Sequence[tuple[str, str]], options: Mapping[str, Any], readers: _Readers
    ) -> None:
        self.source = source
        self._entries, self._options, self._readers = entries, options, readers
        self._reports: list[FileReport] = []

    def documents(self) -> Iterator[Document]:
        """The documents, in the order of files and of places in them, each with an id of its own.

        Raises `UserError` at the end if there are none.
        """
        document = None
        for document in self._read():
            yield document
        if document is None:
            why = next((f" ({report.file}: {note})" for report in self.files for note in _notes(report)), "")
            raise UserError(f"{self.source} has no document that can be read{why}: give it a file with text.")

    @property
    def files(self) -> list[FileReport]:
        """A report on each file, in order. Reads all files unless they were read before."""
        if not self._reports:
            for _ in self._read():
                pass
        return list(self._reports)

    def _read(self) -> Iterator[Document]:
        reports: list[FileReport] = []
        # On disk: a large corpus has as many ids as rows.
        with closing(sqlite3.connect("")) as seen:
            seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")
            for name, why in self._entries:
                if why:
                    reports.append(FileReport(shown_name(name), why=why))
                else:
                    reports.append((yield from self._read_file(name, seen)))
        self._reports = reports

    def _read_file(self, name: str, seen: sqlite3.Connection) -> Generator[Document, None, FileReport]:
        path = self.source / name if self.source.is_dir() else self.source
        reader, read = self._readers[path.suffix.lower()]
        shown = shown_name(name)
        wanted = inspect.signature(read).parameters
        options = {key: value for key, value in {**self._options, "name": shown}.items() if key in wanted}
        language = self._options["language"]
        parts: Counter[str] = Counter()
        reasons: list[str] = []
        remarks: dict[str, None] = {}
        count = total = renamed = skipped = 0
        why = ""
        try:
            for item in read(path, **options):
                if isinstance(item, Document):
                    document = _with_own_id(item, shown, seen)
                    renamed += document.id != item.id
                    if document.spans is None and language != "en":
                        # Later calls of `sentences` do not know the language.
                        document = replace(document, spans=plain_spans(document.text, language=language))
                    count += 1
                    total += len(sentences(document))
                    yield document
                elif isinstance(item, LeftOut):
                    parts[item.what] += item.count
                elif isinstance(item, Remark):
                    if len(remarks) < REASONS:
                        remarks[item.text] = None
                else:
                    assert isinstance(item, Skipped), f"a reader yields documents and notes, not {type(item)}"
                    skipped += 1
                    if len(reasons) < REASONS:
                        reasons.append(f"{item.place}: {item.why}")
        except UserError as error:
            why = str(error)
        except OSError as error:
            why = f"it cannot be read ({error.strerror})"
        # A file may be damaged in ways that its library does not expect. The others must still be read.
        except Exception as error:
            why = f"it cannot be read ({type(error).__name__}: {error})"[:160]
        if not (count or remarks or why or skipped):
            why = "it has no text"
        if renamed:
            remarks[f"ids by file and place, since an earlier document has theirs: {renamed}"] = None
        note = "; ".join(remarks)
        return FileReport(shown, reader, count, total, dict(parts), skipped, tuple(reasons), note, why)


_Readers = Mapping[str, tuple[str, Read]]
"""The name and function of the reader for each suffix."""


def read_corpus(
    source: PathLike, *, language: str = "en", text_field: str = "", readers: Mapping[str, Read] | None = None
) -> Corpus:
    """The corpus of a folder, or of a single file.

    Subfolders are searched too. Hidden files, links that lead out of the folder and files without a reader
    are reported and not read. In a folder that `corollary make` or `corollary augment` wrote, only
    documents.jsonl is read. `language` decides where sentences end. `text_field` names the field that
    contains a row's text. `readers` maps a suffix (".xyz") to a function as in `corollary.documents.readers`.
    Raises `UserError` if there is no such folder or file, or if nothing in it has a reader.
    """
    path = Path(source)
    given = {suffix.lower(): (suffix.lower().lstrip("."), read) for suffix, read in (readers or {}).items()}
    known = {**_known(), **given}
    if path.is_dir():
        entries = _entries(path, known)
    elif path.is_file():
        entries = [(path.name, "")] if path.suffix.lower() in known else []
    else:
        raise UserError(f"There is no folder or file {path}: give the path of an existing one.")
    if all(why for _, why in entries):
        kinds = ", ".join(sorted(known))
        raise UserError(f"{path} has no file that Corollary can read: give it files that end in {kinds}.")
    return Corpus(path, entries, {"language": language, "text_field": text_field}, known)


def corpus_table(corpus: Corpus) -> list[tuple[str, ...]]:
    """A row of text for each file, in the order of `COLUMNS`; files that were not read say why."""
    return [
        (
            report.file,
            report.reader or "-",
            str(report.documents),
            str(report.sentences),
            ", ".join(f"{what}: {count}" for what, count in report.skipped_parts.items()),
            shown_name("; ".join(_notes(report))),
        )
        for report in corpus.files
    ]


def shown_name(name: str) -> str:
    """A name from a file as text that is safe to print and to save: control characters are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _notes(report: FileReport) -> Iterator[str]:
    if report.why:
        yield f"not read: {report.why}" if not report.documents else f"read in part: {report.why}"
    if report.rows_skipped:
        more = report.rows_skipped - len(report.reasons)
        reasons = [*report.reasons, f"and {more} more"] if more else report.reasons
        yield f"{report.rows_skipped} skipped: {'; '.join(reasons)}"
    if report.note:
        yield report.note


@functools.cache
def _known() -> Mapping[str, tuple[str, Read]]:
    found: dict[str, tuple[str, Read]] = {}
    for name in plugins.available("readers"):
        read = plugins.load("readers", name)
        # A reader's module lists the suffixes that it reads.
        found |= dict.fromkeys(sys.modules[read.__module__].SUFFIXES, (name, read))
    return found


def _entries(folder: Path, readers: _Readers) -> list[tuple[str, str]]:
    """(path below the folder, why it is not read, or "") of each file, sorted by name."""
    root = folder.resolve()
    ours = folder / "documents.jsonl"
    alone = ours.is_file() and any((folder / name).is_file() for name in ("dataset.json", "augmented.json"))
    found: list[tuple[str, str]] = []

    def closed(error: OSError) -> None:
        below = Path(error.filename).relative_to(folder).as_posix()
        found.append((f"{below}/", f"it cannot be opened ({error.strerror})"))

    for place, inner, files in os.walk(folder, onerror=closed):
        below = Path(place).relative_to(folder)
        for name in list(inner):
            path = Path(place, name)
            if any((path / note).is_file() for note in WROTE):
                why = "it is a folder that Corollary wrote, and holds no documents of yours"
            elif name.startswith("."):
                why = "it is hidden"
            elif path.is_symlink():
                why = "it is a link to a folder"
            else:
                continue
            inner.remove(name)
            found.append(((below / name).as_posix() + "/", why))
        for name in files:
            path = Path(place, name)
            why = "only documents.jsonl is read" if alone and path != ours else _why_not(path, root, readers)
            found.append(((below / name).as_posix(), why))
    return sorted(found, key=lambda entry: entry[0].split("/"))


def _why_not(path: Path, root: Path, readers: _Readers) -> str:
    if path.name.startswith((".", "~$")):
        return "it is hidden"
    if path.name in NO_DOCUMENTS:
        return "it contains no documents"
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            return "it is a link that leads out of the folder"
        # Opening a pipe would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            return "it is no regular file"
    except (OSError, RuntimeError):
        return "it is a link that leads nowhere" if path.is_symlink() else "it cannot be opened"
    known = path.suffix.lower() in readers
    return "" if known else f"no reader for {path.suffix or 'a file without a suffix'}"


def _with_own_id(document: Document, file: str, seen: sqlite3.Connection) -> Document:
    """The document, with a new id from its file and place if an earlier one has the same id."""
    origin = document.origin
    place = (origin.row or origin.page) if origin else None
    by_place = f"{file}:{place}" if place else file
    tries = (by_place if number == 1 else f"{by_place}#{number}" for number in range(1, 1 << 62))
    id = document.id
    while not seen.execute("INSERT OR IGNORE INTO ids VALUES (?)", (id,)).rowcount:
        id = next(tries)
    return document if id == document.id else replace(document, id=id)
