"""A model behind an OpenAI-compatible endpoint: it generates text, and it can neither score nor be tuned.

`Endpoint.generate` yields a `RequestFailed` in the place of a completion, so one lost request costs itself
alone. What no repetition can fix (a refused key, an unknown model, a server that is down) is a `UserError`.
No message, `repr` or identity contains the key.
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from corollary.errors import JobFailed, UserError
from corollary.types import Completion, Request

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

Api = Literal["chat", "completions"]
_OPENAI = "https://api.openai.com/v1"
_BEGIN = "Begin your answer with: "
_LONGEST_PAUSE = 60.0
_FINISH = {"length": "length", "model_length": "length", "content_filter": "filter"}
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")


class RequestFailed(JobFailed):
    """One request ended without an answer. The message says what the server answered last."""


class _Again(Exception):
    """An attempt failed, and the same request may succeed later. `wait` is what the server asked for, in
    seconds; `overloaded` says that fewer requests in flight may help."""

    def __init__(self, why: str, *, wait: float | None = None, overloaded: bool = False) -> None:
        super().__init__(why)
        self.wait, self.overloaded = wait, overloaded


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
    environment variable that contains the key; a server at a `base_url` of your own may have none.
    `api` says what the model understands: turns ("chat") or text that it continues ("completions").
    At most `in_flight` requests run at once, fewer when the server is overloaded. `timeout` is for one
    attempt, `deadline` for all `attempts` of a request, waits included, both in seconds. `breaker` failures
    in a row, with no success of any request, end the run (failures in flight together are one; before the
    first answer half as many do). `backoff` is the first wait, doubled each time. `body` is a JSON object of
    further fields of each request; null removes a field, such as '{"temperature": null, "seed": null}'.
    Raises `UserError` for an option out of range, a missing key, or a missing package.
    """
    _packages()
    for name, value in [("window", window), ("in_flight", in_flight), ("attempts", attempts)]:
        if value < 1:
            raise UserError(f"The option '{name}' of the model endpoint is {value}: set it to 1 or more.")
    for name, seconds in [("timeout", timeout), ("deadline", deadline)]:
        if not seconds > 0:
            raise UserError(f"The option '{name}' of the model endpoint is {seconds}: set it above 0.")
    if breaker < 2 or backoff < 0:
        raise UserError("The model endpoint needs a 'breaker' of 2 or more and a 'backoff' of 0 or more.")
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise UserError("""The option 'body' is no JSON object: set it like '{"top_p": 0.9}'.""")
    url = base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI
    if not re.match(r"https?://[^/?#]", url):
        raise UserError("The option 'base_url' is no web address: set it like 'http://127.0.0.1:8080/v1'.")
    # A server of your own often needs no key; a variable that you name yourself must exist.
    optional = not key_env or (key_env == "OPENAI_API_KEY" and url != _OPENAI)
    endpoint = Endpoint(
        model=model,
        base_url=url,
        key_env=key_env,
        key_needed=not optional,
        api=api,
        window=window,
        in_flight=in_flight,
        timeout=timeout,
        deadline=deadline,
        attempts=attempts,
        breaker=breaker,
        backoff=backoff,
        max_tokens_field=max_tokens_field,
        body=fields,
        limit=in_flight,
    )
    endpoint.key()
    return endpoint


