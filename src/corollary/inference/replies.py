"""Replies of an OpenAI-compatible server as values: a completion, or a reason to try again."""

from __future__ import annotations

import contextlib
import email.utils
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from corollary.types import Completion, Request

_FINISH = {"length": "length", "model_length": "length", "content_filter": "filter"}


class Again(Exception):
    """An attempt failed, but the same request may succeed later. `wait` is the pause that the server asked
    for, in seconds; `overloaded` says that fewer requests in flight may help."""

    def __init__(self, why: str, *, wait: float | None = None, overloaded: bool = False) -> None:
        super().__init__(why)
        self.wait, self.overloaded = wait, overloaded


def completion(text: str, request: Request, count: Callable[[str], int]) -> Completion:
    """The completion in a server's answer. Raises `Again` if there is none, or an empty one."""
    try:
        answer = json.loads(text)
        choice = answer["choices"][0]
        message = choice["message"] if request.chat is not None else {"content": choice["text"]}
        content = message["content"] or ""
        finish = "filter" if message.get("refusal") else _FINISH.get(choice.get("finish_reason"), "stop")
        usage = answer.get("usage") or {}
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        # A cut answer may end with half a character, which cannot be stored.
        content = content.encode(errors="replace").decode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Again(f"an answer without a completion ({text[:200]!r})") from None
    if not content.strip() and finish != "filter":
        raise Again(f"an empty answer, finish_reason {choice.get('finish_reason')!r}")
    whole = request.begin + content if request.chat is None else begun(request.begin, content)
    ends = [whole.find(stop, len(request.begin)) for stop in request.stop if stop]
    end = min((end for end in ends if end >= 0), default=None)
    if end is not None:
        whole, finish = whole[:end], "filter" if finish == "filter" else "stop"
    if not whole.strip() and finish != "filter":
        raise Again("an answer that is empty before its first stop text")
    turns = "".join(turn.content for turn in request.chat or ())
    return Completion(
        whole,
        _number(usage.get("prompt_tokens"), count(turns + request.prefix + request.prompt)),
        _number(usage.get("completion_tokens"), count(content)),
        _number(cached, 0),
        finish,
    )


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and value >= 0 else otherwise


def begun(begin: str, answer: str) -> str:
    """A chat model's answer, made to start with `begin`.

    Text before a line that starts with `begin` is a preamble and is dropped. An answer that repeats only the
    last words of `begin` is joined there. Any other answer is the continuation and follows `begin`.
    """
    if not begin.strip() or not answer.strip():
        return begin + answer
    words = list(re.finditer(r"\S+", begin.rstrip()))
    tails = [begin[word.start() :].rstrip() for word in words]
    repeated = re.search(rf"^[^\S\n]*{re.escape(tails[0])}", answer, re.MULTILINE | re.IGNORECASE)
    for tail in tails[1:]:
        repeated = repeated or re.match(rf"\s*{re.escape(tail)}(?!\w)", answer)
    if repeated:
        rest = answer[repeated.end() :]
        return begin + (rest.lstrip() if begin[-1].isspace() else rest)
    rest = answer.lstrip()
    # No space before punctuation, and none between the signs of Chinese or Japanese.
    joined = begin[-1].isspace() or rest[0] in ",.;:!?)'’" or max(begin[-1], rest[0]) >= "\u2e80"
    return begin + ("" if joined else " ") + rest


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait, given as a number or a date; None if it says nothing."""
    asked = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        seconds = float(asked)
        return seconds if 0 <= seconds < math.inf else None
    with contextlib.suppress(ValueError):
        date = email.utils.parsedate_to_datetime(asked)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None
