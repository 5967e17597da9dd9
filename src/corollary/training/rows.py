"""What the tunings share: documents in, a new model out, the given one unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from corollary.errors import UserError
from corollary.inference import encoding
from corollary.measure import operations
from corollary.models.local import LocalModel
from corollary.training.loop import fit
from corollary.types import Document, Model

OnCheckpoint = Callable[[int, Model], None]
"""Called during tuning with the step and the model so far. The model goes on changing afterwards."""


def tuned(
    model: Model,
    documents: Sequence[Document],
    prepare: Callable[[Any], Any],
    *,
    on_checkpoint: OnCheckpoint | None,
    source: bool,
    batch_tokens: int,
    **settings: Any,
) -> LocalModel:
    """Trains the network that `prepare` makes of the model's own on the documents.

    `prepare` returns another network and leaves the one it is given as it is. `source` says whether
    the weights of the model's folder stay as they are, so that an adapter alone can be saved.
    `batch_tokens` and `settings` go to `fit`. Raises `UserError` for a model that is not in this process.
    """
    if not isinstance(model, LocalModel):
        raise UserError("Only a model from a folder can be tuned: use the model 'local' or 'embedded'.")
    texts = [document.text for document in documents]
    # A row longer than a step would make its step longer, and the arm would train for more tokens than
    # others. The first token of a row is not supervised.
    rows = encoding.training_rows(model.tokenizer, texts, window=min(model.window, batch_tokens + 1))
    net = prepare(model.net)

    def current(report: Any = None) -> LocalModel:
        return LocalModel(
            net,
            model.tokenizer,
            source=model.source if source else None,
            batch_tokens=model.batch_tokens,
            fit_report=report,
        )

    # An adapter lives inside the layers of the plain network, which is called without its wrapper.
    plain = net.get_base_model() if hasattr(net, "get_base_model") else net
    report = fit(
        plain,
        rows,
        batch_tokens=batch_tokens,
        on_checkpoint=(lambda step: on_checkpoint(step, current())) if on_checkpoint else None,
        **settings,
    )
    work = operations.Tally(report.positions, report.pairs, report.tokens)
    return current(replace(report, flops=operations.training(operations.shape_of(plain), work)))
