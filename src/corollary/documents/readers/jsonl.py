"""JSON lines and JSON: each row is one document; rows that Corollary wrote come back unchanged."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from corollary.documents.decoding import decode, encoding_of
from corollary.documents.readers import Found, Skipped
from corollary.documents.readers.rows import TEXTS, documents_of
from corollary.errors import UserError

SUFFIXES = (".jsonl", ".ndjson", ".json")

_LISTS = ("rows", "data", "documents", "items", "records", "examples")


def read(path: Path, *, name: str = "", text_field: str = "") -> Iterator[Found]:
    """Each line of a .jsonl file, or each element of a .json file, as one document.

    Lines are read one by one; a .json file is read as a whole. The default `id` of a row is its file and
    line. `text_field` names the field that contains the text. A row that cannot be read is skipped.
    """
    rows = _elements(path) if path.suffix.lower() == ".json" else _lines(path)
    yield from documents_of(rows, name=name or path.name, text_field=text_field, called="field")


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises `ValueError`, whose message completes a sentence about the text."""
    try:
        return json.loads(text, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}, character {error.pos + 1})") from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError as error:  # Python refuses integers of more than 4,300 digits
        raise ValueError("it has a number of too many digits") from error


def unwrapped(value: Any) -> list[Any]:
    """The rows in a value that is an export of a dataset; for any other value, the value itself."""
    if isinstance(value, dict) and not any(isinstance(value.get(key), str) for key in TEXTS):
        for key in _LISTS:
            rows = value.get(key)
            if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
                return [row["row"] if isinstance(row.get("row"), dict) else row for row in rows]
        if isinstance(value.get("row"), dict):
            return [value["row"]]
    return [value]


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(_byte_lines(path), start=1):
        if not line.strip():
            continue
        try:
            yield number, unwrapped(parsed(line.decode("utf-8")))
        except UnicodeDecodeError:
            yield number, Skipped(f"row {number}", "it is not UTF-8")
        except ValueError as error:
            yield number, Skipped(f"row {number}", str(error))


def _byte_lines(path: Path) -> Iterator[bytes]:
    """The lines as UTF-8. Bytes are split, not text: JSON allows U+2028 and the like inside texts."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        file.seek(0)
        # JSON begins with an ASCII character, so UTF-16 has its mark or a zero byte at the start.
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4]:
            encoding = encoding_of(head, whole=False)
            text = io.TextIOWrapper(file, encoding=encoding, newline="\n", errors="replace")
            yield from (line.encode("utf-8", "replace") for line in text)
            return
        for number, line in enumerate(file):
            yield line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line


def _elements(path: Path) -> Iterable[tuple[int, Any]]:
    text, _ = decode(path.read_bytes())
    try:
        value = parsed(text)
    except ValueError as error:
        try:
            # Many .json files have one value a line.
            parsed(text[: text.index("\n")])
        except ValueError:
            raise UserError(str(error)) from error
        return _lines(path)
    rows = value if isinstance(value, list) else unwrapped(value)
    return ((number, unwrapped(row)) for number, row in enumerate(rows, start=1))
