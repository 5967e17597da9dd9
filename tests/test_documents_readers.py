"""Readers of texts, pages and Word files: one document for each, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from pypdf import PageObject, PdfWriter
from read_files import PUMP, documents, left_out, lines, saved

from corollary.documents.readers import (
    Remark,
    html,
    markdown,
    pdf,
    text,
)
from corollary.documents.readers import docx as word
from corollary.errors import UserError
from corollary.types import Document, Origin


@pytest.mark.parametrize(
    ("encoding", "remark"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("utf-16-be", ""),
        ("utf-32", ""),
        ("cp1252", "read as cp1252"),
    ],
)
def test_text_of_any_encoding(tmp_path: Path, encoding: str, remark: str) -> None:
    content = "Die Müllerstraße kreuzt die Förstergasse.\r\nSie ist 3 m breit.\r\n"
    path = saved(tmp_path, "straße.txt", content.encode(encoding))
    found = list(text.read(path, name="orte/straße.txt"))
    assert documents(iter(found)) == [
        Document("orte/straße.txt", content.replace("\r\n", "\n"), origin=Origin("orte/straße.txt"))
    ]
    assert [item.text for item in found if isinstance(item, Remark)] == ([remark] if remark else [])


def test_text_in_a_script_of_its_own_is_guessed_and_said(tmp_path: Path) -> None:
    content = "Насос подаёт воду в резервуар. Резервуар стоит над бассейном. Бассейн чистит бригада.\n" * 3
    remark, document = text.read(saved(tmp_path, "a.txt", content.encode("cp1251")))
    assert isinstance(document, Document)
    assert document.text == content
    assert isinstance(remark, Remark)
    assert "1251" in remark.text


def test_a_few_broken_bytes_do_not_change_the_encoding_of_the_rest(tmp_path: Path) -> None:
    content = "Öl für Zürich. ".encode() * 10
    remark, document = text.read(saved(tmp_path, "a.txt", content + b"\xff."))
    assert isinstance(document, Document)
    assert document.text.startswith("Öl für Zürich.")
    assert isinstance(remark, Remark)
    assert "1 characters" in remark.text


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not text"):
        list(text.read(saved(tmp_path, "a.txt", b"\x7fELF\x00\x01\x00\x00\x00" * 40)))


def test_markdown_gives_sentences_of_paragraphs_and_list_items_alone(tmp_path: Path) -> None:
    content = f"""---
title: Pumps. And more.
---
# Pump P-7. Big

{PUMP} Tank T-2 drains
into **basin** B-4.

> It is cleaned
> by crew Ostra. Daily.

1. Close the
   valve. Wait.
   - Open it.

| unit | place |
|------|-------|
| P-7  | hall. |

```
a. b
```

    indented. code

![plan](plan.png)

