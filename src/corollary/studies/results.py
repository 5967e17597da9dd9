"""Writes results.jsonl, summary.json, costs.jsonl and the audits of augmentations from finished trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary import store, values
from corollary.asking.scoring import grade
from corollary.documents.names import words
from corollary.measure import stats
from corollary.measure.cost import Measured, Shape, cost_rows
from corollary.measure.estimates import least_gain
from corollary.measure.rows import ResultRow, RuleRow, TestRow
from corollary.measure.rules import Made, best_rules
from corollary.plugins import name_of, wants
from corollary.studies.arms import arm_rows, comparing, of_role
from corollary.studies.plan import Cell, arms_on, strategy_key
from corollary.types import Cost, Dataset, Question, Result, Score, Study, Trial
from corollary.writing.audit import Audit, Lines, audit_of, over_seeds


@dataclass(frozen=True)
class Tried:
    """A trial and its result. For a model that was tuned elsewhere, `method` and `tuning` are its name and
    tuning in the study."""

    trial: Trial
    result: Result
    method: str = ""
    tuning: str = ""

    @property
    def name(self) -> str:
        return self.method or self.trial.arm

    @property
    def tuned(self) -> str:
        return self.tuning or (name_of(self.trial.tune.use) if self.trial.tune else "none")


@dataclass(frozen=True)
class Generated:
    """The generated lines of a study and their costs, by cell and strategy, and the cells' datasets and
    audits."""

    made: Mapping[Cell, Dataset]
    audits: Mapping[Cell, Audit]
    lines: Mapping[tuple[Cell, str], Lines]
    spent: Mapping[tuple[Cell, str], Cost]


def write(
    plan: Study, out: Path, tried: Sequence[Tried], generated: Generated, warnings: Sequence[str]
) -> None:
    """Write the files that other programs read. The same measurements give the same bytes."""
    augmentation, stated = _audited(plan, out, generated)
    found: list[ResultRow] = []
    for one in (one for one in tried if not one.method):
        cell = Cell(one.trial.dataset, one.trial.seed)
        found += rows(plan.name, one, stated=stated.get((cell, one.name)))
        if one.trial.checkpoints:
            best = (best_scores(one.trial.questions, one.result),)
            for arm in (arm for arm in arms_on(plan, cell.dataset) if arm.read_off == one.name):
                found += rows(plan.name, Tried(one.trial, one.result, arm.name), scores=best)
    # The cost of a model that was tuned elsewhere is unknown, not zero.
    measured = [_measured(plan, one, generated.spent) for one in tried if not one.method]
    store.write_jsonl(out / "costs.jsonl", measured)
    summary = {
        "tests": tests(generated.made),
        "marks": {cell.dataset: made.marks for cell, made in generated.made.items() if made.marks},
        "sections": {cell.dataset: made.section for cell, made in generated.made.items() if made.section},
        "rules": _rules(generated.made),
        "augmentation": augmentation,
        "costs": cost_rows(measured),
        "warnings": list(warnings),
    }
    questions = {cell: made.questions for cell, made in generated.made.items()}
    renew(plan, out, found, [one for one in tried if one.method], questions, summary)


def renew(
    plan: Study,
    out: Path,
    own: Sequence[ResultRow],
    added: Sequence[Tried],
    questions: Mapping[Cell, Sequence[Question]],
    summary: Mapping[str, Any],
) -> None:
    """Write results.jsonl, from the rows of the study's arms and the trials of added models, and
    summary.json: `summary` with the arms and the statistics of these rows."""
    found = sorted([*own, *(row for one in added for row in rows(plan.name, one))], key=_place)
    arms = arm_rows(plan.arms, [one.name for one in added])
    compared = comparing(plan, arms, summary["tests"])
    statistics = stats.summarise(found, comparing=compared, repeated=repeated(questions))
    store.write_jsonl(out / "results.jsonl", found)
    order = (
        "arms",
        "tests",
        "marks",
        "sections",
        "margin",
        *statistics,
        "rules",
        "augmentation",
        "costs",
        "warnings",
    )
    whole = {**summary, "arms": arms, "margin": plan.margin, **statistics}
    store.write_json(out / "summary.json", {key: whole[key] for key in order})


def _rules(made: Mapping[Cell, Dataset]) -> list[RuleRow]:
    by_name: dict[str, list[Made]] = {}
    for cell, dataset in made.items():
        here = by_name.setdefault(cell.dataset, [])
        if not any(questions == dataset.questions for _, questions, _ in here):  # the same at several seeds
            here.append((dataset.documents, dataset.questions, _names(dataset)))
    return [row for name, found in by_name.items() for row in best_rules(name, found)]


def _names(dataset: Dataset) -> frozenset[str] | None:
    """The words of the names that a dataset's own audit knows."""
    if not dataset.audit:
        return None
    audit = audit_of(dataset)
    said = (audit.names(line) for document in dataset.documents for line in document.text.splitlines())
    return frozenset(word for names in said for name in names for word in words(name))


