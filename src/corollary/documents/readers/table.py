"""Tables: each row of a CSV, TSV or Parquet file is one document.

Python's own reader reads CSV: pyarrow guesses a column's type from its first rows, and gives up the whole
file if a later row does not fit.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corollary.documents.decoding import encoding_of
from corollary.documents.readers import Found, Remark, Skipped
from corollary.documents.readers.rows import documents_of
from corollary.errors import UserError

SUFFIXES = (".csv", ".tsv", ".parquet")

_LONGEST = 1 << 24
"""The most characters in a cell: an unclosed quote must not load the rest of a large file into memory."""


def read(path: Path, *, name: str = "", text_field: str = "") -> Iterator[Found]:
    """Each row as one document. The default id is the row's number below the header.

    The first row of a CSV file names its columns. `text_field` names the column that contains the text.
    """
    rows = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    yield from documents_of(rows, name=name or path.name, text_field=text_field, called="column")


def _csv(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        head = file.read(1 << 16)
        # UTF-16 has zero bytes at the start; with a stray one further down, only its row is skipped.
        encoding = encoding_of(head if b"\0" in head[:4] else head.replace(b"\0", b""), whole=False)
        file.seek(0)
        # Invalid bytes become lone surrogates, which are checked for below.
        errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        first = text.readline(1 << 16)
        if not encoding.startswith("utf-"):
            yield 0, Remark(f"read as {encoding}")
        mark = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
        csv.field_size_limit(_LONGEST)  # many documents exceed Python's own limit
        rows = csv.reader(itertools.chain([first], text), delimiter=mark)
        header = next(rows, [])
        names = [cell.strip() or f"column {place}" for place, cell in enumerate(header, start=1)]
        names = [n if names.index(n) == i else f"{n} ({i + 1})" for i, n in enumerate(names)]
        for number in itertools.count(1):
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, Skipped(f"row {number}", f"it is not CSV ({error})")
                continue
            if any("\udc80" <= character <= "\udcff" for character in "".join(row)):
                yield number, Skipped(f"row {number}", f"it has bytes that are not {encoding}")
            elif len(row) == len(names):
                yield number, [{name: cell for name, cell in zip(names, row, strict=True) if cell}]
            elif row:
                yield number, Skipped(f"row {number}", f"it has {len(row)} cells and the header {len(names)}")


def _parquet(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UserError("Parquet needs pyarrow: pip install 'corollary[readers]'") from error
    try:
        with ParquetFile(path) as file:
            rows = (row for batch in file.iter_batches(batch_size=256) for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield number, [{key: value for key, value in row.items() if value is not None}]
    except (ArrowException, OSError) as error:
        raise UserError(f"it is not a Parquet file that can be read ({error})"[:160]) from error
