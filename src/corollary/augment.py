"""The engine of the strategies: asks the model what they want to know, and never asks twice.

A strategy sees a dataset without questions, so nothing of a question can reach a generator. Every
completion is committed to the store as it arrives; a run that is killed goes on where it stopped.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corollary.costs import flops
from corollary.errors import UserError
from corollary.plugins import load
from corollary.store import Completions
from corollary.text import sentences
from corollary.types import DROPPED, Completion, Cost, Dataset, Document, Flow, Model, Request, Spec

BATCH = 64
"""Requests generated together: what a kill can lose at most."""


@dataclass(frozen=True)
class Written:
    """What a strategy brought: documents in order, and what the model's completions cost."""

    documents: tuple[Document, ...]
    cost: Cost


def augment(
    dataset: Dataset,
    strategy: Spec,
    *,
    seed: int,
    model: Model,
    store: Path,
    rows: int = 0,
    other: Dataset | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Run one strategy over the documents of a dataset.

    `rows` and `other` are given to strategies that ask for them (see `corollary.strategies`). Exact
    repetitions of a line, and of a document's own sentence, are left out. `progress` is called with
    the requests done and asked so far. The cost counts what the model did for these completions, also
    when they were found in the store; their seconds are then those of the others, token for token.
    """
    unseen = replace(dataset, questions=())
    offered: dict[str, Any] = {"window": model.window, "count": model.count, "rows": rows}
    if other is not None:
        offered["other"] = replace(other, questions=())
    function = load("strategies", strategy.use)
    wanted = inspect.signature(function).parameters
    flow: Flow = function(unseen, seed=seed, **{**offered_to(wanted, offered), **strategy.knobs})
    cost = asked_now = Cost()
    done = asked = 0
    with Completions(store) as completions:
        try:
            requests = next(flow)
            while True:
                asked += len(requests)
                answers: list[Completion] = []
                for start in range(0, len(requests), BATCH):
                    began = time.perf_counter()
                    found, new = _complete(requests[start : start + BATCH], model, completions)
                    answers += found
                    part = sum((_cost_of(answer, model) for answer in found), Cost())
                    cost += part
                    if new:
                        asked_now += replace(part, seconds=time.perf_counter() - began)
                    done += len(found)
                    if progress:
                        progress(done, asked)
                requests = flow.send(answers)
        except StopIteration as stop:
            documents: list[Document] = stop.value
    seen = {text for d in dataset.documents for text in (d.text, *sentences(d.text))}
    kept = []
    # Of two lines that are alike the one that may be trained on stays.
    for document in sorted(documents, key=lambda document: document.strategy == DROPPED):
        if document.text not in seen:
            seen.add(document.text)
            kept.append(document)
    share = cost.output_tokens / asked_now.output_tokens if asked_now.output_tokens else 0.0
    return Written(tuple(kept), replace(cost, seconds=asked_now.seconds * share))


def offered_to(wanted: Container[str], offered: Mapping[str, Any]) -> dict[str, Any]:
    """What of the engine's offer a strategy's signature asks for."""
    return {name: value for name, value in offered.items() if name in wanted}


def _complete(requests: Sequence[Request], model: Model, store: Completions) -> tuple[list[Completion], bool]:
    """From the store, or all of the batch from the model: never a part of it, because what a row's
    neighbours are can move a logit by a rounding error, and a resumed run must write the same bytes.
    Says whether the model was asked."""
    if any(request.max_tokens < 1 or request.temperature < 0 for request in requests):
        raise UserError(
            "A model writes at least one token, at a temperature of 0 or more: mend the strategy's knobs."
        )
    found = [store.get(model.identity, request) for request in requests]
    answers = [answer for answer in found if answer is not None]
    if len(answers) == len(requests):
        return answers, False
    new = model.generate(requests)
    # What is in the store already stays there, so it counts now too: the next run will find it.
    return [
        store.put(model.identity, request, answer) for request, answer in zip(requests, new, strict=True)
    ], True


def _cost_of(answer: Completion, model: Model) -> Cost:
    shape = getattr(model, "shape", None)  # not known of a model behind an endpoint
    read = answer.input_tokens - answer.cached_tokens + answer.output_tokens
    work = flops(shape, read, context=answer.cached_tokens, logits=answer.output_tokens) if shape else 0.0
    return Cost(answer.input_tokens, answer.cached_tokens, answer.output_tokens, flops=work)
