"""Files that are replaced as a whole: a kill at any moment leaves the old file or the new one, never a half.

Keys are sorted everywhere, so the same values give the same bytes.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from corollary.errors import UserError
from corollary.values import to_plain


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text in one step. Creates the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic only within one file system.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            # Some file systems rename before they write: a power cut would leave an empty file.
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        # The error of a full disk does not name the file.
        error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a value (see `to_plain`) as indented JSON with sorted keys."""
    write_text(path, json.dumps(to_plain(value), sort_keys=True, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Replace a file by one line of JSON per row (see `to_plain`), keys sorted, in the order given."""
    lines = (json.dumps(to_plain(row), sort_keys=True, ensure_ascii=False) + "\n" for row in rows)
    write_text(path, "".join(lines))


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises `UserError` when the file does not exist or is not JSON."""
    return _parse(_read(path), str(path))


def read_jsonl(path: Path) -> list[Any]:
    """The rows of a JSON-lines file, without empty lines. Raises `UserError` when the file does not exist,
    and names the line when one is not JSON."""
    # Not splitlines(): it also splits at U+2028 and the like, which JSON allows inside texts.
    lines = enumerate(_read(path).split("\n"), start=1)
    return [_parse(line, f"{path}, line {number},") for number, line in lines if line.strip()]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: give the path of an existing one.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it in that encoding.") from error


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    # Too deep a nesting, and a number of more than 4,300 digits, are errors of other classes.
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON that can be read ({error}): correct or remove it.") from error
