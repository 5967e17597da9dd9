"""Word files (.docx): a file is one document; its sentences come from paragraphs and list items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from corollary.documents.readers import Found, LeftOut
from corollary.documents.split import of_blocks
from corollary.errors import UserError
from corollary.types import Document, Origin

if TYPE_CHECKING:
    from docx.styles.style import ParagraphStyle
    from docx.table import Table

SUFFIXES = (".docx",)


def read(path: Path, *, name: str = "", language: str = "en") -> Iterator[Found]:
    """The file as one document with the spans of its sentences.

    Headings and tables are part of its text, without spans, and are counted. Footnotes, headers and text
    boxes are not read. Raises `UserError` if the file is not a Word file.
    """
    try:
        import docx
        from docx.text.paragraph import Paragraph
    except ImportError as error:
        raise UserError("Word files need python-docx: pip install 'corollary[readers]'") from error
    try:
        with path.open("rb") as file:
            opened = docx.Document(file)
    # A damaged archive raises errors of zipfile, lxml or python-docx, or a KeyError.
    except Exception as error:
        said = f"{type(error).__name__}: {error}"[:120]
        raise UserError(f"it is not a Word file that can be read ({said})") from error
    left_out: Counter[str] = Counter()
    blocks: list[tuple[str, bool]] = []
    for part in opened.iter_inner_content():
        if not isinstance(part, Paragraph):
            left_out["tables"] += 1
            blocks.append((_rows(part), False))
        elif part.text.strip():
            heading = _is_heading(part.style)
            left_out["headings"] += heading
            blocks.append((part.text.strip(), not heading))
    text, spans = of_blocks((block for block in blocks if block[0]), language=language)
    if text:
        name = name or path.name
        yield Document(name, text, origin=Origin(name), spans=spans)
    yield from (LeftOut(what, count) for what, count in left_out.items() if count)


def _rows(table: Table) -> str:
    return "\n".join(" | ".join(" ".join(cell.text.split()) for cell in row.cells) for row in table.rows)


def _is_heading(style: ParagraphStyle | None) -> bool:
    """Whether a style is a heading or title, or is based on one."""
    for _ in range(10):  # in a damaged file a style may be based on itself
        if style is None:
            return False
        if (style.name or "").lower().startswith(("heading", "title", "subtitle", "toc ")):
            return True
        style = style.base_style
    return False
