"""The jobs of a study: generate a batch of requests, or run one trial. Values in, values out.

The same functions run in a loop, in processes or on other machines: a worker opens no database and no file of
the study. Tuning and asking are one job, because what passes between them is a tuned model, which may be
larger than everything else together.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import json
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from corollary.asking.scoring import ANSWER_TOKENS, evaluate, fitted
from corollary.errors import JobFailed, UserError
from corollary.plugins import bind, check_options, identity, load
from corollary.types import Cost, Document, Model, Question, Request, Result, Score, Spec, Trial
from corollary.values import content_id, to_plain
from corollary.writing import engine
from corollary.writing.engine import Generated

QUESTION_ROOM = 96
"""Tokens kept free behind the documents for a question and its answer, at least."""


@dataclass(frozen=True)
class Generation:
    """A job: requests that a model generates together. `number` is the driver's."""

    model: Spec
    requests: tuple[Request, ...]
    number: int = 0


def run(job: Generation | Trial) -> Generated | Result | JobFailed:
    """Do one job. What fails in it is its answer and costs it alone; what the user can fix is raised."""
    try:
        answer = generate(job) if isinstance(job, Generation) else run_trial(job)
        to_plain(answer)  # raises on NaN or infinity (overflowed weights): JSON cannot hold them
        return answer
    except UserError:
        raise
    except Exception:
        return JobFailed(traceback.format_exc(limit=-8))  # the frames nearest to what was raised


def generate(job: Generation) -> Generated:
    """The completions of a batch."""
    model, began = open_model(job.model), time.perf_counter()
    return Generated(tuple(map(engine.checked, model.generate(job.requests))), time.perf_counter() - began)


def run_trial(trial: Trial) -> Result:
    """Tune if the trial says so, then score its questions."""
    model = open_model(trial.model)
    checkpoints: list[tuple[int, tuple[Score, ...]]] = []
    cost = Cost()
    losses: tuple[float, ...] = ()
    notes: dict[str, Any] = {}

    def score(step: int, so_far: Model) -> None:
        checkpoints.append((step, evaluate(so_far, trial.questions)[0]))

    if trial.tune is not None:
        model, cost, losses, notes = tune(trial, model, score if trial.checkpoints else None)
    context, orders, nearest = shown(trial, model)
    before, began = spent(model), time.perf_counter()
    scores = evaluate(model, trial.questions, context=context, orders=orders, nearest=nearest)
    sizes = [model.count(document.text) for document in context]
    read = [sum(sizes[i] for i in chosen) for chosen in nearest] or [sum(sizes)]
    notes |= {
        "query": to_plain(replace(since(before, spent(model)), seconds=time.perf_counter() - began)),
        "shape": shape_of(model),
        "context_tokens": sum(read) / len(read),
        "shown": sorted(document.id for document in context),
        "shown_to": [[context[i].id for i in chosen] for chosen in nearest],
        "question_tokens": sum(model.count(q.prompt) for q in trial.questions) / len(trial.questions),
        "answer_tokens": sum(model.count(q.answer) for q in trial.questions) / len(trial.questions),
    }
    return Result(trial_id(trial), scores, tuple(checkpoints), cost, losses, None, notes)


def trial_id(trial: Trial) -> str:
    """A hash of everything that decides a trial's result; names of datasets and arms do not."""
    parts: dict[str, Any] = {
        "questions": asked(trial.questions),
        "documents": [document.text for document in trial.documents],
        # With their ids: a result says by id which of them were shown.
        "context": [[document.id, document.text] for document in trial.context],
        "orders": trial.orders,
        "nearest": trial.nearest,
        "model": open_model(trial.model).identity,
        "tune": None if trial.tune is None else identity("tunings", trial.tune),
        "seed": trial.seed if trial.tune else None,
        "checkpoints": trial.checkpoints,
    }
    return content_id(parts)


def asked(questions: Iterable[Question]) -> list[list[Any]]:
    """What a model is asked. How answers are read and grouped decides no measurement."""
    return [[q.id, q.prompt, q.answer, list(q.choices), q.domain] for q in questions]


