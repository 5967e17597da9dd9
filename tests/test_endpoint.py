"""A model behind an endpoint: what is sent, what comes back, and every way in which a server fails."""

from __future__ import annotations

import email.utils
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fault_proxy import CUT, EMPTY, NO_JSON, OTHER_JSON, Fault, Proxy, asked, refused, reply, serving

from corollary.errors import JobFailed, UserError
from corollary.models.endpoint import load
from corollary.types import Completion, Message, Request

KEY = "sk-never-to-be-shown-4711"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(proxy: Proxy, requests: Sequence[Request], **options: Any) -> list[Any]:
    with serving(proxy):
        model = load(model="m", base_url=proxy.url, **{"backoff": 0.01, **options})
        return list(model.generate(requests))


def chats(*prompts: str, **more: Any) -> list[Request]:
    return [Request(prompt, chat=(), **more) for prompt in prompts]


def texts(answers: Sequence[Any]) -> list[str]:
    assert all(isinstance(answer, Completion) for answer in answers), answers
    return [answer.text for answer in answers]


def only(text: str, fault: Fault) -> Callable[[int, dict[str, Any]], Fault | None]:
    """The fault for each request whose prompt contains the text."""
    return lambda number, body: fault if text in asked(body) else None


def first(*faults: Fault) -> Callable[[int, dict[str, Any]], Fault | None]:
    return lambda number, body: faults[number] if number < len(faults) else None


def saying(text: str, finish: str = "stop") -> Callable[[int, dict[str, Any]], Fault | None]:
    return lambda number, body: Fault(body=json.dumps(reply(body, text, finish=finish)))


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


@pytest.mark.parametrize(
    "fault",
    [
        refused(429),
        refused(503),
        refused(500),
        refused(408),
        refused(409),
        Fault(502, "<html>Bad gateway</html>"),
        CUT,
        EMPTY,
        NO_JSON,
        OTHER_JSON,
        Fault(body="null"),
        Fault(body='{"choices": [{"message": {"content": [1]}}]}'),
        Fault(slow=0.5),
    ],
    ids=str,
)
def test_a_passing_fault_is_tried_again(fault: Fault) -> None:
    proxy = Proxy(first(fault))
    assert texts(ask(proxy, chats("a"), timeout=0.25)) == ["A"]
    assert len(proxy.bodies) == 2


@pytest.mark.parametrize("fault", [refused(503), CUT, EMPTY, NO_JSON, Fault(slow=0.3)], ids=str)
def test_a_request_that_fails_for_good_costs_itself_alone(fault: Fault) -> None:
    answers = ask(
        Proxy(only("bad", fault)), chats("a", "bad", "c", "d"), attempts=2, timeout=0.15, in_flight=2
    )
    assert isinstance(answers[1], JobFailed)
    assert "m at http://127.0.0.1" in str(answers[1])
    assert texts([answers[0], *answers[2:]]) == ["A", "C", "D"]


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


@pytest.mark.parametrize(
    "wait",
    [lambda: "1", lambda: email.utils.formatdate(time.time() + 2, usegmt=True)],
    ids=["seconds", "date"],
)
def test_the_wait_that_a_server_asks_for_is_kept_by_every_request(wait: Callable[[], str]) -> None:
    proxy = Proxy(lambda number, body: refused(429, Retry_After=wait()) if number == 0 else None)
    assert texts(ask(proxy, chats("a", "b", "c"), in_flight=1)) == ["A", "B", "C"]
    assert proxy.times[1] - proxy.times[0] >= 0.9  # a date has whole seconds
    assert len(proxy.times) == 4


def test_a_request_that_waits_does_not_hold_up_the_others() -> None:
    proxy = Proxy(lambda number, body: refused(500) if number == 0 else None)
    ask(proxy, chats("a", "b"), in_flight=1, backoff=0.3)
    assert [asked(body) for body in proxy.bodies] == ["a", "b", "a"]


def test_a_wait_beyond_the_deadline_ends_the_run() -> None:
    with pytest.raises(UserError, match="asks for a wait of 3600 s"):
        ask(Proxy(first(refused(429, Retry_After="3600"))), chats("a"))


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf", "Mon, 99 Foo"])
def test_a_wait_that_nobody_can_read_is_passed_over(wait: str) -> None:
    assert texts(ask(Proxy(first(refused(429, Retry_After=wait))), chats("a"))) == ["A"]


