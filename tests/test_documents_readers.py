"""Readers: files of each kind as documents, and what is said about the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
import pyarrow
import pytest
from pyarrow import parquet
from pypdf import PdfWriter

from corollary import store
from corollary.documents.readers import (
    Found,
    LeftOut,
    Remark,
    Skipped,
    html,
    jsonl,
    markdown,
    pdf,
    table,
    text,
)
from corollary.documents.readers import docx as word
from corollary.documents.split import sentences
from corollary.errors import UserError
from corollary.types import Document, Origin
from corollary.values import content_id

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


def of_rows(folder: Path, *rows: Any, **options: str) -> list[Found]:
    path = saved(folder, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return list(jsonl.read(path, **options))


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


def test_csv_rows_keep_their_other_columns(tmp_path: Path) -> None:
    content = f'\ufeffid,text,page\nd0,"{PUMP}\r\nIt is ""big"".",3\n\nd1,Short,\n,No id,4\n'
    found = list(table.read(saved(tmp_path, "rows.csv", content)))
    assert found == [
        Document("d0", f'{PUMP}\r\nIt is "big".', origin=Origin("rows.csv", row=1), meta={"page": "3"}),
        Document("d1", "Short", origin=Origin("rows.csv", row=3)),
        Document("rows.csv:4", "No id", origin=Origin("rows.csv", row=4), meta={"page": "4"}),
    ]


def test_a_bad_row_of_a_csv_costs_itself_alone(tmp_path: Path) -> None:
    content = b"id;text\na;One\nb;Two;too many\nc;\nd;\xff\xc3\xbc\ne;F\xc3\xbcnf\n"
    found = list(table.read(saved(tmp_path, "rows.csv", content)))
    assert [(d.id, d.text) for d in documents(iter(found))] == [("a", "One"), ("e", "Fünf")]
    assert [item.place for item in found if isinstance(item, Skipped)] == ["row 2", "row 3", "row 4"]


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "a.csv"), ("utf-16", "a.tsv")])
def test_tables_of_other_programs(tmp_path: Path, encoding: str, name: str) -> None:
    mark = "\t" if name.endswith("tsv") else ";"
    content = f"Straße{mark}Beschreibung\r\nFörstergasse{mark}Die Förstergasse mündet in den Öhlerplatz.\r\n"
    found = list(table.read(saved(tmp_path, name, content.encode(encoding))))
    (document,) = documents(iter(found))
    assert document.text == "Die Förstergasse mündet in den Öhlerplatz."
    assert document.meta == {"Straße": "Förstergasse"}
    assert Remark("text is the column Beschreibung") in found


def test_parquet_rows_of_any_types(tmp_path: Path) -> None:
    rows = {"id": [7, 8], "passage": [PUMP, None], "tags": [["a"], []], "raw": [b"ab", None]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "rows.parquet")
    found = list(table.read(tmp_path / "rows.parquet", name="x/rows.parquet"))
    assert documents(iter(found)) == [
        Document("7", PUMP, origin=Origin("x/rows.parquet", row=1), meta={"tags": ["a"], "raw": "2 bytes"})
    ]
    assert [item.place for item in found if isinstance(item, Skipped)] == ["row 2"]


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Parquet"):
        list(table.read(saved(tmp_path, "a.parquet", b"PAR1 nothing")))


def test_our_own_rows_come_back_exactly(tmp_path: Path) -> None:
    made = [
        Document("d0", "One. Two.", spans=((0, 9),), origin=Origin("a.pdf", page=2, start=3, end=9)),
        Document("d1", "Drei\u2028Vier.", source=("d0",), strategy="linked", spans=()),
        Document("d2", PUMP, meta={"page": 3, "tags": ["a"]}),
    ]
    store.write_jsonl(tmp_path / "documents.jsonl", made)
    assert list(jsonl.read(tmp_path / "documents.jsonl")) == made


def test_our_rows_from_before_there_were_origins_get_one(tmp_path: Path) -> None:
    row = {"id": "linked-0", "text": PUMP, "source": ["d0"], "strategy": "linked"}
    expected = Document("linked-0", PUMP, ("d0",), "linked", origin=Origin("rows.jsonl", row=1))
    assert of_rows(tmp_path, row) == [expected]


def test_rows_of_others_keep_their_fields_in_meta(tmp_path: Path) -> None:
    row = {"id": "d0", "text": PUMP, "source": "pump.pdf", "page": 3, "meta": {"lang": "en"}}
    (found,) = of_rows(tmp_path, row)
    assert found == Document(
        "d0",
        PUMP,
        origin=Origin("rows.jsonl", row=1),
        meta={"source": "pump.pdf", "page": 3, "lang": "en"},
    )


@pytest.mark.parametrize(
    ("row", "expected", "field"),
    [
        ({"text": PUMP}, PUMP, None),
        (PUMP, PUMP, None),
        ({"title": "A title that is longer than the rest", "content": PUMP}, PUMP, "content"),
        ({"id": "a very long id, longer than all", "note": PUMP, "x": "y"}, PUMP, "note"),
        ({"question": "What feeds T-2?", "answer": "P-7"}, "What feeds T-2?\nP-7", "question + answer"),
        (
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": PUMP}]},
            f"user: Hi\n\nassistant: {PUMP}",
            "messages",
        ),
        (
            {"conversations": [{"from": "human", "value": [{"type": "text", "text": "Hi"}]}]},
            "human: Hi",
            "conversations",
        ),
        ({"row": {"text": PUMP}}, PUMP, None),
        ({"features": [], "rows": [{"row": {"text": PUMP}}]}, PUMP, None),
    ],
)
def test_the_text_of_a_row_of_any_fields(tmp_path: Path, row: Any, expected: str, field: str | None) -> None:
    found = of_rows(tmp_path, row)
    (document,) = documents(iter(found))
    assert document.text == expected
    assert [item.text for item in found if isinstance(item, Remark)] == (
        [f"text is the field {field}"] if field else []
    )


def test_a_question_and_its_answer_are_one_sentence(tmp_path: Path) -> None:
    (document,) = documents(iter(of_rows(tmp_path, {"question": "Who? You.", "answer": "Me."})))
    assert lines(document) == ["Who? You. Me."]


def test_a_field_can_be_named(tmp_path: Path) -> None:
    found = of_rows(tmp_path, {"text": "no", "fact": PUMP}, {"text": "no"}, text_field="fact")
    assert [d.text for d in documents(iter(found))] == [PUMP]
    assert [item for item in found if isinstance(item, Skipped)] == [
        Skipped("row 2", "it has no text in the field 'fact'")
    ]


def test_a_bad_row_of_json_lines_costs_itself_alone(tmp_path: Path) -> None:
    deep = '{"text": "a", "x": ' + "[" * 5_000 + "]" * 5_000 + "}"
    bad = [
        '{"text": "\\ud800"}',
        '{"text": "a", "x": "\\udfff"}',
        '{"text": "a\\u0000b"}',
        '{"text": "a\x00b"}',
        deep,
        '{"text": "a", "x": ' + "[" * 100 + "]" * 100 + "}",
        '{"text": "a", "x": ' + "9" * 5_000 + "}",
        '{"text": "a"',
        '{"text": ""}',
        '{"text": null}',
        "17",
        "null",
        "[]",
        "{}",
        '{"id": "a", "text": "a", "spans": [[0, 99]]}',
    ]
    content = (
        "\n".join([*bad, "", '{"text": "good", "x": NaN, "y": 1e999}']).encode() + b'\n{"text": "\xff"}\n'
    )
    found = list(jsonl.read(saved(tmp_path, "a.jsonl", content)))
    (document,) = documents(iter(found))
    assert document == Document(
        f"a.jsonl:{len(bad) + 2}",
        "good",
        origin=Origin("a.jsonl", row=len(bad) + 2),
        meta={"x": "NaN", "y": "inf"},
    )
    assert content_id(document)
    skipped = [item.place for item in found if isinstance(item, Skipped)]
    assert skipped == [*(f"row {number}" for number in range(1, len(bad) + 1)), f"row {len(bad) + 3}"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_json_lines_with_a_byte_order_mark_or_in_utf16(tmp_path: Path, encoding: str) -> None:
    content = '{"id": "d0", "text": "Öl\u2028und mehr."}\r\n{"id": "d1", "text": "Zwei"}\r\n'
    found = list(jsonl.read(saved(tmp_path, "a.jsonl", content.encode(encoding))))
    assert [(d.id, d.text) for d in documents(iter(found))] == [("d0", "Öl\u2028und mehr."), ("d1", "Zwei")]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        ('[{"id": "d0", "text": "a"}, {"text": "b"}, "c"]', ["d0", "a.json:2", "a.json:3"]),
        ('{"data": [{"text": "a"}, {"text": "b"}]}', ["a.json:1", "a.json:2"]),
        ('{"text": "a", "items": [{"text": "b"}]}', ["a.json:1"]),
        ('{"text": "a"}\n{"text": "b"}\n', ["a.json:1", "a.json:2"]),
    ],
)
def test_json_files_of_any_shape(tmp_path: Path, content: str, ids: list[str]) -> None:
    assert [d.id for d in documents(jsonl.read(saved(tmp_path, "a.json", content)))] == ids


def test_a_json_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not JSON"):
        list(jsonl.read(saved(tmp_path, "a.json", '[{"text": "a"},\n')))
