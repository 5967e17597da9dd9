"""Full fine-tuning: every weight is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from corollary.training import Precision, Schedule
from corollary.types import Document, Model

if TYPE_CHECKING:
    from corollary.inference.model import LocalModel
    from corollary.training.loop import OnCheckpoint, OnStep


def tune(
    model: Model,
    documents: Sequence[Document],
    *,
    seed: int,
    tokens: int = 0,
    batch_tokens: int = 0,
    lr: float = 0.0,
    warmup: float = 0.1,
    schedule: Schedule = "linear",
    weight_decay: float = 0.0,
    dtype: Precision = "auto",
    on_checkpoint: OnCheckpoint | None = None,
    checkpoints: int = 0,
    on_step: OnStep | None = None,
) -> LocalModel:
    """Train every weight of the model on the documents and return the new model.

    Each document is one row that ends in EOS, or several if it is longer than a step or the window. `tokens`
    is the budget and `batch_tokens` the size of a step, both in supervised tokens. The rate rises to `lr`
    during the share `warmup` of the steps, then follows `schedule` down. 0 stands for a default that suits
    the model: for a public one a rate of 1e-5, and eight passes over the documents in steps of 256 tokens.

    `on_checkpoint` is called at `checkpoints` evenly spaced steps, `on_step` after every step. Raises
    `UserError` when there are no documents, the model is not in this process, or tuning diverges.
    """
    from corollary.training.loop import Budget, Hooks
    from corollary.training.rows import tuned

    def prepare(net: Any) -> Any:
        # bfloat16 would round small steps away.
        return net.float().requires_grad_(True)

    budget = Budget(tokens, batch_tokens, lr, warmup, schedule, weight_decay, dtype=dtype, tuning="full")
    hooks = Hooks(on_checkpoint, checkpoints, on_step)
    return tuned(model, documents, prepare, budget, seed=seed, adapter=False, hooks=hooks)
