"""Low-rank adapters: small matrices beside the weights are trained, the weights stay."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from corollary.errors import UserError
from corollary.models.local import quiet
from corollary.training import Precision, Schedule
from corollary.types import Document, Model

if TYPE_CHECKING:
    from corollary.inference.model import LocalModel
    from corollary.training.loop import OnCheckpoint, OnStep

ALL = "all-linear"
"""PEFT's name for every linear layer except the output layer."""


def tune(
    model: Model,
    documents: Sequence[Document],
    *,
    seed: int,
    rank: int = 0,
    alpha: int = 0,
    dropout: float = 0.0,
    target_modules: tuple[str, ...] = (ALL,),
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
    """Train low-rank adapters (PEFT) beside linear layers and return the model with them.

    `rank` is the rank of the added matrices, which are scaled by `alpha / rank`. `target_modules` names the
    layers, as in q_proj,v_proj. 0 stands for a default that suits the model: for a public one a rank of 16,
    an alpha of twice the rank and a rate of 2e-4. The other options are those of `full`.

    Raises `UserError` when there are no documents, the model is not in this process, an option is out of
    range, the model's layers take no adapter, or tuning diverges.
    """
    from corollary.training.loop import Budget, Hooks
    from corollary.training.rows import suited, tuned

    if rank < 0 or alpha < 0 or not 0 <= dropout < 1:
        raise UserError(
            f"The rank of lora is {rank}, its alpha {alpha} and its dropout {dropout}: give a rank and an"
            " alpha of 1 or more, and a dropout of at least 0 and less than 1."
        )
    budget = Budget(tokens, batch_tokens, lr, warmup, schedule, weight_decay, dtype=dtype, tuning="lora")
    shape = suited(model, "lora", rank=rank, alpha=alpha)
    rank, alpha = int(shape["rank"]), int(shape["alpha"])
    settings = {
        "r": rank,
        "lora_alpha": alpha or 2 * rank,
        "lora_dropout": dropout,
        "target_modules": ALL if target_modules == (ALL,) else list(target_modules),
    }
    hooks = Hooks(on_checkpoint, checkpoints, on_step)
    prepare = functools.partial(_adapted, seed=seed, settings=settings)
    return tuned(model, documents, prepare, budget, seed=seed, adapter=True, hooks=hooks)


def _adapted(net: Any, seed: int, settings: dict[str, Any]) -> Any:
    """The network with a new adapter."""
    import torch
    from peft import LoraConfig, get_peft_model

    # PEFT draws its first matrices from the global generator, so its state is restored afterwards.
    with torch.random.fork_rng([]), quiet():
        torch.manual_seed(seed)
        try:
            return get_peft_model(net, LoraConfig(task_type="CAUSAL_LM", **settings))
        except ValueError as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise UserError(
                f"These layers of the model take no adapter ({reason}): name others, as in"
                " --set lora.target_modules=q_proj,v_proj."
            ) from error
