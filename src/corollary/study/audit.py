"""The audit of every arm that writes, and which questions its rows answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary import store, verify
from corollary.errors import UserError
from corollary.reasoner import Statement
from corollary.study.plan import CONTROL, Cell, methods_on, strategy_key
from corollary.types import DROPPED, Dataset, Document, Study
from corollary.worlds.domains import role_is_reserved
from corollary.worlds.relations import RELATIONS

NOT_THE_MODELS = ("foreign", "oracle")
"""Strategies whose lines are not audited: they are about other documents, or written by the reasoner."""

CONTROLS = (*NOT_THE_MODELS, CONTROL)
"""Strategies of which nothing is withheld: they are what the augmented arms are compared with."""


@dataclass(frozen=True)
class Lines:
    """What a strategy wrote, what of it is trained on (nothing that it dropped itself), and how many lines
    were left out because they hold something taken from a question."""

    all: Sequence[Document]
    used: Sequence[Document]
    leaked: int


@dataclass(frozen=True)
class Audited:
    """Rows of "augmentation" in summary.json, and by cell and method the ids of the questions whose
    answer a row states in its own words."""

    summary: list[dict[str, Any]]
    stated: Mapping[tuple[Cell, str], frozenset[str]]


def lines(
    dataset: Dataset, written: Sequence[Document], strategy: str, *, withhold: float, seed: int
) -> Lines:
    """What of a strategy's lines may be trained on: none that leaks a question and, of the augmented
    arms, nothing that rests on the share `withhold` of the facts."""
    offered = [line for line in written if line.strategy != DROPPED]
    used, leaked = verify.remove_leaks(dataset.questions, offered)
    if withhold and strategy not in CONTROLS:
        facts = verify.withheld_facts(dataset.documents, share=withhold, seed=seed)
        if not facts:
            raise UserError(
                f"Of the documents of {dataset.name} too few facts can be read to withhold {withhold:.0%} of"
                " them: withhold more, or leave withhold out."
            )
        used = verify.withhold(used, dataset.documents, facts)
    return Lines(written, used, leaked)


def judge(
    plan: Study, out: Path, made: Mapping[Cell, Dataset], written: Mapping[tuple[Cell, str], Lines]
) -> Audited:
    """Label every line that the model wrote, once per dataset, method and seed, and write the labels to
    `augmented/<dataset>.<method>.s<seed>/audit.jsonl`."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    stated: dict[tuple[Cell, str], frozenset[str]] = {}
    for cell, dataset in made.items():
        knowledge = None
        for method in methods_on(plan, cell.dataset):
            parts = [written[key] for s in method.augment if (key := (cell, strategy_key(s))) in written]
            if not parts:
                continue
            stated[cell, method.name] = frozenset(
                verify.written(dataset.questions, [line for part in parts for line in part.used])
            )
            if any(strategy.use in NOT_THE_MODELS for strategy in method.augment):
                continue
            knowledge = knowledge or verify.knowledge_of(dataset.documents)
            labelled = verify.audit(
                dataset.documents,
                [line for part in parts for line in part.all],
                reserved=reserved,
                kept=kept,
                knowledge=knowledge,
            )
            folder = out / "augmented" / f"{cell.dataset}.{method.name}.s{cell.seed}"
            store.write_jsonl(folder / "audit.jsonl", labelled)
            leaked = sum(part.leaked for part in parts)
            summary = verify.summarise(labelled, knowledge, reserved=reserved, leaked=leaked)
            found.setdefault((cell.dataset, method.name), []).append(summary)
    summaries = [
        {"dataset": dataset, "method": method, **over_seeds(parts)}
        for (dataset, method), parts in found.items()
    ]
    return Audited(summaries, stated)


def over_seeds(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts added and shares averaged over the seeds that have one, also within nested parts."""
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


def reserved(statement: Statement) -> bool:
    """Whether the relation was kept out of the augmentation tasks of the embedded model."""
    if statement.relation in ("is_person", "is_called"):
        description = statement.last if statement.relation == "is_person" else statement.first
        return len(description.split()) > 1 and role_is_reserved(description)
    if statement.relation == "some":
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
