"""The training loop against a plain one that reads every row alone."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tiny_models import network

from corollary.errors import UserError
from corollary.training import Precision, loop
from corollary.training.loop import Budget, FitReport, Hooks
from corollary.training.packing import can_pack

RNG = random.Random(0)
SHORT = [[0, *(RNG.randrange(2, 320) for _ in range(RNG.randint(3, 12))), 0] for _ in range(40)]
SIZES = (1, 2, 5, 9, 15, 16, 17, 33, 70, 150)
MIXED = [[0, *(RNG.randrange(2, 320) for _ in range(size)), 0] for size in SIZES]


def fit(
    net: Any,
    rows: Any,
    *,
    seed: int,
    on_checkpoint: Any = None,
    checkpoints: int = 0,
    on_step: Any = None,
    **budget: Any,
) -> FitReport:
    hooks = Hooks(on_checkpoint, checkpoints, on_step)
    return loop.fit(net, rows, Budget(**budget), seed=seed, hooks=hooks)


def weights(net: Any) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in net.named_parameters()}


def plainly(net: Any, steps: list[list[list[int]]], *, lr: float, clip: float) -> list[float]:
    """Every step reads its rows, each in a call of its own; returns the loss of each step."""
    import torch

    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0)
    losses = []
    for rows in steps:
        total = 0.0
        count = sum(len(row) - 1 for row in rows)
        for row in rows:
            ids = torch.tensor([row])
            loss = net(input_ids=ids, labels=ids, use_cache=False).loss * (len(row) - 1) / count
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return losses


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("qwen3", {}),
        ("llama", {"num_key_value_heads": 2}),
        ("mistral", {"sliding_window": 6}),  # whose attention is not ours to replace
    ],
)
@pytest.mark.parametrize("part", [64, 16384])
def test_it_is_the_plain_loop(
    kind: str, settings: dict[str, Any], part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MICRO_TOKENS", part)
    one, other = network(kind, **settings), network(kind, **settings)
    assert can_pack(one) == (kind != "mistral")
    size = sum(len(row) - 1 for row in MIXED)
    report = fit(
        one, MIXED, seed=0, tokens=3 * size, batch_tokens=size, lr=1e-3, warmup=0.0,
        schedule="constant_with_warmup", dtype="float32",
    )  # fmt: skip
    assert report.losses == pytest.approx(plainly(other, [MIXED] * 3, lr=1e-3, clip=1.0), rel=1e-5)
    assert (report.steps, report.tokens, report.positions) == (3, 3 * size, 3 * size)
    assert report.pairs == 3 * sum((len(row) - 1) * len(row) // 2 for row in MIXED)
    before, found, wanted = weights(network(kind, **settings)), weights(one), weights(other)
    for name, weight in wanted.items():
        moved = (weight - before[name]).norm()
        assert moved > 0
        assert (found[name] - weight).norm() < 1e-2 * moved


@pytest.mark.parametrize("bound", ["tokens", "logits"])
@pytest.mark.parametrize("kind", ["qwen3", "mistral"])
def test_what_is_read_at_once_is_bounded_with_its_padding(
    kind: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bound == "tokens":
        monkeypatch.setattr(loop, "MICRO_TOKENS", 64)
    else:
        monkeypatch.setattr(loop, "LOGITS", 64 * 320 + 100)
    settings: dict[str, Any] = {"sliding_window": 6} if kind == "mistral" else {}
    net = network(kind, layers=1, **settings)
    sizes: list[int] = []
    net.lm_head.register_forward_hook(lambda _, given, out: sizes.append(given[0].shape[:2].numel()))
    rows = [row for row in [*MIXED, *SHORT] if len(row) < 64]
    size = sum(len(row) - 1 for row in rows)
    report = fit(net, rows, seed=0, tokens=size, batch_tokens=size, lr=1e-4, dtype="float32")
    assert report.tokens == size
    assert len(sizes) >= size / 64
    assert max(sizes) <= 64 + 32  # filled up to a shape that kernels like


def test_training_that_diverges_stops_at_once_and_says_what_to_do() -> None:
    steps: list[tuple[int, int]] = []
    with pytest.raises(UserError, match=r"diverged at step \d+ of 30.*lower one, as in lr="):
        fit(
            network(), SHORT, seed=0, tokens=3000, batch_tokens=100, lr=1e30, warmup=0.0, dtype="float32",
            on_step=lambda *step: steps.append(step),
        )  # fmt: skip
    assert len(steps) < 5
    # A single step has no loss after it that could tell.
    with pytest.raises(UserError, match="diverged at the last of 1 steps"):
        fit(
            network(), SHORT, seed=0, tokens=100, batch_tokens=100, lr=3e38, warmup=0.0, dtype="float32",
            weight_decay=3e38,
        )  # fmt: skip


def test_every_step_is_reported() -> None:
    steps: list[tuple[int, int]] = []
    fit(
        network(), SHORT, seed=0, tokens=300, batch_tokens=100, lr=1e-4,
        on_step=lambda *step: steps.append(step),
    )  # fmt: skip
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_every_step_weighs_the_same_whatever_its_tokens() -> None:
    # A short and a long row: with this budget each is a step of its own, in an order of the seed's.
    one, rows = network(), [MIXED[2], MIXED[-1]]
    fit(
        one, rows, seed=0, tokens=157, batch_tokens=78, lr=1e-3, warmup=0.0, schedule="constant_with_warmup",
        clip=0.0, dtype="float32",
    )  # fmt: skip
    before, found = weights(network()), weights(one)
    errors = []
    for steps in ([[rows[0]], [rows[1]]], [[rows[1]], [rows[0]]]):
        other = network()
        plainly(other, steps, lr=1e-3, clip=1e9)
        wanted = weights(other)
        errors.append(
            max(
                float((found[name] - wanted[name]).norm() / (before[name] - wanted[name]).norm())
                for name in found
            )
        )
    assert min(errors) < 1e-2 < max(errors)


def test_a_budget_is_tokens_whatever_the_rows() -> None:
    reports = []
    for rows in (SHORT, SHORT[:3], MIXED, [row + row for row in SHORT]):
        net = network(layers=1)
        reports.append(fit(net, rows, seed=0, tokens=3000, batch_tokens=150, lr=1e-4, dtype="float32"))
    assert {report.steps for report in reports} == {20}
    assert all(abs(report.tokens - 3000) <= 30 for report in reports if report is not reports[2])
    assert abs(reports[2].tokens - 3000) <= 75  # half of its longest row
    # Rows that never fill a step exactly: what is left over must not add up.
    rows = [row[:7] for row in SHORT if len(row) >= 7]
    report = fit(network(layers=1), rows, seed=0, tokens=4000, batch_tokens=100, lr=1e-4, dtype="float32")
    assert abs(report.tokens - 4000) <= 3


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator() -> None:
    import torch

    def trained(seed: int) -> Any:
        net = network(attention_dropout=0.1)
        torch.rand(1)  # what others drew before must not matter
        fit(net, SHORT, seed=seed, tokens=600, batch_tokens=100, lr=1e-3)
        return weights(net)

    first, second, third = trained(0), trained(0), trained(1)
    state = torch.get_rng_state()
    fit(network(attention_dropout=0.1), SHORT, seed=2, tokens=100, batch_tokens=100, lr=1e-3)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], third[name]) for name in first)


def test_the_rate_rises_and_falls() -> None:
    # With one row and Adam, the first steps move a weight by about the rate.
    net = network()
    norms: list[float] = []
    last = weights(net)

    def watch(step: int) -> None:
        nonlocal last
        now = weights(net)
        norms.append(max(float((now[name] - last[name]).abs().max()) for name in now))
        last = now

    fit(
        net, MIXED[4:5], seed=0, tokens=160, batch_tokens=16, lr=1e-3, warmup=0.4, on_checkpoint=watch,
        checkpoints=10,
    )  # fmt: skip
    assert len(norms) == 10
    assert max(norms) < 4e-3
    assert norms.index(max(norms)) in (3, 4, 5)
    assert norms[-1] < 0.5 * max(norms)
    assert norms[0] < 0.5 * max(norms)


def test_checkpoints_are_evenly_spaced_and_ready_for_evaluation() -> None:
    net = network()
    kernel = net.config._attn_implementation
    seen: list[tuple[int, bool, str]] = []

    def watch(step: int) -> None:
        seen.append((step, net.training, net.config._attn_implementation))

    fit(net, SHORT, seed=0, tokens=1200, batch_tokens=100, lr=1e-3, on_checkpoint=watch, checkpoints=3)
    assert seen == [(step, False, kernel) for step in (4, 8, 12)]
    assert not net.training
    assert net.config._attn_implementation == kernel


def test_bfloat16_learns_as_float32_does() -> None:
    found = {}
    dtypes: list[Precision] = ["float32", "bfloat16"]
    for dtype in dtypes:
        report = fit(network(), SHORT[:8], seed=0, tokens=4000, batch_tokens=100, lr=3e-3, dtype=dtype)
        assert report.dtype == dtype
        assert report.losses[-1] < 0.5 * report.losses[0]
        found[dtype] = report.losses
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.1, abs=0.1)


def test_nothing_to_train_on() -> None:
    with pytest.raises(UserError, match="no text"):
        fit(network(), [], seed=0, tokens=100, batch_tokens=10, lr=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"tokens": 0}, {"batch_tokens": -1}, {"lr": 0.0}, {"lr": -1.0}, {"warmup": 2.0}]
)
def test_settings_that_cannot_train_are_refused_in_words(wrong: dict[str, Any]) -> None:
    settings = {"tokens": 100, "batch_tokens": 50, "lr": 1e-3} | wrong
    with pytest.raises(UserError, match=next(iter(wrong))):
        fit(network(), [[1, 2, 3, 4]], seed=0, **settings)
