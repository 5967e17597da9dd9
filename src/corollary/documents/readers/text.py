"""Plain text: a file is one document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from corollary.documents.decoding import decode
from corollary.documents.readers import Found, Remark
from corollary.types import Document, Origin

SUFFIXES = (".txt", ".text")


def read(path: Path, *, name: str = "") -> Iterator[Found]:
    """The file as one document of plain text. Raises `UserError` if the file is not text."""
    text, remark = decode(path.read_bytes())
    if remark:
        yield Remark(remark)
    if text.strip():
        name = name or path.name
        yield Document(name, text, origin=Origin(name))
