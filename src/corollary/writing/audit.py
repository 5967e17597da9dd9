"""The audit of generated lines: which of them are trained on, and which answers they state.

A dataset may name an audit plug-in, a function `audit(dataset) -> Audit`, that decides whether a line follows
from the documents. Without one, lines are only counted, and an answer counts as stated if a line contains the
question's prompt with the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from corollary.documents.names import rare_words
from corollary.errors import UserError
from corollary.plugins import load, name_of, wants
from corollary.types import DROPPED, Dataset, Document, Question, Spec
from corollary.writing.checks.leaks import plain, remove_leaks, says
from corollary.writing.focus import focuses, mentions
from corollary.writing.prompts import prompts_of


class Audit(Protocol):
    """Judgements of lines that were generated from the documents of one dataset."""

    def label(self, lines: Sequence[Document]) -> list[Any]:
        """A row for each distinct line: a dataclass with `id`, `text`, `strategy`, `source` and `label`."""
        ...

    def names(self, text: str) -> Sequence[str]:
        """The distinct names in a text, as spelled there, in order."""
        ...

    def summary(self, labelled: Sequence[Any], *, leaked: int) -> dict[str, Any]:
        """Counts and shares over these rows; `leaked` lines were removed before."""
        ...

    def stated(self, questions: Sequence[Question], lines: Sequence[Document]) -> frozenset[str]:
        """Ids of the questions whose answer a line states."""
        ...

    def withhold(self, lines: Sequence[Document], *, share: float, by: str, seed: int) -> list[Document]:
        """The lines that depend on none of a random `share` of the facts, or by "relation" on no fact of a
        random share of the relations. Raises `UserError` if the audit does not know the facts."""
        ...


@dataclass(frozen=True)
class Lines:
    """All lines of a strategy, those that are trained on (none that it dropped itself), and the number of
    lines left out because they contain something from a question."""

    all: Sequence[Document]
    used: Sequence[Document]
    leaked: int


@dataclass(frozen=True)
class Unchecked:
    """A distinct line that was not checked."""

    id: str
    text: str
    strategy: str | None
    source: tuple[str, ...]
    label: str = "unchecked"


@dataclass(frozen=True)
class PlainAudit:
    """The audit for a dataset without its own: lines are only counted."""

    dataset: Dataset

    def label(self, lines: Sequence[Document]) -> list[Unchecked]:
        first = {line.text: line for line in reversed(lines)}
        distinct = [line for line in lines if first[line.text] is line]
        return [Unchecked(line.id, line.text, line.strategy, line.source) for line in distinct]

    def names(self, text: str) -> Sequence[str]:
        return mentions(text, self._rare)

    @cached_property
    def _rare(self) -> frozenset[str]:
        return rare_words([focus.text for focus in focuses(self.dataset.documents)])

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

    def withhold(self, lines: Sequence[Document], *, share: float, by: str, seed: int) -> list[Document]:
        raise UserError(
            f"The documents of {self.dataset.name} cannot be read as facts, so none can be withheld: leave"
            " --withhold out."
        )


def audit_of(dataset: Dataset) -> Audit:
    """The audit that a dataset names, or else the plain one."""
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
    """The reasons for which checks reject lines, by the lines' ids. Checks that need a model ask `judge`."""
    found: dict[str, str] = {}
    offered = [line for line in lines if line.strategy != DROPPED]
    for spec in checks:
        function = load("checks", spec.use)
        given: dict[str, Any] = {"scorer": judge} if "scorer" in wants("checks", spec.use) else {}
        # Likelihoods are of plain text, even with a chat model.
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
    by: str = "fact",
    reasons: Mapping[str, str] | None = None,
) -> Lines:
    """The lines of a strategy, with those that may be trained on.

    Left out are lines that a check rejected (`reasons`, by id) and lines that leak a question. With
    `withhold`, lines that depend on that share of the facts (or of the relations, `by`) are left out too.
    """
    offered = [line for line in generated if line.strategy != DROPPED and line.id not in (reasons or {})]
    used, leaked = remove_leaks(dataset.questions, offered)
    if withhold:
        used = audit.withhold(used, share=withhold, by=by, seed=seed)
    return Lines(generated, used, leaked)


def over_seeds(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of counts and the means of shares over seeds, also in nested parts."""
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
