"""The one training loop: rows of tokens in, a trained network out.

A step is a number of supervised tokens, not of rows, so that arms whose texts differ in length train
for the same tokens and the same steps. On short rows most time goes to padding and to the overhead of
small batches; so all rows of a step are laid end to end, every matrix multiplies real tokens only,
and attention alone is computed per row. Networks whose attention cannot be called that way are given
padded batches instead. Nothing is written to disk.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from corollary.errors import UserError

if TYPE_CHECKING:
    import torch

Schedule = Literal["linear", "cosine", "constant_with_warmup"]
Precision = Literal["auto", "float32", "bfloat16"]

MICRO_TOKENS = 16384
"""Tokens read at once at most; a larger step is read in parts. Bounds the memory."""
SHORT = 128
"""Rows up to this length attend by plain matrix products: on a CPU twice as fast as the flash kernel,
whose backward pass is made for long rows."""
ROUND = 32
"""The tokens of a part are filled up to a multiple of this: every new shape costs bfloat16 kernels on a
CPU the making of a new primitive."""
ATTENTION = "corollary_rows"


@dataclass(frozen=True)
class FitReport:
    """What a training run did. `losses` has the mean loss per supervised token of every step, `tokens`
    counts supervised tokens, `positions` all tokens read and `pairs` the positions they attended to;
    `seconds` leaves out checkpoints. `flops` is filled in by the tuning, which knows the network."""

    losses: tuple[float, ...]
    steps: int
    tokens: int
    seconds: float
    positions: int
    pairs: int
    dtype: str
    flops: float = 0.0


def fit(
    net: Any,
    rows: Sequence[Sequence[int]],
    *,
    seed: int,
    tokens: int,
    batch_tokens: int,
    lr: float,
    warmup: float = 0.1,
    schedule: Schedule = "linear",
    weight_decay: float = 0.0,
    clip: float = 1.0,
    dtype: Precision = "auto",
    on_checkpoint: Callable[[int], None] | None = None,
    checkpoints: int = 0,
) -> FitReport:
    """Trains the parameters of `net` that require gradients, in place, to predict every token of each
    row from those before it in the row.

    `tokens` is the budget and `batch_tokens` the size of a step, both in supervised tokens: met to half
    a row, if no row is longer than a step. Rows are shuffled anew in every pass. `warmup` is the share
    of the steps in which the rate rises to `lr`. `on_checkpoint` is called with the step at
    `checkpoints` evenly spaced steps, the last included, with `net` ready for evaluation. "auto"
    computes in bfloat16 where the processor multiplies it in hardware, and the report says so.

    The result depends on the seed, the rows and the number of threads only. Raises `UserError` when
    there is nothing to train on.
    """
    import torch
    from accelerate import Accelerator
    from transformers import get_scheduler

    for name, value in (("tokens", tokens), ("batch_tokens", batch_tokens), ("lr", lr)):
        if value <= 0:
            raise UserError(f"The option '{name}' of a tuning is {value}: give a number above 0.")
    if not 0 <= warmup <= 1 or weight_decay < 0:
        raise UserError("A tuning's warmup is a share between 0 and 1, and its weight_decay is not negative.")
    supervised = [len(row) - 1 for row in rows]
    if not any(supervised):
        raise UserError("There is no text to train on: give at least one document.")
    steps = max(1, round(tokens / batch_tokens))
    # Precision is ours: accelerate's is fixed for the life of the process by its first use.
    accelerator = Accelerator(mixed_precision="no", device_placement=False)
    if accelerator.num_processes > 1:
        net.to(accelerator.device)
    device = net.device
    cast = _precision(dtype, device.type)
    trained = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": weight_decay},
            {"params": [weight for weight in trained if weight.ndim < 2], "weight_decay": 0.0},
        ],
        lr=lr,
        betas=(0.9, 0.95),
        fused=True,
    )
    rate = get_scheduler(
        schedule, optimizer, num_warmup_steps=round(warmup * steps), num_training_steps=steps
    )
    net.eval()
    own, packed = net.config._attn_implementation, _can_pack(net)
    model, stepper = accelerator.prepare(net, optimizer)
    stops = {round(steps * at / checkpoints) for at in range(1, checkpoints + 1)}
    losses: list[float] = []
    done = positions = pairs = 0
    paused, began = 0.0, time.perf_counter()
    with contextlib.ExitStack() as stack:
        # Dropout and the like draw from the global generator: give it back as it was.
        stack.enter_context(torch.random.fork_rng([device] if device.type == "cuda" else []))
        torch.manual_seed(seed)
        stack.enter_context(_attention(net, ATTENTION if packed else own))
        net.train()
        for step, numbers in enumerate(_steps(supervised, seed, steps, batch_tokens), start=1):
            count = sum(supervised[number] for number in numbers)
            total = 0.0
            parts = _parts([rows[number] for number in numbers], accelerator, packed=packed)
            for at, part in enumerate(parts, start=1):
                last = at == len(parts)
                with contextlib.nullcontext() if last else accelerator.no_sync(model):
                    with torch.autocast(device.type, torch.bfloat16, enabled=cast == "bfloat16"):
                        loss = _loss(model, part, device, packed=packed)
                    # Processes average their gradients, and each has only its share of the sum.
                    accelerator.backward(loss * (accelerator.num_processes / count))
                total += float(loss.detach())
            if clip:
                accelerator.clip_grad_norm_(trained, clip)
            stepper.step()
            stepper.zero_grad(set_to_none=True)
            rate.step()
            if accelerator.num_processes > 1:
                total = float(accelerator.reduce(torch.tensor(total, device=device)))
            losses.append(total / count)
            done += count
            lengths = [len(rows[number]) - 1 for number in numbers]
            positions += sum(lengths)
            pairs += sum(length * (length + 1) // 2 for length in lengths)
            if on_checkpoint is not None and step in stops:
                stopped = time.perf_counter()
                with _attention(net, own):
                    net.eval()
                    on_checkpoint(step)
                    net.train()
                paused += time.perf_counter() - stopped
        net.eval()
    seconds = time.perf_counter() - began - paused
    return FitReport(tuple(losses), steps, done, seconds, positions, pairs, cast)


def _steps(supervised: Sequence[int], seed: int, steps: int, batch_tokens: int) -> Iterator[list[int]]:
    """The rows of every step. A step ends where the tokens so far are nearest to what they should be,
    so that rows too many or too few never add up."""
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


def _parts(rows: list[Sequence[int]], accelerator: Any, *, packed: bool) -> list[list[Sequence[int]]]:
    """The rows of this process, by length, in parts that are read at once."""
    rows = sorted(rows, key=len, reverse=True)
    mine = rows[accelerator.process_index :: accelerator.num_processes]
    parts: list[list[Sequence[int]]] = [[]]
    used = 0
    for row in mine:
        # Padding makes a row as long as the first of its part.
        size = len(row if packed or not parts[-1] else parts[-1][0])
        if parts[-1] and used + size > MICRO_TOKENS:
            parts.append([])
            used, size = 0, len(row)
        parts[-1].append(row)
        used += size
    return parts


def _loss(model: Any, rows: Sequence[Sequence[int]], device: Any, *, packed: bool) -> torch.Tensor:
    """Sum of the cross-entropy over all supervised tokens of the rows, in float32."""
    import torch
    from torch.nn.functional import cross_entropy

    if not rows:  # A process without a share still takes part in the exchange of gradients.
        return _loss(model, [[0, 0]], device, packed=packed) * 0.0
    # The last token of a row predicts nothing, so it is not read.
    inputs = [row[:-1] for row in rows]
    targets = torch.tensor([token for row in rows for token in row[1:]], device=device)
    if packed:
        layout = _layout([len(row) for row in inputs], device)
        flat = [token for row in inputs for token in row]
        filled = -len(flat) % ROUND
        positions = [at for row in inputs for at in range(len(row))]
        logits = model(
            input_ids=torch.tensor([flat + [flat[0]] * filled], device=device),
            position_ids=torch.tensor([positions + [0] * filled], device=device),
            use_cache=False,
            corollary_layout=layout,
        ).logits[0, : len(flat)]
    else:
        # Padded on the right and without a mask: attention is causal, so no token sees the padding.
        longest = max(len(row) for row in inputs)
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in inputs], device=device)
        real = torch.tensor([[at < len(row) for at in range(longest)] for row in inputs], device=device)
        logits = model(input_ids=ids, use_cache=False).logits[real]
    return cross_entropy(logits.float(), targets, reduction="sum")


@dataclass(frozen=True)
class _Layout:
    """Where the rows lie that stand end to end: for each class of lengths the places of its tokens as
    [rows, length] (a shorter row repeats its last), and for each token its place among those."""

    groups: tuple[torch.Tensor, ...]
    places: torch.Tensor


def _layout(lengths: list[int], device: Any) -> _Layout:
    import torch

    classes: dict[int, list[int]] = {}
    for number, length in enumerate(lengths):
        classes.setdefault(max(16, 1 << (length - 1).bit_length()), []).append(number)
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    groups = []
    places = torch.zeros(starts[-1] + -starts[-1] % ROUND, dtype=torch.long)
    offset = 0
    for numbers in classes.values():
        longest = max(lengths[number] for number in numbers)
        ends = torch.tensor([lengths[number] for number in numbers])[:, None]
        steps = torch.arange(longest)[None]
        index = torch.tensor([starts[number] for number in numbers])[:, None] + steps.minimum(ends - 1)
        real = steps < ends
        places[index[real]] = offset + real.flatten().nonzero()[:, 0]
        groups.append(index.to(device))
        offset += index.numel()
    return _Layout(tuple(groups), places.to(device))


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    scaling: float,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    corollary_layout: _Layout,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each of the rows that lie end to end in [1, heads, tokens, size]."""
    import torch

    # Whatever else a network asks of its attention (caps, sinks, biases) is not done here.
    asked = {name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None}
    if asked or sliding_window is not None:
        raise NotImplementedError(f"{asked or 'sliding_window'}")
    outs = []
    for index in corollary_layout.groups:
        parts = [_rows_of(states, index) for states in (query, key, value)]
        out = _causal(*parts, scaling=scaling, dropout=dropout)
        outs.append(out.transpose(1, 2).reshape(index.numel(), -1))
    found = torch.cat(outs) if len(outs) > 1 else outs[0]
    return found.index_select(0, corollary_layout.places).view(1, len(corollary_layout.places), -1), None