@dataclass(kw_only=True)
class Endpoint:
    """A model behind an endpoint. Its fields are the options of `load`, apart from two that `generate`
    learns: `limit`, how many requests may be in flight now, and `answered`, whether any request ever was."""

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
    # Some servers take a key as a field of the body.
    body: dict[str, Any] = field(repr=False)
    limit: int
    answered: bool = False

    @property
    def kind(self) -> str:
        """"chat", or "base" for a model that continues text."""
        return "chat" if self.api == "chat" else "base"

    @property
    def identity(self) -> str:
        """A hash of the model's name and of the settings that change answers, never of address or key."""
        settings = ["endpoint", self.model, self.api, _BEGIN, self.body]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    @property
    def address(self) -> str:
        """The address as messages show it: without user, password and query."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))

    def key(self) -> str:
        """The key from the environment, or "" for a server without. It is read anew at each call, so that
        this object never contains it. Raises `UserError` when it is missing or malformed."""
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        if not key and self.key_needed:
            raise UserError(
                f"The environment variable {self.key_env} is not set: set it to your key for {self.address}."
            )
        # A header takes no other character, and the error of the HTTP library would show the key.
        if not (key.isascii() and key.isprintable()):
            raise UserError(f"The environment variable {self.key_env} is no key: remove its special characters.")
        return key

    def count(self, text: str) -> int:
        """An estimate of the number of tokens, as the tokenizer is unknown: a third of the UTF-8 bytes,
        rounded up. English has about four bytes a token, so the estimate is on the safe side."""
        return -(-len(text.encode(errors="replace")) // 3)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion | RequestFailed]:
        """One completion or `RequestFailed` for each request, in order, each as soon as it is known.

        The requests run in a thread of their own; closing the iterator cancels those in flight. A request
        without `chat` is sent to /completions. Raises `UserError` when no further request can succeed, after
        it has yielded every completion that is already paid for.
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
                    yield known.get(index) or RequestFailed(f"{self.model} stopped before this request ended.")
            finally:
                job.cancel()
        error = job.exception()
        if error is not None:
            raise error

    async def _run(self, requests: Sequence[Request], put: Callable[[tuple[int, Any]], None]) -> None:
        import anyio
        from openai import AsyncOpenAI

        parts = urlsplit(self.base_url)
        client = AsyncOpenAI(
            api_key=self.key() or "none",
            base_url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
            default_query=dict(parse_qsl(parts.query)),
            timeout=self.timeout,
            max_retries=0,  # two layers of retries multiply
        )
        gate = _Gate(self)

        async def one(index: int, request: Request) -> None:
            put((index, await self._answer(client, gate, request)))

        async with client:
            try:
                async with anyio.create_task_group() as group:
                    for index, request in enumerate(requests):
                        # A task begins with a permit, so there are never more than can run or are waiting.
                        await gate.enter()
                        group.start_soon(one, index, request)
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None

    async def _answer(self, client: AsyncOpenAI, gate: _Gate, request: Request) -> Completion | RequestFailed:
        """All attempts of one request. Its first permit is already held; it sleeps without one."""
        import anyio
        from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
        from tenacity import stop_before_delay, wait_random_exponential

        backing_off = wait_random_exponential(multiplier=self.backoff, max=_LONGEST_PAUSE)

        def wait(state: RetryCallState) -> float:
            again = state.outcome.exception() if state.outcome else None
            asked = again.wait if isinstance(again, _Again) else None
            return backing_off(state) if asked is None else asked

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(self.attempts) | stop_before_delay(self.deadline),
            wait=wait,
            reraise=True,
        )
        tries, why = 0, "no answer"
        try:
            with anyio.move_on_after(self.deadline):
                async for attempt in retrying:
                    with attempt:
                        if tries:
                            await gate.enter()
                        tries += 1
                        try:
                            return await self._attempt(client, gate, request)
                        except _Again as again:
                            why = str(again)
                            raise
        except _Again:
            pass
        except RequestFailed as failed:
            return failed
        times = "attempt" if tries == 1 else "attempts"
        return RequestFailed(f"{self.model} at {self.address} gave no answer in {tries} {times}: {why}.")

    async def _attempt(self, client: AsyncOpenAI, gate: _Gate, request: Request) -> Completion:
        import anyio
        import openai

        started = time.monotonic()
        chat = request.chat is not None
        if chat and self.api == "completions":
            raise UserError(f"{self.model} is set to the api 'completions', which has no turns: set 'chat'.")
        try:
            try:
                # The client's own timeout is for each read, so a server that trickles would never reach it.
                with anyio.fail_after(self.timeout):
                    path = "/chat/completions" if chat else "/completions"
                    text = await client.post(path, cast_to=str, body=self._fields(request))
                completion = _completion(text, request, self.count)
            except (TimeoutError, openai.APITimeoutError):
                raise _Again(f"no answer within {self.timeout:g} s", overloaded=True) from None
            except openai.APIConnectionError as error:
                cause = self._shown(str(error.__cause__ or error))
                raise _Again(f"the connection failed ({cause})", overloaded=True) from None
            except openai.APIStatusError as error:
                completion = self._refused(error, request)
        except _Again as again:
            shown = _Again(self._shown(str(again)), wait=again.wait, overloaded=again.overloaded)
            gate.failed(started, shown)
            raise shown from None
        finally:
            gate.leave()
        gate.succeeded()
        return completion

    def _fields(self, request: Request) -> dict[str, Any]:
        """The body of a request, without fields that are null."""
        text = request.prefix + request.prompt
        fields: dict[str, Any] = {"model": self.model, "temperature": request.temperature, "seed": request.seed}
        stop = request.stop
        if request.chat is None:
            fields |= {"prompt": text + request.begin, "max_tokens": request.max_tokens}
        else:
            if request.begin:
                text += f"\n\n{_BEGIN}{request.begin}"
                # The model writes the beginning itself: a stop within it would end the answer there.
                stop = tuple(end for end in stop if end not in request.begin)
            turns = [{"role": turn.role, "content": turn.content} for turn in request.chat]
            fields["messages"] = [*turns, {"role": "user", "content": text}]
            fields[self.max_tokens_field] = request.max_tokens
        # The API takes four at most; `_completion` cuts at the others.
        fields["stop"] = list(stop[:4]) or None
        return {name: value for name, value in (fields | self.body).items() if value is not None}

    def _refused(self, error: APIStatusError, request: Request) -> Completion:
        """An empty completion if a filter withheld the answer; raises what any other status means."""
        status, marks = error.status_code, {error.code, error.type}
        answered = self._shown(f"{status}: {_message(error)}")
        if status == 400 and "content_filter" in marks:
            return Completion(request.begin, 0, 0, finish="filter")
        if "insufficient_quota" in marks:
            raise UserError(f"Your account at {self.address} has no quota left ({answered}): add credit first.")
        if status in (408, 409, 429) or status >= 500:
            wait = _retry_after(error.response.headers)
            if wait is not None and wait > self.deadline:
                raise UserError(
                    f"{self.address} asks you to wait {wait:.0f} s before the next request ({answered}), longer"
                    f" than the option 'deadline' ({self.deadline:g} s): run the same command again later."
                )
            raise _Again(answered, wait=wait, overloaded=status == 429 or status > 501)
        # A request that is refused after others were answered, or for its length, is itself the reason.
        if marks.intersection(_TOO_LONG) or (status in (400, 413, 422) and self.answered):
            raise RequestFailed(f"{self.model} at {self.address} refused this request ({answered}).")
        if status in (401, 403):
            key = f"the environment variable {self.key_env}" if self.key_env else "the option 'key_env'"
            raise UserError(f"{self.address} refused access to {self.model} ({answered}): check {key}.")
        if status == 404:
            raise UserError(
                f"{self.address} does not know the model {self.model} or the path of the request ({answered}):"
                " check the options 'model', 'base_url' and 'api'."
            )
        raise UserError(
            f"{self.address} refused a request for {self.model} ({answered}): change the field that it names"
            " with the options 'body' and 'max_tokens_field'."
        )

    def _shown(self, text: str) -> str:
        """The text as a message may show it: on one line, short, and without anything secret."""
        parts = urlsplit(self.base_url)
        user, _, _ = parts.netloc.rpartition("@")
        secrets = [self.key(), *user.split(":", 1), *(value for _, value in parse_qsl(parts.query))]
        secrets += [value for value in self.body.values() if isinstance(value, str)]
        for secret in sorted({form for value in secrets for form in (value, unquote(value))}, key=len)[::-1]:
            text = text.replace(secret, "***") if secret else text
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(".")
        return text if len(text) <= 300 else text[:300] + " ..."