def test_the_deadline_holds_over_all_attempts_and_not_over_the_queue() -> None:
    proxy = Proxy(only("bad", Fault(slow=0.25)), seconds=0.05)
    start = time.monotonic()
    answers = ask(
        proxy, chats("bad", *"abcdefgh"), timeout=0.2, deadline=0.3, attempts=50, breaker=50, in_flight=1
    )
    assert isinstance(answers[0], JobFailed)
    assert texts(answers[1:]) == list("ABCDEFGH")
    assert time.monotonic() - start < 5


def test_requests_in_flight_are_never_more_than_the_limit() -> None:
    proxy = Proxy(seconds=0.03)
    ask(proxy, chats(*"abcdefghijkl"), in_flight=3)
    assert max(proxy.together) == 3


def test_fewer_requests_are_in_flight_after_a_refusal_and_more_again_later() -> None:
    proxy = Proxy(lambda number, body: refused(429) if number < 4 else None, seconds=0.04)
    answers = ask(proxy, chats(*map(str, range(30))), in_flight=4, backoff=0.05)
    assert texts(answers) == [str(number) for number in range(30)]
    # The four that were refused halved the limit once; it grows by one after a run of successes.
    assert max(proxy.together[4:7]) <= 2
    assert max(proxy.together) == 4
    assert max(proxy.together[-10:]) > 2


def test_a_server_that_only_fails_ends_the_run_with_what_it_answered() -> None:
    proxy = Proxy(lambda number, body: refused(503, "no room today"))
    with pytest.raises(UserError, match="503: no room today"):
        ask(proxy, chats(*map(str, range(100))), breaker=6)
    assert len(proxy.bodies) < 40


def test_a_server_that_dies_costs_no_answer_that_came_before() -> None:
    proxy = Proxy(lambda number, body: refused(503) if number >= 5 or asked(body) == "1" else None)
    answers: list[Any] = []
    with serving(proxy):
        model = load(model="m", base_url=proxy.url, backoff=0.01, in_flight=2, breaker=5, attempts=50)
        with pytest.raises(UserError, match="times in a row"):
            answers.extend(model.generate(chats(*map(str, range(30)))))
    came = [answer.text for answer in answers if isinstance(answer, Completion)]
    assert len(came) >= 3
    assert isinstance(answers[1], JobFailed)
    assert [answer.text for answer in answers if isinstance(answer, Completion)] == sorted(came)


def test_a_server_that_is_not_there_is_named() -> None:
    with serving(Proxy()) as gone:
        url = gone.url
    with pytest.raises(UserError, match="m at http://127.0.0.1:[0-9]+/v1 failed .* times in a row"):
        list(load(model="m", base_url=url, backoff=0.01).generate(chats("a")))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_what_no_repetition_can_fix_is_said_at_once(status: int) -> None:
    proxy = Proxy(lambda number, body: refused(status, "not like this"))
    with pytest.raises(UserError, match=f"the model m .*{status}: not like this") as raised:
        ask(proxy, chats("a"))
    assert len(proxy.bodies) == 1
    assert "http://127.0.0.1" in str(raised.value)


def test_no_credit_is_not_waited_for() -> None:
    spent = Fault(429, '{"error": {"message": "spent", "type": "x", "code": "insufficient_quota"}}')
    proxy = Proxy(lambda number, body: spent)
    with pytest.raises(UserError, match="credit"):
        ask(proxy, chats("a"))
    assert len(proxy.bodies) == 1


def test_a_prompt_that_is_too_long_costs_itself_alone() -> None:
    long = Fault(400, '{"error": {"message": "9 > 8", "type": "x", "code": "context_length_exceeded"}}')
    answers = ask(Proxy(only("bad", long)), chats("bad", "b"), in_flight=1)
    assert isinstance(answers[0], JobFailed)
    assert texts(answers[1:]) == ["B"]


def test_a_refusal_after_an_answer_costs_itself_alone() -> None:
    answers = ask(Proxy(only("bad", refused(400))), chats("a", "bad", "c"), in_flight=1)
    assert isinstance(answers[1], JobFailed)
    assert texts([answers[0], answers[2]]) == ["A", "C"]


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
    with pytest.raises(UserError, match="MY_KEY is no key") as raised:
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
