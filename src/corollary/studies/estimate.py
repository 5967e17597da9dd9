"""An estimate of a study's time, from counts of its tokens and the measured speed of its model.

The speed is measured, as machines with and without bfloat16 in hardware, and models, differ by a factor of
hundreds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corollary.documents.names import words
from corollary.documents.split import sentences
from corollary.plugins import load
from corollary.studies.plan import arms_on, cells, make_dataset, runs_of, tunings_on
from corollary.types import Dataset, Document, Request, Scorer, Spec, Study, Trainee, Writer

WORD = 2.2
"""Tokens per word, names included."""
LINES = 85
"""Tokens that a strategy generates per sentence, the mean over strategies."""
ANSWER = 8
"""Tokens of a free answer."""
START = 10.0
"""Seconds until every worker has imported its libraries."""
LARGE = 100_000_000
"""For models with more weights, a training step takes too long to measure; it is assumed to take as long as
reading three times."""
UNKNOWN = 1e9
"""Tokens a second if the speed is unknown."""

_TEXT = "the quick brown fox jumps over the lazy dog and runs back to its den near the river. "


@dataclass(frozen=True)
class Speeds:
    """Tokens a second that one worker trains on, reads and generates."""

    training: float
    reading: float
    generating: float


@dataclass(frozen=True)
class Work:
    """Tokens to train on, to read and to generate."""

    training: float = 0.0
    reading: float = 0.0
    generating: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.training + other.training, self.reading + other.reading, self.generating + other.generating
        )


def expected_seconds(work: Work, speeds: Speeds, *, workers: int) -> float:
    """An estimate of a study's time in seconds."""
    parts = (
        work.training / speeds.training,
        work.reading / speeds.reading,
        work.generating / speeds.generating,
    )
    return START + sum(parts) / max(1, workers)


def speeds_of(model: Any, tuning: Spec | None) -> Speeds:
    """The speeds of a model on this machine, in one thread. The measurement takes a second for a small
    model."""
    reading = generating = UNKNOWN  # no arm asks a model for what it cannot do
    if isinstance(model, Scorer):
        pairs = [(_TEXT * 4, f" {word}") for word in _TEXT.split()]
        model.loglikelihood(pairs[:1])  # the first call includes one-time work
        reading = _rate(model, lambda: model.loglikelihood(pairs, prefix=_TEXT * 8))
    if isinstance(model, Writer) and not getattr(model, "remote", False):
        requests = [Request(f"{word} {_TEXT}", "", 12) for word in _TEXT.split()]
        generating = _rate(model, lambda: list(model.generate(requests)))
    training = reading / 3
    shape = getattr(model, "shape", None)
    if tuning and isinstance(model, Trainee) and shape and shape.matrices < LARGE:
        training = _training_rate(model, tuning) or training
    return Speeds(training, reading, generating)


def work_of(study: Study) -> Work:
    """The work of a study, estimated from its first seed."""
    first = [(cell, spec) for cell, spec in cells(study) if cell.seed == study.seeds[0]]
    found = Work()
    for cell, spec in first:
        found += _work_on(study, cell.dataset, make_dataset(spec, cell.seed))
    times = len(study.seeds)
    return Work(found.training * times, found.reading * times, found.generating * times)


def _work_on(study: Study, name: str, dataset: Dataset) -> Work:
    lines = [sentence.text for document in dataset.documents for sentence in sentences(document)]
    documents = WORD * sum(len(words(line)) for line in lines)
    asked = WORD * sum(
        len(words(q.prompt)) + sum(len(words(choice)) for choice in (*q.choices, *q.distant) or (q.answer,))
        for q in dataset.questions
    )
    training = reading = answered = 0.0
    strategies = set()
    for arm in arms_on(study, name):
        if arm.read_off:
            continue
        strategies |= {strategy.use for strategy in arm.augment}
        checked = any(other.read_off == arm.name for other in study.arms)
        times, runs = 1 + (study.checkpoints if checked else 0), runs_of(study, arm)
        for tuning in tunings_on(study, arm, name):
            training += runs * float(tuning.options.get("tokens") or 8 * documents) if tuning else 0.0
            shown = arm.context.use != "none"
            reading += study.orders * (documents + asked) if shown else runs * times * asked
            answered += runs * len(dataset.questions) * ANSWER if study.free else 0.0
    return Work(training, reading, len(strategies) * len(lines) * LINES + answered)


def _rate(model: Any, do: Any) -> float:
    """Tokens a second of a call, by the model's own count; `UNKNOWN` if the model does not count."""
    if not hasattr(model, "cost"):
        return UNKNOWN
    before = model.cost
    do()
    spent = model.cost
    tokens = spent.input_tokens - before.input_tokens - (spent.cached_tokens - before.cached_tokens)
    tokens += spent.output_tokens - before.output_tokens
    return float(max(tokens, 1) / max(spent.seconds - before.seconds, 1e-6))


def _training_rate(model: Any, tuning: Spec) -> float | None:
    if not {"tokens", "batch_tokens"} <= {*tuning.options}:
        return None  # a plug-in with steps that we do not know
    batch = int(tuning.options.get("batch_tokens") or 256)
    options = {**tuning.options, "batch_tokens": batch, "tokens": 3 * batch}
    documents = [Document(f"d{at}", f"{word} {_TEXT}") for at, word in enumerate(_TEXT.split())]
    # Twice, because the first run pays for what all later ones use.
    tune = load("tunings", tuning.use)
    reports = [tune(model, documents, seed=0, **options).fit_report for _ in range(2)]
    rates = [report.tokens / report.seconds for report in reports if report is not None and report.seconds]
    return max(rates, default=None)