Setext
======
"""
    found = list(markdown.read(saved(tmp_path, "pump.md", content)))
    (document,) = documents(iter(found))
    assert lines(document) == [
        PUMP,
        "Tank T-2 drains into **basin** B-4.",
        "It is cleaned by crew Ostra.",
        "Daily.",
        "Close the valve.",
        "Wait.",
        "Open it.",
    ]
    assert len(document.text) == len(content)
    assert document.text == content.replace("> by crew", "  by crew")
    assert left_out(iter(found)) == {
        "front matter": 1,
        "headings": 2,
        "tables": 1,
        "code blocks": 2,
        "images": 1,
    }


def test_a_rule_at_the_top_of_markdown_is_no_front_matter(tmp_path: Path) -> None:
    (document,) = markdown.read(saved(tmp_path, "a.md", f"---\n\n{PUMP}\n\n---\n\nMore.\n"))
    assert isinstance(document, Document)
    assert lines(document) == [PUMP, "More."]


def test_html_gives_what_a_page_shows(tmp_path: Path) -> None:
    content = f"""<!doctype html><html><head><title>Pump  P-7</title><style>p {{}}</style></head><body>
    <nav><a href="/">Home</a></nav><script>document.write("Evil.")</script><!-- hidden. -->
    <h1>Pump. P-7</h1><div>Loose text
    wraps. <p>{PUMP.replace("pump", "<b>pump</b>")} It is&nbsp;green.<br>Really.</p> Tail.</div>
    <ul><li>First item<li>Second item</ul>
    <table><tr><td>P-7</td><td>hall 3</td></tr><tr><td>P-8</td><td>hall 4</td></tr></table>
    <pre>a. b</pre><p>Use <code>open</code> now.</p></body></html>"""
    found = list(html.read(saved(tmp_path, "pump.html", content)))
    (document,) = documents(iter(found))
    assert lines(document) == [
        "Loose text wraps.",
        PUMP,
        "It is green.",
        "Really.",
        "Tail.",
        "First item",
        "Second item",
        "Use open now.",
    ]
    assert "Pump. P-7" in document.text
    assert "P-7 | hall 3\n\nP-8 | hall 4" in document.text
    assert not {"Evil", "hidden", "Home"} & set(document.text.replace(".", " ").split())
    assert document.meta == {"title": "Pump P-7"}
    assert left_out(iter(found)) == {"menus": 1, "tables": 1, "headings": 1, "code blocks": 1}


def test_a_table_that_lays_out_a_page_loses_nothing(tmp_path: Path) -> None:
    content = f"<table><tr><td><p>{PUMP}</p></td><td><p>Tank T-2 leaks.</p></td></tr></table>"
    (document,) = documents(html.read(saved(tmp_path, "a.htm", content)))
    assert lines(document) == [PUMP, "Tank T-2 leaks."]


def test_html_that_names_its_encoding(tmp_path: Path) -> None:
    content = "<meta charset='windows-1251'><p>Насос подаёт воду.</p>".encode("cp1251")
    (document,) = documents(html.read(saved(tmp_path, "a.html", content)))
    assert lines(document) == ["Насос подаёт воду."]


def pdf_of(*pages: list[str]) -> bytes:
    """A PDF with these lines on its pages, from top to bottom."""
    count = len(pages)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {count} /Kids [{' '.join(f'{4 + 2 * i} 0 R' for i in range(count))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, page in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in page)
        content = f"BT /F1 12 Tf 14 TL 72 720 Td {shown}ET" if page else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /Contents {5 + 2 * number} 0 R /MediaBox [0 0 612 792]"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    body, places = "%PDF-1.4\n", []
    for number, item in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n"
    table_of = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {size}\n0000000000 65535 f \n{table_of}{tail}".encode("latin-1")


def test_pdf_gives_a_document_for_each_page(tmp_path: Path) -> None:
    first = [
        "Pumps",
        "The P-7 pump feeds tank T-2, which is exam-",
        "ined each day. Its pressure is 3.5 bar at P-",
        "7.",
    ]
    path = saved(
        tmp_path, "valve.pdf", pdf_of(first, [], ["Basin B-4 is well-", "known. A well-known basin."])
    )
    found = list(pdf.read(path, name="manual/valve.pdf"))
    one, three = documents(iter(found))
    assert (one.id, one.origin) == ("manual/valve.pdf:1", Origin("manual/valve.pdf", page=1))
    assert (three.id, three.origin) == ("manual/valve.pdf:3", Origin("manual/valve.pdf", page=3))
    assert lines(one) == [
        "Pumps",
        "The P-7 pump feeds tank T-2, which is examined each day.",
        "Its pressure is 3.5 bar at P-7.",
    ]
    assert lines(three) == ["Basin B-4 is well-known.", "A well-known basin."]
    assert left_out(iter(found)) == {"pages without text": 1}


def test_pdf_gives_the_letters_of_a_ligature(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = saved(tmp_path, "a.pdf", pdf_of(["Pump"]))
    monkeypatch.setattr(PageObject, "extract_text", lambda page: "The oﬀice is ﬁred from the ﬂue at ½ bar.")
    (document,) = documents(pdf.read(path))
    assert lines(document) == ["The office is fired from the flue at ½ bar."]


def test_a_scan_is_said_to_need_ocr(tmp_path: Path) -> None:
    found = list(pdf.read(saved(tmp_path, "scan.pdf", pdf_of([], []))))
    assert left_out(iter(found)) == {"pages without text": 2}
    assert any(isinstance(item, Remark) and "OCR" in item.text for item in found)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n%dummy", b"no pdf at all", pdf_of(["a"])[:200]])
def test_a_broken_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match="not a PDF"):
        list(pdf.read(saved(tmp_path, "a.pdf", content)))


def test_a_pdf_with_a_password_is_refused(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "a.pdf")
    with pytest.raises(UserError, match="password"):
        list(pdf.read(tmp_path / "a.pdf"))


def test_word_files(tmp_path: Path) -> None:
    made = docx.Document()
    made.add_heading("Pump. P-7", 1)
    made.add_paragraph(f"{PUMP} Tank T-2 leaks.")
    made.add_paragraph("Close it.", style="List Bullet")
    cells = made.add_table(1, 2).rows[0].cells
    cells[0].text, cells[1].text = "P-7", "hall. 3"
    made.save(str(tmp_path / "a.docx"))
    found = list(word.read(tmp_path / "a.docx", name="a.docx"))
    (document,) = documents(iter(found))
    assert lines(document) == [PUMP, "Tank T-2 leaks.", "Close it."]
    assert "P-7 | hall. 3" in document.text
    assert left_out(iter(found)) == {"headings": 1, "tables": 1}


def test_a_broken_word_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a Word file"):
        list(word.read(saved(tmp_path, "a.docx", b"PK\x03\x04 broken")))
