"""The datasets, writing tasks and trials of a study, as pure functions of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from corollary import plugins
from corollary.asking.contexts import Shown
from corollary.documents.split import sentences
from corollary.errors import UserError
from corollary.plugins import name_of
from corollary.studies.arms import of_role
from corollary.types import Arm, Dataset, Document, Question, Spec, Study, Trial
from corollary.values import content_id


@dataclass(frozen=True)
class Cell:
    """One dataset at one seed."""

    dataset: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.dataset}.s{self.seed}"


Rows = Mapping[tuple[Cell, str], Sequence[Document]]
"""The documents of strategies, by cell and `strategy_key`."""


@dataclass(frozen=True)
class Writing:
    """One strategy on one dataset. It returns as many rows as the arm `same_size_as` adds ("": any number);
    `rows` is that number once it is known. `other` is a dataset that shares no fact with this one. `treated`
    says that a treatment or ablation is trained on the result, so that facts may be withheld from it. `lines`
    are the rows that the arm `same_size_as` adds, for a strategy that asks for them."""

    cell: Cell
    dataset: Dataset
    strategy: Spec
    seed: int
    same_size_as: str = ""
    rows: int = 0
    other: Dataset | None = None
    treated: bool = False
    lines: tuple[Document, ...] | None = None

    @property
    def key(self) -> tuple[Cell, str]:
        return self.cell, strategy_key(self.strategy)


def dataset_name(spec: Spec) -> str:
    """The name of a dataset in folders and results: its option `name`, or else its plug-in's name."""
    return str(spec.options.get("name") or name_of(spec.use))


def strategy_key(spec: Spec) -> str:
    """A strategy's name, with a hash of its options unless they are the defaults: two arms may use one
    strategy with different options."""
    defaults = {
        option.name: option.default for option in plugins.options(plugins.load("strategies", spec.use))
    }
    # A tuple that was read from a file is a list.
    options = {key: v for key, v in spec.options.items() if _listed(v) != _listed(defaults.get(key))}
    return f"{name_of(spec.use)}-{content_id(options)[:8]}" if options else name_of(spec.use)


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def cells(study: Study) -> list[tuple[Cell, Spec]]:
    """Every dataset at every seed, with the dataset's spec."""
    return [(Cell(dataset_name(spec), seed), spec) for spec in study.datasets for seed in study.seeds]


def make_dataset(spec: Spec, seed: int) -> Dataset:
    """The dataset of a spec at a seed, with its name in the study.

    Raises `UserError` if the plug-in returns something else, or if ids are not unique.
    """
    made = plugins.bind("datasets", spec)(seed=seed)
    if not isinstance(made, Dataset):
        raise UserError(
            f"The dataset {spec.use} returns a {type(made).__name__}: return a corollary.Dataset."
        )
    for what, ids in (
        ("documents", [document.id for document in made.documents]),
        ("questions", [question.id for question in made.questions]),
    ):
        if len(set(ids)) < len(ids):
            raise UserError(f"Two {what} of the dataset {spec.use} have the same id: give each its own.")
    return replace(made, name=dataset_name(spec), questions=with_units(made.questions))


