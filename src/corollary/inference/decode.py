"""Generation for many requests after a shared prefix, as branches of one row.

Each step reads one new token of every branch as one row. A mask lets a token see the prefix, its own prompt
and its branch's generated tokens. The prefix is in memory once, whatever the number of branches. Branches
that have ended are removed; when half are gone, waiting requests take their places.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corollary.inference.arena import Arena
from corollary.inference.tree import shared_tokens
from corollary.measure.operations import Tally

if TYPE_CHECKING:
    import torch

BRANCHES = 32
"""The most requests decoded side by side; each attends over the columns of all."""
COLUMNS = 6144
"""The most columns for the prompts and texts of all branches, unless one request alone needs more."""


@dataclass(frozen=True)
class Job:
    """One request in tokens. `context` includes the shared prefix. `draws` are numbers between 0 and 1, one
    per token, or None for greedy decoding. `ended` is called after every token with the tokens generated so
    far, and says whether the text is complete."""

    context: list[int]
    max_tokens: int
    temperature: float
    draws: list[float] | None
    ended: Callable[[list[int]], bool]


def generate(arena: Arena, jobs: Sequence[Job], *, row_tokens: int, tally: Tally) -> list[list[int]]:
    """The tokens that each job generates, in the jobs' order. The arena contains the shared prefix.

    A job ends with the token for which `ended` is true, or after `max_tokens` tokens.
    """
    batch = _Batch(arena, tally, jobs)
    waiting = deque(range(len(jobs)))
    while waiting or batch.live:
        if waiting and len(batch.live) <= BRANCHES // 2:
            batch.admit(waiting, row_tokens)
        if batch.live:
            batch.step()
    return batch.texts


def draws_of(text: str, seed: int, count: int) -> list[float]:
    """`count` numbers between 0 and 1 that depend only on the request's text and seed. So the generated text
    does not depend on which requests share a batch."""
    import torch

    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    drawn: list[float] = torch.rand(count, generator=generator, dtype=torch.float64).tolist()
    return drawn


def choose(logits: torch.Tensor, temperatures: Sequence[float], draws: Sequence[float]) -> list[int]:
    """The next token of every row of `logits` [B, vocabulary]: the likeliest one at temperature 0, otherwise
    the one at which the cumulative distribution passes the row's draw."""
    import torch

    chosen: list[int] = logits.argmax(-1).tolist()
    warm = [row for row, temperature in enumerate(temperatures) if temperature > 0]
    if warm:
        heat = torch.tensor([temperatures[row] for row in warm], dtype=torch.float64, device=logits.device)
        drawn = torch.tensor([draws[row] for row in warm], dtype=torch.float64, device=logits.device)
        total = (logits[warm].double() / heat[:, None]).softmax(-1).cumsum(-1)
        found = torch.searchsorted(total, (drawn * total[:, -1])[:, None], right=True)[:, 0]
        for row, token in zip(warm, found.clamp(max=logits.shape[1] - 1).tolist(), strict=True):
            chosen[row] = token
    return chosen


@dataclass
class _Live:
    number: int
    job: Job
    shared: int
    position: int
    columns: int
    last: int = -1
    new: list[int] = field(default_factory=list)


