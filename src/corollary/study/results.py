"""From finished trials to results.jsonl, summary.json, the audit of augmentations and costs.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corollary import costs, stats, store, verify
from corollary.evaluate import grade
from corollary.study.plan import BEST, Cell, methods_on
from corollary.study.work import open_model, trial_id
from corollary.types import Cost, Dataset, Document, Question, Result, Score, Study, Trial

Rows = Mapping[tuple[Cell, str], Sequence[Document]]


def write(
    plan: Study, out: Path, done: Sequence[Trial], finished: Mapping[str, Result], datasets: Mapping[Cell, Dataset],
    written: Rows, spent: Mapping[tuple[Cell, str], Cost],
) -> None:  # fmt: skip
    """Write all that other programs read, from what was measured; the same measurements, the same bytes."""
    audited = _audit(plan, out, datasets, written)
    rows: list[dict[str, Any]] = []
    measured = []
    for trial in done:
        result = finished[trial_id(trial)]
        if result.error:
            continue
        cell = Cell(trial.dataset, trial.seed)
        stated = audited["written"].get((cell, trial.method), frozenset())
        rows += _rows(plan, trial, trial.method, result.scores, result, stated)
        if trial.checkpoints:
            rows += _rows(plan, trial, BEST, (best_scores(trial.questions, result),), result, frozenset())
        measured.append(_measured(plan, trial, result, spent))
    rows.sort(key=lambda r: tuple(str(r[k]) for k in ("study", "dataset", "split", "method", "tuning", "model", "seed", "question")))
    store.write_jsonl(out / "results.jsonl", rows)
    store.write_jsonl(out / "costs.jsonl", measured)
    summary: dict[str, Any] = stats.summarise(rows)
    summary["augmentation"] = audited["summary"]
    summary["costs"] = costs.cost_rows(measured)
    summary["warnings"] = _warnings(out, done, finished)
    store.write_json(out / "summary.json", summary)


def best_scores(questions: Sequence[Question], result: Result) -> tuple[Score, ...]:
    """For each split the scores of the checkpoint that does best on that split: chosen on the test
    itself, so an upper bound of what stopping earlier could have brought."""
    by_id = {question.id: question for question in questions}
    chosen: dict[str, Score] = {}
    for split in sorted({question.split for question in questions}):
        options = [[s for s in scores if by_id[s.question].split == split] for _, scores in result.checkpoints]
        options.append([s for s in result.scores[0] if by_id[s.question].split == split])
        best = max(options, key=lambda scores: sum(grade(by_id[s.question], s).correct or 0.0 for s in scores))
        chosen |= {score.question: score for score in best}
    return tuple(chosen[question.id] for question in questions)


def _rows(
    plan: Study, trial: Trial, method: str, scores: Sequence[Sequence[Score]], result: Result, stated: frozenset[str]
) -> list[dict[str, Any]]:
    shown = set(result.notes.get("shown", ()))
    rows = []
    for index, question in enumerate(trial.questions):
        grades = [grade(question, order[index]) for order in scores]
        read = [g.correct for g in grades if g.correct is not None]
        rows.append(
            {
                "study": plan.name,
                "dataset": trial.dataset,
                "split": question.split,
                "method": method,
                "tuning": trial.tune.use if trial.tune else "none",
                "model": trial.model.use,
                "seed": trial.seed,
                "question": question.id,
                "unit": question.unit,
                "correct": sum(read) / len(read) if read else None,
                "tied": any(g.tied for g in grades),
                "chance": grades[0].chance,
                "written": question.id in stated,
                "reserved": question.reserved,
                "premises_shown": not shown or set(question.premises) <= shown,
                "logprobs": [[likelihood.logprob for likelihood in order[index].likelihoods] for order in scores],
                "text": scores[0][index].text,
            }
        )
    return rows


def _audit(plan: Study, out: Path, datasets: Mapping[Cell, Dataset], written: Rows) -> dict[str, Any]:
    """Label every line that the model wrote, once per dataset, method and seed."""
    summaries: list[dict[str, Any]] = []
    stated: dict[tuple[Cell, str], frozenset[str]] = {}
    for cell, dataset in datasets.items():
        for method in methods_on(plan, cell.dataset):
            lines = [replace(row) for s in method.augment for row in written.get((cell, s.use), ())]
            if not lines or method.name in ("foreign",):
                continue
            labelled = verify.audit(dataset.documents, lines)
            stated[cell, method.name] = frozenset(verify.written(dataset.questions, lines))
            if method.name == "oracle":
                continue
            folder = out / "augmented" / f"{cell.dataset}.{method.name}.s{cell.seed}"
            store.write_jsonl(folder / "audit.jsonl", [{**store.to_plain(row), "seed": cell.seed} for row in labelled])
            summary = verify.summarise(dataset.documents, labelled)
            summaries.append({"dataset": cell.dataset, "method": method.name, "seed": cell.seed, **summary})
    return {"summary": summaries, "written": stated}


def _measured(plan: Study, trial: Trial, result: Result, spent: Mapping[tuple[Cell, str], Cost]) -> costs.Measured:
    cell = Cell(trial.dataset, trial.seed)
    method = next(m for m in plan.methods if m.name == trial.method)
    augment = sum((spent[cell, s.use] for s in method.augment), Cost())
    notes = result.notes
    return costs.Measured(
        dataset=trial.dataset, method=trial.method, tuning=trial.tune.use if trial.tune else "none",
        model=trial.model.use, seed=trial.seed, questions=len(trial.questions), augment=augment, tune=result.cost,
        query=Cost(flops=notes["query_flops"], seconds=notes["query_seconds"]), context_tokens=notes["context_tokens"],
        question_tokens=notes["question_tokens"], answer_tokens=notes["answer_tokens"], shape=_shape(trial),
    )  # fmt: skip


def _shape(trial: Trial) -> costs.Shape | None:
    shape = getattr(open_model(trial.model), "shape", None)
    return costs.Shape(shape.matrices, shape.head, shape.attention) if shape else None


def _warnings(out: Path, done: Sequence[Trial], finished: Mapping[str, Result]) -> list[str]:
    """What a reader must know before trusting a comparison."""
    found = []
    failed = [t for t in done if finished[trial_id(t)].error]
    if failed:
        found.append(f"{len(failed)} of {len(done)} trials failed and are missing.")
    hosts = set()
    for trial in done:
        for folder in (out / "trials").glob(f"*-{trial_id(trial)[:16]}"):
            host = store.read_json(folder / "trial.json")["host"]
            hosts.add((host["revision"], str(sorted(host["versions"].items()))))
    if len(hosts) > 1:
        found.append("The trials were run with different versions of the code or its libraries.")
    return found
