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

import torch

from corollary.inference.arena import Arena
from corollary.inference.tree import portions
from corollary.measure.operations import Tally

BRANCHES = 32
"""The most requests decoded side by side; each attends over the columns of all."""
COLUMNS = 6144
"""The most columns for the prompts and texts of all branches, unless one request alone needs more."""


@dataclass(frozen=True)
class Job:
    """One request in tokens. `context` includes the shared prefix. `draws` are numbers between 0 and 1, one
    per token, which are not used at temperature 0. `ended` is called after every token with the tokens
    generated so far, and says whether the text is complete."""

    context: list[int]
    max_tokens: int
    temperature: float
    draws: list[float]
    ended: Callable[[list[int]], bool]


def generate(arena: Arena, jobs: Sequence[Job], *, row_tokens: int, tally: Tally) -> list[list[int]]:
    """The tokens that each job generates, in the jobs' order. The arena contains the shared prefix.

    A job ends with the token for which `ended` is true, or after `max_tokens` tokens.
    """
    branches = [_Branch(job, arena.shared(job.context)) for job in jobs]
    batch = _Batch(arena, tally, branches)
    while batch.waiting or batch.live:
        if batch.waiting and len(batch.live) <= BRANCHES // 2:
            batch.admit(row_tokens)
        if batch.live:
            batch.step()
    return [one.new for one in branches]


def draws_of(text: str, seed: int, count: int) -> list[float]:
    """`count` numbers between 0 and 1 that depend only on the request's text and seed. So the generated text
    does not depend on which requests share a batch."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    drawn: list[float] = torch.rand(count, generator=generator, dtype=torch.float64).tolist()
    return drawn


def choose(logits: torch.Tensor, temperatures: Sequence[float], draws: Sequence[float]) -> list[int]:
    """The next token of every row of `logits` [B, vocabulary]: the likeliest one at temperature 0, otherwise
    the one at which the cumulative distribution passes the row's draw."""
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


@dataclass(eq=False)
class _Branch:
    """A job, the number of prefix tokens that it sees, and the tokens that it has generated."""

    job: Job
    shared: int
    new: list[int] = field(default_factory=list)

    @property
    def columns(self) -> int:
        """Its columns behind the prefix: those of its prompt and of all but the last of its new tokens."""
        return len(self.job.context) - self.shared + max(0, len(self.new) - 1)

    @property
    def need(self) -> int:
        """The most columns that it may need."""
        return len(self.job.context) - self.shared + self.job.max_tokens


class _Batch:
    """The branches being decoded. Row i of `visible` says which columns branch i sees."""

    def __init__(self, arena: Arena, tally: Tally, branches: Sequence[_Branch]) -> None:
        self.arena, self.tally = arena, tally
        self.start = arena.length
        self.waiting, self.live = deque(branches), list[_Branch]()
        needs = [one.need for one in branches]
        self.room = min(sum(needs), max([COLUMNS, *needs]))
        self.visible = torch.zeros(
            min(BRANCHES, len(needs)), self.start + self.room, dtype=torch.bool, device=arena.net.device
        )

    def admit(self, row_tokens: int) -> None:
        """Read the prompts of as many waiting jobs as fit, and generate their first tokens."""
        free = self.room - sum(one.need for one in self.live)
        came: list[_Branch] = []
        while self.waiting and len(self.live) + len(came) < BRANCHES and self.waiting[0].need <= free:
            came.append(self.waiting.popleft())
            free -= came[-1].need
        for row in portions(came, lambda one: one.columns, row_tokens):
            self._read_prompts(row)

    def step(self) -> None:
        """Read the last token of every branch and generate its next."""
        live, device = self.live, self.arena.net.device
        self._make_room(len(live))
        begin, end = self.arena.length, self.arena.length + len(live)
        rows = torch.arange(len(live), device=device)
        self.visible[rows, begin + rows] = True
        positions = [one.shared + one.columns for one in live]
        logits = self.arena.read(
            torch.tensor([one.new[-1] for one in live], device=device),
            torch.tensor(positions, device=device),
            self.visible[: len(live), :end],
            rows,
        )
        for position in positions:
            self.tally.row(position, 1)
        self.tally.logits += len(live)
        self._append(live, logits)

    def _read_prompts(self, row: list[_Branch]) -> None:
        device = self.arena.net.device
        size = sum(one.columns for one in row)
        self._make_room(size)
        begin, first = self.arena.length, len(self.live)
        seen = self.visible[:, : begin + size]
        tokens: list[tuple[int, int, int]] = []  # itself, its position, its branch
        ends: list[int] = []
        for branch, one in enumerate(row, start=first):
            place = begin + len(tokens)
            seen[branch] = False
            seen[branch, : one.shared] = True
            seen[branch, place : place + one.columns] = True
            rest = enumerate(one.job.context[one.shared :], start=one.shared)
            tokens += [(id, position, branch) for position, id in rest]
            ends.append(len(tokens) - 1)
            self.tally.row(one.shared, one.columns)
        ids, positions, branch_of = torch.tensor(tokens, device=device).T.contiguous()
        visible = seen[branch_of]
        visible[:, begin:] &= torch.ones(size, size, dtype=torch.bool, device=device).tril_()
        self.tally.logits += len(row)
        logits = self.arena.read(ids, positions, visible, torch.tensor(ends, device=device))
        self.live += row
        self._append(row, logits)

    def _append(self, branches: list[_Branch], logits: torch.Tensor) -> None:
        """Append a token to each of the branches and remove those that have ended."""
        temperatures = [one.job.temperature for one in branches]
        draws = [one.job.draws[len(one.new)] for one in branches]
        for one, token in zip(branches, choose(logits, temperatures, draws), strict=True):
            one.new.append(token)
        ended = {one for one in branches if len(one.new) >= one.job.max_tokens or one.job.ended(one.new)}
        stay = [at for at, one in enumerate(self.live) if one not in ended]
        if ended:
            self.live = [self.live[at] for at in stay]
            self.visible[: len(stay)] = self.visible[torch.tensor(stay, dtype=torch.long)]

    def _make_room(self, size: int) -> None:
        """Drop the columns of removed branches when they are many or their room is needed."""
        used = self.arena.length - self.start
        alive = sum(one.columns for one in self.live)
        if used + size <= self.room and used - alive <= alive:
            return
        seen = self.visible[: len(self.live)]
        columns = seen[:, self.start : self.arena.length].any(0).nonzero()[:, 0] + self.start
        self.arena.pack(self.start, columns)
        seen[:, self.start : self.arena.length] = seen[:, columns]
        self.visible[:, self.arena.length :] = False
