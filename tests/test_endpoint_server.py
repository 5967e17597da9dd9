"""The endpoint against a real server, llama.cpp's, with a real model, and faults between the two.

`COROLLARY_SMOLLM2` is the path of SmolLM2-135M-Instruct as a GGUF file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fault_proxy import CUT, EMPTY, NO_JSON, Fault, Proxy, refused, serving

from corollary.errors import JobFailed, UserError
from corollary.models.endpoint import load
from corollary.types import Completion, Message, Request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("COROLLARY_SMOLLM2" not in os.environ, reason="COROLLARY_SMOLLM2 names no model"),
]
SYSTEM = (Message("system", "You answer in one short sentence."),)
THINGS = ("bread", "rain", "rivers", "bridges", "snow", "clocks")
QUESTIONS = [
    Request(f"Write one sentence about {thing}.", chat=SYSTEM, max_tokens=10, stop=("\n",))
    for thing in THINGS
]
SERVER = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.port, params.n_parallel, params.n_ctx, params.verbosity = 0, 2, 1024, -1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # two spin for each other on a busy machine
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(3600)
"""


def in_place(answers: list[Any]) -> bool:
    """Whether each is a completion and most mention what they were asked about: the model is small."""
    assert all(isinstance(answer, Completion) for answer in answers), answers
    mentioned = [thing[:5] in answer.text.lower() for answer, thing in zip(answers, THINGS, strict=True)]
    return sum(mentioned) >= 4


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    # In a process of its own: the end of a server waits for each answer that a client gave up on.
    command = [sys.executable, "-c", SERVER, os.environ["COROLLARY_SMOLLM2"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        address = next(line for line in running.stdout if line.startswith("http")).strip()
        yield f"{address}/v1"
        running.kill()


def test_a_real_server_answers_in_order_with_its_usage(server: str) -> None:
    answers: list[Any] = list(load(model="smollm2", base_url=server, in_flight=1).generate(QUESTIONS))
    assert in_place(answers)
    assert all(0 < answer.output_tokens <= 10 for answer in answers)
    assert {answer.finish for answer in answers} <= {"stop", "length"}
    # All but the first find the system turn already read.
    assert all(0 < answer.cached_tokens < answer.input_tokens for answer in answers[1:])


def test_faults_between_cost_no_answer(server: str) -> None:
    faults = [refused(429, Retry_After="1"), refused(503), CUT, EMPTY, NO_JSON, Fault(slow=21.0)]
    # The first of every two requests fails, until each fault was met once.
    proxy = Proxy(lambda number, body: faults[number // 2] if number % 2 == 0 and number < 12 else None)
    proxy.upstream = server
    with serving(proxy):
        model = load(model="smollm2", base_url=proxy.url, in_flight=2, timeout=20.0, backoff=0.05)
        answers = list(model.generate(QUESTIONS))
    assert in_place(answers)
    assert len(proxy.bodies) == len(QUESTIONS) + len(faults)


def test_a_prompt_beyond_the_window_costs_itself_alone(server: str) -> None:
    long = Request("word " * 3000, chat=(), max_tokens=4)
    answers = list(load(model="smollm2", base_url=server).generate([long, QUESTIONS[0]]))
    assert isinstance(answers[0], JobFailed)
    assert isinstance(answers[1], Completion)


def test_text_is_continued_where_there_are_no_turns(server: str) -> None:
    request = Request("Paris is the capital of", begin=" France", max_tokens=8)
    model = load(model="smollm2", base_url=server, api="completions")
    (answer,) = model.generate([request])
    assert isinstance(answer, Completion)
    assert answer.text.startswith(" France")
    assert len(answer.text) > len(" France")


def test_a_chat_begins_as_it_was_asked_to(server: str) -> None:
    (answer,) = load(model="smollm2", base_url=server).generate(
        [Request("What is bread?", chat=SYSTEM, begin="Bread is", max_tokens=10)]
    )
    assert isinstance(answer, Completion)
    assert answer.text.startswith("Bread is")


def test_a_path_that_the_server_does_not_have_is_said(server: str) -> None:
    with pytest.raises(UserError, match="404.*base_url"):
        list(load(model="smollm2", base_url=f"{server}/elsewhere").generate(QUESTIONS[:1]))
