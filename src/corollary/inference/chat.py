"""Requests as the text that a model reads: plain, or rendered with the tokenizer's chat template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from corollary.errors import UserError
from corollary.types import Message, Request

MARK = "\ue000"
"""A private-use character that marks where a text ends in a rendered template."""
SETTINGS = {
    # Some templates make a model think first, which uses up an answer's tokens; some contain today's date.
    "enable_thinking": False,
    "date_string": "26 Jul 2024",
}


@dataclass(frozen=True)
class Prompt:
    """The text of a request as a model reads it: `head` ends with the request's prefix, `rest` follows.

    If a `template` rendered the text, names of special tokens in it are these tokens. `pieces` is not empty
    if a turn's own text contains such a name: (text, whether it is a special token), in order.
    """

    head: str
    rest: str
    template: bool = False
    pieces: tuple[tuple[str, bool], ...] = ()


def prompt_of(tokenizer: Any, request: Request) -> Prompt:
    """A request as its model reads it. Raises `UserError` for a chat if the model has no chat template or
    the template refuses the turns."""
    if request.chat is None:
        return Prompt(request.prefix, request.prompt + request.begin)
    if not tokenizer.chat_template:
        raise UserError(
            "The model has no chat template, but the request is a chat: use prompts for a base model, as in"
            " --set model.kind=base."
        )
    turns = [*request.chat, Message("user", request.prefix + request.prompt)]
    mark = MARK
    while any(mark in turn.content for turn in turns):
        mark += MARK
    plain = _rendered(tokenizer, turns)
    marked = _rendered(tokenizer, [*request.chat, Message("user", f"{request.prefix}{mark}{request.prompt}")])
    head, _, rest = marked.partition(mark)
    if head + rest != plain:  # the template trims the text at the mark, or repeats it
        head, rest = "", plain
    names = special_names(tokenizer)
    if any(name in text for text in (*(turn.content for turn in turns), request.begin) for name in names):
        return Prompt(head, rest + request.begin, True, _pieces(tokenizer, turns, mark, request.begin))
    return Prompt(head, rest + request.begin, True)


def special_names(tokenizer: Any) -> frozenset[str]:
    """The texts that the tokenizer reads as special tokens."""
    added = (str(token) for token in tokenizer.added_tokens_decoder.values() if token.special)
    return frozenset({*added, *tokenizer.all_special_tokens})


def turn_end(tokenizer: Any) -> int | None:
    """The special token with which the chat template ends an answer, or None."""
    if not tokenizer.chat_template:
        return None
    turns = [Message("user", "x"), Message("assistant", MARK)]
    try:
        behind = _rendered(tokenizer, turns, asked=False).rpartition(MARK)[2]
    except UserError:
        return None
    special = special_names(tokenizer)
    ids: list[int] = tokenizer(behind, add_special_tokens=False)["input_ids"]
    return next((id for id in ids if tokenizer.convert_ids_to_tokens(id) in special), None)


def _rendered(tokenizer: Any, turns: Sequence[Message], *, asked: bool = True) -> str:
    import jinja2

    rows = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        text: str = tokenizer.apply_chat_template(
            rows, tokenize=False, add_generation_prompt=asked, **SETTINGS
        )
        return text
    except jinja2.TemplateError as error:
        if [turn.role for turn in turns[:2]] == ["system", "user"]:
            # Not every template knows system turns: then the first user turn begins with the text.
            merged = Message("user", f"{turns[0].content}\n\n{turns[1].content}")
            return _rendered(tokenizer, [merged, *turns[2:]], asked=asked)
        raise UserError(
            f"The model's chat template refuses the turns ({error}): begin with a user turn, and let user and"
            " assistant alternate."
        ) from error


def _pieces(tokenizer: Any, turns: Sequence[Message], mark: str, begin: str) -> tuple[tuple[str, bool], ...]:
    # Marks replace the contents, so that no content can pass for a part of the template.
    marks = [f"{mark}{at}{mark}" for at in range(len(turns))]
    left = _rendered(tokenizer, [Message(turn.role, name) for turn, name in zip(turns, marks, strict=True)])
    pieces: list[tuple[str, bool]] = []
    for turn, name in zip(turns, marks, strict=True):
        before, found, left = left.partition(name)
        if not found:
            raise UserError("The model's chat template omits or moves a turn: use another model.")
        pieces += [(before, True), (turn.content, False)]
    return _split(tokenizer, [*pieces, (left, True), (begin, False)])


def _split(tokenizer: Any, pieces: Sequence[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    """The special tokens of the template, with the text between two of them as one piece."""
    names = sorted(special_names(tokenizer), key=len, reverse=True)
    pattern = re.compile("(" + "|".join(map(re.escape, names)) + ")")
    split: list[tuple[str, bool]] = []
    for text, made in pieces:
        for at, part in enumerate(pattern.split(text) if made else [text]):
            if at % 2 == 0 and split and not split[-1][1]:
                split[-1] = (split[-1][0] + part, False)
            else:
                split.append((part, at % 2 == 1))
    return tuple(piece for piece in split if piece[0])
