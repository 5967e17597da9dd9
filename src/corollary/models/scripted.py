"""A model whose answers you write yourself, for tests, documentation and dry runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from corollary.errors import UserError
from corollary.inference.replies import begun
from corollary.types import Completion, Likelihood, Request


@dataclass(frozen=True)
class Scripted:
    """A model that is a function: `answer` returns the text for a request, `score` the log-probability of a
    continuation. Without `score`, the model's own answer has 0, and any other text -1 per word.

    Change `identity` whenever the answers change, as completions are stored under it. A token is a word.
    """

    answer: Callable[[Request], str]
    score: Callable[[str, str], float] | None = None
    identity: str = "scripted"
    kind: str = "chat"
    window: int = 32768

    def count(self, text: str) -> int:
        """Number of words."""
        return len(text.split())

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """One completion for each request, cut at its stop texts and after `max_tokens` words."""
        for request in requests:
            text = begun(request.begin, self.answer(request))
            ends = [text.find(stop, len(request.begin)) for stop in request.stop if stop]
            text = text[: min((end for end in ends if end >= 0), default=len(text))]
            words, finish = self.count(text[len(request.begin) :]), "stop"
            if words > request.max_tokens:
                kept = text[len(request.begin) :].split()[: request.max_tokens]
                text, words, finish = request.begin + " ".join(kept), request.max_tokens, "length"
            turns = " ".join(turn.content for turn in request.chat or ())
            yield Completion(text, self.count(f"{turns} {request.prefix}{request.prompt}"), words, 0, finish)

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        """The likelihood of each (prompt, continuation) after the prefix."""
        return [
            Likelihood(self._score(prefix + prompt, text), self.count(text), len(text.encode()))
            for prompt, text in pairs
        ]

    def _score(self, prompt: str, continuation: str) -> float:
        if self.score is not None:
            return self.score(prompt, continuation)
        said = self.answer(Request(prompt)).strip()
        return 0.0 if said == continuation.strip() else -float(self.count(continuation))


def load(*, script: str = "echo", kind: str = "chat") -> Scripted:
    """A model that answers from a JSON file, or with "echo" repeats the last line of a prompt.

    The file maps texts to answers. A prompt gets the answer of the longest text that it contains, so "" has
    the answer to all other prompts. Raises `UserError` for a file that is not such a map, and for a prompt
    without an answer.
    """
    if script == "echo":
        return Scripted(_echo, identity=_hash("echo"), kind=kind)
    try:
        source = Path(script).read_text(encoding="utf-8")
        answers = json.loads(source)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The script {script} is not a readable JSON file ({error}): give another."
        ) from error
    if not isinstance(answers, dict) or not all(isinstance(answer, str) for answer in answers.values()):
        raise UserError(f'The script {script} must map texts to answers, such as {{"Who?": "Ada."}}.')

    def answer(request: Request) -> str:
        prompt = request.prefix + request.prompt
        found = max((text for text in answers if text in prompt), key=len, default=None)
        if found is None:
            shown = prompt if len(prompt) <= 80 else f"... {prompt[-80:]}"
            raise UserError(f'The script {script} has no answer to {shown!r}: add one, or one to "" for all.')
        return str(answers[found])

    return Scripted(answer, identity=_hash(source), kind=kind)


def _echo(request: Request) -> str:
    lines = (request.prefix + request.prompt).split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")


def _hash(source: str) -> str:
    return hashlib.sha256(f"scripted {source}".encode()).hexdigest()
