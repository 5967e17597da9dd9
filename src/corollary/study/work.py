"""What a worker does: write augmentations, or run one trial. Values in, values out.

The same functions run in a loop, in processes or on other machines.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from corollary.augment import Written, augment, offered_to
from corollary.errors import JobFailed, UserError
from corollary.evaluate import ANSWER_TOKENS, evaluate, fitted
from corollary.plugins import bind, identity, load
from corollary.store import content_id, to_plain
from corollary.types import Cost, Dataset, Document, Model, Question, Result, Score, Spec, Trial

QUESTION_ROOM = 96
"""Tokens kept free behind the documents for a question and its answer, at least."""


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


def run(job: Writing | Trial) -> Written | Result | JobFailed:
    """Do one job. What fails in it is its answer and costs it alone; what the user can mend is raised."""
    try:
        answer = write(job) if isinstance(job, Writing) else run_trial(job)
        to_plain(answer)  # raises for a number that is none, as of weights that overflow: no file holds it
        return answer
    except UserError:
        raise
    except Exception:
        return JobFailed(traceback.format_exc(limit=-8))  # the frames nearest to what was raised


def write(job: Writing) -> Written:
    """Let the model of a job write what its strategy asks for."""
    model = open_model(job.model) if job.strategy.use != "oracle" else Nobody()
    return augment(
        job.dataset,
        job.strategy,
        seed=job.seed,
        model=model,
        store=Path(job.store),
        rows=job.rows,
        other=job.other,
    )


def run_trial(trial: Trial) -> Result:
    """Tune if the trial says so, then score its questions."""
    return _run_trial(trial, trial_id(trial))


def trial_id(trial: Trial) -> str:
    """A hash of everything that decides a trial's result; names of datasets and methods do not."""
    parts: dict[str, Any] = {
        "questions": asked(trial.questions),
        "documents": [document.text for document in trial.documents],
        # With their ids: a result says by id which of them were shown.
        "context": [[document.id, document.text] for document in trial.context],
        "orders": trial.orders,
        "model": open_model(trial.model).identity,
        "tune": None if trial.tune is None else identity("tuning", trial.tune),
        "seed": trial.seed if trial.tune else None,
        "checkpoints": trial.checkpoints,
    }
    return content_id(parts)


def asked(questions: Iterable[Question]) -> list[list[Any]]:
    """What of questions a model is asked. How answers are read and grouped decides no measurement."""
    return [[q.id, q.prompt, q.answer, list(q.choices), q.domain] for q in questions]


def open_model(spec: Spec) -> Any:
    """The model of a spec, loaded once a process."""
    return _opened(spec.use, json.dumps(dict(spec.knobs), sort_keys=True))


@functools.lru_cache(maxsize=2)
def _opened(use: str, knobs: str) -> Any:
    return bind("models", Spec(use, json.loads(knobs)))()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread for a while, as the processes of a study do: sums in another order end in
    other last digits, and a study must write the same bytes wherever it runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def spent(model: Model) -> Cost:
    """What a model has read and written since it was opened; nothing of one that does not count it."""
    cost: Cost = getattr(model, "cost", Cost())
    return cost


def since(before: Cost, after: Cost) -> Cost:
    """What was spent between two readings of `spent`."""
    return Cost(*(getattr(after, f.name) - getattr(before, f.name) for f in fields(Cost)))


def shape_of(model: Model) -> dict[str, int] | None:
    """What serving a model costs depends on (`corollary.costs.Shape`); None where it is not known."""
    shape = getattr(model, "shape", None)
    return {name: getattr(shape, name) for name in ("matrices", "head", "attention")} if shape else None


def _run_trial(trial: Trial, id: str) -> Result:
    model = open_model(trial.model)
    checkpoints: list[tuple[int, tuple[Score, ...]]] = []
    cost = Cost()
    losses: tuple[float, ...] = ()
    notes: dict[str, Any] = {}

    def score(step: int, so_far: Model) -> None:
        checkpoints.append((step, evaluate(so_far, trial.questions)[0]))

    if trial.tune is not None:
        model, cost, losses, notes = tune(trial, model, score if trial.checkpoints else None)
    context = shown(trial, model)
    before, began = spent(model), time.perf_counter()
    orders = trial.orders if context else ((),)
    kept = {document.id for document in context}
    orders = tuple(tuple(i for i in _renumbered(order, trial.context, kept)) for order in orders)
    scores = evaluate(model, trial.questions, context=context, orders=orders)
    notes |= {
        "query": to_plain(replace(since(before, spent(model)), seconds=time.perf_counter() - began)),
        "shape": shape_of(model),
        "context_tokens": sum(model.count(document.text) for document in context),
        "shown": sorted(kept),
        "question_tokens": sum(model.count(q.prompt) for q in trial.questions) / len(trial.questions),
        "answer_tokens": sum(model.count(q.answer) for q in trial.questions) / len(trial.questions),
    }
    return Result(id, scores, tuple(checkpoints), cost, losses, None, notes)


def tune(
    trial: Trial, model: Model, on_checkpoint: Callable[[int, Model], None] | None = None
) -> tuple[Any, Cost, tuple[float, ...], dict[str, Any]]:
    """The model tuned as a trial says, what that cost, its losses, and how many steps and rows it took."""
    assert trial.tune is not None
    function, began = load("tuning", trial.tune.use), time.perf_counter()
    offered = {"on_checkpoint": on_checkpoint, "checkpoints": trial.checkpoints}
    wanted = offered_to(inspect.signature(function).parameters, offered)
    tuned = function(model, trial.documents, seed=trial.seed, **wanted, **trial.tune.knobs)
    report = getattr(tuned, "fit_report", None)
    notes: dict[str, Any] = {"rows": len(trial.documents), "steps": report.steps if report else 0}
    if report is None:  # a plug-in of the user's own need not count
        return tuned, Cost(seconds=time.perf_counter() - began), (), notes
    cost = Cost(train_tokens=report.tokens, flops=report.flops, seconds=report.seconds)
    return tuned, cost, tuple(report.losses), {**notes, "dtype": str(report.dtype)}


def shown(trial: Trial, model: Model) -> tuple[Document, ...]:
    """The context documents that fit in the window, with the longest question behind them."""
    if not trial.context:
        return ()
    longest = max(
        max(model.count(question.prompt), model.count(question.domain))
        + max(map(model.count, (*question.choices, question.answer)))
        for question in trial.questions
    )
    # Tokens at a seam may be cut otherwise than alone: some are spared for that, and for the line breaks.
    room = model.window - max(QUESTION_ROOM, longest + ANSWER_TOKENS)
    sizes = [model.count(document.text) + 1 for document in trial.context]
    if sum(sizes) <= room:
        return trial.context
    return fitted(trial.context, room=room, sizes=sizes)


def _renumbered(order: tuple[int, ...], documents: tuple[Document, ...], kept: set[str]) -> list[int]:
    """An order of all documents as an order of those that were kept."""
    position = {
        index: number for number, index in enumerate(i for i, d in enumerate(documents) if d.id in kept)
    }
    return [position[index] for index in order if index in position]


class Nobody:
    """Stands where a strategy asks no model (the oracle): a request to it is a mistake."""

    identity, window = "nobody", 1 << 30

    def count(self, text: str) -> int:
        return len(text)

    def generate(self, requests: Any) -> Any:
        raise AssertionError("this strategy must not ask a model")

    def loglikelihood(self, pairs: Any, *, prefix: str = "") -> Any:
        raise AssertionError("this strategy must not ask a model")
