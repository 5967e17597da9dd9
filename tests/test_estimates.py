"""Means and their errors: by hand, by scipy, and by how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from corollary.measure.estimates import Floats, estimate, holm, least_gain, ratio


def test_one_run_of_one_seed_is_a_t_test() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, size=20)
    found, theirs = estimate([values[None, :]]), scipy_stats.ttest_1samp(values, 0)
    interval = theirs.confidence_interval()
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.span(-9, 9) == pytest.approx((interval.low, interval.high))
    assert (found.df, found.units) == (19, 20)


def test_units_and_runs_by_hand() -> None:
    # Two runs of two units: grand mean 3, units differ by 2, runs by 4, nothing is left over.
    found = estimate([np.array([[0.0, 2.0], [4.0, 6.0]])])
    assert found.mean == 3
    # Var(units) = 2 / 2 and Var(runs) = 8 / 2, each with one degree of freedom.
    assert found.error == pytest.approx(np.sqrt(1 + 4))
    assert found.df == pytest.approx((1 + 4) ** 2 / (1 + 16))


def test_seeds_count_the_same_whatever_their_number_of_units() -> None:
    assert estimate([np.ones((1, 3)), np.zeros((1, 30))]).mean == 0.5


def test_units_that_all_agree_give_the_exact_interval_and_no_certain_p() -> None:
    found = estimate([np.ones((1, 24))])
    exact = scipy_stats.binomtest(24, 24).proportion_ci(method="exact")
    assert found.share_span() == pytest.approx((exact.low, exact.high))
    assert found.p == 2.0**-23
    assert estimate([np.zeros((3, 8))]).p == 1.0
    apart = estimate([np.ones((1, 5)), np.full((1, 4), 0.5)])
    low, high = apart.share_span()
    assert low < 0.75 < high


def arm(random: np.random.Generator, p: float, units: int, spread: float) -> Floats:
    """Three runs of six questions a unit; a unit's share is of a beta law, a run's is higher or lower."""
    share = random.beta(3 * p, 3 * (1 - p), size=units)
    run = random.normal(0, spread, size=3)
    return random.binomial(6, np.clip(share[None, :] + run[:, None], 0, 1)) / 6


def truth(p: float, spread: float) -> float:
    random = np.random.default_rng(1)
    share, run = random.beta(3 * p, 3 * (1 - p), size=400_000), random.normal(0, spread, size=400_000)
    return float(np.clip(share + run, 0, 1).mean())


def held(p: float, other: float | None, units: int, spread: float, *, draws: int) -> tuple[float, float]:
    """How often an interval over three seeds holds the truth, and p is under 0.05."""
    random = np.random.default_rng([units, round(100 * spread), round(100 * p)])
    wanted = truth(p, spread) - (truth(other, spread) if other is not None else 0.0)
    inside = called = 0
    for _ in range(draws):
        samples = [
            arm(random, p, units, spread) - (0 if other is None else arm(random, other, units, spread))
            for _ in range(3)
        ]
        found = estimate(samples)
        low, high = found.share_span() if other is None else found.span(-1, 1)
        inside += low <= wanted <= high
        called += found.p < 0.05
    return inside / draws, called / draws


@pytest.mark.parametrize("spread", [0.0, 0.08])
def test_intervals_hold_the_truth_as_often_as_they_say_and_alike_arms_rarely_differ(spread: float) -> None:
    inside, called = held(0.9, 0.9, 24, spread, draws=500)
    assert 0.93 <= inside <= 0.97
    assert 0.02 <= called <= 0.09
    inside, _ = held(0.95, None, 12, spread, draws=500)
    assert 0.92 <= inside <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pair", "units", "spread"),
    [
        (pair, units, spread)
        for pair in [(0.9, 0.25), (0.9, 0.9), (0.97, 0.95), (0.95, None), (0.5, None)]
        for units in [8, 12, 24, 48]
        for spread in [0.0, 0.05, 0.08]
    ],
)
def test_coverage_on_the_whole_grid(pair: tuple[float, float | None], units: int, spread: float) -> None:
    """93 to 97 %, with the error of 2,000 draws (one point is two deviations)."""
    inside, called = held(*pair, units, spread, draws=2_000)
    print(f"{pair} units {units} spread {spread}: inside {inside:.3f} called {called:.3f}")
    assert 0.92 <= inside <= 0.98
    if pair == (0.9, 0.9):
        assert 0.02 <= called <= 0.09


def test_questions_of_one_unit_are_no_independent_evidence() -> None:
    random = np.random.default_rng(7)
    naive = 0
    for _ in range(300):
        ease = random.beta(0.5, 0.5, size=(2, 36))
        answers = random.random((2, 4, 36)) < ease[:, None, :]
        apart = (answers[0].astype(float) - answers[1]).reshape(1, -1)
        naive += estimate([apart]).p < 0.05
    assert naive / 300 > 0.12


def test_a_ratio_of_two_means_and_what_has_none() -> None:
    random = np.random.default_rng(0)
    gain = [random.normal(0.6, 0.2, size=(3, 24)) for _ in range(3)]
    part = [0.4 * each + random.normal(0, 0.05, size=each.shape) for each in gain]
    value, low, high = ratio(part, gain) or (0.0, 0.0, 0.0)
    assert low < 0.4 < high
    assert value == pytest.approx(0.4, abs=0.03)
    assert ratio(part, [random.normal(0, 0.2, size=(3, 24))] * 3) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_keeps_order_and_never_lowers(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    by_p = [q for _, q in sorted(zip(ps, adjusted, strict=True))]
    assert by_p == sorted(by_p)


def test_few_units_can_show_large_gains_alone() -> None:
    assert least_gain(12, 1) == pytest.approx(0.45, abs=0.02)
    assert least_gain(72, 12) < least_gain(12, 12)
    assert least_gain(12, 12) > least_gain(12, 1)


matrices = st.tuples(st.integers(1, 3), st.integers(1, 6)).flatmap(
    lambda shape: st.lists(st.floats(0, 1), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
        lambda values: np.array(values).reshape(shape)
    )
)


@settings(deadline=None)  # the first draw also loads parts of scipy
@given(st.lists(matrices, min_size=1, max_size=3))
def test_an_interval_holds_its_estimate_and_stays_in_bounds(samples: list[Floats]) -> None:
    found = estimate(samples)
    low, high = found.share_span()
    assert -1e-9 <= low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= high <= 1 + 1e-9
    assert 0 <= found.p <= 1
