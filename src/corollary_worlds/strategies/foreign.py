"""The control: the augmentations of another seed's documents, which share no fact with these."""

from __future__ import annotations

from collections.abc import Callable

from corollary.types import DROPPED, Dataset, Document, Flow
from corollary.writing.prompts import Prompt
from corollary.writing.strategies import linked, local


def write(
    dataset: Dataset,
    *,
    seed: int,
    other: Dataset,
    window: int,
    count: Callable[[str], int],
    local_prompt: Prompt,
    linked_prompt: Prompt,
    nearest: int = 12,
) -> Flow:
    """Local and global augmentations of `other`, which say nothing about `dataset`."""
    rows = yield from local.write(other, seed=seed, prompt=local_prompt)
    rows += yield from linked.write(
        other, seed=seed, prompt=linked_prompt, window=window, count=count, nearest=nearest
    )
    used = [row for row in rows if row.strategy != DROPPED]
    return [Document(f"foreign-{i}", row.text, (), "foreign") for i, row in enumerate(used)]
