"""Accuracies, intervals and tests from one row per question and trial.

The unit of the statistics is `unit` (the smallest group of facts that share a name or a premise) within a
dataset and seed, never the question. Questions about one fact are right or wrong together: if each counted as
independent evidence, we would find differences that do not exist. Seeds are strata: units are resampled
within their seed, and a significant difference must have the same sign in every seed. The interval does not
contain the noise between training runs, so each seed is also reported by itself. If seeds change only the
training and not the documents (as with your own), their units are the same: they are averaged over the seeds
and count once.
"""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corollary.measure.rows import AccuracyRow, ArmRow, ComparisonRow, ResultRow, SeedRow, Statistics

Row = Mapping[str, Any]
Floats = NDArray[np.float64]
Samples = list[Floats]
"""One array of unit means per seed, seeds in order; one array for all seeds with the same documents."""

CHANCE = "chance"
"""Takes the place of an arm in a comparison: its accuracy is each question's chance."""

LEVEL = 0.05


def summarise(
    results: Iterable[ResultRow],
    *,
    pairs: Sequence[tuple[str, str]],
    repeated: Collection[str] = (),
    seed: int = 0,
) -> Statistics:
    """The statistics of a study, from the rows of results.jsonl.

    `pairs` are the comparisons (a, b), see `pairs_of`. "accuracy_pmi" uses the secondary metric, for the
    questions that have one. "by_premises_shown" contains only arms that saw a part of the documents.
    `repeated` names the datasets that are the same at every seed, which are one sample. `seed` makes the
    resampling repeatable. Each row has its own generator, so a new arm in a study changes no other interval.
    """
    rows: list[Row] = [{**row, "sample": 0} if row["dataset"] in repeated else {**row} for row in results]
    known = [row for row in rows if row["written"] is not None]
    cut = {(row["dataset"], row["method"]) for row in rows if not row["premises_shown"]}
    partly = [row for row in rows if (row["dataset"], row["method"]) in cut]
    by_gain = [{**row, "correct": row["correct_pmi"]} for row in rows if row["correct_pmi"] is not None]
    marked = [{**row, "mark": mark, "value": row["marks"][mark]} for row in rows for mark in row["marks"]]
    return {
        "accuracy": accuracy(rows, seed=seed),
        "seeds": seeds(rows),
        "comparisons": comparisons(rows, pairs, seed=seed),
        "accuracy_pmi": accuracy(by_gain, seed=seed),
        "by_written": accuracy(known, by=("written",), seed=seed),
        "by_mark": accuracy(marked, by=("mark", "value"), seed=seed),
        "by_premises_shown": accuracy(partly, by=("premises_shown",), seed=seed),
    }


def pairs_of(arms: Iterable[ArmRow]) -> list[tuple[str, str]]:
    """The comparisons (a, b), for a minus b, of the arms of a study: those against chance first.

    The list is short on purpose: the adjustment of p counts every measured pair, so a pair that decides
    nothing would weaken all others.
    """
    found = [(arm["name"], rival) for arm in arms for rival in arm["against"]]
    return sorted(found, key=lambda pair: pair[1] != CHANCE)


def accuracy(rows: Iterable[Row], *, by: Sequence[str] = (), seed: int = 0) -> list[AccuracyRow]:
    """One row per dataset, split, method, tuning and model (and per value of the columns in `by`).

    `accuracy` is the mean over the questions of a unit, then over the units of a seed, then over seeds.
    `chance` is weighted in the same way, so that you can compare the two. Both leave out questions without a
    readable answer (`correct` is null), because these are not wrong answers. `no_answer` is their share of
    all `n` questions; `accuracy_of_all` counts them as wrong, as a lower bound. `accuracy`, `low`, `high` and
    `chance` are null if no answer was readable. `n_units` is the sum over seeds, `seeds` the number of seeds.
    """
    keys = ("dataset", "split", "method", "tuning", "model", *by)
    out: list[Any] = []
    for key, group in _groups(rows, keys):
        answered = [row for row in group if row["correct"] is not None]
        right = _unit_means(answered, "correct")
        low, high = interval(right, bounds=(0, 1), random=_generator(seed, *key)) if right else (None, None)
        as_wrong = [{**row, "correct": row["correct"] or 0.0} for row in group]
        out.append(
            dict(zip(keys, key, strict=True))
            | {
                "n": len(group),
                "n_units": len({(_sample(row), row["unit"]) for row in group}),
                "seeds": len({row["seed"] for row in group}),
                "accuracy": mean_of_seeds(right) if right else None,
                "low": low,
                "high": high,
                "chance": mean_of_seeds(_unit_means(answered, "chance")) if right else None,
                "no_answer": 1 - len(answered) / len(group),
                "accuracy_of_all": mean_of_seeds(_unit_means(as_wrong, "correct")),
            }
        )
    return out


