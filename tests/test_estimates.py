"""Means with their errors: units and training runs vary, and the intervals hold as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from corollary.measure.estimates import Estimate, Floats, estimate, holm, least_gain, ratio


def test_one_run_is_the_t_test_of_units() -> None:
    sample = np.random.default_rng(0).normal(0.1, 0.3, size=(1, 12))
    found, expected = estimate([sample]), scipy_stats.ttest_1samp(sample[0], 0)
    interval = expected.confidence_interval()
    assert found.span(-9, 9) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.df, found.units) == (11, 12)


def test_two_seeds_of_one_run_are_strata_by_hand() -> None:
    # Variances 0.5 and 0.02 over 2 units each: the mean of two means has (0.25 + 0.01) / 4.
    found = estimate([np.array([[0.0, 1.0]]), np.array([[0.4, 0.6]])])
    assert found.mean == 0.5
    assert found.error**2 == pytest.approx(0.26 / 4)
    assert found.df == pytest.approx(0.26**2 / (0.25**2 + 0.01**2))


def test_seeds_count_the_same_whatever_their_number_of_units() -> None:
    assert estimate([np.ones((1, 3)), np.zeros((1, 30))]).mean == 0.5


def test_mean_squares_of_runs_and_units_by_hand() -> None:
    # Units have the means 0 and 4, runs 1 and 3, and the interaction is 1 everywhere.
    sample = np.array([[0.0, 2.0], [0.0, 6.0]])
    units, runs, joint = 2 * 8 / 4, 2 * 2 / 4, 4 / 4
    assert (units, runs, joint) == (4, 1, 1)
    assert estimate([sample]).error ** 2 == pytest.approx(units + max(0, runs - joint))
    # Without interaction the runs count in full: means 1 and 5, so 2 * 8 / 4.
    found = estimate([np.array([[0.0, 2.0], [4.0, 6.0]])])
    assert found.error**2 == pytest.approx(1 + 4)
    assert found.df == pytest.approx((1 + 4) ** 2 / (1**2 / 1 + 4**2 / 1))


def test_runs_that_differ_make_the_interval_wider_and_more_runs_make_it_narrower() -> None:
    random = np.random.default_rng(1)
    units, shifts = random.normal(0.5, 0.2, size=30), np.array([-0.1, 0.1, -0.08, 0.08, 0.0, 0.0])
    one, some, many = (units + shifts[:runs, None] for runs in (1, 2, 6))
    one_half, some_half, many_half = (estimate([sample]).half() for sample in (one, some, many))
    assert one_half < many_half < some_half
    alike = estimate([np.tile(units, (3, 1))])
    assert alike.error == pytest.approx(estimate([units[None, :]]).error), "a copy is no new evidence"


def test_p_is_never_below_that_of_the_fewest_sign_flips() -> None:
    assert estimate([np.full((1, 4), 0.5)]).p == 2 / 2**4
    assert estimate([np.array([[0.5, 0.5, 0.5, 0.51]])]).p == 2 / 2**4
    assert estimate([np.full((3, 4), 0.5)]).p == 2 / 2**4, "runs are no units"
    assert estimate([np.zeros((1, 4))]).p == 1
    assert estimate([np.full((1, 1), 0.5)]).p == 1


def test_units_that_all_agree_give_the_exact_interval_and_not_certainty() -> None:
    exact = scipy_stats.binomtest(24, 24).proportion_ci(method="exact")
    assert estimate([np.ones((3, 24))]).share_span() == pytest.approx((exact.low, exact.high))
    low, high = estimate([np.ones((1, 5)), np.full((1, 4), 0.5)]).share_span()
    assert low < 0.75 < high


def test_the_interval_of_a_share_is_that_of_its_log_odds() -> None:
    found = Estimate(mean=0.9, error=0.03, df=1e9, units=40)
    low, high = found.share_span()
    odds, half = math.log(9), 1.959964 * 0.03 / 0.09
    expected = [1 / (1 + math.exp(-odds - side * half)) for side in (-1, 1)]
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-5)
    assert 0.9 - low > high - 0.9


samples = st.integers(1, 3).flatmap(
    lambda runs: st.lists(
        st.lists(st.floats(0, 1), min_size=runs, max_size=runs), min_size=1, max_size=6
    ).map(lambda columns: np.array(columns).T)
)


@given(st.lists(samples, min_size=1, max_size=3))
def test_an_interval_holds_its_estimate_and_stays_in_bounds(found: list[Floats]) -> None:
    each = estimate(found)
    for low, high in (each.share_span(), each.span(0, 1)):
        assert 0 <= low <= each.mean + 1e-9
        assert each.mean - 1e-9 <= high <= 1
        assert low < high


def test_a_ratio_is_of_means_with_the_interval_of_its_errors() -> None:
    random = np.random.default_rng(2)
    gain = random.normal(0.6, 0.1, size=(2, 40))
    value, low, high = ratio([0.4 * gain], [gain]) or (0, 0, 0)
    assert value == low == high == pytest.approx(0.4), "each unit keeps the same share"
    part = random.normal(0.24, 0.1, size=(2, 40))
    value, low, high = ratio([part], [gain]) or (0, 0, 0)
    half = estimate([(part - value * gain) / gain.mean()]).half()
    assert value == pytest.approx(part.mean() / gain.mean())
    assert (low, high) == pytest.approx((value - half, value + half))


def test_a_gain_that_may_be_none_has_no_share() -> None:
    assert ratio([np.ones((1, 4))], [np.array([[0.5, -0.5, 0.5, -0.4]])]) is None
    assert ratio([np.ones((1, 4))], [np.full((1, 4), -0.5)]) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_keeps_order_and_never_lowers(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    by_p = [q for _, q in sorted(zip(ps, adjusted, strict=True))]
    assert by_p == sorted(by_p)
    if ps:
        assert min(adjusted) == pytest.approx(min(1.0, min(ps) * len(ps)))


def test_the_least_gain_is_found_as_often_as_its_power_says() -> None:
    random, units, tests = np.random.default_rng(4), 24, 6
    gain = least_gain(units, tests)
    drawn = random.normal(gain, 0.5, size=(2_000, units))
    shown = scipy_stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05 / tests
    assert np.mean(shown) == pytest.approx(0.8, abs=0.04)
    assert least_gain(12) > least_gain(48)
    assert least_gain(24, 18) > least_gain(24)


# Simulated studies, of 3 seeds. What an arm knows differs from fact to fact, and from run to run.


def arm(random: np.random.Generator, accuracy: float, *, units: int, runs: int, deviation: float) -> Floats:
    """The shares of right answers of one seed, runs x units, three questions a unit."""
    known = random.beta(2 * accuracy, 2 * (1 - accuracy), size=units)
    shifts = random.normal(0, deviation, size=(runs, 1))
    return np.asarray(random.binomial(3, np.clip(known + shifts, 0, 1)) / 3)


def truth(accuracy: float, deviation: float) -> float:
    """The mean over all facts and all runs."""
    random, many = np.random.default_rng(0), 400_000
    known = random.beta(2 * accuracy, 2 * (1 - accuracy), size=many)
    return float(np.clip(known + random.normal(0, deviation, size=many), 0, 1).mean())


def coverage(
    units: int, deviation: float, *, draws: int, arms: tuple[float, float] = (0.8, 0.3)
) -> tuple[float, float]:
    """How often the intervals of a difference of two arms, and of the better arm, hold the truth."""
    random = np.random.default_rng(units)
    good, poor = (truth(each, deviation) for each in arms)
    held = np.zeros(2)
    for _ in range(draws):
        a, b = (
            [arm(random, each, units=units, runs=3, deviation=deviation) for _ in range(3)] for each in arms
        )
        low, high = estimate([x - y for x, y in zip(a, b, strict=True)]).span(-1, 1)
        least, most = estimate(a).share_span()
        held += (low <= good - poor <= high, least <= good <= most)
    return held[0] / draws, held[1] / draws


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    for share in coverage(24, 0.08, draws=400):
        assert 0.93 <= share <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("arms", [(0.8, 0.3), (0.9, 0.85), (0.95, 0.25)])
@pytest.mark.parametrize("units", [8, 12, 24, 48])
@pytest.mark.parametrize("deviation", [0.0, 0.05, 0.08])
def test_intervals_hold_the_truth_as_often_as_they_say(
    deviation: float, units: int, arms: tuple[float, float]
) -> None:
    for share in coverage(units, deviation, draws=2_000, arms=arms):
        assert 0.93 <= share <= 0.97


def alike(deviation: float, *, units: int = 16, as_if_one: bool = False, draws: int = 600) -> float:
    """How often two arms that are alike in truth have a raw p under 0.05."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(draws):
        a, b = (
            [arm(random, 0.7, units=units, runs=3, deviation=deviation) for _ in range(3)] for _ in range(2)
        )
        pairs = [x - y for x, y in zip(a, b, strict=True)]
        found.append(estimate([x.mean(axis=0, keepdims=True) for x in pairs] if as_if_one else pairs).p)
    return float(np.mean([p < 0.05 for p in found]))


def test_alike_arms_differ_in_2_to_9_percent_of_comparisons_and_more_if_runs_are_no_unit() -> None:
    assert 0.02 <= alike(0.0) <= 0.09
    assert 0.02 <= alike(0.08) <= 0.09
    assert 0.02 <= alike(0.08, units=48) <= 0.09
    assert alike(0.08, units=48, as_if_one=True) > 0.09
