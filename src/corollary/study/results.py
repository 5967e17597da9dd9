"""From finished trials to results.jsonl, summary.json, the audit of augmentations and costs.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary import stats, store
from corollary.costs import Measured, Shape, cost_rows
from corollary.evaluate import grade
from corollary.plugins import name_of
from corollary.study import audit
from corollary.study.plan import BEST, Cell, strategy_key
from corollary.types import Cost, Dataset, Question, Result, Score, Study, Trial

_ORDER = ("study", "dataset", "split", "method", "tuning", "model", "seed", "question")


@dataclass(frozen=True)
class Tried:
    """A trial and what it measured. `method` and `tuning` are given for a model that was tuned elsewhere:
    what it is called, and how it was tuned there."""

    trial: Trial
    result: Result
    method: str = ""
    tuning: str = ""

    @property
    def name(self) -> str:
        return self.method or self.trial.method

    @property
    def tuned(self) -> str:
        return self.tuning or (name_of(self.trial.tune.use) if self.trial.tune else "none")


def write(
    plan: Study,
    out: Path,
    tried: Sequence[Tried],
    made: Mapping[Cell, Dataset],
    written: Mapping[tuple[Cell, str], audit.Lines],
    spent: Mapping[tuple[Cell, str], Cost],
    warnings: Sequence[str],
) -> None:
    """Write all that other programs read, from what was measured; the same measurements, the same bytes."""
    audited = audit.judge(plan, out, made, written)
    found: list[dict[str, Any]] = []
    for one in tried:
        stated = audited.stated.get((Cell(one.trial.dataset, one.trial.seed), one.name))
        found += rows(plan.name, one, stated=stated)
        if one.trial.checkpoints:
            best = Tried(one.trial, one.result, BEST)
            found += rows(plan.name, best, scores=(best_scores(one.trial.questions, one.result),))
    found.sort(key=lambda row: tuple(str(row[key]) for key in _ORDER))
    store.write_jsonl(out / "results.jsonl", found)
    # What a model cost that was tuned elsewhere is not known here, and is not nothing.
    measured = [_measured(plan, one, spent) for one in tried if not one.method]
    store.write_jsonl(out / "costs.jsonl", measured)
    summary: dict[str, Any] = {
        **stats.summarise(found, repeated=repeated(made)),
        "augmentation": audited.summary,
        "costs": cost_rows(measured),
        "warnings": list(warnings),
    }
    store.write_json(out / "summary.json", summary)


def rows(
    study: str,
    one: Tried,
    *,
    scores: Sequence[Sequence[Score]] | None = None,
    stated: frozenset[str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of results.jsonl of one trial, a question each; `correct` is the mean over the orders of
    the documents. `stated` are the questions whose answer a training row states, None where no arm
    writes; `scores` stand in place of the trial's own."""
    scores = one.result.scores if scores is None else scores
    shown, context = set(one.result.notes.get("shown", ())), one.trial.context
    found = []
    for index, question in enumerate(one.trial.questions):
        grades = [grade(question, order[index]) for order in scores]
        read = [each.correct for each in grades if each.correct is not None]
        pmi = [each.pmi for each in grades if each.pmi is not None]
        found.append(
            {
                "study": study,
                "dataset": one.trial.dataset,
                "split": question.split,
                "method": one.name,
                "tuning": one.tuned,
                "model": name_of(one.trial.model.use),
                "seed": one.trial.seed,
                "question": question.id,
                "unit": question.unit,
                "correct": sum(read) / len(read) if read else None,
                "correct_pmi": sum(pmi) / len(pmi) if pmi else None,
                "tied": any(each.tied for each in grades),
                "chance": grades[0].chance,
                "written": None if stated is None else question.id in stated,
                "reserved": question.reserved,
                # Where documents were left out, nothing is known of a question that names no premises.
                "premises_shown": len(shown) == len(context)
                or (bool(question.premises) and set(question.premises) <= shown),
                "logprobs": [[each.logprob for each in order[index].likelihoods] for order in scores],
                "text": scores[0][index].text,
            }
        )
    return found


def cut(tried: Sequence[Tried]) -> list[str]:
    """A sentence for each arm that could not be shown all documents."""
    found = {
        f"{one.name} on {one.trial.dataset} was shown {len(shown)} of {len(one.trial.context)} documents: no"
        " more fit in the model's window."
        for one in tried
        if len(shown := one.result.notes.get("shown", ())) < len(one.trial.context)
    }
    return sorted(found)


def repeated(made: Mapping[Cell, Dataset]) -> frozenset[str]:
    """Names of the datasets that are the same at several seeds, as a user's own documents are."""
    asked: dict[str, list[Sequence[Question]]] = {}
    for cell, dataset in made.items():
        asked.setdefault(cell.dataset, []).append(dataset.questions)
    return frozenset(
        name for name, (first, *others) in asked.items() if others and all(other == first for other in others)
    )


def best_scores(questions: Sequence[Question], result: Result) -> tuple[Score, ...]:
    """For each split the scores of the checkpoint that does best on that split: chosen on the test
    itself, so an upper bound of what stopping earlier could have brought."""
    by_id = {question.id: question for question in questions}
    chosen: dict[str, Score] = {}
    for split in sorted({question.split for question in questions}):
        options = [
            [s for s in scores if by_id[s.question].split == split] for _, scores in result.checkpoints
        ]
        options.append([s for s in result.scores[0] if by_id[s.question].split == split])
        best = max(
            options, key=lambda scores: sum(grade(by_id[s.question], s).correct or 0.0 for s in scores)
        )
        chosen |= {score.question: score for score in best}
    return tuple(chosen[question.id] for question in questions)


def _measured(plan: Study, one: Tried, spent: Mapping[tuple[Cell, str], Cost]) -> Measured:
    cell, notes = Cell(one.trial.dataset, one.trial.seed), one.result.notes
    used = [strategy_key(s) for method in plan.methods if method.name == one.name for s in method.augment]
    shape = notes["shape"]
    return Measured(
        dataset=one.trial.dataset,
        method=one.name,
        tuning=one.tuned,
        model=name_of(one.trial.model.use),
        seed=one.trial.seed,
        questions=len(one.trial.questions),
        augment=sum((spent[cell, key] for key in used), Cost()),
        tune=one.result.cost,
        query=store.from_plain(Cost, notes["query"]),
        context_tokens=notes["context_tokens"],
        question_tokens=notes["question_tokens"],
        answer_tokens=notes["answer_tokens"],
        shape=store.from_plain(Shape, shape) if shape else None,
    )
