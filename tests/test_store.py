"""Identity is content, whole files or none, and what a model wrote is kept at once."""

from __future__ import annotations

import dataclasses
import errno
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary import store
from corollary.completions import Completions
from corollary.errors import UserError
from corollary.types import (
    Arm,
    Completion,
    Cost,
    Dataset,
    Document,
    Likelihood,
    Mark,
    Message,
    Origin,
    Question,
    Request,
    Result,
    Score,
    Spec,
    Study,
    Trial,
)
from corollary.values import content_id, from_plain, to_plain

ANSWER = Completion("glon are less dangerous than femp", 40, 7, 30, "stop")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def test_identity_is_pinned() -> None:
    # The same in every process and version: if this changes, every stored completion is asked again.
    document = Document("d1", "glon é \u2028", ("d0",), None)
    assert content_id((document, {"b": 0.1, "a": [1, True]})) == (
        "729cd3a6cac13700468b609f7d5595dbc89d244da2ce2e654cd426726f77a377"
    )


@given(value=PLAIN)
def test_identity_does_not_know_order_of_keys_or_lists_from_tuples(value: Any) -> None:
    assert content_id({"x": value, "y": [value]}) == content_id({"y": (value,), "x": value})


@given(one=PLAIN, other=PLAIN)
def test_different_content_has_another_identity(one: Any, other: Any) -> None:
    # repr tells what == does not: 1, 1.0 and True are different content.
    assert (content_id(one) == content_id(other)) == (repr(_sorted(one)) == repr(_sorted(other)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return ("list", [_sorted(item) for item in value]) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"set": {1, 2}}, r"value\['set'\] is of"),
        ([1, Path("x")], r"value\[1\] is of"),
        (Spec("x", {"f": len}), r"value.options\['f'\] is of"),
        (float("nan"), "value is nan"),
        (float("-inf"), "value is -inf"),
        ({1: 2}, "the key 1, which is not text"),
        (object(), "is of"),
        (b"x", "is of"),
        (Decimal("1"), "is of"),
        (Spec, "is of"),
    ],
)
def test_what_is_not_stable_has_no_identity(value: object, where: str) -> None:
    with pytest.raises(TypeError, match=where):
        content_id(value)


def _values() -> list[Any]:
    origin = Origin("notes/a.pdf", page=3, start=5, end=9)
    documents = (
        Document("a", "A", ("b",), "local", origin),
        Document("b", "B. C.", spans=((0, 2), (3, 5)), meta={"row": 4, "tags": ["x"]}),
    )
    asked = Question("q", "x are", " y", (" y", " z"), "reversal", ("a",), "u", (" w",), {"hard": "no"})
    questions = (asked,)
    trial = Trial("d", "m", 1, Spec("e"), None, documents, documents, ((0, 1), (1, 0)), questions, 2)
    scores = (Score("q", (Likelihood(-1.5, 2, 3),)), Score("r", (), "text"))
    strategy = Spec("local", {"n": 3, "s": "x"})
    arm = Arm("m", "treatment", (strategy,), True, Spec("all"), ("n", "chance"), only=("d",))
    marks = {"hard": Mark("Hard", "What is hard.", {"yes": "Hard"})}
    return [
        trial,
        dataclasses.replace(trial, tune=Spec("full", {"rate": 1e-3})),
        dataclasses.replace(trial, orders=(), nearest=((1, 0), ())),
        Study("s", (Spec("d"),), (arm,), (Spec("full"),), (0, 1), Spec("e"), limits={"m": ("d", "e")}),
        Dataset("d", documents, questions, ("a",), "reasoner", marks, made=Spec("d", {"facts": 3})),
        Request("p", "q", chat=(Message("user", "u"), Message("assistant", "a"))),
        Result("t", (scores, scores), ((5, scores),), Cost(1, 2, 3, 4, 5e12, 0.1), (0.5,), None, {"n": 1}),
        Result("t", error="it failed"),
    ]


@pytest.mark.parametrize("value", _values(), ids=lambda value: type(value).__name__)
def test_every_noun_comes_back_from_a_file_as_it_was(value: Any, tmp_path: Path) -> None:
    store.write_json(tmp_path / "value.json", value)
    back = from_plain(type(value), store.read_json(tmp_path / "value.json"))
    assert back == value
    assert content_id(back) == content_id(value)