class _Batch:
    """The branches being decoded. Row i of `visible` says which columns branch i sees."""

    def __init__(self, arena: Arena, tally: Tally, jobs: Sequence[Job]) -> None:
        import torch

        self.arena, self.tally, self.jobs = arena, tally, jobs
        self.start = arena.length
        self.shared = [shared_tokens(arena.prefix, job.context) for job in jobs]
        needs = [
            len(job.context) - shared + job.max_tokens for job, shared in zip(jobs, self.shared, strict=True)
        ]
        self.needs = needs
        self.room = min(sum(needs), max(COLUMNS, *needs)) if needs else 0
        self.live: list[_Live] = []
        self.texts: list[list[int]] = [[] for _ in jobs]
        self.visible = torch.zeros(
            min(BRANCHES, len(jobs)), self.start + self.room, dtype=torch.bool, device=arena.net.device
        )

    def admit(self, waiting: deque[int], row_tokens: int) -> None:
        """Read the prompts of as many waiting jobs as fit, and generate their first tokens."""
        free = self.room - sum(self.needs[one.number] for one in self.live)
        came: list[_Live] = []
        while waiting and len(self.live) + len(came) < BRANCHES and self.needs[waiting[0]] <= free:
            number = waiting.popleft()
            free -= self.needs[number]
            job, shared = self.jobs[number], self.shared[number]
            came.append(_Live(number, job, shared, len(job.context), len(job.context) - shared))
        while came:
            row = [came.pop(0)]
            while came and sum(one.columns for one in row) + came[0].columns <= row_tokens:
                row.append(came.pop(0))
            self._read_prompts(row)

    def step(self) -> None:
        """Read the last token of every branch and generate its next."""
        import torch

        live, device = self.live, self.arena.net.device
        self._make_room(len(live))
        begin, end = self.arena.length, self.arena.length + len(live)
        rows = torch.arange(len(live), device=device)
        self.visible[rows, begin + rows] = True
        logits = self.arena.read(
            torch.tensor([one.last for one in live], device=device),
            torch.tensor([one.position for one in live], device=device),
            self.visible[: len(live), :end],
            rows,
        )
        for one in live:
            self.tally.row(one.position, 1)
            one.position += 1
            one.columns += 1
        self.tally.logits += len(live)
        self._append(live, logits)

    def _read_prompts(self, row: list[_Live]) -> None:
        import torch

        device = self.arena.net.device
        size = sum(one.columns for one in row)
        self._make_room(size)
        begin, first = self.arena.length, len(self.live)
        seen = self.visible[:, : begin + size]
        ids: list[int] = []
        positions: list[int] = []
        branch_of: list[int] = []
        ends: list[int] = []
        for at, one in enumerate(row):
            seen[first + at] = False
            seen[first + at, : one.shared] = True
            seen[first + at, begin + len(ids) : begin + len(ids) + one.columns] = True
            ids += one.job.context[one.shared :]
            positions += range(one.shared, one.position)
            branch_of += [first + at] * one.columns
            ends.append(len(ids) - 1)
            self.tally.row(one.shared, one.columns)
        visible = seen[torch.tensor(branch_of, device=device)]
        visible[:, begin:] &= torch.ones(size, size, dtype=torch.bool, device=device).tril_()
        self.tally.logits += len(row)
        logits = self.arena.read(
            torch.tensor(ids, device=device),
            torch.tensor(positions, device=device),
            visible,
            torch.tensor(ends, device=device),
        )
        self.live += row
        self._append(row, logits)

    def _append(self, branches: list[_Live], logits: torch.Tensor) -> None:
        """Append a token to each of the branches and remove those that have ended."""
        import torch

        temperatures = [one.job.temperature if one.job.draws is not None else 0.0 for one in branches]
        draws = [one.job.draws[len(one.new)] if one.job.draws is not None else 0.0 for one in branches]
        for one, token in zip(branches, choose(logits, temperatures, draws), strict=True):
            one.last = token
            one.new.append(token)
            self.texts[one.number] = one.new
        ended = [len(one.new) >= one.job.max_tokens or one.job.ended(one.new) for one in branches]
        gone = {one.number for one, over in zip(branches, ended, strict=True) if over}
        stay = [at for at, one in enumerate(self.live) if one.number not in gone]
        if len(stay) < len(self.live):
            self.live = [self.live[at] for at in stay]
            self.visible[: len(stay)] = self.visible[torch.tensor(stay, dtype=torch.long)]

    def _make_room(self, size: int) -> None:
        """Drop the columns of removed branches when they are many or their room is needed."""
        used = self.arena.length - self.start
        alive = sum(one.columns for one in self.live)
        if used + size <= self.room and used - alive <= alive:
            return
        seen = self.visible[: len(self.live), self.start : self.arena.length]
        columns = seen.any(0).nonzero()[:, 0] + self.start
        self.arena.pack(self.start, columns)
        self.visible[: len(self.live), self.start : self.arena.length] = self.visible[
            : len(self.live), columns
        ]
        self.visible[:, self.arena.length :] = False