def seeds(rows: Iterable[Row]) -> list[SeedRow]:
    """The accuracy of each seed by itself, a mean over units: the dots beside every interval."""
    keys = ("dataset", "split", "method", "tuning", "model", "seed")
    out: list[Any] = []
    for key, group in _groups((row for row in rows if row["correct"] is not None), keys):
        value = mean_of_seeds(_unit_means(group, "correct"))
        out.append(dict(zip(keys, key, strict=True)) | {"accuracy": value})
    return out


def comparisons(
    rows: Iterable[Row],
    pairs: Sequence[tuple[str, str]],
    *,
    seed: int = 0,
    resamples: int | None = None,
) -> list[ComparisonRow]:
    """Paired differences a - b for every dataset, split and tuning in which both arms of a pair exist.

    The arms are compared unit by unit, on the questions that both answered. An arm without tuning
    (`in-context`) takes part in the comparisons of every tuning; a pair of two such arms appears once, under
    "none". `p` comes from a two-sided sign-flip permutation test of the mean difference over units.
    `p_adjusted` is Holm's, over all rows that this call returns. `significant` requires `p_adjusted` under
    0.05 and the same sign in every seed. Against "chance" the test is an approximation, good from about 20
    units on, because the differences are not symmetric under the null. `resamples` is the number of sign
    flips and bootstrap draws; the default is as many as the adjustment needs.
    """
    rows = list(rows)
    found = unit_differences(rows, pairs)
    by_seed = dict(unit_differences([{**row, "sample": row["seed"]} for row in rows], pairs))
    # With few resamples p cannot survive the adjustment, whatever the data: the smallest two-sided p is
    # 2 / resamples, and Holm multiplies it by the number of comparisons.
    flips = resamples or max(9_999, 60 * len(found))
    draws = resamples or 9_999
    rows_p = [sign_flip(d, resamples=flips, random=_generator(seed, *key)) for key, d in found]
    out: list[Any] = []
    for (key, differences), p, adjusted in zip(found, rows_p, holm(rows_p), strict=True):
        low, high = interval(
            differences, bounds=(-1, 1), resamples=draws, random=_generator(seed, *key, "interval")
        )
        per_seed = [float(d.mean()) for d in by_seed[key]]
        same_sign = all(d > 0 for d in per_seed) or all(d < 0 for d in per_seed)
        out.append(
            dict(zip(("dataset", "split", "tuning", "a", "b"), key, strict=True))
            | {
                "difference": mean_of_seeds(differences),
                "low": low,
                "high": high,
                "p": p,
                "p_adjusted": adjusted,
                "significant": bool(adjusted < LEVEL and same_sign),
                "n_units": sum(len(d) for d in differences),
                "by_seed": per_seed,
            }
        )
    return out


def unit_differences(
    rows: Iterable[Row], pairs: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, str, str, str, str], Samples]]:
    """(dataset, split, tuning, a, b) and the paired differences a - b of units, for every comparison."""
    cells: dict[tuple[str, str], dict[tuple[str, str], list[Row]]] = defaultdict(dict)
    for (dataset, split, method, tuning), group in _groups(rows, ("dataset", "split", "method", "tuning")):
        cells[dataset, split][method, tuning] = group
    found = []
    for (dataset, split), arms in sorted(cells.items()):
        for a, b in pairs:
            for tuning, rows_a, rows_b in _arms(arms, a, b):
                if paired := _paired(rows_a, rows_b):
                    found.append(((dataset, split, tuning, a, b), paired))
    return found


def mean_of_seeds(samples: Sequence[Floats]) -> float:
    """The mean over seeds of the mean over a seed's units, so that every seed counts the same."""
    return float(np.mean([sample.mean() for sample in samples]))


