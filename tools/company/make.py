"""Makes the PDF and Word files of examples/company from the texts beside this script.

    python tools/company/make.py

A text has blocks with blank lines between them: `#` opens a heading, `-` a list item, `|` a row of a table,
and `---` a new page. Word files come out byte for byte the same with the same python-docx. PDF files are
printed by Chromium: their bytes depend on its version and fonts, their words do not.
"""

from __future__ import annotations

import html
import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

import docx
from docx.enum.text import WD_BREAK

HERE = Path(__file__).parent
OUT = HERE.parent.parent / "examples" / "company"
WORD = ("staff", "minutes")
PDF = ("catalogue", "contracts")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WHEN = datetime(2026, 3, 16)
STYLE = """body { font: 11pt/1.4 "DejaVu Serif", serif }
td { padding-right: 1em }
hr { visibility: hidden; break-after: page }"""

Block = tuple[str, list[str]]
"""The kind of a block ("h1", "h2", "list", "table", "page" or "p") and its lines, without their marks."""


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a text, in order."""
    for block in re.split(r"\n\s*\n", text.strip()):
        for kind, lines in groupby(block.splitlines(), key=_kind):
            yield kind, [line.lstrip("#-| ").rstrip("| ") for line in lines]


def _kind(line: str) -> str:
    marks = {"---": "page", "##": "h2", "#": "h1", "-": "list", "|": "table"}
    return next((kind for mark, kind in marks.items() if line.startswith(mark)), "p")


def word_of(text: str) -> bytes:
    """The text as a Word file, whose times are all `WHEN`."""
    made = docx.Document()
    made.core_properties.author = "Vellgarth Tile Works"
    made.core_properties.created = made.core_properties.modified = WHEN
    for kind, lines in blocks_of(text):
        if kind == "page":
            made.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        elif kind == "table":
            rows = [line.split(" | ") for line in lines]
            table = made.add_table(len(rows), len(rows[0]), style="Table Grid")
            for row, cells in zip(table.rows, rows, strict=True):
                for cell, content in zip(row.cells, cells, strict=True):
                    cell.text = content
        elif kind == "list":
            for line in lines:
                made.add_paragraph(line, style="List Bullet")
        elif kind == "p":
            made.add_paragraph(" ".join(lines))
        else:
            made.add_heading(lines[0], int(kind[1]) - 1)
    stored = io.BytesIO()
    made.save(stored)
    # zipfile stamps each part with the present time.
    out = io.BytesIO()
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = zipfile.ZipInfo(name, WHEN.timetuple()[:6])
            part.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(part, old.read(name))
    return out.getvalue()


def page_of(text: str) -> str:
    """The text as an HTML page to print."""
    parts = []
    for kind, lines in blocks_of(text):
        escaped = [html.escape(line) for line in lines]
        if kind == "page":
            parts.append("<hr>")
        elif kind == "table":
            rows = ("".join(f"<td>{cell}</td>" for cell in line.split(" | ")) for line in escaped)
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
        elif kind == "list":
            parts.append("<ul>" + "".join(f"<li>{line}</li>" for line in escaped) + "</ul>")
        else:
            parts.append(f"<{kind}>{' '.join(escaped)}</{kind}>")
    return f"<!doctype html><meta charset='utf-8'><style>{STYLE}</style>" + "\n".join(parts)


def pdf_of(text: str) -> bytes:
    """The text as a PDF whose times are all `WHEN`, printed by Chromium."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        raise SystemExit(f"PDF files need one of {', '.join(CHROMIUM)} on the path.")
    with tempfile.TemporaryDirectory() as folder:
        page, out = Path(folder, "page.html"), Path(folder, "page.pdf")
        page.write_text(page_of(text), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        command = [program, *options, f"--print-to-pdf={out}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        made = out.read_bytes()
    stamp = WHEN.strftime("(D:%Y%m%d%H%M%S").encode()
    return re.sub(rb"\(D:\d{14}", stamp, made)


def main() -> None:
    """Write every file, and say how large it is."""
    for names, make, suffix in ((WORD, word_of, ".docx"), (PDF, pdf_of, ".pdf")):
        for name in names:
            path = OUT / f"{name}{suffix}"
            path.write_bytes(make((HERE / f"{name}.txt").read_text(encoding="utf-8")))
            print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
