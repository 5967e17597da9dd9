"""Keys and values of one row, stored in place.

The caches of transformers grow by copying their whole content, once per layer and call. Here a prefix is
computed once and never copied, however many rows are read after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from corollary.inference.encoding import common
from corollary.measure.operations import Tally

CHUNK = 512
"""Tokens of a prefix that are read at once; bounds the memory of attention."""


class Arena:
    """Room for the keys and values of one row: a shared prefix, then the texts being read.

    `prefix` contains the token ids of the prefix; `length` is the number of columns in use.
    """

    def __init__(self, net: Any, *, capacity: int) -> None:
        self.net = net
        self.prefix: list[int] = []
        self.layers = [_Layer(capacity) for _ in stock_layers(net)]
        self.cache = Cache(layers=[*self.layers])

    @property
    def length(self) -> int:
        """Columns in use."""
        length: int = self.layers[0].length
        return length

    def load(self, prefix: Sequence[int], tally: Tally) -> bool:
        """Start the row with `prefix` and forget the rest; returns whether the prefix was new.

        Only the same prefix is reused. A part of another would do, but then the last bits of a score would
        depend on earlier calls.
        """
        if self.prefix == list(prefix):
            self.rewind(len(prefix))
            return False
        self.prefix = []
        self.rewind(0)
        read_prefix(self.net, prefix, self.cache, tally)
        self.prefix = list(prefix)
        return True

    def shared(self, context: Sequence[int]) -> int:
        """The number of prefix tokens that a context uses; at least one token of its own is left to read."""
        return min(common(self.prefix, list(context)), len(context) - 1)

    def read(
        self, ids: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        """The logits of one row, read after the columns in use: [len(keep), vocabulary], float32 at least.

        `ids` and `positions` are [L]. `visible` is boolean [L, length + L] and says which columns a token
        sees. `keep` contains the places in the row whose logits are returned.
        """
        # Additive, not boolean: "eager" attention adds its mask to the scores, so a boolean one would
        # silently add 0 and 1; "sdpa" would convert it in every layer.
        none = torch.finfo(self.net.dtype).min
        mask = torch.zeros(visible.shape, dtype=self.net.dtype, device=ids.device)
        mask.masked_fill_(~visible, none)
        out = self.net(
            input_ids=ids[None],
            position_ids=positions[None],
            attention_mask=mask[None, None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        logits: torch.Tensor = out.logits[0]
        return logits.float() if logits.dtype.itemsize < 4 else logits

    def rewind(self, length: int) -> None:
        """Forget all columns from `length` on."""
        for layer in self.layers:
            layer.length = length

    def pack(self, start: int, columns: torch.Tensor) -> None:
        """Keep only these of the columns from `start` on, and close the gaps."""
        end = start + len(columns)
        for layer in self.layers:
            for held in (layer.keys, layer.values):
                assert held is not None
                held[:, :, start:end] = held.index_select(2, columns)
            layer.length = end


def read_prefix(net: Any, ids: Sequence[int], cache: Cache, tally: Tally) -> None:
    """Fill an empty cache with the network's state after the tokens."""
    for start in range(0, len(ids), CHUNK):
        part = torch.tensor([ids[start : start + CHUNK]], device=net.device)
        net(input_ids=part, past_key_values=cache, use_cache=True, logits_to_keep=1)
        tally.row(start, part.shape[1])
        tally.logits += 1


def stock_layers(net: Any) -> list[Any]:
    """The cache layers that a model's configuration asks for."""
    return list(DynamicCache(config=net.config).layers)


def suits(net: Any) -> bool:
    """Whether a model can be read through an arena: it has only full attention and obeys our masks.

    Sliding windows and linear attention keep a state that cannot be masked by branch. Attention kernels other
    than these two ignore the mask.
    """
    kernels = ("sdpa", "eager")
    layers = stock_layers(net)
    plain = bool(layers) and all(type(layer) is DynamicLayer for layer in layers)
    return plain and net.config._attn_implementation in kernels


class _Layer(DynamicLayer):
    """A cache layer with reserved room; `length` columns are in use."""

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity, self.length = capacity, 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        end = self.length + key_states.shape[2]
        if self.keys is None or end > self.keys.shape[2]:
            self._grow(key_states, value_states, end)
        assert self.keys is not None
        assert self.values is not None
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.length

    def _grow(self, keys: torch.Tensor, values: torch.Tensor, needed: int) -> None:
        self.capacity = max(self.capacity, needed + needed // 4)
        old_keys, old_values = self.keys, self.values
        self.keys = keys.new_empty(*keys.shape[:2], self.capacity, keys.shape[3])
        self.values = values.new_empty(*values.shape[:2], self.capacity, values.shape[3])
        self.is_initialized = True
        if old_keys is not None and old_values is not None:
            self.keys[:, :, : self.length] = old_keys[:, :, : self.length]
            self.values[:, :, : self.length] = old_values[:, :, : self.length]
