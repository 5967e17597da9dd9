"""Held-out questions from a file. They are few and precious, so a bad one is an error."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from corollary import values
from corollary.documents.decoding import decode
from corollary.documents.readers.jsonl import parsed
from corollary.documents.readers.rows import plain
from corollary.documents.split import UNSPACED
from corollary.errors import UserError
from corollary.types import Question

_FIELDS = frozenset(field.name for field in fields(Question))
# No space follows an opening bracket or a hyphen, and none precedes a mark that closes a clause.
_JOINS = re.compile(r"[(\[{\-/\"“„«‘¿¡'" + UNSPACED + r"]\Z")
_JOINED = re.compile(r"[\s.,;:!?)\]}%’'\-/" + UNSPACED + r"。、，；：！？]")
SPLIT = "held-out"
"""The split of questions that name none."""


def read_questions(
    path: str | os.PathLike[str], *, note: Callable[[str], None] | None = None
) -> tuple[Question, ...]:
    """The questions in a JSON-lines file, one a line.

    Only `prompt` and `answer` are required; null counts as missing. The default `id` is "q" and the number of
    the line. A space is added in front of answers and choices if the prompt does not end in one and the
    script uses spaces. `note` is called with a sentence about each such change and about unknown fields.
    Raises `UserError` with the file, the line and the field that is wrong.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"There is no file {file}: give the path of an existing one.")
    try:
        text, remark = decode(file.read_bytes())
    except UserError as error:
        raise UserError(f"{file} cannot be read: {error}.") from error
    notes = Counter({remark: 1} if remark else {})
    questions: list[Question] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        question = _spaced(_question(line, where, number, notes), notes)
        _check(question, where)
        if question.id in lines:
            raise UserError(
                f"{where}: the id '{question.id}' is that of line {lines[question.id]}: give it another."
            )
        lines[question.id] = number
        questions.append(question)
    if note:
        for what, count in notes.items():
            note(f"{file.name}: {what}" + (f" ({count} times)" if count > 1 else ""))
    return tuple(questions)


def _question(line: str, where: str, number: int, notes: Counter[str]) -> Question:
    try:
        row = plain(parsed(line))
    except ValueError as error:
        raise UserError(f"{where}: {error}: correct or remove this line.") from error
    if not isinstance(row, dict):
        raise UserError(f'{where}: write a question as {{"prompt": "...", "answer": " ..."}}.')
    given = {key: value for key, value in row.items() if value is not None}
    for key in sorted(set(given) - _FIELDS):
        notes[f"questions have no field '{key}': it was ignored"] += 1
        del given[key]
    if type(given.get("id")) is int:
        given["id"] = str(given["id"])
    for key in ("prompt", "answer"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise UserError(f'{where}: \'{key}\' is missing or empty: add it as "{key}": "...".')
    defaults = {"id": f"q{number}", "choices": (), "split": SPLIT, "premises": ()}
    try:
        return values.from_plain(Question, {**defaults, **given})
    except TypeError as error:
        raise UserError(f"{where}: {error}: correct this field.") from error


def _check(question: Question, where: str) -> None:
    choices = question.choices
    texts = [question.id, question.prompt, question.answer, *choices, *question.accept]
    wrong = ""
    if any("\0" in text for text in texts):
        wrong = "a text has zero bytes: remove them"
    elif not question.id:
        wrong = "'id' is empty: give it a text or leave it out"
    elif not all(text.strip() for text in (*choices, *question.accept)):
        wrong = "one of 'choices' or 'accept' is empty: give it a text or remove it"
    elif len(choices) == 1:
        wrong = "'choices' has one text: give it at least two, or leave it out"
    elif len({text.strip() for text in choices}) < len(choices):
        wrong = "'choices' has a text twice: remove one of them"
    elif choices and question.answer not in choices:
        wrong = f"the answer '{question.answer.strip()}' is not one of 'choices': add it there"
    elif choices and {*choices} <= {question.answer, *question.accept}:
        wrong = "all 'choices' are accepted: add a wrong one, or remove some from 'accept'"
    if wrong:
        raise UserError(f"{where}: {wrong}.")


def _spaced(question: Question, notes: Counter[str]) -> Question:
    """The question with a space in front of each continuation that needs one."""
    if question.prompt[-1].isspace() or _JOINS.search(question.prompt):
        return question
    spaced = replace(
        question,
        answer=_with_blank(question.answer),
        choices=tuple(map(_with_blank, question.choices)),
        accept=tuple(map(_with_blank, question.accept)),
    )
    if spaced != question:
        notes["a space was added in front of answers and choices that had none"] += 1
    return spaced


def _with_blank(text: str) -> str:
    # A minus sign begins a number; a hyphen continues a word.
    joined = _JOINED.match(text) and not re.match(r"[-.]\d", text)
    return text if not text or joined else f" {text}"
