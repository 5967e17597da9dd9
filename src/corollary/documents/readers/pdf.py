"""PDF: each page is one document, so that pages are read one by one and every text has a page number."""

from __future__ import annotations

import itertools
import logging
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from corollary.documents.readers import Found, LeftOut, Remark, Skipped
from corollary.errors import UserError
from corollary.types import Document, Origin

SUFFIXES = (".pdf",)

# A word, a hyphen at the end of a line, and perhaps the rest of the word.
_CUT = re.compile(r"([^\W_]+)[-\u00ad\u2010][ \t]*\n[ \t]*([^\W_]+)")
# Typesetters set "fi" as one character, which no model reads as it reads the word.
_LIGATURE = re.compile("[\ufb00-\ufb06]")


def read(path: Path, *, name: str = "") -> Iterator[Found]:
    """Each page with text as one document; short lines show where its paragraphs end.

    Words that were hyphenated at the end of a line are joined. A page that cannot be read is skipped. Raises
    `UserError` if the file is not a PDF or needs a password.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, PyPdfError
    except ImportError as error:
        raise UserError("PDF needs pypdf: pip install 'corollary[readers]'") from error
    # pypdf's log messages about damaged files would break the progress lines. The table of files has them.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    name = name or path.name
    with path.open("rb") as file:
        try:
            reader = PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(""):
                raise UserError("it needs a password: save it without one")
            count = len(reader.pages)
        except DependencyError as error:
            raise UserError("it is encrypted: save it without a password") from error
        # Damaged files raise errors of many kinds in pypdf.
        except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UserError(f"it is not a PDF that can be read ({_said(error)})") from error
        empty = 0
        for number in range(1, count + 1):
            try:
                text = paragraphs(_sound(reader.pages[number - 1].extract_text()))
            except Exception as error:
                yield Skipped(f"page {number}", f"it cannot be read ({_said(error)})")
                continue
            if text:
                yield Document(f"{name}:{number}", text, origin=Origin(name, page=number))
            empty += not text
        if empty:
            yield LeftOut("pages without text", empty)
        if empty and empty == count:
            yield Remark("no page has text: a scan needs OCR first")


def paragraphs(page: str) -> str:
    """The text of a page with hyphenated words joined, and a blank line after each paragraph.

    Typeset lines are filled: a line much shorter than the longest ends a paragraph or is a heading.
    """
    lines = [line.rstrip() for line in _CUT.sub(lambda cut: _whole(cut, page), page).splitlines()]
    width = max(map(len, lines), default=0)
    parts: list[str] = []
    for line, following in itertools.pairwise([*lines, ""]):
        parts.append(line)
        if len(line) < 0.6 * width and not following[:1].islower():
            parts.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip()


def _whole(cut: re.Match[str], page: str) -> str:
    first, second = cut.groups()
    # The rest of a word begins with a small letter ("P-7" is no such case), and some words keep their hyphen.
    if not second[0].islower() or first[-1].isdigit() or f"{first}-{second}" in page:
        return f"{first}-{second}"
    return first + second


def _sound(text: str) -> str:
    """The text with letters for ligatures, without zero bytes and lone surrogates, which some fonts have."""
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")
    return _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120]
