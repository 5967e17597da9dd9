"""A model behind an endpoint: what is sent, what comes back, and which options it takes."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from typing import Any

import pytest
from fault_proxy import (
    KEY,
    Fault,
    Proxy,
    ask,
    asked,
    chats,
    only,
    refused,
    reply,
    saying,
    serving,
    texts,
)

from corollary.errors import UserError
from corollary.models.endpoint import load
from corollary.types import Completion, Message, Request

pytestmark = pytest.mark.usefixtures("keyed")


def test_a_chat_is_sent_as_messages_and_read_with_its_usage() -> None:
    proxy = Proxy()
    turns = (Message("system", "Be short."), Message("user", "a"), Message("assistant", "A"))
    request = Request("b", prefix="see: ", chat=turns, max_tokens=9, temperature=0.5, seed=3, stop=("\n",))
    assert ask(proxy, [request]) == [Completion("SEE: B", 7, 3, 5, "stop")]
    assert proxy.paths == ["/v1/chat/completions"]
    assert proxy.bodies[0] == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "A"},
            {"role": "user", "content": "see: b"},
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "seed": 3,
        "stop": ["\n"],
    }
    assert {name.lower(): value for name, value in proxy.headers[0].items()}[
        "authorization"
    ] == f"Bearer {KEY}"


def test_a_request_without_turns_is_continued_from_its_beginning() -> None:
    proxy = Proxy()
    answers = ask(proxy, [Request("b", prefix="a ", begin=" Then")], api="completions")
    assert texts(answers) == [" ThenA B THEN"]
    assert proxy.paths == ["/v1/completions"]
    assert proxy.bodies[0]["prompt"] == "a b Then"


def test_turns_for_a_model_that_has_none_are_refused() -> None:
    with pytest.raises(UserError, match="api 'completions'"):
        ask(Proxy(), chats("a"), api="completions")


@pytest.mark.parametrize(
    ("begin", "said", "text"),
    [
        ("Ada wrote", "Ada wrote notes.", "Ada wrote notes."),
        ("Ada wrote", "  ada wrote notes.", "Ada wrote notes."),
        ("Ada wrote", "Sure, here it is:\nAda wrote notes.", "Ada wrote notes."),
        ("The notes are by Ada", "Ada Lovelace.", "The notes are by Ada Lovelace."),
        ("The notes are by ", "Ada.", "The notes are by Ada."),
        ("The notes are by", "Ada.", "The notes are by Ada."),
        ("The notes are by Ada", ", who was born in 1815.", "The notes are by Ada, who was born in 1815."),
        ("The notes are by Ad", "Adam.", "The notes are by Ad Adam."),
        ("首都", "是巴黎。", "首都是巴黎。"),
    ],
)
def test_an_answer_starts_as_it_was_asked_to(begin: str, said: str, text: str) -> None:
    proxy = Proxy(saying(said))
    assert texts(ask(proxy, chats("Who?", begin=begin))) == [text]
    assert asked(proxy.bodies[0]) == f"Who?\n\nBegin your answer with: {begin}"


def test_more_stops_than_the_api_takes_cut_here() -> None:
    proxy = Proxy(saying("one two END three"))
    answers = ask(proxy, chats("a", stop=("1", "2", "3", "4", " END"), begin="one"))
    assert (answers[0].text, answers[0].finish) == ("one two", "stop")
    assert proxy.bodies[0]["stop"] == ["1", "2", "3", "4"]


def test_a_stop_that_the_beginning_contains_is_not_sent() -> None:
    proxy = Proxy(saying("1.\nAda\nBob"))
    assert texts(ask(proxy, chats("a", stop=("\n",), begin="1.\n"))) == ["1.\nAda"]
    assert "stop" not in proxy.bodies[0]


@pytest.mark.parametrize(
    ("finish", "meaning"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "filter"), ("tool_calls", "stop")],
)
def test_how_an_answer_ended(finish: str, meaning: str) -> None:
    assert ask(Proxy(saying("a", finish)), chats("a"))[0].finish == meaning


def test_tokens_are_estimated_where_the_server_counts_none() -> None:
    body = json.dumps({"choices": [{"message": {"content": "four"}, "finish_reason": "stop"}]})
    answer = ask(Proxy(lambda number, _: Fault(body=body)), chats("123456"))[0]
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == (2, 2, 0)


def test_further_fields_are_sent_and_null_removes_one() -> None:
    proxy = Proxy()
    options = {"body": '{"seed": null, "top_p": 0.5}', "max_tokens_field": "max_completion_tokens"}
    ask(proxy, chats("a", max_tokens=4), **options)
    assert proxy.bodies[0]["top_p"] == 0.5
    assert proxy.bodies[0]["max_completion_tokens"] == 4
    assert not {"seed", "max_tokens", "stop"} & proxy.bodies[0].keys()


def test_answers_keep_their_order_and_come_before_the_last_is_done() -> None:
    wanted = threading.Event()
    waited: list[bool] = []

    def fault(number: int, body: dict[str, Any]) -> None:
        if asked(body) == "slow":
            waited.append(wanted.wait(20))

    with serving(Proxy(fault)) as proxy:
        answers = load(model="m", base_url=proxy.url).generate(chats("a", "b", "slow", "d"))
        early = [next(answers), next(answers)]
        wanted.set()
        assert texts([*early, *answers]) == ["A", "B", "SLOW", "D"]
    assert waited == [True]


def test_nothing_more_is_sent_once_the_answers_are_no_longer_wanted() -> None:
    proxy = Proxy(seconds=0.05)
    with serving(proxy):
        answers = load(model="m", base_url=proxy.url, in_flight=2).generate(chats(*"abcdefghijklmnop"))
        next(iter(answers))
        answers.close()  # type: ignore[attr-defined]
        sent = len(proxy.bodies)
        time.sleep(0.2)
        assert len(proxy.bodies) == sent < 16


def test_no_request_gives_no_answer() -> None:
    assert ask(Proxy(), []) == []


def test_what_a_filter_withheld_is_an_answer() -> None:
    withheld = Fault(400, '{"error": {"message": "no", "type": null, "code": "content_filter"}}')
    assert ask(Proxy(only("bad", withheld)), chats("bad")) == [Completion("", 0, 0, 0, "filter")]
    quiet = Proxy(lambda number, body: Fault(body=json.dumps(reply(body, " ", finish="content_filter"))))
    assert ask(quiet, chats("a", begin="So"))[0].finish == "filter"


@pytest.mark.parametrize("status", [200, 401, 503])
@pytest.mark.parametrize(
    ("url", "secret"), [("http://user:p4ss@{}", "p4ss"), ("http://{}?key=hidden-in-query", "hidden-in-query")]
)
def test_no_secret_is_ever_shown(
    status: int, url: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    shown: list[str] = []
    with serving(Proxy(lambda number, body: refused(status, f"bad {KEY} {secret}"))) as proxy:
        address = proxy.url.removeprefix("http://")
        model = load(model="m", base_url=url.format(address), backoff=0.0, attempts=2, breaker=3, in_flight=1)
        shown += [repr(model), str(vars(model)["key_env"]), model.identity, model.address]
        with pytest.raises(UserError) as raised:
            list(model.generate(chats("a", "b")))
        error: BaseException | None = raised.value
        while error is not None:
            shown += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
        assert any("key=hidden-in-query" in path for path in proxy.paths) == ("query" in url)
    assert "***" in str(raised.value)
    assert KEY not in " ".join([*shown, caplog.text])
    assert secret not in " ".join([*shown, caplog.text])


def test_a_failed_request_shows_no_secret_either() -> None:
    answers = ask(Proxy(only("bad", refused(500, f"bad {KEY}"))), chats("a", "bad"), attempts=2, in_flight=1)
    assert KEY not in str(answers[1])
    assert "***" in str(answers[1])
    assert answers[1].__context__ is None


def test_a_key_is_needed_unless_the_server_is_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"):
        load(model="m")
    with pytest.raises(UserError, match="MY_KEY is not set"):
        load(model="m", base_url="http://127.0.0.1:1/v1", key_env="MY_KEY")
    assert texts(ask(Proxy(), chats("a"))) == ["A"]
    monkeypatch.setenv("MY_KEY", "abc\nX-Other: 1")
    with pytest.raises(UserError, match="MY_KEY is not a key") as raised:
        load(model="m", key_env="MY_KEY")
    assert "abc" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"in_flight": 0},
        {"attempts": 0},
        {"timeout": 0.0},
        {"deadline": float("nan")},
        {"backoff": -1.0},
        {"breaker": 1},
        {"body": "[]"},
        {"body": "{"},
        {"base_url": "127.0.0.1:80"},
    ],
    ids=str,
)
def test_an_option_that_cannot_be_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"'{next(iter(options))}'"):
        load(**{"model": "m", **options})


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(UserError, match=r"Install corollary\[endpoint\]"):
        load(model="m")


def test_identity_follows_what_changes_answers_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "x")
    same = {
        load(model="m").identity,
        load(model="m", base_url="http://127.0.0.1:1/v1", key_env="OTHER", in_flight=2).identity,
        load(model="m", timeout=3.0, attempts=1, body="{ }").identity,
    }
    others = {load(model="n").identity, load(model="m", body='{"top_p": 0.5}').identity}
    assert len(same) == 1
    assert len(same | others) == 3


def test_what_a_model_understands_and_how_it_counts() -> None:
    assert load(model="m").kind == "chat"
    assert load(model="m", api="completions").kind == "base"
    assert [load(model="m").count(text) for text in ("", "a", "abc", "abcd", "首都")] == [0, 1, 1, 2, 2]
