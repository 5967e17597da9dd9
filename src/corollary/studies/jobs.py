"""The jobs of a study: generate a batch of requests, or run one trial. Values in, values out.

The same functions run in a loop, in processes or on other machines: a worker opens no file of the study.
Tuning and asking are one job, because a tuned model would have to travel between them, and it may be larger
than everything else together.
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

from corollary.asking.scoring import ANSWER_TOKENS, evaluate, fitted, scored
from corollary.errors import JobFailed, UserError
from corollary.plugins import bind, check_options, identity, load
from corollary.types import Cost, Document, Model, Question, Request, Result, Score, Spec, Trial
from corollary.values import content_id, to_plain
from corollary.writing import engine
from corollary.writing.engine import Generated

QUESTION_ROOM = 96
"""The least number of tokens left after the documents for a question and its answer."""


@dataclass(frozen=True)
class Generation:
    """A job: requests that a model generates together. `number` identifies it for the driver."""

    model: Spec
    requests: tuple[Request, ...]
    number: int = 0


def run(job: Generation | Trial) -> Generated | Result | JobFailed:
    """The result of one job. A failure is a result too, so that other jobs go on; `UserError` is raised."""
    try:
        answer = generate(job) if isinstance(job, Generation) else run_trial(job)
        to_plain(answer)  # raises on NaN or infinity (overflowed weights): JSON cannot hold them
        return answer
    except UserError:
        raise
    except Exception:
        return JobFailed(traceback.format_exc(limit=-8))  # the innermost frames


def generate(job: Generation) -> Generated:
    """The completions of a batch."""
    model, began = open_model(job.model), time.perf_counter()
    return Generated(tuple(map(engine.checked, model.generate(job.requests))), time.perf_counter() - began)


def run_trial(trial: Trial) -> Result:
    """Tune the model if the trial has a tuning, then score its questions."""
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
    scores = evaluate(
        model, trial.questions, context=context, orders=orders, nearest=nearest, free=trial.free
    )
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
    """A hash of everything that determines a trial's result, so without names of datasets and arms."""
    parts: dict[str, Any] = {
        "questions": asked(trial.questions),
        "documents": [document.text for document in trial.documents],
        # With ids, by which a result names the documents that were shown.
        "context": [[document.id, document.text] for document in trial.context],
        "orders": trial.orders,
        "nearest": trial.nearest,
        "model": open_model(trial.model).identity,
        "tune": None if trial.tune is None else identity("tunings", trial.tune),
        "seed": trial.training_seed if trial.tune else None,
        "checkpoints": trial.checkpoints,
        "free": trial.free,
    }
    return content_id(parts)


def asked(questions: Iterable[Question]) -> list[list[Any]]:
    """The parts of questions that determine a measurement; how answers are read and grouped does not."""
    return [[q.id, q.prompt, q.answer, list(q.choices), q.domain, list(q.distant)] for q in questions]


GIVEN: dict[str, Model] = {}
"""Models that were given as values, by identity; they exist only in this process."""


def give_model(model: Model) -> Spec:
    """A spec for a model that was given as a value; it is valid only in this process."""
    GIVEN[model.identity] = model
    return Spec("given", {"identity": model.identity})


def open_model(spec: Spec) -> Any:
    """The model of a spec, loaded once per process. Raises `UserError` if it is a value in another
    process."""
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
    """Limits torch to one thread within the block, as in the processes of a study. Sums in another order have
    other last digits, but a study must write the same bytes wherever it runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def spent(model: Model) -> Cost:
    """The cost of a model since it was opened; zero for a model that does not count it."""
    cost: Cost = getattr(model, "cost", Cost())
    return cost


def since(before: Cost, after: Cost) -> Cost:
    """The cost between two calls of `spent`."""
    return Cost(*(getattr(after, f.name) - getattr(before, f.name) for f in fields(Cost)))


def shape_of(model: Model) -> dict[str, int] | None:
    """The sizes of a model that determine its costs (`corollary.measure.cost.Shape`), or None."""
    shape = getattr(model, "shape", None)
    return {name: getattr(shape, name) for name in ("matrices", "head", "attention")} if shape else None


def tune(
    trial: Trial,
    model: Model,
    on_checkpoint: Callable[[int, Model], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[Any, Cost, tuple[float, ...], dict[str, Any]]:
    """The tuned model of a trial, the cost, the losses, and notes such as the numbers of steps and rows.
    `on_step` is called with the step and the number of steps if the tuning supports it."""
    assert trial.tune is not None
    # A tuple that was read from a file is a list.
    options = check_options("tunings", trial.tune).options
    function, began = load("tunings", trial.tune.use), time.perf_counter()
    offered = {"on_checkpoint": on_checkpoint, "checkpoints": trial.checkpoints, "on_step": on_step}
    wanted = inspect.signature(function).parameters
    given = {name: value for name, value in offered.items() if name in wanted}
    tuned = function(model, trial.documents, seed=trial.training_seed, **given, **options)
    report = getattr(tuned, "fit_report", None)
    notes: dict[str, Any] = {"rows": len(trial.documents), "steps": report.steps if report else 0}
    if report is None:  # a plug-in need not report
        return tuned, Cost(seconds=time.perf_counter() - began), (), notes
    cost = Cost(train_tokens=report.tokens, flops=report.flops, seconds=report.seconds)
    return tuned, cost, tuple(report.losses), {**notes, "dtype": str(report.dtype)}


def shown(
    trial: Trial, model: Model
) -> tuple[tuple[Document, ...], tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """(documents, orders of them, documents of each question) of a trial: as many as fit in the window before
    the longest question. If each question has its own documents, the farthest are left out first, and the
    rest are shown in the order of the documents."""
    if not trial.context:
        return (), ((),), ()
    longest = max(
        max(model.count(question.prompt), model.count(question.domain))
        + max(map(model.count, (*scored(question), question.answer)))
        for question in trial.questions
    )
    # Where texts meet, there may be more tokens than in the texts alone, so some room is left.
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
