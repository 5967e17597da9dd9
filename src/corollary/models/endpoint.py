"""A model behind an OpenAI-compatible endpoint: it generates text, but can neither score nor be tuned.

`Endpoint.generate` yields a `RequestFailed` in place of a lost completion, and the other requests go on. A
problem that no retry can solve (a refused key, an unknown model, a dead server) is a `UserError`. No message,
`repr` or identity contains the key.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from corollary.errors import JobFailed, UserError
from corollary.inference.replies import Again, completion, retry_after
from corollary.types import Completion, Request

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

Api = Literal["chat", "completions"]
_OPENAI = "https://api.openai.com/v1"
_BEGIN = "Begin your answer with: "
_LONGEST_PAUSE = 60.0
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")


class RequestFailed(JobFailed):
    """One request ended without an answer. The message contains the server's last answer."""


def load(
    *,
    model: str,
    base_url: str = "",
    key_env: str = "OPENAI_API_KEY",
    api: Api = "chat",
    window: int = 32768,
    in_flight: int = 8,
    timeout: float = 120.0,
    deadline: float = 600.0,
    attempts: int = 6,
    breaker: int = 8,
    backoff: float = 1.0,
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
    body: str = "{}",
) -> Endpoint:
    """A model behind an OpenAI-compatible endpoint, which generates and does not score.

    `base_url` is the address up to `/v1`; empty means `OPENAI_BASE_URL`, else OpenAI. `key_env` names the
    environment variable that contains the key; your own server may need none. `api` is "chat" for a model
    that answers turns, "completions" for one that continues text.

    At most `in_flight` requests run at once, fewer when the server is overloaded. `timeout` is for one
    attempt; `deadline` is for all `attempts` of a request, waits included; both are in seconds. `breaker`
    failures in a row, without any success, end the run; before the first answer half as many do. Failures
    that were in flight together count as one. `backoff` is the first wait; each further wait is twice as
    long.

    `body` is a JSON object with further fields for each request. null removes a field, as in
    '{"temperature": null, "seed": null}'. Raises `UserError` for an option out of range, a missing key, or a
    missing package.
    """
    given = dict(locals())  # the options, as no other name exists yet
    try:
        import openai  # noqa: F401  (here, so that a missing package is reported before anything runs)
        import tenacity  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"Install corollary[endpoint]: a model behind an endpoint needs the package {error.name}."
        ) from error
    least = {"window": 1, "in_flight": 1, "attempts": 1, "breaker": 2, "backoff": 0.0}
    for name, bound in {**least, "timeout": 0.001, "deadline": 0.001}.items():
        if not given[name] >= bound:
            raise UserError(f"The endpoint's option '{name}' is {given[name]}: set it to {bound} or more.")
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise UserError(
            """The endpoint's option 'body' is not a JSON object: set it like '{"top_p": 0.9}'."""
        )
    url = base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI
    if not re.match(r"https?://[^/?#]", url):
        raise UserError("The option 'base_url' is not a web address: set it like 'http://127.0.0.1:8080/v1'.")
    # A server of your own often needs no key; a variable that you name yourself must exist.
    optional = not key_env or (key_env == "OPENAI_API_KEY" and url != _OPENAI)
    given |= {"base_url": url, "body": fields, "key_needed": not optional, "limit": in_flight}
    endpoint = Endpoint(**given)
    endpoint.key()
    return endpoint


