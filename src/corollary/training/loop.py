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
from dataclasses import dataclass, field
from typing import Any, Literal

from corollary.errors import UserError
from corollary.inference.model import LOGITS
from corollary.inference.precision import fastest
from corollary.training.packing import ATTENTION, attention, can_pack, loss_of

Schedule = Literal["linear", "cosine", "constant_with_warmup"]
Precision = Literal["auto", "float32", "bfloat16"]

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
    """Callbacks. `on_checkpoint(step)` runs at `checkpoints` evenly spaced steps, the last included, with the
    network ready for evaluation. `on_step(step, steps)` runs after every step."""

    on_checkpoint: Callable[[int], None] | None = None
    checkpoints: int = 0
    on_step: Callable[[int, int], None] | None = None


def fit(
    net: Any, rows: Sequence[Sequence[int]], budget: Budget, *, seed: int, hooks: Hooks | None = None
) -> FitReport:
    """Train the parameters of `net` that require gradients, in place, to predict every token of each row from
    the tokens before it.

    The budget is met to within half a row, if no row is longer than a step. Rows are shuffled again in every
    pass. The result depends only on the seed, the rows and the number of threads. Raises `UserError` when
    there is nothing to train on, and at the step at which training diverges.
    """
    import torch

    supervised = _checked(rows, budget)
    hooks = hooks or Hooks()
    at_work = _prepared(net, budget)
    net.eval()
    own, packed = net.config._attn_implementation, can_pack(net)
    model = at_work.wrap(net)
    stops = {round(budget.steps * at / hooks.checkpoints) for at in range(1, hooks.checkpoints + 1)}
    paused, began = 0.0, time.perf_counter()
    with contextlib.ExitStack() as stack:
        # Dropout and the like draw from the global generator, so its state is restored afterwards.
        stack.enter_context(torch.random.fork_rng([at_work.device] if at_work.device.type == "cuda" else []))
        torch.manual_seed(seed)
        stack.enter_context(attention(net, ATTENTION if packed else own))
        net.train()
        for step, numbers in enumerate(_steps(supervised, seed, budget.steps, budget.batch_tokens), start=1):
            loss = at_work.step(model, [rows[number] for number in numbers], packed=packed)
            if not math.isfinite(loss):
                raise _diverged(budget, f"at step {step} of {budget.steps}")
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
    return at_work.report(time.perf_counter() - began - paused)


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


def _prepared(net: Any, budget: Budget) -> _Training:
    """Optimizer and schedule for the parameters of `net` that require gradients."""
    import torch
    from accelerate import Accelerator
    from transformers import get_scheduler

    # We set the precision ourselves: accelerate fixes its own for the whole process at first use.
    accelerator = Accelerator(mixed_precision="no", device_placement=False)
    if accelerator.num_processes > 1:
        net.to(accelerator.device)
    trained = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in trained if w.ndim > 1], "weight_decay": budget.weight_decay},
            {"params": [w for w in trained if w.ndim < 2], "weight_decay": 0.0},
        ],
        lr=budget.lr,
        betas=(0.9, 0.95),
        fused=True,
    )
    rate = get_scheduler(
        budget.schedule,
        optimizer,
        num_warmup_steps=round(budget.warmup * budget.steps),
        num_training_steps=budget.steps,
    )
    cast = fastest(net.device.type) if budget.dtype == "auto" else budget.dtype
    vocabulary = net.config.get_text_config(decoder=True).vocab_size
    most = max(1, min(MICRO_TOKENS, LOGITS // vocabulary))
    return _Training(accelerator, net.device, trained, optimizer, rate, cast, most, budget.clip)


@dataclass
class _Training:
    """The state of a training run."""

    accelerator: Any
    device: Any
    trained: list[Any]
    optimizer: Any
    rate: Any
    cast: str
    most: int
    clip: float
    losses: list[float] = field(default_factory=list)
    tokens: int = 0
    positions: int = 0
    pairs: int = 0

    def wrap(self, net: Any) -> Any:
        """The network and the optimizer, ready for several processes."""
        model, self.optimizer = self.accelerator.prepare(net, self.optimizer)
        return model

    def step(self, model: Any, rows: list[Sequence[int]], *, packed: bool) -> float:
        """Train on the rows of one step and return their mean loss per supervised token."""
        import torch

        processes = self.accelerator.num_processes
        count = sum(len(row) - 1 for row in rows)
        total = 0.0
        parts = _parts(rows, self.accelerator, packed=packed, most=self.most)
        for at, part in enumerate(parts, start=1):
            last = at == len(parts)
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cast == "bfloat16"):
                    loss = loss_of(model, part, self.device, packed=packed)
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
        self.losses.append(total / count)
        self.tokens += count
        lengths = [len(row) - 1 for row in rows]
        self.positions += sum(lengths)
        self.pairs += sum(length * (length + 1) // 2 for length in lengths)
        return self.losses[-1]

    def report(self, seconds: float) -> FitReport:
        return FitReport(
            tuple(self.losses),
            len(self.losses),
            self.tokens,
            seconds,
            self.positions,
            self.pairs,
            self.cast,
        )


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
    import torch

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