GIVEN: dict[str, Model] = {}
"""Models that were given as values, by identity: only this process has them."""


def give_model(model: Model) -> Spec:
    """The spec by which this process knows a model that was given as a value."""
    GIVEN[model.identity] = model
    return Spec("given", {"identity": model.identity})


def open_model(spec: Spec) -> Any:
    """The model of a spec, loaded once a process. Raises `UserError` for a value that another process has."""
    if spec.use == "given":
        identity = str(spec.options.get("identity"))
        if identity not in GIVEN:
            raise UserError(
                "The model of this study was given as a value and is not in this process: give it again, or"
                " save it and name its folder."
            )
        return GIVEN[identity]
    return _opened(spec.use, json.dumps(dict(spec.options), sort_keys=True))


@functools.lru_cache(maxsize=2)
def _opened(use: str, options: str) -> Any:
    return bind("models", Spec(use, json.loads(options)))()


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
    """What serving a model costs depends on (`corollary.measure.cost.Shape`); None where it is not known."""
    shape = getattr(model, "shape", None)
    return {name: getattr(shape, name) for name in ("matrices", "head", "attention")} if shape else None


def tune(
    trial: Trial,
    model: Model,
    on_checkpoint: Callable[[int, Model], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[Any, Cost, tuple[float, ...], dict[str, Any]]:
    """The model tuned as a trial says, what that cost, its losses, and how many steps and rows it took.
    `on_step` is called with the step and the number of steps, by a tuning that offers it."""
    assert trial.tune is not None
    # Read back from a file, a tuple is a list.
    options = check_options("tunings", trial.tune).options
    function, began = load("tunings", trial.tune.use), time.perf_counter()
    offered = {"on_checkpoint": on_checkpoint, "checkpoints": trial.checkpoints, "on_step": on_step}
    wanted = inspect.signature(function).parameters
    given = {name: value for name, value in offered.items() if name in wanted}
    tuned = function(model, trial.documents, seed=trial.seed, **given, **options)
    report = getattr(tuned, "fit_report", None)
    notes: dict[str, Any] = {"rows": len(trial.documents), "steps": report.steps if report else 0}
    if report is None:  # a plug-in of the user's own need not count
        return tuned, Cost(seconds=time.perf_counter() - began), (), notes
    cost = Cost(train_tokens=report.tokens, flops=report.flops, seconds=report.seconds)
    return tuned, cost, tuple(report.losses), {**notes, "dtype": str(report.dtype)}


def shown(
    trial: Trial, model: Model
) -> tuple[tuple[Document, ...], tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """(documents, orders of them, documents of each question) of a trial, as many as fit in the window with
    the longest question behind them. Of a question's own documents the farthest are left out first; the rest
    are shown in the order of the documents."""
    if not trial.context:
        return (), ((),), ()
    longest = max(
        max(model.count(question.prompt), model.count(question.domain))
        + max(map(model.count, (*question.choices, question.answer)))
        for question in trial.questions
    )
    # Tokens at a seam may be cut otherwise than alone: some are spared for that, and for the line breaks.
    room = model.window - max(QUESTION_ROOM, longest + ANSWER_TOKENS)
    sizes = [model.count(document.text) + 1 for document in trial.context]
    if trial.nearest:
        used = (itertools.accumulate(sizes[i] for i in chosen) for chosen in trial.nearest)
        fit = [
            sorted(i for i, tokens in zip(chosen, sums, strict=True) if tokens <= room)
            for chosen, sums in zip(trial.nearest, used, strict=True)
        ]
        return trial.context, (), tuple(map(tuple, fit))
    kept = trial.context if sum(sizes) <= room else fitted(trial.context, room=room, sizes=sizes)
    ids = {document.id for document in kept}
    places = [i for i, document in enumerate(trial.context) if document.id in ids]
    number = {place: number for number, place in enumerate(places)}
    return kept, tuple(tuple(number[i] for i in order if i in number) for order in trial.orders), ()