@dataclass(kw_only=True)
class Endpoint:
    """A model behind an endpoint. Its fields are the options of `load`, and two that `generate` updates:
    `limit`, the number of requests that may be in flight now, and `answered`, whether any request was."""

    model: str
    base_url: str = field(repr=False)
    key_env: str
    key_needed: bool
    api: Api
    window: int
    in_flight: int
    timeout: float
    deadline: float
    attempts: int
    breaker: int
    backoff: float
    max_tokens_field: str
    body: dict[str, Any]
    limit: int
    answered: bool = False

    remote: ClassVar[bool] = True
    """The model waits on a network: its requests share no computation, and each answer is stored at once."""

    @property
    def kind(self) -> str:
        """ "chat", or "base" for a model that continues text."""
        return "chat" if self.api == "chat" else "base"

    @property
    def identity(self) -> str:
        """A hash of the model's name and the settings that change answers, never of the address or key."""
        settings = ["endpoint", self.model, self.api, _BEGIN, self.body]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    @property
    def address(self) -> str:
        """The address for messages, without user, password and query."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    def key(self) -> str:
        """The key from the environment, or "" for a server that needs none. It is read at each call, so that
        this object never contains it. Raises `UserError` when it is missing or malformed."""
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        if not key and self.key_needed:
            raise UserError(
                f"The environment variable {self.key_env} is not set: set it to your key for {self.address}."
            )
        # A header allows no other characters, and the error of the HTTP library would show the key.
        if not (key.isascii() and key.isprintable()):
            raise UserError(
                f"The environment variable {self.key_env} is not a key: remove its special characters."
            )
        return key

    def count(self, text: str) -> int:
        """An estimate of the number of tokens: a third of the UTF-8 bytes, rounded up. The tokenizer is
        unknown. English has about four bytes a token, so the estimate is on the safe side."""
        return -(-len(text.encode(errors="replace")) // 3)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion | RequestFailed]:
        """One completion or `RequestFailed` for each request, in order, as soon as possible.

        The requests run in a thread of their own; closing the iterator cancels those in flight. A request
        without `chat` is sent to /completions. If no further request can succeed, raises `UserError` after
        yielding every completion that you have already paid for.
        """
        from anyio.from_thread import start_blocking_portal

        answers: SimpleQueue[tuple[int, Completion | RequestFailed] | None] = SimpleQueue()
        known: dict[int, Completion | RequestFailed] = {}
        position = 0
        with start_blocking_portal() as portal:
            job = portal.start_task_soon(self._run, requests, answers.put)
            job.add_done_callback(lambda _: answers.put(None))
            try:
                for index, answer in iter(answers.get, None):
                    known[index] = answer
                    while position in known:
                        yield known.pop(position)
                        position += 1
                for index in range(position, max(known, default=-1) + 1):
                    yield known.get(index) or RequestFailed(
                        f"{self.model} stopped before this request ended."
                    )
            finally:
                job.cancel()
        error = job.exception()
        if isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, UserError):
            # A new error: the chain of the old one contains the client's error, with what `_shown` hides.
            raise UserError(str(error))
        if error is not None:
            raise error

    async def _run(self, requests: Sequence[Request], put: Callable[[tuple[int, Any]], None]) -> None:
        from openai import AsyncOpenAI

        parts = urlsplit(self.base_url)
        client = AsyncOpenAI(
            api_key=self.key() or "none",
            base_url=parts._replace(query="", fragment="").geturl(),
            default_query=dict(parse_qsl(parts.query)),
            timeout=self.timeout,
            max_retries=0,  # two layers of retries multiply
        )
        gate = _Gate(self)

        async def one(index: int, request: Request) -> None:
            put((index, await self._answer(client, gate, request)))

        async with client, asyncio.TaskGroup() as group:
            for index, request in enumerate(requests):
                # A task starts only with a permit, so a long batch does not become as many tasks.
                await gate.enter()
                group.create_task(one(index, request))

    async def _answer(self, client: AsyncOpenAI, gate: _Gate, request: Request) -> Completion | RequestFailed:
        """All attempts of one request. It starts with a permit, and holds none while it waits."""
        import tenacity

        tries, why = 0, "no answer"

        async def attempt() -> Completion:
            nonlocal tries, why
            if tries:
                await gate.enter()
            tries, started = tries + 1, time.monotonic()
            try:
                answer = await self._sent(client, request)
            except Again as again:
                why = self._shown(str(again))
                gate.failed(started, again, why)
                raise
            finally:
                gate.leave()
            gate.succeeded()
            return answer

        backing_off = tenacity.wait_random_exponential(multiplier=self.backoff, max=_LONGEST_PAUSE)

        def wait(state: tenacity.RetryCallState) -> float:
            again = state.outcome.exception() if state.outcome else None
            asked = again.wait if isinstance(again, Again) else None
            return backing_off(state) if asked is None else asked

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Again),
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_before_delay(self.deadline),
            wait=wait,
            reraise=True,
        )
        try:
            # From the first permit on: the last request of a long batch has as much time as the first.
            async with asyncio.timeout(self.deadline):
                return await retrying(attempt)
        except TimeoutError:
            why = f"the deadline of {self.deadline:g} s passed, after: {why}"
        except Again:
            pass  # `why` contains the reason
        except RequestFailed as failed:
            return RequestFailed(str(failed))  # without its chain, as above
        return RequestFailed(f"{self.model} at {self.address} gave no answer (attempts: {tries}): {why}.")

    async def _sent(self, client: AsyncOpenAI, request: Request) -> Completion:
        import openai

        if request.chat is not None and self.api == "completions":
            raise UserError(f"{self.model} is set to the api 'completions', which has no turns: set 'chat'.")
        path = "/completions" if request.chat is None else "/chat/completions"
        try:
            # The client's own timeout is for each read: a server that sends slowly would never reach it.
            async with asyncio.timeout(self.timeout):
                text = await client.post(path, cast_to=str, body=self._fields(request))
        except (TimeoutError, openai.APITimeoutError):
            raise Again(f"no answer within {self.timeout:g} s", overloaded=True) from None
        except openai.APIConnectionError as error:
            raise Again(f"connection failed: {error.__cause__ or error}", overloaded=True) from None
        except openai.APIStatusError as error:
            return self._refused(error, request)
        return completion(text, request, self.count)

    def _fields(self, request: Request) -> dict[str, Any]:
        """The body of a request, without fields that are null."""
        text = request.prefix + request.prompt
        fields: dict[str, Any] = {
            "model": self.model,
            "temperature": request.temperature,
            "seed": request.seed,
        }
        stop = request.stop
        if request.chat is None:
            fields |= {"prompt": text + request.begin, "max_tokens": request.max_tokens}
        else:
            if request.begin:
                text += f"\n\n{_BEGIN}{request.begin}"
                # The model repeats the beginning: a stop text within it would end the answer there.
                stop = tuple(end for end in stop if end not in request.begin)
            turns = [{"role": turn.role, "content": turn.content} for turn in request.chat]
            fields["messages"] = [*turns, {"role": "user", "content": text}]
            fields[self.max_tokens_field] = request.max_tokens
        # The API takes at most four; `completion` cuts at the others.
        fields["stop"] = list(stop[:4]) or None
        return {name: value for name, value in (fields | self.body).items() if value is not None}

    def _refused(self, error: APIStatusError, request: Request) -> Completion:
        """An empty completion if a filter withheld the answer. Raises an error for any other status."""
        status, marks, said = error.status_code, {error.code, error.type}, error.body
        if isinstance(said, dict):
            said = said.get("message") or said.get("detail")
        answered = self._shown(f"{status}: {said or error.response.reason_phrase}")
        if status == 400 and "content_filter" in marks:
            return Completion(request.begin, 0, 0, finish="filter")
        advice = {
            401: f"set the environment variable {self.key_env or 'that key_env names'} to a valid key",
            403: f"check what the key in {self.key_env or 'key_env'} may use",
            404: "check the options model, base_url and api",
        }.get(status, "change the field that it names, with the options body or max_tokens_field")
        if "insufficient_quota" in marks:
            advice = "add credit to your account"
        elif status in (408, 409, 429) or status >= 500:
            wait = retry_after(error.response.headers)
            if wait is None or wait <= self.deadline:
                raise Again(answered, wait=wait, overloaded=status == 429 or status > 501)
            advice = f"it asks for a wait of {wait:.0f} s, so run the same command again after that"
        # If others were answered, or the text is too long, the request itself is the problem.
        elif marks.intersection(_TOO_LONG) or (status in (400, 413, 422) and self.answered):
            raise RequestFailed(f"{self.model} at {self.address} refused this request ({answered}).")
        raise UserError(
            f"{self.address} refused a request for the model {self.model} ({answered}): {advice}."
        )

    def _shown(self, text: str) -> str:
        """The text for a message: on one line, short, and without secrets."""
        parts = urlsplit(self.base_url)
        user = parts.netloc.rpartition("@")[0].split(":", 1)
        # A short value in the query is not a key but, for example, a version.
        query = [value for _, value in parse_qsl(parts.query) if len(value) > 7]
        for secret in sorted({self.key(), *user, *map(unquote, user), *query} - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(".")
        return text if len(text) <= 300 else text[:300] + " ..."


class _Gate:
    """Limits the number of requests in flight, and stops them all while the server asks to wait.

    The limit is halved when the server is overloaded, and grows by one after a run of successes. Requests in
    flight together fail together, so they count as one failure. Only one thread uses it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint, self.changed = endpoint, asyncio.Event()
        self.busy, self.run, self.streak = 0, 0, 0
        self.marked, self.until = -math.inf, -math.inf

    async def enter(self) -> None:
        """Returns with a permit, which `leave` gives back."""
        while self.busy >= self.endpoint.limit or time.monotonic() < self.until:
            pause = self.until - time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), pause if pause > 0 else None)
        self.busy += 1

    def leave(self) -> None:
        self.busy -= 1
        self.changed.set()
        self.changed = asyncio.Event()

    def succeeded(self) -> None:
        self.endpoint.answered, self.streak = True, 0
        self.run += 1
        if self.run >= self.endpoint.limit:
            self.run, self.endpoint.limit = 0, min(self.endpoint.in_flight, self.endpoint.limit + 1)

    def failed(self, started: float, again: Again, why: str) -> None:
        """Raises `UserError` when too many attempts failed in a row."""
        model, now, self.run = self.endpoint, time.monotonic(), 0
        # The server's limits are for a key, not for a request, so all requests wait.
        self.until = max(self.until, now + (again.wait or 0.0))
        if started < self.marked:
            return
        self.marked, self.streak = now, self.streak + 1
        if again.overloaded:
            model.limit = max(1, model.limit // 2)
        if self.streak > 1:
            self.until = max(self.until, now + min(_LONGEST_PAUSE, model.backoff * 2.0 ** (self.streak - 2)))
        if self.streak >= (model.breaker if model.answered else (model.breaker + 1) // 2):
            raise UserError(
                f"{model.model} at {model.address} failed {self.streak} times in a row ({why}): check that"
                " server and its address, and run the same command again."
            )
