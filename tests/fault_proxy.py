"""A server in a thread that answers like an OpenAI-compatible endpoint, with faults on a schedule.

It answers by itself (the last user turn, turned into capitals) or forwards to a real server.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from corollary.models.endpoint import load
from corollary.types import Completion, Request

KEY = "sk-never-to-be-shown-4711"


@dataclass(frozen=True)
class Fault:
    """What is sent in the place of an answer. `cut` ends the connection in the middle of the body; `slow`
    waits that many seconds and then answers rightly."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    slow: float = 0.0


def refused(status: int, message: str = "no", **headers: str) -> Fault:
    """A fault in the form of an OpenAI error; `Retry_After="1"` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status, json.dumps({"error": {"message": message, "type": None, "code": None}}), named)


CUT = Fault(cut=True)
EMPTY = Fault(body='{"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}')
NO_JSON = Fault(body='{"choices": [{"mess')
OTHER_JSON = Fault(body='{"object": "error", "choices": []}')


@dataclass
class Proxy:
    """What the server does and what it saw. `fault` is asked for each request: (its number, its body)."""

    fault: Callable[[int, dict[str, Any]], Fault | None] = lambda number, body: None
    upstream: str = ""
    seconds: float = 0.0
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    """How many requests were in flight as each arrived, itself included."""
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def asked(body: Mapping[str, Any]) -> str:
    """The prompt of a request, of either kind."""
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


def reply(body: Mapping[str, Any], text: str, *, finish: str = "stop") -> dict[str, Any]:
    """A completion in the form that the API gives it."""
    choice = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    return {"choices": [{**choice, "finish_reason": finish}], "usage": usage}


def _answer(proxy: Proxy, path: str, data: bytes) -> tuple[int, bytes]:
    body = json.loads(data)
    if not proxy.upstream:
        return 200, json.dumps(reply(body, asked(body).upper())).encode()
    request = urllib.request.Request(
        proxy.upstream + path.removeprefix("/v1"), data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        proxy, body = self.proxy, json.loads(data)
        with proxy.lock:
            number = len(proxy.bodies)
            proxy.busy += 1
            proxy.bodies.append(body)
            proxy.paths.append(self.path)
            proxy.headers.append(dict(self.headers))
            proxy.times.append(time.monotonic())
            proxy.together.append(proxy.busy)
        try:
            fault = proxy.fault(number, body) or Fault()
            time.sleep(proxy.seconds + fault.slow)
            status, content = fault.status, fault.body.encode()
            if not content and not fault.cut:
                status, content = _answer(proxy, self.path, data)
        finally:
            # Before the answer leaves, as the client may send the next as soon as it has this one.
            with proxy.lock:
                proxy.busy -= 1
        with suppress(BrokenPipeError, ConnectionResetError):  # the client may have given up
            self._send(status, content, fault)

    def _send(self, status: int, content: bytes, fault: Fault) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(1000 if fault.cut else len(content)))
        self.end_headers()
        self.wfile.write(b'{"choices": [' if fault.cut else content)


@contextmanager
def serving(proxy: Proxy) -> Iterator[Proxy]:
    """The proxy, served at `proxy.url` until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