def test_from_plain_takes_defaults_and_refuses_what_it_does_not_know() -> None:
    assert from_plain(Document, {"id": "a", "text": "A"}) == Document("a", "A")
    assert from_plain(Cost, {"flops": 3}).flops.is_integer()
    with pytest.raises(TypeError, match="Document has no colour"):
        from_plain(Document, {"id": "a", "text": "A", "colour": "red"})
    with pytest.raises(TypeError, match="text"):
        from_plain(Document, {"id": "a"})


QUESTION = {"id": "q", "prompt": "a", "answer": "b", "choices": [], "split": "s", "premises": []}


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Question, QUESTION | {"premises": "doc1"}, 'premises is "doc1" and not a list'),
        (Question, QUESTION | {"choices": [1]}, "choices is 1 and not text"),
        (Question, QUESTION | {"marks": ["no"]}, r'marks is \["no"\] and not an object'),
        (Arm, {"name": "a", "role": "floor", "tune": "no"}, 'tune is "no" and not true or false'),
        (Document, {"id": 3, "text": "A"}, "id is 3 and not text"),
        (Document, {"id": "a", "text": None}, "text is null and not text"),
        (Cost, {"input_tokens": True}, "input_tokens is true and not a whole number"),
        (Cost, {"input_tokens": 1.5}, "input_tokens is 1.5 and not a whole number"),
        (Cost, {"flops": "1e9"}, 'flops is "1e9" and not a number'),
        (Spec, {"use": "x", "options": []}, r"options is \[\] and not an object"),
        (Result, {"trial": "t", "checkpoints": [[1]]}, r"checkpoints is \[1\] and not a list of 2"),
    ],
)
def test_a_field_of_another_type_is_refused_by_name(kind: type, value: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        from_plain(kind, value)


def test_files_have_the_same_bytes_whatever_the_order_of_keys(tmp_path: Path) -> None:
    store.write_jsonl(tmp_path / "a", [{"a": 1, "b": "é\u2028"}, Document("x", "y")])
    store.write_jsonl(tmp_path / "b", [{"b": "é\u2028", "a": 1}, to_plain(Document("x", "y"))])
    expected = (
        '{"a": 1, "b": "é\u2028"}\n'
        '{"id": "x", "meta": {}, "origin": null, "source": [], "spans": null, '
        '"strategy": null, "text": "y"}\n'
    )
    assert (tmp_path / "a").read_text("utf-8") == (tmp_path / "b").read_text("utf-8") == expected
    assert store.read_jsonl(tmp_path / "a")[0] == {"a": 1, "b": "é\u2028"}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "rows.jsonl"
    store.write_jsonl(path, [{"a": 1}])

    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 2}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write_jsonl(path, rows())
    with pytest.raises(UnicodeEncodeError):
        store.write_text(path, "half \ud800 of a letter")
    assert store.read_jsonl(path) == [{"a": 1}]
    assert [item.name for item in path.parent.iterdir()] == ["rows.jsonl"]


