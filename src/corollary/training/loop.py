"""The training loop: rows of tokens in, a trained network out.

A step is a number of supervised tokens, not of rows, so that arms with longer or shorter texts train for the
same tokens and steps. With short rows, padding and small batches take most of the time. So the rows of a step
are laid end to end: every matrix multiplies real tokens only, and only attention is computed row by row.
Networks whose attention cannot be called like this get padded batches. Nothing is written to disk.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from transformers import get_scheduler

from corollary.errors import UserError
from corollary.inference.model import LOGITS
from corollary.inference.precision import fastest
from corollary.measure.operations import Tally
from corollary.training import Precision, Schedule
from corollary.training.packing import ATTENTION, attention, can_pack, loss_of
from corollary.types import Model

OnCheckpoint = Callable[[int, Model], None]
"""Called during tuning with the step and the model so far, which changes afterwards."""
OnStep = Callable[[int, int], None]
"""Called after every step with its number and the number of steps."""
MICRO_TOKENS = 16384
"""The most tokens read at once (fewer with a large vocabulary, see `LOGITS`); a larger step is read in parts.
Bounds the memory."""


@dataclass(frozen=True)
class FitReport:
    """The measurements of a training run. `losses` has each step's mean loss per supervised token. `tokens`
    counts supervised tokens, `positions` all tokens read, and `pairs` the positions that they attended to.
    `seconds` does not include checkpoints. The tuning, which knows the network, fills in `flops`."""

    losses: tuple[float, ...]
    steps: int
    tokens: int
    seconds: float
    positions: int
    pairs: int
    dtype: str
    flops: float = 0.0


@dataclass(frozen=True)
class Budget:
    """The settings of a training run.

    `tokens` is the budget and `batch_tokens` the size of a step, both in supervised tokens. `warmup` is the
    share of the steps in which the rate rises to `lr`; then it follows `schedule` down. Gradients longer than
    `clip` are shortened to it (0: never). "auto" computes in bfloat16 if the processor multiplies it in
    hardware. `tuning` names the section of the options in messages.
    """

    tokens: int
    batch_tokens: int
    lr: float
    warmup: float = 0.1
    schedule: Schedule = "linear"
    weight_decay: float = 0.0
    clip: float = 1.0
    dtype: Precision = "auto"
    tuning: str = "full"

    @property
    def steps(self) -> int:
        return max(1, round(self.tokens / self.batch_tokens))


@dataclass(frozen=True)
class Hooks:
    """Callbacks: `on_checkpoint` at `checkpoints` evenly spaced steps, the last included, with the network
    ready for evaluation; `on_step` after every step. `fit` knows no model: it gives only the step."""

    on_checkpoint: Callable[..., None] | None = None
    checkpoints: int = 0
    on_step: OnStep | None = None


def fit(
    net: Any, rows: Sequence[Sequence[int]], budget: Budget, *, seed: int, hooks: Hooks | None = None
) -> FitReport:
    """Train the parameters of `net` that require gradients, in place, to predict every token of each row from
    the tokens before it.

    The budget is met to within half a row, if no row is longer than a step. Rows are shuffled again in every
    pass. The result depends only on the seed, the rows and the number of threads. Raises `UserError` when
    there is nothing to train on, and at the step at which training diverges.
    """
    supervised = _checked(rows, budget)
    hooks = hooks or Hooks()
    own = net.config._attn_implementation
    at_work = _Training(net.eval(), budget)
    stops = {round(budget.steps * at / hooks.checkpoints) for at in range(1, hooks.checkpoints + 1)}
    losses: list[float] = []
    work, paused, began = Tally(), 0.0, time.perf_counter()
    with contextlib.ExitStack() as stack:
        # Dropout and the like draw from the global generator, so its state is restored afterwards.
        stack.enter_context(torch.random.fork_rng([net.device] if net.device.type == "cuda" else []))
        torch.manual_seed(seed)
        stack.enter_context(attention(net, ATTENTION if at_work.packed else own))
        net.train()
        for step, numbers in enumerate(_steps(supervised, seed, budget.steps, budget.batch_tokens), start=1):
            losses.append(at_work.step([rows[number] for number in numbers]))
            if not math.isfinite(losses[-1]):
                raise _diverged(budget, f"at step {step} of {budget.steps}")
            for number in numbers:
                work.row(0, supervised[number])
            stopped = time.perf_counter()
            if hooks.on_checkpoint is not None and step in stops:
                with attention(net, own):
                    net.eval()
                    hooks.on_checkpoint(step)
                    net.train()
            if hooks.on_step is not None:
                hooks.on_step(step, budget.steps)
            paused += time.perf_counter() - stopped
        net.eval()
    if not all(bool(weight.isfinite().all()) for weight in at_work.trained):
        raise _diverged(budget, f"at the last of {budget.steps} steps")
    seconds = time.perf_counter() - began - paused
    return FitReport(tuple(losses), len(losses), work.tokens, seconds, work.tokens, work.pairs, at_work.cast)


def _checked(rows: Sequence[Sequence[int]], budget: Budget) -> list[int]:
    """The number of supervised tokens in every row. Raises `UserError` for an impossible budget or no
    text."""
    for name in ("tokens", "batch_tokens", "lr"):
        value = getattr(budget, name)
        if not 0 < value < math.inf:
            raise UserError(f"The option '{name}' of a tuning is {value}: give a number above 0.")
    if not 0 <= budget.warmup <= 1 or budget.weight_decay < 0:
        raise UserError(
            f"The warmup of a tuning is {budget.warmup} and its weight_decay {budget.weight_decay}: set the"
            " first to a share from 0 to 1, and the second to 0 or more."
        )
    supervised = [len(row) - 1 for row in rows]
    if not any(supervised):
        raise UserError("There is no text to train on: give at least one document.")
    return supervised


def _diverged(budget: Budget, when: str) -> UserError:
    return UserError(
        f"Tuning diverged {when}, at a rate of {budget.lr:g}: give the"
        f" tuning {budget.tuning} a lower one, as in lr={budget.lr / 10:g}."
    )


class _Training:
    """The network, its optimizer and its schedule, for the parameters that require gradients."""

    def __init__(self, net: Any, budget: Budget) -> None:
        # We set the precision ourselves: accelerate fixes its own for the whole process at first use.
        self.accelerator = Accelerator(mixed_precision="no", device_placement=False)
        if self.accelerator.num_processes > 1:
            net.to(self.accelerator.device)
        self.device, self.packed, self.clip = net.device, can_pack(net), budget.clip
        self.trained = [weight for weight in net.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(
            [
                {"params": [w for w in self.trained if w.ndim > 1], "weight_decay": budget.weight_decay},
                {"params": [w for w in self.trained if w.ndim < 2], "weight_decay": 0.0},
            ],
            lr=budget.lr,
            betas=(0.9, 0.95),
            fused=True,
        )
        self.rate = get_scheduler(
            budget.schedule,
            optimizer,
            num_warmup_steps=round(budget.warmup * budget.steps),
            num_training_steps=budget.steps,
        )
        self.cast = fastest(net.device.type) if budget.dtype == "auto" else budget.dtype
        vocabulary = net.config.get_text_config(decoder=True).vocab_size
        self.most = max(1, min(MICRO_TOKENS, LOGITS // vocabulary))
        self.model, self.optimizer = self.accelerator.prepare(net, optimizer)

    def step(self, rows: list[Sequence[int]]) -> float:
        """Train on the rows of one step and return their mean loss per supervised token."""
        processes = self.accelerator.num_processes
        count = sum(len(row) - 1 for row in rows)
        total = 0.0
        parts = _parts(rows, self.accelerator, packed=self.packed, most=self.most)
        for at, part in enumerate(parts, start=1):
            last = at == len(parts)
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cast == "bfloat16"):
                    loss = loss_of(self.model, part, self.device, packed=self.packed)
                # Processes average their gradients, but each has only its share of the sum.
                self.accelerator.backward(loss * (processes / count))
            total += float(loss.detach())
        if self.clip:
            self.accelerator.clip_grad_norm_(self.trained, self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.rate.step()
        if processes > 1:
            total = float(self.accelerator.reduce(torch.tensor(total, device=self.device)))
        return total / count


def _steps(supervised: Sequence[int], seed: int, steps: int, batch_tokens: int) -> Iterator[list[int]]:
    """The rows of every step. A step ends where the tokens so far are nearest to their goal, so that errors
    never add up."""
    order = _shuffled(supervised, seed)
    upcoming = next(order)
    done = 0
    for step in range(1, steps + 1):
        goal = step * batch_tokens
        chosen: list[int] = []
        while not chosen or abs(done + supervised[upcoming] - goal) <= abs(done - goal):
            chosen.append(upcoming)
            done += supervised[upcoming]
            upcoming = next(order)
        yield chosen


def _shuffled(supervised: Sequence[int], seed: int) -> Iterator[int]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        for number in torch.randperm(len(supervised), generator=generator).tolist():
            if supervised[number]:
                yield number


def _parts(
    rows: list[Sequence[int]], accelerator: Any, *, packed: bool, most: int
) -> list[list[Sequence[int]]]:
    """The rows of this process, sorted by length, in parts of at most `most` tokens."""
    rows = sorted(rows, key=len, reverse=True)
    mine = rows[accelerator.process_index :: accelerator.num_processes]
    parts: list[list[Sequence[int]]] = [[]]
    used = 0
    for row in mine:
        # Padding makes a row as long as the first of its part.
        size = len(row if packed or not parts[-1] else parts[-1][0])
        if parts[-1] and used + size > most:
            parts.append([])
            used, size = 0, len(row)
        parts[-1].append(row)
        used += size
    return parts
