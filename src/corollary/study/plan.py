"""From a study to its datasets, writing jobs and trials: pure functions of the study."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from corollary.plugins import bind
from corollary.study.work import Writing
from corollary.text import sentences
from corollary.types import Dataset, Document, Method, Spec, Study, Trial

BEST = "fine-tuned-best"
"""Plain tuning at its best checkpoint, chosen on the test itself: read off the run of `fine-tuned`."""


@dataclass(frozen=True)
class Cell:
    """One dataset at one seed."""

    dataset: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.dataset}.s{self.seed}"


def cells(study: Study) -> list[tuple[Cell, Spec]]:
    """Every dataset at every seed, with what makes it."""
    return [(Cell(spec.use, seed), spec) for spec in study.datasets for seed in study.seeds]


def make_dataset(spec: Spec, seed: int) -> Dataset:
    """The dataset of a spec at a seed."""
    made: Dataset = bind("datasets", spec)(seed=seed)
    return made


def other_seed(seed: int) -> int:
    """The seed of the foreign documents: of the same part of the name space, half the part away."""
    base = seed - seed % 100
    return base + (seed - base + 16) % 32


def methods_on(study: Study, dataset: str) -> list[Method]:
    """The methods of a study that run on a dataset."""
    return [m for m in study.methods if dataset in study.limits.get(m.name, (dataset,))]


def tunings_on(study: Study, method: Method, dataset: str) -> list[Spec | None]:
    """The tunings with which a method runs on a dataset; [None] when it does not tune."""
    if not method.tune:
        return [None]
    return [t for t in study.tunings if dataset in study.limits.get(t.use, (dataset,))]


def writings(study: Study, datasets: Mapping[Cell, Dataset], *, store: str) -> tuple[list[tuple[Cell, Writing]], list[tuple[Cell, Writing]]]:
    """The writing jobs of a study, in two rounds: those that stand alone, and those that need to know
    how many rows the augmented arm has (the control of equal size); `rows` is filled in between."""
    first: list[tuple[Cell, Writing]] = []
    second: list[tuple[Cell, Writing]] = []
    for cell, spec in cells(study):
        dataset = replace(datasets[cell], questions=())
        used = {s.use: s for m in methods_on(study, cell.dataset) for s in m.augment}
        for use in sorted(used):
            other = None
            if use == "foreign":
                other = replace(make_dataset(spec, other_seed(cell.seed)), questions=())
            job = Writing(dataset, used[use], cell.seed, study.model, store, 0, other)
            (second if use == "paraphrase" else first).append((cell, job))
    return first, second


def trials(
    study: Study, datasets: Mapping[Cell, Dataset], written: Mapping[tuple[Cell, str], Sequence[Document]]
) -> list[Trial]:
    """All trials whose augmentations are written; `fine-tuned-best` is no trial of its own."""
    made = []
    for cell, _ in cells(study):
        dataset = datasets[cell]
        methods = methods_on(study, cell.dataset)
        best = any(m.name == BEST for m in methods)
        for method in methods:
            if method.name == BEST or any((cell, s.use) not in written for s in method.augment):
                continue
            for tuning in tunings_on(study, method, cell.dataset):
                rows = training_rows(dataset, method, [d for s in method.augment for d in written[cell, s.use]])
                context = dataset.documents if method.context == "all" else ()
                made.append(
                    Trial(
                        dataset=cell.dataset, method=method.name, seed=cell.seed, model=study.model, tune=tuning,
                        documents=rows if method.tune else (), context=context,
                        orders=_orders(len(context), study.orders, cell.seed), questions=dataset.questions,
                        checkpoints=study.checkpoints if best and method.name == "fine-tuned" else 0,
                    )
                )  # fmt: skip
    return made


def training_rows(dataset: Dataset, method: Method, added: Sequence[Document]) -> tuple[Document, ...]:
    """Documents, split into sentences unless the method takes this dataset's whole, and what was added."""
    if dataset.name in method.whole:
        own = list(dataset.documents)
    else:
        own = [
            Document(f"{document.id}.{index}", sentence)
            for document in dataset.documents
            for index, sentence in enumerate(sentences(document.text))
        ]
    distinct: dict[str, Document] = {}
    for row in (*own, *added):
        distinct.setdefault(row.text, row)
    return tuple(distinct.values())


def _orders(size: int, count: int, seed: int) -> tuple[tuple[int, ...], ...]:
    if not size:
        return ((),)
    rng = random.Random(f"corollary-orders-{seed}")
    return tuple(tuple(rng.sample(range(size), size)) for _ in itertools.repeat(None, count))