def _place(row: ResultRow) -> tuple[str, ...]:
    where = (row["study"], row["dataset"], row["split"], row["method"], row["tuning"], row["model"])
    return (*where, str(row["seed"]), str(row["run"]), row["question"])


def power(plan: Study, made: Mapping[Cell, Dataset]) -> dict[str, tuple[int, float]]:
    """For each dataset with a primary comparison the number of units of its smallest primary test, and the
    least gain (a share) that the study can show there."""
    asked = {cell: dataset.questions for cell, dataset in made.items()}
    primary = comparing(plan, arm_rows(plan.arms), tests(made)).primary
    units: dict[tuple[str, str], set[tuple[int, str]]] = {}
    for cell, questions in asked.items():
        seed = 0 if cell.dataset in repeated(asked) else cell.seed
        for question in questions:
            units.setdefault((cell.dataset, question.split), set()).add((seed, question.unit))
    counts: dict[str, int] = {}
    for test in primary.keys() & units.keys():
        counts[test[0]] = min(len(units[test]), counts.get(test[0], len(units[test])))
    compared = sum(map(len, primary.values()))
    names = dict.fromkeys(cell.dataset for cell in made if cell.dataset in counts)
    return {name: (counts[name], least_gain(counts[name], compared)) for name in names}


def tests(made: Mapping[Cell, Dataset]) -> list[TestRow]:
    """The splits of every dataset: first those that ask only what documents state, then in order."""
    found: dict[tuple[str, str], bool] = {}
    for cell, dataset in made.items():
        for question in dataset.questions:
            found[cell.dataset, question.split] = question.split in dataset.recall
    datasets = list(dict.fromkeys(dataset for dataset, _ in found))
    order = sorted(found, key=lambda test: (datasets.index(test[0]), not found[test]))
    return [TestRow(dataset=test[0], split=test[1], recall=found[test]) for test in order]


