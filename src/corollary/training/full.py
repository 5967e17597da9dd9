"""Full fine-tuning: every weight is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corollary.models.local import LocalModel
from corollary.training.loop import Precision, Schedule
from corollary.training.rows import OnCheckpoint, tuned
from corollary.types import Document, Model


def tune(
    model: Model,
    documents: Sequence[Document],
    *,
    seed: int,
    tokens: int = 60_000,
    batch_tokens: int = 1024,
    lr: float = 1e-3,
    warmup: float = 0.1,
    schedule: Schedule = "linear",
    weight_decay: float = 0.0,
    dtype: Precision = "auto",
    on_checkpoint: OnCheckpoint | None = None,
    checkpoints: int = 0,
) -> LocalModel:
    """Train every weight of the model on the documents and return the new model.

    Each document is one row from BOS to EOS, or several if it is longer than a step or the window.
    `tokens` is the budget and `batch_tokens` the size of a step, in supervised tokens; `lr` is reached
    after the share `warmup` of the steps and follows `schedule` down. `on_checkpoint` is called at
    `checkpoints` evenly spaced steps.
    Raises `UserError` when there are no documents or the model is not in this process.
    """
    return tuned(
        model,
        documents,
        _copied,
        on_checkpoint=on_checkpoint,
        source=False,
        seed=seed,
        tokens=tokens,
        batch_tokens=batch_tokens,
        lr=lr,
        warmup=warmup,
        schedule=schedule,
        weight_decay=weight_decay,
        dtype=dtype,
        checkpoints=checkpoints,
    )


def _copied(net: Any) -> Any:
    """A copy with any adapter merged and weights that hold small steps, which bfloat16 rounds away."""
    import copy

    made = copy.deepcopy(net)
    if hasattr(made, "merge_and_unload"):
        made = made.merge_and_unload()
    return made.float().requires_grad_(True)
