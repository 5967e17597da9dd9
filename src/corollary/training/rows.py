"""The common part of tunings: documents in, a new model out; the given model does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from corollary.errors import UserError
from corollary.inference import encoding
from corollary.inference.model import LocalModel, merged, plain
from corollary.measure import operations
from corollary.training.loop import Budget, Hooks, fit
from corollary.types import Document, Model

RATES = {"full": {"lr": 1e-5}, "lora": {"lr": 2e-4, "rank": 16}}
"""Defaults for a public model, by tuning. A model's own (`LocalModel.rates`) have priority."""
PASSES, LEAST = 8, 2_000
"""The default budget: passes over the rows, and the least number of tokens."""
STEP, LONGEST = 256, 1024
"""The default step: its tokens, and the most tokens if a row is longer."""


def suited(model: Model, tuning: str, **given: float) -> dict[str, float]:
    """The options of a tuning, with 0 replaced by the model's default if there is one.

    Raises `UserError` for a model that is not in this process.
    """
    rates = {**RATES.get(tuning, {}), **_local(model).rates.get(tuning, {})}
    return {name: value or rates.get(name, 0) for name, value in given.items()}


def tuned(
    model: Model,
    documents: Sequence[Document],
    prepare: Callable[[Any], Any],
    budget: Budget,
    *,
    seed: int,
    adapter: bool,
    hooks: Hooks,
) -> LocalModel:
    """A new model: the network that `prepare` makes from a copy of the model's own, trained on the documents.

    An adapter that the model has is merged into the copy. `adapter` says that only an adapter is trained, so
    that it can be saved without the weights. If the budget's tokens or step size are 0, they follow from the
    documents. Raises `UserError` for a model that is not in this process, and when there is no text.
    """
    model = _local(model)
    rows, budget = _rows(model, [document.text for document in documents], budget)
    net = prepare(merged(model.net))
    # If the model has an adapter already, the folder does not contain the base of the new one.
    source = model.source if adapter and not hasattr(model.net, "merge_and_unload") else None

    def current(report: Any = None) -> LocalModel:
        return LocalModel(
            net,
            model.tokenizer,
            source=source,
            kind=model.named_kind,
            stored=model.stored,
            rates=model.rates,
            batch_tokens=model.batch_tokens,
            fit_report=report,
        )

    notify = hooks.on_checkpoint
    if notify is not None:
        hooks = replace(hooks, on_checkpoint=lambda step: notify(step, current()))
    report = fit(plain(net), rows, budget, seed=seed, hooks=hooks)
    if model.stored and not adapter:
        # Rounded to the type in which they are saved, so that the measured model is the saved one.
        with torch.no_grad():
            for weight in net.parameters():
                weight.copy_(weight.to(getattr(torch, model.stored)))
    work = operations.Tally(report.positions, report.pairs, report.tokens)
    return current(replace(report, flops=operations.training(operations.shape_of(plain(net)), work)))


def _local(model: Model) -> LocalModel:
    if not isinstance(model, LocalModel):
        raise UserError("Only a model in this process can be tuned: name a folder, a hub id or a GGUF file.")
    return model


def _rows(model: LocalModel, texts: Sequence[str], budget: Budget) -> tuple[list[list[int]], Budget]:
    """The rows to train on, and the budget with its defaults filled in."""
    given = {"tokens": budget.tokens, "batch_tokens": budget.batch_tokens, "lr": budget.lr}
    found = suited(model, budget.tuning, **given)
    tokens, step = int(found["tokens"]), int(found["batch_tokens"])
    step = min(step, tokens) if tokens > 0 else step
    # A row longer than a step would lengthen it, and the arm would train for more tokens than others. The
    # first token of a row is not supervised.
    longest = step or (min(LONGEST, tokens) if tokens > 0 else LONGEST)
    rows = encoding.training_rows(model.tokenizer, texts, window=min(model.window, longest + 1))
    sizes = [len(row) - 1 for row in rows]
    tokens = tokens or max(LEAST, PASSES * sum(sizes))
    step = step or min(max([STEP, *sizes]), tokens)
    return rows, replace(budget, tokens=tokens, batch_tokens=step, lr=found["lr"])