class _Gate:
    """How many requests may be in flight, and whether any may be sent at all.

    The limit is halved when the server is overloaded and grows by one after a run of successes. Requests
    that were in flight together fail together, so they count as one failure. Only one thread uses it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        import anyio

        self.endpoint, self.event = endpoint, anyio.Event
        self.busy, self.run, self.streak = 0, 0, 0
        self.marked, self.until = -math.inf, -math.inf
        self.changed = self.event()

    async def enter(self) -> None:
        """Returns with a permit, which `leave` gives back."""
        import anyio

        while self.busy >= self.endpoint.limit or time.monotonic() < self.until:
            pause = self.until - time.monotonic()
            with anyio.move_on_after(pause if pause > 0 else None):
                await self.changed.wait()
        self.busy += 1

    def leave(self) -> None:
        self.busy -= 1
        self.changed.set()
        self.changed = self.event()

    def succeeded(self) -> None:
        self.endpoint.answered, self.streak = True, 0
        self.run += 1
        if self.run >= self.endpoint.limit:
            self.run, self.endpoint.limit = 0, min(self.endpoint.in_flight, self.endpoint.limit + 1)

    def failed(self, started: float, again: _Again) -> None:
        """Raises `UserError` when too many attempts failed in a row."""
        self.run = 0
        now = time.monotonic()
        # The server's limits are for a key, not for a request: all wait.
        self.until = max(self.until, now + (again.wait or 0.0))
        if started < self.marked:
            return
        self.marked, self.streak = now, self.streak + 1
        if again.overloaded:
            self.endpoint.limit = max(1, self.endpoint.limit // 2)
        if self.streak > 1:
            pause = min(_LONGEST_PAUSE, self.endpoint.backoff * 2.0 ** (self.streak - 2))
            self.until = max(self.until, now + pause)
        most = self.endpoint.breaker
        if self.streak >= (most if self.endpoint.answered else (most + 1) // 2):
            raise UserError(
                f"{self.endpoint.model} at {self.endpoint.address} failed {self.streak} times in a row, the last"
                f" time with '{again}': check the server and its address, and run the same command again."
            )


def _packages() -> None:
    try:
        import anyio  # noqa: F401
        import openai  # noqa: F401
        import tenacity  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"The model endpoint needs the package {error.name}: install it with"
            " `pip install 'corollary[endpoint]'`."
        ) from error


def _completion(text: str, request: Request, count: Callable[[str], int]) -> Completion:
    """The completion that a server's answer contains. Raises `_Again` for what is not one, or is empty."""
    try:
        answer = json.loads(text)
        choice = answer["choices"][0]
        message = choice["message"] if request.chat is not None else {"content": choice["text"]}
        content = message["content"] or ""
        finish = "filter" if message.get("refusal") else _FINISH.get(choice.get("finish_reason"), "stop")
        usage = answer.get("usage") or {}
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        # Half a character, which a cut answer may end with, cannot be stored.
        content = content.encode(errors="replace").decode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _Again(f"an answer that is no completion ({text[:200]!r})") from None
    written = request.begin + content if request.chat is None else _begun(request.begin, content)
    ends = [written.find(stop, len(request.begin)) for stop in request.stop if stop]
    end = min((end for end in ends if end >= 0), default=None)
    if end is not None:
        written, finish = written[:end], "filter" if finish == "filter" else "stop"
    if finish != "filter" and not (content.strip() and written.strip()):
        raise _Again(f"an empty answer (finish_reason {choice.get('finish_reason')!r})")
    turns = "".join(turn.content for turn in request.chat or ())
    return Completion(
        written,
        _number(usage.get("prompt_tokens"), count(turns + request.prefix + request.prompt)),
        _number(usage.get("completion_tokens"), count(content)),
        _number(cached, 0),
        finish,
    )


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and value >= 0 else otherwise


