"""The audit of what strategies brought: what of it is trained on, and which answers it states.

A dataset that can tell whether a line follows names an audit plug-in: a function `audit(dataset) -> Audit`.
Without one lines are counted, and an answer is stated where its question's words are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from corollary.errors import UserError
from corollary.plugins import load, name_of, wants
from corollary.types import DROPPED, Dataset, Document, Question, Spec
from corollary.writing.checks.leaks import plain, remove_leaks, says
from corollary.writing.prompts import prompts_of


class Audit(Protocol):
    """What can be told of lines that were generated from the documents of one dataset."""

    def label(self, lines: Sequence[Document]) -> list[Any]:
        """A row for each distinct line: a dataclass with `id`, `text`, `strategy`, `source` and `label`."""
        ...

    def summary(self, labelled: Sequence[Any], *, leaked: int) -> dict[str, Any]:
        """Counts and shares over such rows; `leaked` lines were removed before."""
        ...

    def stated(self, questions: Sequence[Question], lines: Sequence[Document]) -> frozenset[str]:
        """Ids of the questions whose answer a line states."""
        ...

    def withhold(self, lines: Sequence[Document], *, share: float, seed: int) -> list[Document]:
        """The lines that rest on none of a random `share` of the facts. Raises `UserError` where it
        cannot."""
        ...


@dataclass(frozen=True)
class Lines:
    """What a strategy brought, what of it is trained on (nothing that it dropped itself), and how many lines
    were left out because they contain something taken from a question."""

    all: Sequence[Document]
    used: Sequence[Document]
    leaked: int


@dataclass(frozen=True)
class Unchecked:
    """A distinct line of which nobody knows whether it follows."""

    id: str
    text: str
    strategy: str | None
    source: tuple[str, ...]
    label: str = "unchecked"


@dataclass(frozen=True)
class PlainAudit:
    """The audit of a dataset that brings none: lines are counted."""

    dataset: Dataset

    def label(self, lines: Sequence[Document]) -> list[Unchecked]:
        first = {line.text: line for line in reversed(lines)}
        distinct = [line for line in lines if first[line.text] is line]
        return [Unchecked(line.id, line.text, line.strategy, line.source) for line in distinct]

    def summary(self, labelled: Sequence[Unchecked], *, leaked: int) -> dict[str, Any]:
        dropped = sum(row.strategy == DROPPED for row in labelled)
        used = len(labelled) - dropped
        return {
            **_unknown(used),
            "coverage": None,
            "coverage_several_step": None,
            "leaked": leaked,
            "dropped": _unknown(dropped),
            "written": _unknown(len(labelled)),
        }

    def stated(self, questions: Sequence[Question], lines: Sequence[Document]) -> frozenset[str]:
        text = "\n".join(plain(line.text) for line in lines)
        return frozenset(
            question.id
            for question in questions
            if any(says(text, plain(question.prompt + a)) for a in (question.answer, *question.accept))
        )

    def withhold(self, lines: Sequence[Document], *, share: float, seed: int) -> list[Document]:
        raise UserError(
            f"The documents of {self.dataset.name} cannot be read as facts, so none can be withheld: leave"
            " withhold out."
        )


def audit_of(dataset: Dataset) -> Audit:
    """The audit that a dataset brings, else the plain one."""
    found: Audit = load("audits", dataset.audit)(dataset) if dataset.audit else PlainAudit(dataset)
    return found


def rejected(
    dataset: Dataset,
    lines: Sequence[Document],
    checks: Sequence[Spec],
    *,
    judge: Any,
    prompts: Mapping[str, str],
) -> dict[str, str]:
    """The reasons for which checks reject lines, by the line's id. `judge` is the model of checks that ask
    one."""
    found: dict[str, str] = {}
    offered = [line for line in lines if line.strategy != DROPPED]
    for spec in checks:
        function = load("checks", spec.use)
        given: dict[str, Any] = {"scorer": judge} if "scorer" in wants("checks", spec.use) else {}
        # Likelihoods are of plain text, whatever the kind of the model.
        given |= prompts_of(function, name_of(spec.use), "base", prompts)
        reasons = function(dataset, offered, **given, **spec.options)
        for line, reason in zip(offered, reasons, strict=True):
            if reason is not None:
                found.setdefault(line.id, reason)
    return found


def usable(
    dataset: Dataset,
    generated: Sequence[Document],
    audit: Audit,
    *,
    withhold: float,
    seed: int,
    reasons: Mapping[str, str] | None = None,
) -> Lines:
    """What of a strategy's lines may be trained on: none that a check rejected (`reasons`, by id), none that
    leaks a question and, with `withhold`, nothing that rests on that share of the facts."""
    offered = [line for line in generated if line.strategy != DROPPED and line.id not in (reasons or {})]
    used, leaked = remove_leaks(dataset.questions, offered)
    if withhold:
        used = audit.withhold(used, share=withhold, seed=seed)
    return Lines(generated, used, leaked)


def over_seeds(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts added and shares averaged over the seeds that have one, also within nested parts."""
    parts = list(parts)
    whole: dict[str, Any] = {}
    for key, first in parts[0].items():
        values = [part[key] for part in parts]
        known = [value for value in values if value is not None]
        if isinstance(first, Mapping):
            whole[key] = over_seeds(values)
        elif all(type(value) is int for value in values):
            whole[key] = sum(values)
        else:
            whole[key] = sum(known) / len(known) if known else None
    return whole


def _unknown(lines: int) -> dict[str, Any]:
    return {"lines": lines, "unchecked": lines, "precision": None}
