"""From a study to its datasets, writing jobs and trials: pure functions of the study."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from corollary import plugins
from corollary.errors import UserError
from corollary.plugins import name_of
from corollary.store import content_id
from corollary.study.work import Writing
from corollary.text import sentences
from corollary.types import Dataset, Document, Method, Question, Spec, Study, Trial

BEST = "fine-tuned-best"
"""Plain tuning at its best checkpoint, chosen on the test itself: read off the run of `fine-tuned`."""

CONTROL = "paraphrase"
"""The strategy that writes as many rows as the augmented arm has: it has to wait for that one."""


@dataclass(frozen=True)
class Cell:
    """One dataset at one seed."""

    dataset: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.dataset}.s{self.seed}"


Rows = Mapping[tuple[Cell, str], Sequence[Document]]
"""What strategies wrote, by cell and `strategy_key`."""


def dataset_name(spec: Spec) -> str:
    """What a dataset is called in folders and results: its knob `name` if it has one, else its plug-in."""
    return str(spec.knobs.get("name") or name_of(spec.use))


def strategy_key(spec: Spec) -> str:
    """A strategy's name, and a mark of its knobs where they are not the defaults: two methods may use
    one strategy in two ways."""
    defaults = {knob.name: knob.default for knob in plugins.knobs(plugins.load("strategies", spec.use))}
    # A tuple that was read back from a file is a list.
    knobs = {key: v for key, v in spec.knobs.items() if _listed(v) != _listed(defaults.get(key))}
    return f"{name_of(spec.use)}-{content_id(knobs)[:8]}" if knobs else name_of(spec.use)


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def cells(study: Study) -> list[tuple[Cell, Spec]]:
    """Every dataset at every seed, with what makes it."""
    return [(Cell(dataset_name(spec), seed), spec) for spec in study.datasets for seed in study.seeds]


def make_dataset(spec: Spec, seed: int) -> Dataset:
    """The dataset of a spec at a seed, under the name that it has in the study."""
    made: Dataset = plugins.bind("datasets", spec)(seed=seed)
    return replace(made, name=dataset_name(spec), questions=with_units(made.questions))


def with_units(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Questions that name no unit get one, the id of the first of those that share a premise with them,
    directly or through others: as one unit all questions would be a single piece of evidence."""
    if all(question.unit for question in questions):
        return tuple(questions)
    from scipy.cluster.hierarchy import DisjointSet

    linked = DisjointSet((question.id, None) for question in questions)
    for question in questions:
        for premise in question.premises:
            linked.add((None, premise))
            linked.merge((question.id, None), (None, premise))
    first: dict[object, str] = {}
    roots = [first.setdefault(linked[question.id, None], question.id) for question in questions]
    return tuple(q if q.unit else replace(q, unit=root) for q, root in zip(questions, roots, strict=True))


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
    return [
        tuning
        for tuning in study.tunings
        if dataset in study.limits.get(tuning.use, (dataset,))
        and (not method.tunings or tuning.use in method.tunings)
    ]


def arms(study: Study) -> list[tuple[Cell, Method, Spec | None]]:
    """All that is tried: every cell, method and tuning. `fine-tuned-best` is no trial of its own."""
    return [
        (cell, method, tuning)
        for cell, _ in cells(study)
        for method in methods_on(study, cell.dataset)
        if method.name != BEST
        for tuning in tunings_on(study, method, cell.dataset)
    ]


def writings(
    study: Study, datasets: Mapping[Cell, Dataset], *, store: str
) -> tuple[list[tuple[Cell, Writing]], list[tuple[Cell, Writing]]]:
    """The writing jobs of a study, in two rounds: those that stand alone, and those that need to know
    how many rows the augmented arm has (the control of equal size); `rows` is filled in between."""
    first: list[tuple[Cell, Writing]] = []
    second: list[tuple[Cell, Writing]] = []
    for cell, spec in cells(study):
        dataset = replace(datasets[cell], questions=())
        used = {strategy_key(s): s for method in methods_on(study, cell.dataset) for s in method.augment}
        for _, strategy in sorted(used.items()):
            other = None
            if strategy.use == "foreign":
                other = replace(make_dataset(spec, other_seed(cell.seed)), questions=())
                if other.documents == dataset.documents:
                    raise UserError(
                        f"{cell.dataset} has the same documents at every seed, so there are no foreign ones:"
                        " keep the methods that augment with foreign to other datasets, under [limits]."
                    )
            job = Writing(dataset, strategy, cell.seed, study.model, store, 0, other)
            (second if strategy.use == CONTROL else first).append((cell, job))
    return first, second


def sized(
    study: Study, controls: Sequence[tuple[Cell, Writing]], written: Rows
) -> tuple[list[tuple[Cell, Writing]], list[tuple[Cell, Writing]]]:
    """(the controls that can be written, those that stay empty), of the second round of `writings`.

    A control has as many rows as the augmented arm adds, and waits until that is written. Of an arm that
    adds none it has none and asks nothing: to a strategy 0 rows are no limit, as without that arm.
    """
    ready: list[tuple[Cell, Writing]] = []
    empty: list[tuple[Cell, Writing]] = []
    for cell, job in controls:
        arm = next((m for m in methods_on(study, cell.dataset) if m.name == "augmented"), None)
        parts = [written.get((cell, strategy_key(s))) for s in arm.augment] if arm else []
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            rows = len({row.text for part in known for row in part})
            (empty if arm and not rows else ready).append((cell, replace(job, rows=rows)))
    return ready, empty


def trials(study: Study, datasets: Mapping[Cell, Dataset], written: Rows) -> list[Trial]:
    """All trials whose augmentations are written."""
    best = {cell: any(m.name == BEST for m in methods_on(study, cell.dataset)) for cell, _ in cells(study)}
    made = []
    for cell, method, tuning in arms(study):
        dataset = datasets[cell]
        parts = [written.get((cell, strategy_key(s))) for s in method.augment]
        added = [part for part in parts if part is not None]
        if len(added) < len(parts):
            continue
        rows = training_rows(
            dataset, [row for part in added for row in part], whole=cell.dataset in method.whole
        )
        context = dataset.documents if method.context == "all" else ()
        made.append(
            Trial(
                dataset=cell.dataset,
                method=method.name,
                seed=cell.seed,
                model=study.model,
                tune=tuning,
                documents=rows if method.tune else (),
                context=context,
                orders=orders_of(len(context), study.orders, cell.seed),
                questions=dataset.questions,
                checkpoints=study.checkpoints if best[cell] and method.name == "fine-tuned" else 0,
            )
        )
    return made


def training_rows(
    dataset: Dataset, added: Sequence[Document] = (), *, whole: bool = False
) -> tuple[Document, ...]:
    """The documents, each sentence a row of its own (unless `whole`), and what was added; no row twice."""
    own = [
        Document(f"{document.id}.{index}", sentence)
        for document in dataset.documents
        for index, sentence in enumerate(sentences(document.text))
    ]
    distinct: dict[str, Document] = {}
    for row in (*(dataset.documents if whole else own), *added):
        distinct.setdefault(row.text, row)
    return tuple(distinct.values())


def orders_of(size: int, count: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """`count` random orders of that many documents."""
    if not size:
        return ((),)
    rng = random.Random(f"corollary-orders-{seed}")
    return tuple(tuple(rng.sample(range(size), size)) for _ in range(count))
