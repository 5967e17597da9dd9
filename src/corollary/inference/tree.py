"""Exact scores of continuations after a shared prefix, with every token read once.

N questions of K choices (stem s, choice c tokens) after P tokens cost N*K*(P+s+c) tokens if every choice is a
text of its own. Here the prefix is read once, and a row contains the stems and choices of many questions:

    prefix | stem 1, choice 1a, choice 1b | stem 2, choice 2a, choice 2b | ...

A boolean mask lets each token see the prefix, its own stem and its own choice. Positions restart at every
stem and choice, so the model computes the same as for each text alone. The stem's last token predicts the
first token of a choice, and the last token of a choice need not be read at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from corollary.inference.arena import Arena
from corollary.inference.encoding import common
from corollary.measure.operations import Tally

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Branch:
    """One context (token ids from the beginning of the text) and the continuations to score after it."""

    context: list[int]
    leaves: list[list[int]]


def score(arena: Arena, branches: Sequence[Branch], *, row_tokens: int, tally: Tally) -> list[list[float]]:
    """Sums of log-probabilities (natural) of every leaf of every branch, in their order.

    The arena contains the shared prefix. If a branch's text is tokenised otherwise near the end of the
    prefix, the branch sees only the common tokens, and its row contains the rest.
    """
    sums = [[0.0] * len(branch.leaves) for branch in branches]
    for row in _rows(arena.prefix, branches, row_tokens):
        for (branch, leaf), value in _scored(arena, row, tally):
            sums[branch][leaf] = value
    return sums


def shared_tokens(prefix: Sequence[int], context: Sequence[int]) -> int:
    """The number of prefix tokens that a context uses; at least one token of its own is left to read."""
    return min(common(prefix, context), len(context) - 1)


@dataclass(frozen=True)
class _Piece:
    """Part of a row: `stem` follows the first `shared` tokens of the prefix; `leaves` with their places."""

    branch: int
    shared: int
    stem: list[int]
    leaves: list[tuple[int, list[int]]]


def _rows(prefix: list[int], branches: Sequence[Branch], row_tokens: int) -> Iterator[list[_Piece]]:
    row: list[_Piece] = []
    used = 0
    for number, branch in enumerate(branches):
        shared = shared_tokens(prefix, branch.context)
        stem = branch.context[shared:]
        for leaves in _portions(branch.leaves, row_tokens - len(stem)):
            size = len(stem) + sum(max(0, len(leaf) - 1) for _, leaf in leaves)
            if row and used + size > row_tokens:
                yield row
                row, used = [], 0
            row.append(_Piece(number, shared, stem, leaves))
            used += size
    if row:
        yield row


def _portions(leaves: list[list[int]], room: int) -> Iterator[list[tuple[int, list[int]]]]:
    # A question with hundreds of choices must not fill the memory with the mask of one row.
    portion: list[tuple[int, list[int]]] = []
    used = 0
    for number, leaf in enumerate(leaves):
        if portion and used + len(leaf) > room:
            yield portion
            portion, used = [], 0
        portion.append((number, leaf))
        used += len(leaf)
    if portion:
        yield portion


def _scored(arena: Arena, row: list[_Piece], tally: Tally) -> list[tuple[tuple[int, int], float]]:
    import torch

    ids: list[int] = []
    positions: list[int] = []
    stem_of: list[int] = []
    leaf_of: list[int] = []  # -1 for the tokens of a stem
    shared_of: list[int] = []
    names: list[tuple[int, int]] = []
    # For every scored token: the place in the row that predicts it, the token, and its leaf.
    places: list[int] = []
    targets: list[int] = []
    owners: list[int] = []

    def put(tokens: list[int], start: int, stem: int, leaf: int, shared: int) -> None:
        ids.extend(tokens)
        positions.extend(range(start, start + len(tokens)))
        stem_of.extend([stem] * len(tokens))
        leaf_of.extend([leaf] * len(tokens))
        shared_of.extend([shared] * len(tokens))
        tally.row(start, len(tokens))

    for stem, piece in enumerate(row):
        put(piece.stem, piece.shared, stem, -1, piece.shared)
        end = piece.shared + len(piece.stem)
        last = len(ids) - 1
        for number, leaf in piece.leaves:
            places += [last, *range(len(ids), len(ids) + len(leaf) - 1)][: len(leaf)]
            targets += leaf
            owners += [len(names)] * len(leaf)
            put(leaf[:-1], end, stem, len(names), piece.shared)
            names.append((piece.branch, number))

    device = arena.net.device
    visible = _visible(arena.length, stem_of, leaf_of, shared_of, device)
    keep, at = torch.tensor(places, dtype=torch.long, device=device).unique(return_inverse=True)
    tally.logits += len(keep)
    length = arena.length
    logits = arena.read(
        torch.tensor(ids, device=device), torch.tensor(positions, device=device), visible, keep
    )
    arena.rewind(length)
    wanted = torch.tensor(targets, dtype=torch.long, device=device)
    found = logits[at, wanted] - logits.logsumexp(-1)[at]
    sums = torch.zeros(len(names), dtype=torch.float64, device=device)
    sums.index_add_(0, torch.tensor(owners, dtype=torch.long, device=device), found.double())
    return list(zip(names, sums.tolist(), strict=True))


def _visible(
    columns: int, stem_of: list[int], leaf_of: list[int], shared_of: list[int], device: Any
) -> torch.Tensor:
    """The columns of the prefix and of the row that each token sees: boolean [L, columns + L]."""
    import torch

    stem, leaf, shared = (torch.tensor(of, device=device) for of in (stem_of, leaf_of, shared_of))
    size = len(stem)
    visible = torch.empty(size, columns + size, dtype=torch.bool, device=device)
    torch.lt(torch.arange(columns, device=device)[None], shared[:, None], out=visible[:, :columns])
    own = (leaf[None] == leaf[:, None]) | (leaf[None] < 0)
    own &= stem[None] == stem[:, None]
    visible[:, columns:] = own.tril_()
    return visible
