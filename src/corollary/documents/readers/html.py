"""HTML: a file is one document, the text that the page shows; scripts are never run."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from corollary.documents.decoding import decode
from corollary.documents.readers import Found, LeftOut, Remark
from corollary.documents.split import of_blocks, one_line
from corollary.errors import UserError
from corollary.types import Document, Origin

if TYPE_CHECKING:
    from bs4.element import PageElement

SUFFIXES = (".html", ".htm", ".xhtml")

_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)", re.I)
_UNSEEN = ["head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select"]
_LAID_OUT = ["p", "ul", "ol", "table"]  # a table around these is layout, not data
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_BLOCKS = _HEADINGS | frozenset(
    "html body div p section article main header footer aside address blockquote pre figure figcaption"
    " ul ol li dl dt dd table caption tr td th form fieldset legend details summary hr".split()
)


class _Piece(NamedTuple):
    """A string in a page, its nearest block and cell, and the kind of block ("" for a paragraph)."""

    block: int
    kind: str
    cell: int
    text: str


def read(path: Path, *, name: str = "", language: str = "en") -> Iterator[Found]:
    """The page as one document with the spans of its sentences.

    Its text is what the page shows, with blank lines between blocks. Headings, data tables and code are part
    of the text, without spans, and are counted. Menus (`nav`) are counted and left out. Raises `UserError` if
    the file is not text.
    """
    try:
        from bs4 import BeautifulSoup, UnusualUsageWarning
        from bs4.element import CData, NavigableString
    except ImportError as error:
        raise UserError("HTML needs beautifulsoup4: pip install 'corollary[readers]'") from error
    data = path.read_bytes()
    declared = _DECLARED.search(data[:4096])
    text, remark = decode(data, declared=declared[1].decode("ascii", "replace") if declared else "")
    if remark:
        yield Remark(remark)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualUsageWarning)  # a page may look like a path
        soup = BeautifulSoup(text, "html.parser")
    meta = {"title": one_line(soup.title.get_text())} if soup.title else {}
    left_out: Counter[str] = Counter()
    for hidden in soup.find_all([*_UNSEEN, "nav"]):
        left_out["menus"] += hidden.name == "nav"
        hidden.extract()
    data_tables = [table for table in soup.find_all("table") if not table.find([*_HEADINGS, *_LAID_OUT])]
    left_out.update(tables=len(data_tables), headings=len(soup.find_all(_HEADINGS)))
    left_out["code blocks"] = len(soup.find_all("pre"))
    tables = {id(table) for table in data_tables}
    for line_break in soup.find_all("br"):
        line_break.replace_with("\n")
    # Comments and declarations have string classes of their own.
    shown = [string for string in soup.find_all(string=True) if type(string) in (NavigableString, CData)]
    pieces = [_piece(string, tables) for string in shown]
    blocks = [
        (_joined(list(run), kind), not kind)
        for (_, kind), run in groupby(pieces, key=lambda piece: (piece.block, piece.kind))
    ]
    text, spans = of_blocks((block for block in blocks if block[0]), language=language)
    if text:
        name = name or path.name
        yield Document(name, text, origin=Origin(name), spans=spans, meta=meta)
    yield from (LeftOut(what, count) for what, count in left_out.items() if count)


def _piece(string: PageElement, data_tables: set[int]) -> _Piece:
    block = row = cell = 0
    kind = ""
    for parent in string.parents:
        if parent.name in _BLOCKS:
            block = block or id(parent)
        if parent.name in ("td", "th"):
            cell = cell or id(parent)
        elif parent.name == "tr":
            row = row or id(parent)
        elif parent.name == "pre":
            kind = "code"
        elif parent.name in _HEADINGS:
            kind = "heading"
        elif id(parent) in data_tables:
            return _Piece(row or block, "table", cell, str(string))
    return _Piece(block, kind, cell, str(string))


def _joined(pieces: list[_Piece], kind: str) -> str:
    if kind == "table":
        cells = groupby(pieces, key=lambda piece: piece.cell)
        texts = (one_line("".join(piece.text for piece in cell)) for _, cell in cells)
        return " | ".join(text for text in texts if text)
    text = "".join(piece.text for piece in pieces)
    return text.strip("\n") if kind == "code" and text.strip() else one_line(text)