def interval(
    samples: Sequence[Floats],
    *,
    bounds: tuple[float, float],
    random: np.random.Generator,
    resamples: int = 9_999,
) -> tuple[float, float]:
    """95 % percentile bootstrap of `mean_of_seeds`: units resampled within each seed.

    `bounds` are the least and the greatest possible value. If the units of every seed agree, resampling them
    shows no spread, which would claim certainty from, say, 24 right answers out of 24. Then the interval is
    the exact one: with n units that all have the value v, the share of other units is at most 1 -
    0.025^(1/n).
    """
    values = np.concatenate(samples)
    if all(np.ptp(sample) == 0 for sample in samples):
        centre, spread = mean_of_seeds(samples), 1 - 0.025 ** (1 / len(values))
        return centre - spread * (centre - bounds[0]), centre + spread * (bounds[1] - centre)
    from scipy import stats as scipy_stats  # not at the top: it takes a second to import

    # scipy refuses a sample of one, so a seed of one unit is doubled, which keeps its mean.
    strata = [np.repeat(sample, 2) if len(sample) == 1 else sample for sample in samples]
    found = scipy_stats.bootstrap(
        strata,
        _stacked_mean,
        n_resamples=resamples,
        batch=1_000,
        vectorized=True,
        method="percentile",
        rng=random,
    ).confidence_interval
    # Sums in another order may exceed the bounds by a rounding error.
    return max(float(found.low), bounds[0]), min(float(found.high), bounds[1])


def sign_flip(samples: Sequence[Floats], *, random: np.random.Generator, resamples: int = 9_999) -> float:
    """Two-sided p of "the mean difference is zero", by flipping the signs of whole units.

    `samples` are the paired differences of the units of each seed. The test is exact if all 2^n flips are
    fewer than `resamples`.
    """
    weights = np.concatenate([np.full(len(sample), 1 / len(sample)) for sample in samples])
    values = np.concatenate(samples) * weights / len(samples)
    if len(values) < 2 or not values.any():
        return 1.0
    from scipy import stats as scipy_stats

    found = scipy_stats.permutation_test(
        (values,),
        np.sum,
        permutation_type="samples",
        n_resamples=resamples,
        batch=1_000,
        vectorized=True,
        rng=random,
    )
    return float(found.pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: the k-th smallest of m is multiplied by m - k + 1, and never falls."""
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, ps[index] * (len(ps) - rank)))
        adjusted[index] = highest
    return adjusted


def _groups(rows: Iterable[Row], keys: Sequence[str]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return sorted(groups.items())


def _unit_means(rows: Iterable[Row], column: str) -> Samples:
    units: dict[Any, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        units[_sample(row)][row["unit"]].append(float(row[column]))
    return [np.array([np.mean(units[s][unit]) for unit in sorted(units[s])]) for s in sorted(units)]


def _sample(row: Row) -> Any:
    return row.get("sample", row["seed"])


def _arms(
    arms: Mapping[tuple[str, str], list[Row]], a: str, b: str
) -> list[tuple[str, list[Row], list[Row]]]:
    """The (tuning, rows of a, rows of b) in which a pair was measured."""
    tunings = {tuning for method, tuning in arms if method in (a, b)}
    out = []
    for tuning in sorted(tunings - {"none"} or tunings):
        rows_a = arms.get((a, tuning), arms.get((a, "none"), []))
        rows_b = arms.get((b, tuning), arms.get((b, "none"), []))
        if b == CHANCE:
            rows_b = [{**row, "correct": row["chance"]} for row in rows_a]
        if rows_a and rows_b:
            out.append((tuning, rows_a, rows_b))
    return out


def _paired(rows_a: Iterable[Row], rows_b: Iterable[Row]) -> Samples:
    """Differences of units, over the questions that both arms answered, in the seeds that both ran."""
    answers: dict[Any, list[float]] = defaultdict(list)
    for row in rows_b:
        if row["correct"] is not None:
            answers[row["seed"], row["question"]].append(float(row["correct"]))
    pairs = [
        {**row, "correct": row["correct"] - math.fsum(other) / len(other)}
        for row in rows_a
        if row["correct"] is not None and (other := answers.get((row["seed"], row["question"])))
    ]
    return _unit_means(pairs, "correct")


def _stacked_mean(*samples: Floats, axis: int) -> Floats:
    return np.asarray(np.mean([np.mean(sample, axis=axis) for sample in samples], axis=0))


def _generator(seed: int, *key: object) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(repr(key).encode())])
