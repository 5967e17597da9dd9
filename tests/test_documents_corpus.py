"""A folder of a user's files as a corpus, and questions."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corollary import store
from corollary.documents.corpus import COLUMNS, FileReport, corpus_table, read_corpus
from corollary.documents.questions import read_questions
from corollary.documents.readers import Found
from corollary.documents.split import sentences
from corollary.errors import UserError
from corollary.types import Document, Origin, Question

PUMP = "The P-7 pump feeds tank T-2."


def folder_of(folder: Path, **files: str) -> Path:
    """A folder with these files; "__" in a keyword is "/" and "_" the dot of the suffix."""
    for key, content in files.items():
        path = folder / key.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def reports(source: Path, **options: Any) -> dict[str, FileReport]:
    return {report.file: report for report in read_corpus(source, **options).files}


def test_a_folder_of_files_is_a_corpus(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        manual__basin_txt="Basin B-4 is cleaned by crew Ostra.\n",
        manual__pump_md=f"# Pump P-7\n\n{PUMP}\nTank T-2 drains into basin B-4.\n",
        manual__valve_pdf="%PDF-1.4\n%dummy",
        README="no suffix",
        data__rows_csv="id,text\nd0,One.\n",
        empty_txt=" \n",
    )
    corpus = read_corpus(folder)
    documents = list(corpus.documents())
    assert [document.id for document in documents] == ["d0", "manual/basin.txt", "manual/pump.md"]
    assert documents == list(corpus.documents()), "each call reads anew"
    assert documents[0].origin == Origin("data/rows.csv", row=1)
    assert [report.file for report in corpus.files] == sorted(
        ["README", "data/rows.csv", "empty.txt", "manual/basin.txt", "manual/pump.md", "manual/valve.pdf"]
    )
    found = {report.file: report for report in corpus.files}
    assert found["manual/pump.md"] == FileReport(
        "manual/pump.md", "markdown", documents=1, sentences=2, skipped_parts={"headings": 1}
    )
    assert "not a PDF" in found["manual/valve.pdf"].why
    assert "no reader" in found["README"].why
    assert "no text" in found["empty.txt"].why


def test_the_table_has_a_row_for_each_file_without_control_characters(tmp_path: Path) -> None:
    (tmp_path / "evil\x1b[2J\n.txt").write_text(PUMP)
    (tmp_path / "a.jsonl").write_text("{\n" * 9)
    table = corpus_table(read_corpus(tmp_path))
    assert [len(row) for row in table] == [len(COLUMNS)] * 2
    assert all(cell.isprintable() for row in table for cell in row)
    assert "9 skipped: row 1: it is not JSON" in table[0][-1]
    assert "4 more" in table[0][-1]
    (document,) = read_corpus(tmp_path).documents()
    assert document.id.isprintable()


def test_a_single_file(tmp_path: Path) -> None:
    path = folder_of(tmp_path, notes_txt=PUMP, other_txt="Other.") / "notes.txt"
    assert [document.id for document in read_corpus(path).documents()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["nowhere", "empty", "a.exe"])
def test_nothing_to_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.exe").write_bytes(b"MZ")
    with pytest.raises(UserError, match=f"{name}.*: give "):
        read_corpus(tmp_path / name)


def test_files_of_which_none_gives_a_document_are_an_error_that_says_why(tmp_path: Path) -> None:
    corpus = read_corpus(folder_of(tmp_path, a_pdf="%PDF-1.4"))
    with pytest.raises(UserError, match=r"a\.pdf: not read: it is not a PDF"):
        list(corpus.documents())
    assert len(corpus.files) == 1


def test_nothing_outside_the_folder_or_hidden_is_read(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", a_txt=PUMP, deep__b_txt="Two.")
    outside = folder_of(tmp_path / "out", secret_txt="Secret.")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "up.txt").symlink_to("../out/secret.txt")
    (folder / "dangling.txt").symlink_to("nowhere")
    (folder / "loop").symlink_to(folder)
    (folder / "elsewhere").symlink_to(outside)
    (folder / "same.txt").symlink_to("a.txt")
    (folder / ".hidden.txt").write_text("Hidden.")
    (folder / ".git").mkdir()
    (folder / ".git" / "c.txt").write_text("Hidden.")
    os.mkfifo(folder / "pipe.txt")
    corpus = read_corpus(folder)
    assert {document.text for document in corpus.documents()} == {PUMP, "Two."}
    why = {report.file: report.why for report in corpus.files if report.why}
    assert set(why) == {
        *("link.txt", "up.txt", "dangling.txt", "loop/", "elsewhere/", ".hidden.txt", ".git/", "pipe.txt")
    }
    assert "leads out" in why["up.txt"]


def test_files_of_ours_beside_documents_are_no_documents(tmp_path: Path) -> None:
    names = "questions.jsonl dataset.json augmented.json audit.jsonl rejected.jsonl completions.db".split()
    folder = folder_of(tmp_path, notes_txt=PUMP)
    for name in names:
        (folder / name).write_text('{"text": "No document."}\n')
    corpus = read_corpus(folder)
    assert [document.text for document in corpus.documents()] == [PUMP]
    assert {report.file for report in corpus.files if "contains no documents" in report.why} == set(names)


def test_what_make_wrote_is_read_alone_and_exactly(tmp_path: Path) -> None:
    made = [Document("d0", "One. Two.", spans=((0, 9),)), Document("d1", "Three.")]
    store.write_jsonl(tmp_path / "documents.jsonl", made)
    store.write_json(tmp_path / "dataset.json", {"name": "../../evil"})
    folder_of(tmp_path, notes_txt=PUMP, sub__documents_jsonl='{"text": "x"}')
    corpus = read_corpus(tmp_path)
    assert list(corpus.documents()) == made
    assert [report.file for report in corpus.files if not report.why] == ["documents.jsonl"]


def test_ids_that_are_taken_become_file_and_place(tmp_path: Path) -> None:
    rows = (
        '{"id": "d0", "text": "One."}\n{"id": "d0", "text": "Two."}\n{"id": "b.jsonl:1", "text": "Three."}\n'
    )
    folder = folder_of(tmp_path, a_jsonl=rows, b_jsonl='{"id": "d0", "text": "Four."}\n', c_txt="Five.")
    corpus = read_corpus(folder)
    ids = [document.id for document in corpus.documents()]
    assert ids == ["d0", "a.jsonl:2", "b.jsonl:1", "b.jsonl:1#2", "c.txt"]
    assert ids == [document.id for document in corpus.documents()]
    assert "earlier document" in reports(folder)["a.jsonl"].note


def test_a_reader_that_fails_costs_its_file_alone(tmp_path: Path) -> None:
    def read(path: Path, *, name: str) -> Iterator[Found]:
        yield Document(name, "Read before the damage.")
        raise KeyError("damage")

    folder = folder_of(tmp_path, a_xyz="", b_txt=PUMP)
    corpus = read_corpus(folder, readers={".XYZ": read})
    assert [document.id for document in corpus.documents()] == ["a.xyz", "b.txt"]
    report = corpus.files[0]
    assert (report.reader, report.documents, report.sentences) == ("xyz", 1, 1)
    assert "KeyError" in report.why
    assert corpus_table(corpus)[0][-1].startswith("read in part")


def test_options_reach_the_readers(tmp_path: Path) -> None:
    german = "Er kam am 3. Mai. Es war gut."
    folder = folder_of(
        tmp_path, a_txt=german, b_md=german, c_jsonl=json.dumps({"text": "no", "fact": german}) + "\n"
    )
    documents = list(read_corpus(folder, language="de", text_field="fact").documents())
    assert [len(sentences(document)) for document in documents] == [2, 2, 2]


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        row = json.dumps({"text": f"{PUMP} " * 9, "page": 1}) + "\n"
        (tmp_path / "rows.jsonl").write_text(row * count)
        (tmp_path / "rows.csv").write_text("text,page\n" + f"{PUMP * 9},1\n" * count)
        corpus = read_corpus(tmp_path)
        tracemalloc.start()
        assert sum(1 for _ in corpus.documents()) == 2 * count
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)  # imports
    small = peak(500)
    assert peak(2_500) < small + 100_000


def questions(folder: Path, *rows: Any) -> tuple[tuple[Question, ...], list[str]]:
    path = folder / "questions.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    notes: list[str] = []
    return read_questions(path, note=notes.append), notes


def test_a_question_needs_a_prompt_and_an_answer_alone(tmp_path: Path) -> None:
    row = {"prompt": "Belo is younger than", "answer": " Ostra", "choices": None, "extra": 1, "level": 2}
    found, notes = questions(tmp_path, "", row, {**row, "id": 7})
    assert found == (
        Question("q2", "Belo is younger than", " Ostra", (), "held-out", ()),
        Question("7", "Belo is younger than", " Ostra", (), "held-out", ()),
    )
    assert [note.count("(2 times)") for note in notes] == [1, 1]
    assert "'extra'" in notes[0]


def test_a_blank_is_added_where_a_continuation_needs_one(tmp_path: Path) -> None:
    choices = ["Ostra", "Belo"]
    rows: list[dict[str, Any]] = [
        {"prompt": "Belo is younger than", "answer": "Ostra", "choices": choices},
        {"prompt": "Belo is younger than ", "answer": "Ostra", "choices": choices},
        {"prompt": "Belo is younger than", "answer": " Ostra", "choices": [" Ostra", " Belo"]},
        {"prompt": "It runs at", "answer": "-5 °C", "accept": ["minus 5"]},
        {"prompt": "法国的首都是", "answer": "巴黎", "choices": ["巴黎", "东京"]},
        {"prompt": "The pump (", "answer": "P-7"},
        {"prompt": "It is green", "answer": "."},
    ]
    found, notes = questions(tmp_path, *rows)
    assert [question.answer for question in found] == [
        " Ostra",
        "Ostra",
        " Ostra",
        " -5 °C",
        "巴黎",
        "P-7",
        ".",
    ]
    assert found[0].choices == (" Ostra", " Belo")
    assert found[3].accept == (" minus 5",)
    assert len(notes) == 1
    assert "(2 times)" in notes[0]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"answer": "a"}, "'prompt'"),
        ({"prompt": "p", "answer": " "}, "'answer'"),
        ({"prompt": 5, "answer": "a"}, "'prompt'"),
        ({"prompt": "p", "answer": "a", "choices": ["a", ""]}, "empty"),
        ({"prompt": "p", "answer": "a", "choices": ["a"]}, "at least two"),
        ({"prompt": "p", "answer": "a", "choices": ["a", " a", "b"]}, "twice"),
        ({"prompt": "p", "answer": "a", "choices": ["b", "c"]}, "not one of"),
        ({"prompt": "p", "answer": "a", "choices": ["a", "b"], "accept": ["b"]}, "all 'choices'"),
        ({"prompt": "p", "answer": "a", "choices": "ab"}, "choices"),
        ({"prompt": "p", "answer": "a", "split": 3}, "split"),
        ({"prompt": "p\0", "answer": "a"}, "zero bytes"),
        ({"prompt": "p", "answer": "a", "id": ""}, "'id'"),
        ({"prompt": "p", "answer": "a", "id": "first"}, "line 1"),
        ('{"prompt": "\\ud800", "answer": "a"}', "half a character"),
        ('{"prompt": "p"', "not JSON"),
        ("[" * 5_000, "nested too deep"),
        ("[1]", "write a question"),
    ],
)
def test_a_bad_question_is_an_error_with_its_file_and_line(tmp_path: Path, row: Any, says: str) -> None:
    first = {"id": "first", "prompt": "p", "answer": "a"}
    with pytest.raises(UserError, match=r"questions\.jsonl, line 2") as error:
        questions(tmp_path, first, row)
    assert says in str(error.value)


def test_no_file_of_questions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file"):
        read_questions(tmp_path / "questions.jsonl")


def test_questions_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes('\ufeff{"prompt": "p", "answer": " a"}\r\n'.encode())
    assert [question.answer for question in read_questions(path)] == [" a"]
