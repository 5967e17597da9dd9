"""Scoring and generation with every text by itself, for models that cannot read a tree of texts.

Sliding windows and linear attention keep a state that no mask can separate by branch. Here texts share only a
batch and, if the network can continue from a copied state, the state after their common prefix. Without a
prefix this is the plain definition of a language model, so the tests compare the tree with it.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from corollary.inference import tree
from corollary.inference.arena import Arena, read_prefix
from corollary.inference.decode import Job, choose
from corollary.measure.operations import Tally

COLUMNS = 16384
"""The most columns in a batch, including each text's copy of a prefix; bounds the memory."""


@dataclass(frozen=True)
class Prefix:
    """The token ids of a prefix, and the network's state after them (a cache of transformers)."""

    ids: list[int]
    cache: Any

    def shared(self, context: Sequence[int]) -> int:
        """The number of tokens in a context that need not be read again: the whole prefix, or none."""
        size = len(self.ids)
        return size if len(context) > size and list(context[:size]) == self.ids else 0

    def copy(self, times: int) -> Any:
        """A copy of the state for `times` texts side by side."""
        copied = copy.deepcopy(self.cache)
        copied.batch_repeat_interleave(times)
        return copied


NOTHING = Prefix([], None)
"""The prefix after which every text is read in full."""


def prefix_of(net: Any, ids: Sequence[int], tally: Tally) -> Prefix:
    """The prefix, read by a network for which `copies_agree`."""
    cache = DynamicCache(config=net.config)
    read_prefix(net, ids, cache, tally)
    return Prefix(list(ids), cache)


def score(
    net: Any,
    texts: Sequence[tuple[list[int], list[int]]],
    *,
    batch_tokens: int,
    tally: Tally,
    prefix: Prefix = NOTHING,
) -> list[float]:
    """Log-probability of every (context, continuation) in tokens, read in full or after the prefix."""
    values: list[float] = [0.0] * len(texts)
    shared = [prefix.shared(context) for context, _ in texts]
    for start in sorted(set(shared)):
        group = [at for at, size in enumerate(shared) if size == start]
        rest = [(texts[at][0][start:], texts[at][1]) for at in group]
        behind = prefix if start else NOTHING
        scored = _scored(net, rest, behind, batch_tokens=batch_tokens, tally=tally)
        for at, value in zip(group, scored, strict=True):
            values[at] = value
    return values


def _scored(
    net: Any,
    texts: Sequence[tuple[list[int], list[int]]],
    prefix: Prefix,
    *,
    batch_tokens: int,
    tally: Tally,
) -> list[float]:
    found: list[float] = [0.0] * len(texts)
    start = len(prefix.ids)
    most = max(1, COLUMNS // start) if start else len(texts)
    for batch in _batches([len(before) + len(after) for before, after in texts], batch_tokens, most):
        state = {"past_key_values": prefix.copy(len(batch))} if start else {}
        rows = [texts[at][0] + texts[at][1] for at in batch]
        # Padded on the right and without a mask: attention is causal, so no token sees the padding.
        longest = max(len(row) for row in rows)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=net.device)
        # Tokens before the last one of every context predict nothing that is scored.
        first = min(len(texts[at][0]) for at in batch) - 1
        logits = net(input_ids=ids, use_cache=start > 0, logits_to_keep=longest - first, **state).logits
        first = longest - logits.shape[1]  # a network may return more than it is asked for
        logits = logits.float() if logits.dtype.itemsize < 4 else logits
        for at, row, out in zip(batch, rows, logits, strict=True):
            cut = len(texts[at][0])
            wanted = torch.tensor(row[cut:], device=net.device, dtype=torch.long)
            places = out[cut - 1 - first : len(row) - 1 - first].log_softmax(-1)
            found[at] = float(places.gather(-1, wanted[:, None]).double().sum())
            tally.row(start, len(row))
            tally.logits += len(row) - first
    return found


def decode(net: Any, jobs: Sequence[Job], *, tally: Tally, prefix: Prefix = NOTHING) -> list[list[int]]:
    """The tokens that each job generates, one job after another, each with its own cache or a copy of the
    prefix's. A network that takes no cache of transformers reads its text again for every token."""
    # Networks ignore unknown arguments: a cache under the wrong name would be forgotten.
    taken = {key: str(one.annotation) for key, one in inspect.signature(net.forward).parameters.items()}
    # Some recurrent networks want a cache of their own class (xLSTMCache).
    general = "past_key_values" in taken or re.search(r"\bCache\b", taken.get("cache_params", ""))
    name = next((name for name in ("past_key_values", "cache_params") if name in taken and general), None)
    texts = []
    for job in jobs:
        start = prefix.shared(job.context)
        cache = prefix.copy(1) if start else DynamicCache(config=net.config)
        ids, new = list(job.context[start:]), list[int]()
        while True:
            out = net(
                input_ids=torch.tensor([ids], device=net.device),
                use_cache=name is not None,
                logits_to_keep=1,
                **({name: cache} if name else {}),
            )
            tally.row(start, len(ids))
            tally.logits += 1
            start += len(ids)
            ids = choose(out.logits[0, -1:].float(), [job.temperature], [job.draws[len(new)]])
            new += ids
            if len(new) >= job.max_tokens or job.ended(new):
                break
            if name is None:
                ids, start = [*job.context, *new], 0
        texts.append(new)
    return texts


def tree_agrees(net: Any) -> bool:
    """Whether a network gives the same scores for two tiny trees as for their texts alone.

    This is measured, as no configuration says whether a network takes positions or adds its own.
    """
    texts = [([3, 1, 2, 5, 4], [6, 7]), ([3, 1, 2, 5, 4], [8, 9, 1]), ([3, 1, 9], [7, 5, 3])]

    def together() -> list[float]:
        arena = Arena(net, capacity=32)
        arena.load([3, 1, 2], Tally())
        return tree.score(arena, texts, row_tokens=32, tally=Tally())

    return _agree(net, together, texts)


def copies_agree(net: Any) -> bool:
    """Whether a network gives the same scores from a copied state as for the full text.

    This is measured, as some recurrent networks start over when they get more than one token.
    """
    texts = [([3, 1, 2, 5, 4, 3, 7, 2, 6], [7, 5]), ([3, 1, 2, 5, 4, 3, 9], [6, 7, 1])]

    def behind() -> list[float]:
        prefix = prefix_of(net, texts[0][0][:6], Tally())
        return score(net, texts, batch_tokens=64, tally=Tally(), prefix=prefix)

    return "past_key_values" in inspect.signature(net.forward).parameters and _agree(net, behind, texts)


def _agree(net: Any, scored: Callable[[], list[float]], texts: list[tuple[list[int], list[int]]]) -> bool:
    close = 1e-4 if net.dtype.itemsize > 2 else 5e-2
    with torch.inference_mode():
        try:
            found = scored()
        except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return False
        apart = score(net, texts, batch_tokens=64, tally=Tally())
    return all(abs(a - b) < close * (1 + abs(b)) for a, b in zip(found, apart, strict=True))


def _batches(lengths: Sequence[int], batch_tokens: int, most: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if batch and ((len(batch) + 1) * lengths[at] > batch_tokens or len(batch) == most):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
