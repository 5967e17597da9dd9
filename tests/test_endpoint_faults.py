"""Every way in which a server behind an endpoint fails, and what each costs."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from typing import Any

import pytest
from fault_proxy import (
    CUT,
    EMPTY,
    NO_JSON,
    OTHER_JSON,
    Fault,
    Proxy,
    ask,
    asked,
    chats,
    first,
    only,
    refused,
    serving,
    texts,
)

from corollary.errors import JobFailed, UserError
from corollary.models.endpoint import load
from corollary.types import Completion

pytestmark = pytest.mark.usefixtures("keyed")


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
