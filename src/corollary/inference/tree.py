"""Exact scores of continuations after a shared prefix, with every token read once.

N questions of K choices (stem s, choice c tokens) after P tokens cost N*K*(P+s+c) tokens if every choice is a
text of its own. Here the prefix is read once, and a row contains the stems and choices of many questions:

    prefix | stem 1, choice 1a, choice 1b | stem 2, choice 2a, choice 2b | ...

A boolean mask lets each token see the prefix, its own stem and its own choice. Positions restart at every
stem and choice, so the model computes the same as for each text alone. The stem's last token predicts the
first token of a choice, and the last token of a choice need not be read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from corollary.inference.arena import Arena
from corollary.measure.operations import Tally

T = TypeVar("T")


def score(
    arena: Arena, texts: Sequence[tuple[list[int], list[int]]], *, row_tokens: int, tally: Tally
) -> list[float]:
    """Log-probability (natural) of every (context, continuation) in tokens; equal contexts are read once.

    The arena contains the shared prefix. If a text is tokenised otherwise near the end of the prefix, it sees
    only the common tokens, and its row contains the rest.
    """
    sums = [0.0] * len(texts)
    for row in portions(_pieces(arena, texts, row_tokens), lambda piece: piece.size, row_tokens):
        for place, value in _scored(arena, row, tally):
            sums[place] = value
    return sums


def portions(items: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """The items in lists whose sizes sum to at most `most`; a larger item has a list of its own."""
    portion: list[T] = []
    used = 0
    for item in items:
        if portion and used + size(item) > most:
            yield portion
            portion, used = [], 0
        portion.append(item)
        used += size(item)
    if portion:
        yield portion


@dataclass(frozen=True)
class _Piece:
    """Part of a row: `stem` follows the first `shared` tokens of the prefix; `leaves` with their places among
    the texts."""

    shared: int
    stem: list[int]
    leaves: list[tuple[int, list[int]]]

    @property
    def size(self) -> int:
        return len(self.stem) + sum(max(0, len(leaf) - 1) for _, leaf in self.leaves)


def _pieces(arena: Arena, texts: Sequence[tuple[list[int], list[int]]], row_tokens: int) -> Iterator[_Piece]:
    branches: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
    for place, (context, leaf) in enumerate(texts):
        branches.setdefault(tuple(context), []).append((place, leaf))
    for tokens, leaves in branches.items():
        shared = arena.shared(tokens)
        stem = list(tokens[shared:])
        # A question with hundreds of choices must not fill the memory with the mask of one row.
        for portion in portions(leaves, lambda leaf: len(leaf[1]), row_tokens - len(stem)):
            yield _Piece(shared, stem, portion)


def _scored(arena: Arena, row: list[_Piece], tally: Tally) -> list[tuple[int, float]]:
    # For every token: itself, its position, its stem, its leaf (-1 for those of a stem), and the number of
    # prefix tokens that it sees.
    tokens: list[tuple[int, int, int, int, int]] = []
    # For every scored token: the place in the row that predicts it, the token, and its leaf.
    scored: list[tuple[int, int, int]] = []
    names: list[int] = []

    def put(ids: list[int], start: int, stem: int, leaf: int, shared: int) -> None:
        tokens.extend((id, start + at, stem, leaf, shared) for at, id in enumerate(ids))
        tally.row(start, len(ids))

    for stem, piece in enumerate(row):
        put(piece.stem, piece.shared, stem, -1, piece.shared)
        last = len(tokens) - 1
        for name, leaf in piece.leaves:
            places = [last, *range(len(tokens), len(tokens) + len(leaf) - 1)]
            scored += [(place, token, len(names)) for place, token in zip(places, leaf, strict=False)]
            put(leaf[:-1], piece.shared + len(piece.stem), stem, len(names), piece.shared)
            names.append(name)

    device, length = arena.net.device, arena.length
    ids, positions, *kinds = torch.tensor(tokens, device=device).T.contiguous()
    targets = torch.tensor(scored, dtype=torch.long, device=device).reshape(-1, 3)
    predicting, wanted, owners = targets.T.contiguous()
    keep, at = predicting.unique(return_inverse=True)
    tally.logits += len(keep)
    logits = arena.read(ids, positions, _visible(length, *kinds), keep)
    arena.rewind(length)
    found = logits[at, wanted] - logits.logsumexp(-1)[at]
    sums = torch.zeros(len(names), dtype=torch.float64, device=device)
    sums.index_add_(0, owners, found.double())
    return list(zip(names, sums.tolist(), strict=True))


def _visible(columns: int, stem: torch.Tensor, leaf: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """The columns of the prefix and of the row that each token sees: boolean [L, columns + L]."""
    size = len(stem)
    visible = torch.empty(size, columns + size, dtype=torch.bool, device=stem.device)
    torch.lt(torch.arange(columns, device=stem.device)[None], shared[:, None], out=visible[:, :columns])
    own = (leaf[None] == leaf[:, None]) | (leaf[None] < 0)
    own &= stem[None] == stem[:, None]
    visible[:, columns:] = own.tril_()
    return visible
