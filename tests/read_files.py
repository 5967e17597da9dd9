"""Files for readers, and what a reader found in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from corollary.documents.readers import (
    Found,
    LeftOut,
)
from corollary.documents.split import sentences
from corollary.types import Document

PUMP = "The P-7 pump feeds tank T-2."


def saved(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def documents(found: Iterator[Found]) -> list[Document]:
    return [item for item in found if isinstance(item, Document)]


def left_out(found: Iterator[Found]) -> dict[str, int]:
    return {item.what: item.count for item in found if isinstance(item, LeftOut)}


def lines(document: Document) -> list[str]:
    return [sentence.text for sentence in sentences(document)]
