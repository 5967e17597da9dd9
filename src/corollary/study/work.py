"""What a worker does: write augmentations, or run one trial. Values in, values out.

The same functions run in a loop, in processes or on other machines.
"""

from __future__ import annotations

import functools
import json
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corollary.augment import Written, augment
from corollary.errors import UserError
from corollary.evaluate import evaluate, fitted
from corollary.plugins import bind, load
from corollary.store import content_id, to_plain
from corollary.types import Cost, Dataset, Document, Model, Result, Score, Spec, Trial

QUESTION_ROOM = 96
"""Tokens kept free behind the documents for a question and its answer."""


@dataclass(frozen=True)
class Writing:
    """A job: one strategy on one dataset. `store` is the file of completions."""

    dataset: Dataset
    strategy: Spec
    seed: int
    model: Spec
    store: str
    rows: int = 0
    other: Dataset | None = None


def run(job: Writing | Trial) -> Written | Result:
    """Do one job. A trial that fails is a result with `error`; what the user can mend is raised."""
    if isinstance(job, Writing):
        return write(job)
    return run_trial(job)


def write(job: Writing) -> Written:
    """Let the model of a job write what its strategy asks for."""
    model = open_model(job.model) if job.strategy.use != "oracle" else _Nobody()
    return augment(
        job.dataset, job.strategy, seed=job.seed, model=model, store=Path(job.store), rows=job.rows, other=job.other
    )


def run_trial(trial: Trial) -> Result:
    """Tune if the trial says so, then score its questions."""
    id = trial_id(trial)
    try:
        return _run_trial(trial, id)
    except UserError:
        raise
    except Exception:
        return Result(id, error=traceback.format_exc(limit=8))


def trial_id(trial: Trial) -> str:
    """A hash of everything that decides a trial's result; names of datasets and methods do not."""
    parts: dict[str, Any] = {
        "questions": [to_plain(question) for question in trial.questions],
        "documents": [document.text for document in trial.documents],
        "context": [document.text for document in trial.context],
        "orders": trial.orders,
        "model": open_model(trial.model).identity,
        "tune": None if trial.tune is None else {"use": trial.tune.use, "knobs": dict(trial.tune.knobs)},
        "seed": trial.seed if trial.tune else None,
        "checkpoints": trial.checkpoints,
    }
    return content_id(parts)


def open_model(spec: Spec) -> Any:
    """The model of a spec, loaded once a process."""
    return _opened(spec.use, json.dumps(dict(spec.knobs), sort_keys=True))


@functools.lru_cache(maxsize=2)
def _opened(use: str, knobs: str) -> Any:
    return bind("models", Spec(use, json.loads(knobs)))()


def _run_trial(trial: Trial, id: str) -> Result:
    model = open_model(trial.model)
    checkpoints: list[tuple[int, tuple[Score, ...]]] = []
    cost, losses, notes = Cost(), (), {}
    if trial.tune is not None:
        model, tuned = _tuned(trial, model, checkpoints)
        cost, losses, notes = tuned
    context = _shown(trial, model)
    before, began = model.cost, time.perf_counter()
    orders = trial.orders if context else ((),)
    kept = {document.id for document in context}
    orders = tuple(tuple(i for i in _renumbered(order, trial.context, kept)) for order in orders)
    scores = evaluate(model, trial.questions, context=context, orders=orders)
    notes |= {
        "query_flops": model.cost.flops - before.flops,
        "query_seconds": time.perf_counter() - began,
        "context_tokens": sum(model.count(document.text) for document in context),
        "shown": sorted(kept),
        "question_tokens": sum(model.count(q.prompt) for q in trial.questions) / len(trial.questions),
        "answer_tokens": sum(model.count(q.answer) for q in trial.questions) / len(trial.questions),
    }
    return Result(id, scores, tuple(checkpoints), cost, losses, None, notes)


def _tuned(
    trial: Trial, model: Model, checkpoints: list[tuple[int, tuple[Score, ...]]]
) -> tuple[Any, tuple[Cost, tuple[float, ...], dict[str, Any]]]:
    assert trial.tune is not None

    def on_checkpoint(step: int, so_far: Model) -> None:
        checkpoints.append((step, evaluate(so_far, trial.questions)[0]))

    tune = load("tuning", trial.tune.use)
    tuned = tune(
        model, trial.documents, seed=trial.seed, on_checkpoint=on_checkpoint if trial.checkpoints else None,
        checkpoints=trial.checkpoints, **trial.tune.knobs,
    )  # fmt: skip
    report = tuned.fit_report
    cost = Cost(train_tokens=report.tokens, flops=report.flops, seconds=report.seconds)
    return tuned, (cost, tuple(report.losses), {"steps": report.steps, "rows": len(trial.documents)})


def _shown(trial: Trial, model: Model) -> tuple[Document, ...]:
    """The context documents that fit in the window."""
    sizes = [model.count(document.text) + 1 for document in trial.context]
    if sum(sizes) <= model.window - QUESTION_ROOM:
        return trial.context
    return fitted(trial.context, room=model.window - QUESTION_ROOM, sizes=sizes)


def _renumbered(order: tuple[int, ...], documents: tuple[Document, ...], kept: set[str]) -> list[int]:
    """An order of all documents as an order of those that were kept."""
    position = {index: number for number, index in enumerate(i for i, d in enumerate(documents) if d.id in kept)}
    return [position[index] for index in order if index in position]


class _Nobody:
    """Stands where a strategy asks no model (the oracle): a request to it is a mistake."""

    identity, window = "nobody", 1 << 30

    def count(self, text: str) -> int:
        return len(text)

    def generate(self, requests: Any) -> Any:
        raise AssertionError("this strategy must not ask a model")

    def loglikelihood(self, pairs: Any, *, prefix: str = "") -> Any:
        raise AssertionError("this strategy must not ask a model")
