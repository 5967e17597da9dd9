"""Scores and generates with every text on its own: for models that cannot be read as a tree.

Sliding windows and linear attention keep a state that no mask can separate by branch. Here a text
shares nothing with another but the batch. Also the oracle of the tests, since it is what the formula
of a language model says.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from corollary.inference import tree
from corollary.inference.arena import Arena
from corollary.inference.decode import Job, choose
from corollary.measure.operations import Tally


def score(
    net: Any, texts: Sequence[tuple[list[int], list[int]]], *, batch_tokens: int, tally: Tally
) -> list[float]:
    """Log-probability of every (context, continuation) in tokens, each read in full."""
    import torch

    found: list[float] = [0.0] * len(texts)
    for batch in _batches([len(before) + len(after) for before, after in texts], batch_tokens):
        rows = [texts[at][0] + texts[at][1] for at in batch]
        # Padded on the right and without a mask: attention is causal, so no token sees the padding.
        longest = max(len(row) for row in rows)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=net.device)
        # What stands before the last token of every context predicts nothing that is asked.
        first = min(len(texts[at][0]) for at in batch) - 1
        logits = net(input_ids=ids, use_cache=False, logits_to_keep=longest - first).logits
        first = longest - logits.shape[1]  # a network may give more than it is asked for
        logits = logits.float() if logits.dtype.itemsize < 4 else logits
        for at, row, out in zip(batch, rows, logits, strict=True):
            start = len(texts[at][0])
            wanted = torch.tensor(row[start:], device=net.device, dtype=torch.long)
            places = out[start - 1 - first : len(row) - 1 - first].log_softmax(-1)
            found[at] = float(places.gather(-1, wanted[:, None]).double().sum())
            tally.row(0, len(row))
            tally.logits += len(row) - first
    return found


def decode(net: Any, jobs: Sequence[Job], *, tally: Tally) -> list[list[int]]:
    """The tokens that each job writes, one job after another, each with a cache of its own. A network
    that takes none of transformers' caches reads its text again for every token."""
    import torch
    from transformers import DynamicCache

    # Networks swallow arguments that they do not know: a cache under another name would be forgotten.
    taken = {key: str(one.annotation) for key, one in inspect.signature(net.forward).parameters.items()}
    # Of recurrent networks some want a cache of their own class (xLSTMCache).
    general = "past_key_values" in taken or re.search(r"\bCache\b", taken.get("cache_params", ""))
    name = next((name for name in ("past_key_values", "cache_params") if name in taken and general), None)
    texts = []
    for job in jobs:
        cache = DynamicCache(config=net.config)
        ids, new, start = list(job.context), list[int](), 0
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
            draw = job.draws[len(new)] if job.draws is not None else 0.0
            ids = choose(out.logits[0, -1:].float(), [job.temperature], [draw])
            new += ids
            if len(new) >= job.max_tokens or job.ended(new):
                break
            if name is None:
                ids, start = [*job.context, *new], 0
        texts.append(new)
    return texts


def tree_agrees(net: Any) -> bool:
    """Whether a network reads two tiny trees as it reads their texts alone. Tried, not guessed: some take
    no positions (or add their own to attention), which no configuration says."""
    import torch

    branches = [tree.Branch([3, 1, 2, 5, 4], [[6, 7], [8, 9, 1]]), tree.Branch([3, 1, 9], [[7, 5, 3]])]
    texts = [(branch.context, leaf) for branch in branches for leaf in branch.leaves]
    with torch.inference_mode():
        arena = Arena(net, capacity=32)
        try:
            arena.load([3, 1, 2], Tally())
            together = tree.score(arena, branches, row_tokens=32, tally=Tally())
        except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return False
        apart = score(net, texts, batch_tokens=32, tally=Tally())
    close = 1e-4 if net.dtype.itemsize > 2 else 5e-2
    found = [value for values in together for value in values]
    return all(abs(a - b) < close * (1 + abs(b)) for a, b in zip(found, apart, strict=True))


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if batch and (len(batch) + 1) * lengths[at] > batch_tokens:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
