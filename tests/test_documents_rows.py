"""Readers of tables and JSON: one document for each row, and what is said about the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from read_files import PUMP, documents, lines, saved

from corollary import store
from corollary.documents.readers import (
    Found,
    Remark,
    Skipped,
    jsonl,
    table,
)
from corollary.errors import UserError
from corollary.types import Document, Origin
from corollary.values import content_id


def of_rows(folder: Path, *rows: Any, **options: str) -> list[Found]:
    path = saved(folder, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return list(jsonl.read(path, **options))


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