def _rows_of(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """[1, heads, tokens, size] to [rows, heads, length, size]."""
    flat = states[0].transpose(0, 1).flatten(1)
    found = flat.index_select(0, index.flatten())
    return found.view(*index.shape, states.shape[1], states.shape[3]).transpose(1, 2)


def _causal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, dropout: float
) -> torch.Tensor:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    length = query.shape[2]
    grouped = query.shape[1] // key.shape[1]
    if grouped > 1:
        key, value = (states.repeat_interleave(grouped, 1) for states in (key, value))
    if length > SHORT or dropout or query.device.type != "cpu":
        return scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, dropout_p=dropout
        )
    future = torch.ones(length, length, dtype=torch.bool, device=query.device).triu_(1)
    scores = (query @ key.transpose(2, 3)) * scaling
    weights = scores.masked_fill(future, float("-inf")).softmax(-1, dtype=torch.float32)
    return weights.to(value.dtype) @ value


@contextlib.contextmanager
def _attention(net: Any, name: str) -> Iterator[None]:
    """Another attention for a while."""
    before = net.config._attn_implementation
    net.set_attn_implementation(name)
    try:
        yield
    finally:
        net.set_attn_implementation(before)


def _can_pack(net: Any) -> bool:
    """Whether rows laid end to end give what the network computes for each alone. Tried, not guessed."""
    import torch
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)
    rows = [[1, 2, 3, 4, 5], [5, 4, 3], [2, 1]]
    with torch.no_grad():
        alone = _loss(net, rows, net.device, packed=False)
        try:
            with _attention(net, ATTENTION):
                together = _loss(net, rows, net.device, packed=True)
        except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return False
    return bool((together - alone).abs() < 1e-3 * alone.abs())


def _precision(dtype: Precision, device: str) -> str:
    import torch

    if dtype != "auto":
        return dtype
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    # Emulated bfloat16 is slower than float32.
    able = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return "bfloat16" if able is not None and able() else "float32"