def _begun(begin: str, answer: str) -> str:
    """A chat model's answer, made to start with `begin`.

    What stands before a line that starts with `begin` is dropped (a preamble); an answer that repeats only
    its last words is joined there; any other is taken as the continuation and put behind it.
    """
    wanted = begin.strip()
    if not wanted:
        return begin + answer
    line = re.search(rf"^[^\S\n]*{re.escape(wanted)}", answer, re.MULTILINE | re.IGNORECASE)
    if line:
        rest = answer[line.end() :]
        return begin + (rest.lstrip(" ") if begin[-1].isspace() else rest)
    answer = answer.lstrip()
    for word in list(re.finditer(r"\S+", wanted))[1:]:
        tail = wanted[word.start() :]
        if answer.startswith(tail) and not answer[len(tail) : len(tail) + 1].isalnum():
            rest = answer[len(tail) :]
            return begin + (rest.lstrip(" ") if begin[-1].isspace() else rest)
    # No space before punctuation, and none between the signs of Chinese or Japanese.
    joined = begin[-1].isspace() or answer[:1] in ",.;:!?)'’" or max(begin[-1], answer[:1]) >= "\u2e80"
    return begin + ("" if joined else " ") + answer


def _message(error: APIStatusError) -> str:
    """What the server said, without the wrapping of the client."""
    body = error.body
    message = body.get("message") or body.get("detail") if isinstance(body, dict) else body
    return str(message or error.response.reason_phrase or "no message")


def _retry_after(headers: Any) -> float | None:
    """The seconds that a server asks to wait, or None: as milliseconds, as seconds, or as a date."""
    for name, unit in [("retry-after-ms", 0.001), ("retry-after", 1.0)]:
        try:
            seconds = float(headers[name]) * unit
            if 0 <= seconds < math.inf:
                return seconds
        except (KeyError, ValueError):
            continue
    try:
        date = email.utils.parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
