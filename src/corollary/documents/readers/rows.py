"""A row with any fields as a document, for the readers of tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from corollary import values
from corollary.documents.readers import Found, Remark, Skipped
from corollary.types import Document, Origin

OURS = frozenset(field.name for field in fields(Document))
TEXTS = ("text", "content", "body", "document", "passage", "page_content", "abstract", "markdown", "article")
"""Fields that may contain a row's text, in order of preference."""
PAIRS = (
    ("question", "answer"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("input", "output"),
)
"""Pairs of fields: a question and its answer. Both form one text, since a question without its answer teaches
nothing."""
CHATS = ("messages", "conversations", "conversation", "chat")
DEEPEST = 50
"""The most levels of nesting in a row."""


def documents_of(
    numbered: Iterable[tuple[int, list[Any] | Skipped | Remark]], *, name: str, text_field: str, called: str
) -> Iterator[Found]:
    """The document of each row, or the reason why there is none. A number, from 1, may have several rows.

    The text is in `text_field` if that is given. Otherwise it is the first of these: a field in `TEXTS`, a
    chat, a pair of question and answer, the field of an earlier row, or the longest text. A remark says which
    field it is; `called` is the format's word for a field. Other fields go to `meta`.
    """
    chosen = ""
    for number, rows in numbered:
        if isinstance(rows, Skipped | Remark):
            yield rows
            continue
        for part, row in enumerate(rows, start=1):
            default_id = f"{name}:{number}" + (f".{part}" if len(rows) > 1 else "")
            try:
                found, field = _document_of(row, Origin(name, row=number), default_id, text_field, chosen)
            except ValueError as error:
                yield Skipped(f"row {number}", str(error))
                continue
            if field not in ("text", chosen):
                yield Remark(f"text is the {called} {field}")
                chosen = field
            yield found


def _document_of(
    row: Any, origin: Origin, default_id: str, text_field: str, chosen: str
) -> tuple[Document, str]:
    """The document of a row, and the name of the field with its text. Raises `ValueError` with the reason why
    there is none; its message completes a sentence."""
    row = plain(row)
    if isinstance(row, str):
        row = {"text": row}
    if not isinstance(row, dict):
        raise ValueError("it is neither an object nor a text")
    field, text, used = _text(row, text_field, chosen)
    if not field:
        raise ValueError("it has no text" + (f" in the field '{text_field}'" if text_field else ""))
    if "\0" in text:
        raise ValueError("its text has zero bytes")
    if field == "text" and row.get("id") and set(row) <= OURS and (ours := _ours(row, origin)):
        for span in ours.spans or ():
            if not 0 <= span[0] <= span[1] <= len(text):
                raise ValueError(f"its span {span} is not within its text")
        return ours, field
    given = row.get("id")
    id = str(given) if type(given) in (str, int) and str(given) else default_id
    nested = row.get("meta")
    meta = dict(nested) if isinstance(nested, dict) else {}
    # If a field is also in the row's own `meta`, the nested one stays nested, so that both are kept.
    rest = {key: value for key, value in row.items() if key not in used and key != "id"}
    meta = {**meta, **{k: v for k, v in rest.items() if k != "meta"}} if not set(meta) & set(rest) else rest
    if not isinstance(nested, dict) and nested is not None:
        meta["meta"] = nested
    spans = ((0, len(text)),) if len(used) == 2 else None
    return Document(id, text, origin=origin, spans=spans, meta=meta), field


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON types. Numbers that JSON cannot contain, dates and the like become text.

    Raises `ValueError` for lone surrogates and for deep nesting; its message completes a sentence.
    """
    if depth > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("it has half a character (a lone surrogate)") from error
        return value
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _ours(row: Mapping[str, Any], origin: Origin) -> Document | None:
    """The row as a document that Corollary wrote, or None if a field does not fit."""
    try:
        # In tables saved as JSON an empty column is null.
        given = {key: value for key, value in row.items() if value is not None}
        ours = values.from_plain(Document, given)
    except TypeError:
        return None
    return ours if "origin" in row else replace(ours, origin=origin)


def _text(row: Mapping[str, Any], text_field: str, chosen: str) -> tuple[str, str, tuple[str, ...]]:
    """(the name of the field or fields, the text, the fields used); all are empty if there is no text."""

    def has(key: str) -> bool:
        return isinstance(row.get(key), str) and bool(row[key].strip())

    if text_field:
        return (text_field, row[text_field], (text_field,)) if has(text_field) else ("", "", ())
    for key in TEXTS:
        if has(key):
            return key, row[key], (key,)
        if key == "text" and key in row:
            return "", "", ()
    for key in CHATS:
        if turns := _turns(row.get(key)):
            return key, turns, (key,)
    for first, second in PAIRS:
        if has(first) and has(second):
            return f"{first} + {second}", f"{row[first].strip()}\n{row[second].strip()}", (first, second)
    if chosen and has(chosen):
        return chosen, row[chosen], (chosen,)
    longest = max((key for key in row if has(key) and key != "id"), key=lambda key: len(row[key]), default="")
    return longest, row.get(longest, ""), (longest,)


def _turns(messages: Any) -> str:
    """The turns of a chat as text, each after its role, or "" if this is not a chat."""
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        return ""
    turns = []
    for message in messages:
        if not isinstance(message, dict):
            return ""
        role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
        if isinstance(content, list):
            texts = [part.get("text") for part in content if isinstance(part, dict)]
            content = "\n".join(text for text in texts if isinstance(text, str))
        if isinstance(role, str) and isinstance(content, str) and content.strip():
            turns.append(f"{role}: {content.strip()}")
    return "\n\n".join(turns)