def _audited(
    plan: Study, out: Path, generated: Generated
) -> tuple[list[dict[str, Any]], dict[tuple[Cell, str], frozenset[str]]]:
    """Rows of "augmentation" in summary.json, and by cell and arm the ids of the questions whose answer a row
    states. Writes the label of each line to `augmented/<dataset>.<arm>.s<seed>/audit.jsonl`.

    Bounds, placebos and arms with lines about other documents are not audited, as their lines are no
    inferences.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    stated: dict[tuple[Cell, str], frozenset[str]] = {}
    for cell, dataset in generated.made.items():
        audit = generated.audits[cell]
        for arm in arms_on(plan, cell.dataset):
            keys = [(cell, strategy_key(strategy)) for strategy in arm.augment]
            parts = [generated.lines[key] for key in keys if key in generated.lines]
            if not parts:
                continue
            used = [line for part in parts for line in part.used]
            stated[cell, arm.name] = audit.stated(dataset.questions, used)
            if arm.role in ("bound", "placebo") or any(
                "other" in wants("strategies", s.use) for s in arm.augment
            ):
                continue
            labelled = audit.label([line for part in parts for line in part.all])
            folder = out / f"augmented/{cell.dataset}.{arm.name}.s{cell.seed}"
            store.write_jsonl(folder / "audit.jsonl", labelled)
            summary = audit.summary(labelled, leaked=sum(part.leaked for part in parts))
            found.setdefault((cell.dataset, arm.name), []).append(summary)
    rows = [
        {"dataset": dataset, "method": arm, **over_seeds(parts)} for (dataset, arm), parts in found.items()
    ]
    return rows, stated


def rows(
    study: str,
    one: Tried,
    *,
    scores: Sequence[Sequence[Score]] | None = None,
    stated: frozenset[str] | None = None,
) -> list[ResultRow]:
    """The rows of results.jsonl for one trial, one per question. `correct` is the mean over the orders of the
    documents. `stated` are the questions whose answer a training row states, or None if the arm generates
    nothing. `scores` replace the trial's own."""
    scores = one.result.scores if scores is None else scores
    shown, context = set(one.result.notes.get("shown", ())), one.trial.context
    own = one.result.notes.get("shown_to", ())
    # A part of a document stands for it.
    whole = {document.id: document.source[0] for document in context if document.source}
    found: list[ResultRow] = []
    for index, question in enumerate(one.trial.questions):
        grades = [grade(question, order[index]) for order in scores]
        seen = {whole.get(id, id) for id in (own[index] if own else shown)}
        found.append(
            ResultRow(
                study=study,
                dataset=one.trial.dataset,
                split=question.split,
                method=one.name,
                tuning=one.tuned,
                model=name_of(one.trial.model.use),
                seed=one.trial.seed,
                run=one.trial.run,
                question=question.id,
                unit=question.unit,
                correct=_mean(each.correct for each in grades),
                correct_pmi=_mean(each.pmi for each in grades),
                correct_distant=_mean(each.distant for each in grades),
                correct_free=_mean(each.free for each in grades),
                tied=any(each.tied for each in grades),
                chance=grades[0].chance,
                written=None if stated is None else question.id in stated,
                marks=dict(question.marks),
                # If documents were left out, a question without premises counts as not shown.
                premises_shown=len(own[index] if own else shown) == len(context)
                or (bool(question.premises) and set(question.premises) <= seen),
                logprobs=[[each.logprob for each in order[index].likelihoods] for order in scores],
                text=scores[0][index].text,
            )
        )
    return found


def _mean(shares: Iterable[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


def cut(tried: Sequence[Tried]) -> list[str]:
    """A sentence about each arm that was not shown all documents."""
    found = {
        f"{one.name} on {one.trial.dataset} was shown {len(shown)} of {len(one.trial.context)} documents: no"
        " more fit into the model's window."
        for one in tried
        if len(shown := one.result.notes.get("shown", ())) < len(one.trial.context)
    }
    return sorted(found)


def repeated(questions: Mapping[Cell, Sequence[Question]]) -> frozenset[str]:
    """Names of the datasets that are the same at several seeds, as your own documents are."""
    asked: dict[str, list[Sequence[Question]]] = {}
    for cell, found in questions.items():
        asked.setdefault(cell.dataset, []).append(found)
    return frozenset(
        name for name, (first, *others) in asked.items() if others and all(other == first for other in others)
    )


def best_scores(questions: Sequence[Question], result: Result) -> tuple[Score, ...]:
    """For each split the scores of the checkpoint that does best on it. The choice is made on the test
    itself, so this is an upper bound on the gain from stopping earlier."""
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
    arm = next(arm for arm in plan.arms if arm.name == one.name)
    used = [strategy_key(strategy) for strategy in arm.augment]
    rivals = of_role(arms_on(plan, cell.dataset), "context")
    shape = notes["shape"]
    return Measured(
        dataset=one.trial.dataset,
        method=one.name,
        tuning=one.tuned,
        model=name_of(one.trial.model.use),
        seed=one.trial.seed,
        questions=len(one.trial.questions),
        role=arm.role,
        rival=rivals[0].name if rivals and arm.tune else "",
        augment=sum((spent[cell, key] for key in used), Cost()),
        tune=one.result.cost,
        query=values.from_plain(Cost, notes["query"]),
        context_tokens=notes["context_tokens"],
        question_tokens=notes["question_tokens"],
        answer_tokens=notes["answer_tokens"],
        shape=values.from_plain(Shape, shape) if shape else None,
    )