def test_a_disk_without_room_says_for_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        store.write_text(tmp_path / "rows.jsonl", "x")
    assert caught.value.filename == str(tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_file_can_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    store.write_text(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    store.write_jsonl(path, [{"a": 1}])
    # Killed at the worst moment: all is written, nothing is safe on the disk yet.
    script = (
        "import os, sys; from pathlib import Path; from corollary import store\n"
        "os.fsync = lambda _: os.kill(os.getpid(), 9)\n"
        "store.write_jsonl(Path(sys.argv[1]), [{'a': 2}])"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -9
    assert store.read_jsonl(path) == [{"a": 1}]


def test_who_reads_while_a_file_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    store.write_text(tmp_path / "text", "old")
    with (tmp_path / "text").open() as reader:
        store.write_text(tmp_path / "text", "new and longer")
        assert reader.read() == "old"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1}\n\n{"a": \n', "line 3, is not JSON .* correct or remove it"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_broken_file_is_the_users_to_mend(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(UserError, match=words):
        store.read_jsonl(tmp_path / "rows")


def test_a_missing_file_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file .*rows"):
        store.read_jsonl(tmp_path / "rows")
    with pytest.raises(UserError, match="There is no file .*value"):
        store.read_json(tmp_path / "value")


def test_a_completion_is_known_by_the_model_and_everything_that_was_asked(tmp_path: Path) -> None:
    asked = Request("prompt", "prefix", 10, 0.5, 3, ("\n",))
    others = [
        dataclasses.replace(asked, prompt="other"),
        dataclasses.replace(asked, prefix="other"),
        dataclasses.replace(asked, prefix="prefixp", prompt="rompt"),
        dataclasses.replace(asked, max_tokens=11),
        dataclasses.replace(asked, temperature=0.0),
        dataclasses.replace(asked, seed=4),
        dataclasses.replace(asked, stop=()),
        dataclasses.replace(asked, begin="kerit"),
        dataclasses.replace(asked, chat=()),
        dataclasses.replace(asked, chat=(Message("system", "Be brief."),)),
    ]
    with Completions(tmp_path / "new" / "completions.db") as completions:
        assert completions.get("model", asked) is None
        completions.put("model", asked, ANSWER)
        assert completions.get("model", dataclasses.replace(asked)) == ANSWER
        assert completions.get("other model", asked) is None
        assert [completions.get("model", other) for other in others] == [None] * len(others)
    with Completions(tmp_path / "new" / "completions.db") as completions:
        assert completions.get("model", asked) == ANSWER
        assert len(completions) == 1


def test_the_first_completion_stays_and_a_failure_is_none(tmp_path: Path) -> None:
    with Completions(tmp_path / "c.db") as completions:
        completions.put("m", Request("p"), ANSWER)
        assert completions.put("m", Request("p"), dataclasses.replace(ANSWER, text="another")) == ANSWER
        assert completions.get("m", Request("p")) == ANSWER
        with pytest.raises(AssertionError, match="not an answer"):
            completions.put("m", Request("q"), dataclasses.replace(ANSWER, finish="error"))
        assert completions.get("m", Request("q")) is None


def test_a_prefix_before_many_prompts_is_kept_once(tmp_path: Path) -> None:
    with Completions(tmp_path / "c.db") as completions:
        for number in range(50):
            completions.put("m", Request(f"p{number}", prefix="x" * 100_000), ANSWER)
    assert (tmp_path / "c.db").stat().st_size < 1_000_000


def test_what_is_not_a_store_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("These are notes, not a database. " * 100)
    with pytest.raises(UserError, match="not a store of completions"):
        Completions(tmp_path / "c.db")
    with pytest.raises(UserError, match="not a store of completions"):
        Completions(tmp_path)


def _put_many(path: Path, worker: int) -> None:
    with Completions(path) as completions:
        for number in range(15):
            completions.put("m", Request(f"{worker}-{number}", "shared"), ANSWER)
            completions.put("m", Request(f"all-{number}"), ANSWER)


def test_several_processes_use_one_store_from_its_first_moment(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put_many, args=(tmp_path / "c.db", number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 3
    with Completions(tmp_path / "c.db") as completions:
        assert len(completions) == 3 * 15 + 15


def test_who_opens_a_store_that_another_is_just_making_waits(tmp_path: Path) -> None:
    # SQLite itself does not: turning on the write-ahead log is refused at once, whatever the timeout.
    maker = sqlite3.connect(tmp_path / "c.db", isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, lambda: maker.execute("COMMIT")).start()
    with Completions(tmp_path / "c.db") as completions:
        completions.put("m", Request("p"), ANSWER)
        assert completions.get("m", Request("p")) == ANSWER
    maker.close()


def test_a_kill_loses_no_completion_that_was_put(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from corollary.completions import *\n"
        "store = Completions(Path(sys.argv[1]))\n"
        "for number in range(10**9):\n"
        "    store.put('m', Request(str(number)), Completion('x', 1, 1)); print(number, flush=True)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "c.db")]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert writer.stdout is not None
    for _ in range(50):
        writer.stdout.readline()
    writer.kill()
    last = 49 + len(writer.stdout.read().splitlines())
    writer.wait()
    writer.stdout.close()
    with Completions(tmp_path / "c.db") as completions:
        assert last <= len(completions) <= last + 2
        assert completions.get("m", Request(str(last - 1))) is not None


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert from_plain(Cost, {"input_tokens": 5.0, "seconds": 2}) == Cost(input_tokens=5, seconds=2.0)