def with_units(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions, each with a unit. A question without one gets the id of the first question that shares a
    premise with it, directly or through others."""
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


def arms_on(study: Study, dataset: str) -> list[Arm]:
    """The arms of a study that run on a dataset."""
    return [arm for arm in study.arms if not arm.only or dataset in arm.only]


def tunings_on(study: Study, arm: Arm, dataset: str) -> list[Spec | None]:
    """The tunings with which an arm runs on a dataset; [None] if it does not tune."""
    if not arm.tune:
        return [None]
    return [
        tuning
        for tuning in study.tunings
        if dataset in study.limits.get(tuning.use, (dataset,))
        and (not arm.tunings or tuning.use in arm.tunings)
    ]


def cells_of_arms(study: Study) -> list[tuple[Cell, Arm, Spec | None, int]]:
    """Every cell, arm, tuning and run that has a trial of its own."""
    return [
        (cell, arm, tuning, run)
        for cell, _ in cells(study)
        for arm in arms_on(study, cell.dataset)
        if not arm.read_off
        for tuning in tunings_on(study, arm, cell.dataset)
        for run in range(runs_of(study, arm))
    ]


def runs_of(study: Study, arm: Arm) -> int:
    """How often an arm is trained on the same rows; an arm that is not tuned is asked once."""
    return (arm.runs or study.runs) if arm.tune else 1


def writings(study: Study, datasets: Mapping[Cell, Dataset]) -> tuple[list[Writing], list[Writing]]:
    """The writing tasks of a study in two rounds: independent ones, and those that need the number of rows of
    another arm. The signature of a strategy says what it needs."""
    first: list[Writing] = []
    second: list[Writing] = []
    for cell, spec in cells(study):
        made = datasets[cell]
        dataset = replace(made, questions=())
        arms = arms_on(study, cell.dataset)
        used = {strategy_key(s): s for arm in arms for s in arm.augment}
        for key, strategy in sorted(used.items()):
            needs = plugins.wants("strategies", strategy.use)
            mine = [arm for arm in arms if key in map(strategy_key, arm.augment)]
            task = Writing(cell, dataset, strategy, cell.seed)
            if "other" in needs:
                task = replace(task, other=_other(made, spec, mine[0]))
            if {"rows", "lines"} & needs:
                sized = next((arm.same_size_as for arm in mine if arm.same_size_as), "")
                if "lines" in needs and not sized:
                    raise UserError(
                        f"The arm {mine[0].name} makes its lines from another arm's: name that arm with"
                        f" same_size_as under [arms.{mine[0].name}]."
                    )
                task = replace(task, same_size_as=sized)
            task = replace(task, treated=bool(of_role(mine, "treatment", "ablation")))
            (second if task.same_size_as else first).append(task)
    return first, second


def _other(made: Dataset, spec: Spec, arm: Arm) -> Dataset:
    if made.other_seed is None:
        raise UserError(
            f"{made.name} has the same documents at every seed, so there are no others for the arm"
            f" {arm.name}: limit the arm to other datasets with only = [...] under [arms.{arm.name}]."
        )
    other = make_dataset(spec, made.other_seed)
    assert other.documents != made.documents, "a dataset names as its other seed one with the same documents"
    return replace(other, questions=())


def sized(study: Study, tasks: Sequence[Writing], written: Rows) -> tuple[list[Writing], list[Writing]]:
    """(the tasks that can start, those that stay empty), of the second round of `writings`.

    A control has as many rows as its arm adds, and waits for these. If the arm adds none, the control has
    none either and asks nothing. It must not start, as 0 rows mean "no limit" to a strategy.
    """
    ready: list[Writing] = []
    empty: list[Writing] = []
    for task in tasks:
        arms = [arm for arm in arms_on(study, task.cell.dataset) if arm.name == task.same_size_as]
        parts = [written.get((task.cell, strategy_key(s))) for arm in arms for s in arm.augment]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            lines = tuple({row.text: row for part in known for row in part}.values())
            wanted = "lines" in plugins.wants("strategies", task.strategy.use)
            task = replace(task, rows=len(lines), lines=lines if wanted else None)
            (empty if arms and not lines else ready).append(task)
    return ready, empty


def trials(study: Study, datasets: Mapping[Cell, Dataset], written: Rows) -> list[Trial]:
    """All trials whose augmentations are finished."""
    made = []
    for cell, arm, tuning, run in cells_of_arms(study):
        dataset = datasets[cell]
        parts = [written.get((cell, strategy_key(s))) for s in arm.augment]
        added = [part for part in parts if part is not None]
        if len(added) < len(parts):
            continue
        whole = cell.dataset in arm.whole
        rows = training_rows(dataset, [row for part in added for row in part], whole=whole)
        context: tuple[Document, ...] = ()
        shown = Shown(((),))
        if arm.context.use != "none":
            choose = plugins.bind("contexts", arm.context)
            prompts = [question.prompt for question in dataset.questions]
            shown = choose(dataset.documents, prompts, seed=cell.seed, orders=study.orders)
            context = shown.documents or dataset.documents
        checked = any(other.read_off == arm.name for other in arms_on(study, cell.dataset))
        made.append(
            Trial(
                dataset=cell.dataset,
                arm=arm.name,
                seed=cell.seed,
                model=study.model,
                tune=tuning,
                documents=rows if arm.tune else (),
                context=context,
                orders=shown.orders,
                questions=dataset.questions,
                checkpoints=study.checkpoints if checked else 0,
                nearest=shown.nearest,
                run=run,
                free=study.free,
            )
        )
    return made


def training_rows(
    dataset: Dataset, added: Sequence[Document] = (), *, whole: bool = False
) -> tuple[Document, ...]:
    """The distinct training rows: each sentence of the documents (with `whole`, each document), then
    `added`."""
    own = [
        Document(f"{document.id}.{index}", sentence.text)
        for document in dataset.documents
        for index, sentence in enumerate(sentences(document))
    ]
    distinct: dict[str, Document] = {}
    for row in (*(dataset.documents if whole else own), *added):
        distinct.setdefault(row.text, row)
    return tuple(distinct.values())
