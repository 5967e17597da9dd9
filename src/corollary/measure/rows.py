"""Types for the rows of every published file; other programs read these names.

    results.jsonl   ResultRow, one for each question and trial
    costs.jsonl     `corollary.measure.cost.Measured`, one for each trial
    summary.json    Summary

Shares are between 0 and 1; `low` and `high` bound a 95 % interval. `method` is the name of an arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, TypeVar

import msgspec

from corollary import store
from corollary.errors import UserError

T = TypeVar("T")

Answer = Literal["better", "within", "unknown", "worse"]
"""What a comparison shows; see `corollary.measure.stats.answer_of`."""


class ResultRow(TypedDict):
    """One question of one trial. `run` counts the trainings on the same rows from 0.

    `correct` is the mean over the orders of the documents, or None if no answer could be read. `correct_pmi`
    is by the secondary metric, `correct_distant` among the distant choices, and `correct_free` by a free
    answer beside the choices. `written` says whether a training row states the answer; it is None for arms
    that generate nothing. `premises_shown` says whether all premises of the answer were in the prompt.
    `logprobs` has one list per order, in the order of the choices. `text` is a generated answer.
    """

    study: str
    dataset: str
    split: str
    method: str
    tuning: str
    model: str
    seed: int
    run: int
    question: str
    unit: str
    correct: float | None
    correct_pmi: float | None
    correct_distant: float | None
    correct_free: float | None
    tied: bool
    chance: float
    written: bool | None
    marks: Mapping[str, str]
    premises_shown: bool
    logprobs: list[list[float]]
    text: str | None
    sample: NotRequired[int]


class ArmRow(TypedDict):
    """An arm of the study: its role (see `corollary.types.Role`, or "added") and a description."""

    name: str
    role: str
    about: str
    against: list[str]


class TestRow(TypedDict):
    """A split of a dataset, in the order of the report. With `recall` it asks only what documents state."""

    dataset: str
    split: str
    recall: bool


class CellRow(TypedDict):
    """The columns that identify an arm on a split."""

    dataset: str
    split: str
    method: str
    tuning: str
    model: str


class AccuracyRow(CellRow):
    """Accuracy of an arm on a split: `n` questions in `n_units` units over `seeds` seeds and `runs`
    runs. Rows of a breakdown also have `mark` and `value`, `written` or `premises_shown`."""

    n: int
    n_units: int
    seeds: int
    runs: int
    accuracy: float | None
    low: float | None
    high: float | None
    chance: float | None
    no_answer: float
    accuracy_of_all: float
    mark: NotRequired[str]
    value: NotRequired[str]
    written: NotRequired[bool]
    premises_shown: NotRequired[bool]


class SeedRow(CellRow):
    """Accuracy of an arm on a split at one seed."""

    seed: int
    accuracy: float


class ComparisonRow(TypedDict):
    """The paired difference of two arms, a minus b, on a split; `b` may be "chance". `p_adjusted` is null for
    a comparison that is not primary."""

    dataset: str
    split: str
    tuning: str
    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float | None
    primary: bool
    answer: Answer
    n_units: int
    by_seed: list[float]


class KeptRow(TypedDict):
    """The share of the treatment's gain over the baseline that a placebo keeps; null where it gains
    nothing."""

    dataset: str
    split: str
    tuning: str
    placebo: str
    treatment: str
    share: float | None
    low: float | None
    high: float | None


class RuleRow(TypedDict):
    """The accuracy of a rule without a model on a split; see `corollary.measure.rules`."""

    dataset: str
    split: str
    rule: str
    accuracy: float
    low: float
    high: float
    chance: float
    n_units: int


class CostRow(TypedDict):
    """The costs of an arm on a dataset, means over seeds; see `corollary.measure.cost.cost_rows`."""

    dataset: str
    method: str
    tuning: str
    role: str
    augment_tokens: float
    train_tokens: float
    query_tokens: float
    flops: float
    seconds: float
    usd: float | None
    unit: str | None
    priced: str | None
    break_even_queries: list[int | str] | str | None
    break_even_queries_cached: list[int | str] | str | None
    once: list[float] | None
    per_query: list[float] | None
    once_cached: list[float] | None
    per_query_cached: list[float] | None


class Statistics(TypedDict):
    """The part of summary.json about accuracy."""

    accuracy: list[AccuracyRow]
    seeds: list[SeedRow]
    comparisons: list[ComparisonRow]
    kept: list[KeptRow]
    accuracy_pmi: list[AccuracyRow]
    accuracy_distant: list[AccuracyRow]
    accuracy_free: list[AccuracyRow]
    by_written: list[AccuracyRow]
    by_mark: list[AccuracyRow]
    by_premises_shown: list[AccuracyRow]


class Summary(Statistics):
    """The content of summary.json. `marks` describes the marks of each dataset's questions. `sections` names
    the report sections of datasets. `margin` is the difference that the study calls small. `rules` has the
    best rule without a model on each test, and `augmentation` one row for each arm that generates."""

    arms: list[ArmRow]
    tests: list[TestRow]
    marks: dict[str, dict[str, dict[str, Any]]]
    sections: dict[str, str]
    margin: float
    rules: list[RuleRow]
    augmentation: list[dict[str, Any]]
    costs: list[CostRow]
    warnings: list[str]


def read_summary(folder: Path) -> Summary:
    """The summary of a study's folder. Raises `UserError` when it has none, or one of another shape."""
    path = folder / "summary.json"
    if not path.is_file():
        raise UserError(f"{folder} contains no summary.json: name the folder of a study that has finished.")
    return checked(store.read_json(path), Summary, path)


def read_results(folder: Path) -> list[ResultRow]:
    """The rows of results.jsonl; none if there is no such file."""
    path = folder / "results.jsonl"
    return checked(store.read_jsonl(path), list[ResultRow], path) if path.is_file() else []


def checked(value: Any, wanted: type[T], path: Path) -> T:
    """The value of a file if it has the type `wanted`. Raises `UserError` that names the place otherwise."""
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise UserError(
            f"{path} does not fit this version ({error}): run the study again to renew it."
        ) from error
