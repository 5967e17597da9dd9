"""The audit of the controlled datasets: every generated line is judged by the exact reasoner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from corollary.errors import UserError
from corollary.types import Dataset, Document, Question
from corollary_worlds import verify
from corollary_worlds.domains import role_is_reserved
from corollary_worlds.reasoner import Knowledge, Statement
from corollary_worlds.relations import RELATIONS


def audit(dataset: Dataset) -> ExactAudit:
    """The audit by the exact reasoner, of a dataset in the worlds' English."""
    return ExactAudit(dataset)


class ExactAudit:
    """The reasoner as an audit (the protocol `corollary.writing.audit.Audit`). It reads `dataset` when first
    needed."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the documents state, and everything that follows."""
        return verify.knowledge_of(self.dataset.documents)

    def label(self, lines: Sequence[Document]) -> list[verify.AuditRow]:
        return verify.audit(
            self.dataset.documents, lines, reserved=reserved, kept=kept, knowledge=self.knowledge
        )

    def names(self, text: str) -> list[str]:
        said = [name for statement in verify.stated(text) for name in (statement.first, statement.last)]
        return sorted({name for name in said if name in text}, key=text.index)

    def summary(self, labelled: Sequence[verify.AuditRow], *, leaked: int) -> dict[str, Any]:
        found = verify.summarise(labelled, self.knowledge, reserved=reserved, leaked=leaked)
        return {**found, "read": verify.share_read(self.dataset.documents)}

    def stated(self, questions: Sequence[Question], lines: Sequence[Document]) -> frozenset[str]:
        return frozenset(verify.written(questions, lines))

    def withhold(self, lines: Sequence[Document], *, share: float, by: str, seed: int) -> list[Document]:
        facts = verify.withheld_facts(self.dataset.documents, share=share, by=by, seed=seed)
        if not facts:
            raise UserError(
                f"The documents of {self.dataset.name} state too few {by}s to withhold {share:.0%} of them:"
                " withhold a larger share, or leave out withhold."
            )
        return verify.withhold(lines, self.dataset.documents, facts)


def reserved(statement: Statement) -> bool:
    """Whether the relation was kept out of the augmentation tasks of the embedded model."""
    if statement.relation in ("is_person", "is_called"):
        description = statement.last if statement.relation == "is_person" else statement.first
        return len(description.split()) > 1 and role_is_reserved(description)
    if statement.relation in ("some", "some_not", "unknown"):
        return True
    relation = RELATIONS.get(statement.relation)
    return relation is not None and relation.reserved


def kept(text: str) -> bool:
    """Whether a text is in a wording that was kept out of those tasks."""
    lowered = text.lower()
    return any(middle in lowered for middle in _KEPT) or lowered.startswith(_KEPT_OPENING)


_KEPT_OPENING = "people say that the relationships"
_KEPT = frozenset(
    f" {relation.kept.removeprefix('{a}').removesuffix('{b}').strip()} " for relation in RELATIONS.values()
)
