"""Means with their errors, where units and training runs vary.

A measurement is a matrix, runs x units: units are groups of questions that test the same fact, and runs are
trainings on the same rows with other random draws. Both vary, so neither alone is the sample size. The
variance of the mean is that of a crossed design with both factors random (Searle, Casella and McCulloch 1992,
section 4.2), and its degrees of freedom are Satterthwaite's (1946). Seeds make their own documents, so they
are strata.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Samples = Sequence[Floats]
"""One matrix, runs x units, for each seed. Seeds count the same."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean, its standard error with `df` degrees of freedom, and the number of units of all seeds. The
    error is 0 if all units of all runs agree."""

    mean: float
    error: float
    df: float
    units: int

    @property
    def p(self) -> float:
        """Two-sided p of "the mean is zero" by a t-test. It is never below 2^(1 - units), the smallest
        p of a sign-flip test."""
        from scipy import stats  # not at the top: it takes a second to import

        if not self.mean:
            return 1.0
        least = 2.0 ** (1 - self.units)
        found = 2 * stats.t.sf(abs(self.mean) / self.error, self.df) if self.error else 0.0
        return min(1.0, max(float(found), least))

    def half(self) -> float:
        """Half the width of the 95 % interval of the mean."""
        from scipy import stats

        return float(stats.t.ppf((1 + CONFIDENCE) / 2, self.df)) * self.error

    def span(self, low: float, high: float) -> tuple[float, float]:
        """The 95 % interval of a mean between the bounds `low` and `high`."""
        if not self.error:
            return self._exact(low, high)
        return max(low, self.mean - self.half()), min(high, self.mean + self.half())

    def share_span(self) -> tuple[float, float]:
        """The 95 % interval of a share between 0 and 1, by its log-odds: near a bound it is not symmetric."""
        if not self.error or not 0 < self.mean < 1:
            return self._exact(0.0, 1.0)
        middle = math.log(self.mean / (1 - self.mean))
        half = self.half() / (self.mean * (1 - self.mean))
        return _logistic(middle - half), _logistic(middle + half)

    def _exact(self, low: float, high: float) -> tuple[float, float]:
        """If n units agree, the share of units that would not is at most 1 - 0.025^(1/n)."""
        spread = 1 - ((1 - CONFIDENCE) / 2) ** (1 / self.units)
        return self.mean - spread * (self.mean - low), self.mean + spread * (high - self.mean)


def estimate(samples: Samples) -> Estimate:
    """The mean over seeds of the mean over runs and units. With one run, the interval leaves out the
    noise between runs. With one unit in a seed, it leaves out the noise between that seed's units."""
    parts = [_variance(sample) for sample in samples]
    units, runs = sum(part.units for part in parts), sum(part.runs for part in parts)
    joint = sum(part.joint for part in parts)
    # Both mean squares contain the joint term once, so it is subtracted once; never below that of the units.
    random = max(0.0, runs - joint)
    variance = (units + random) / len(parts) ** 2
    weights = [(part.units, part.df_units) for part in parts]
    weights += [(part.runs, part.df_runs) for part in parts if random]
    spread = sum(value**2 / df for value, df in weights if df)
    df = (units + (runs if random else 0.0)) ** 2 / spread if spread else 1.0
    mean = float(np.mean([sample.mean() for sample in samples]))
    return Estimate(mean, math.sqrt(variance), max(df, 1.0), sum(sample.shape[1] for sample in samples))


def ratio(numerators: Samples, denominators: Samples) -> tuple[float, float, float] | None:
    """(ratio of two means, low, high), by the delta method; None unless the denominator is above 0 by its
    own interval. Both have the same runs and units."""
    below = estimate(denominators)
    if below.mean - below.half() <= 0:
        return None
    value = estimate(numerators).mean / below.mean
    errors = [(a - value * b) / below.mean for a, b in zip(numerators, denominators, strict=True)]
    half = estimate(errors).half()
    return value, value - half, value + half


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: the k-th smallest of m is multiplied by m - k + 1, and never falls."""
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, ps[index] * (len(ps) - rank)))
        adjusted[index] = highest
    return adjusted


def least_gain(units: int, tests: int = 1, *, spread: float = 0.5, power: float = 0.8) -> float:
    """The least true difference that a study can show with this power: `units` in all, `tests` primary
    comparisons under correction, and a standard deviation `spread` of a unit's difference. The noise between
    runs comes on top."""
    from scipy import stats

    level = (1 - CONFIDENCE) / 2 / max(1, tests)
    df = max(1, units - 1)
    return float((stats.t.ppf(1 - level, df) + stats.t.ppf(power, df)) * spread / math.sqrt(max(1, units)))


@dataclass(frozen=True)
class _Variance:
    """Mean squares of units, of runs and of their interaction, each over the number of values, with the
    degrees of freedom."""

    units: float
    runs: float
    joint: float
    df_units: int
    df_runs: int


def _variance(sample: Floats) -> _Variance:
    runs, units = sample.shape
    mean, by_run, by_unit = sample.mean(), sample.mean(axis=1), sample.mean(axis=0)
    rest = sample - by_run[:, None] - by_unit[None, :] + mean
    df_units, df_runs = units - 1, runs - 1
    return _Variance(
        units=float(((by_unit - mean) ** 2).sum()) / (df_units * units) if df_units else 0.0,
        runs=float(((by_run - mean) ** 2).sum()) / (df_runs * runs) if df_runs else 0.0,
        joint=float((rest**2).sum()) / (df_units * df_runs * sample.size) if df_units and df_runs else 0.0,
        df_units=df_units,
        df_runs=df_runs,
    )


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
