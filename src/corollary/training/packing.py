"""The loss of rows of tokens that are laid end to end, with attention computed for each row by itself."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AttentionInterface

SHORT = 128
"""For rows up to this length, attention is plain matrix products. On a CPU they are twice as fast as the
flash kernel, whose backward pass is made for long rows."""
ROUND = 32
"""The tokens of a part are padded to a multiple of this: for every new shape, bfloat16 kernels on a CPU must
create a new primitive, which takes time."""
ATTENTION = "corollary_rows"


def loss_of(model: Any, rows: Sequence[Sequence[int]], device: Any, *, packed: bool) -> torch.Tensor:
    """The sum of the cross-entropy over all supervised tokens of the rows, in float32."""
    if not rows:  # A process without rows still takes part in the exchange of gradients.
        return loss_of(model, [[0, 0]], device, packed=packed) * 0.0
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
    """The places of rows that are laid end to end. `groups` has the places of the tokens as [rows, length]
    for each class of lengths (a shorter row repeats its last place). `places` has each token's place among
    these."""

    groups: tuple[torch.Tensor, ...]
    places: torch.Tensor


def _layout(lengths: list[int], device: Any) -> _Layout:
    classes: dict[int, list[int]] = {}
    for number, length in enumerate(lengths):
        classes.setdefault(max(16, 1 << (length - 1).bit_length()), []).append(number)
    starts = [0, *itertools.accumulate(lengths)]
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
    """Causal attention within each of the rows that are laid end to end in [1, heads, tokens, size]."""
    # This attention has no caps, sinks or biases, which some networks ask for.
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
def attention(net: Any, name: str) -> Iterator[None]:
    """Sets another attention implementation within the block."""
    before = net.config._attn_implementation
    net.set_attn_implementation(name)
    try:
        yield
    finally:
        net.set_attn_implementation(before)


def can_pack(net: Any) -> bool:
    """Whether rows laid end to end have the same loss as each row alone; measured on three short rows."""
    AttentionInterface.register(ATTENTION, _attend)
    rows = [[1, 2, 3, 4, 5], [5, 4, 3], [2, 1]]
    with torch.no_grad():
        alone = loss_of(net, rows, net.device, packed=False)
        try:
            with attention(net, ATTENTION):
                together = loss_of(net, rows, net.device, packed=True)
        except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return False
    return bool((together - alone).abs() < 1e-3 * alone.abs())
