"""Commands that run a comparison, report it and count its costs, and that score one model on questions."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from annotated_doc import Doc

from corollary.commands.sources import (
    ModelLike,
    PathLike,
    Source,
    check_apart,
    dataset_from,
    model_for,
    model_spec,
    spec_of,
    with_option,
)
from corollary.errors import Unknown, UserError
from corollary.measure.rows import AccuracyRow, CostRow, ResultRow, Summary, read_summary
from corollary.plugins import sections
from corollary.studies.driver import Observer
from corollary.types import Dataset, Result, Spec, Study, Trial

DEMO = "demo"
OWN = "documents"
"""The preset for a folder of documents."""


@dataclass(frozen=True)
class StudyResult:
    """A study that has run; `folder` contains its files. Tables are pandas data frames if pandas is
    installed, else lists of rows."""

    folder: Path

    @cached_property
    def summary(self) -> Summary:
        """The content of summary.json."""
        return read_summary(self.folder)

    @property
    def accuracy(self) -> Any:
        """Accuracy by dataset, split, arm and tuning, with intervals."""
        return _frame(self.summary["accuracy"])

    @property
    def comparisons(self) -> Any:
        """Paired differences between arms, with intervals and tests."""
        return _frame(self.summary["comparisons"])

    @property
    def costs(self) -> Any:
        """Tokens, operations, time and break-even by arm."""
        return _frame(self.summary["costs"])

    @property
    def advice(self) -> Any:
        """What to do and why, as a `corollary.reporting.advice.Advice`."""
        from corollary.reporting.advice import advise

        return advise(self.summary)

    def ask(self, question: str, **options: Any) -> Any:
        """The arms' answers to a question; see `corollary.ask`."""
        from corollary.studies.answers import ask

        return ask(self.folder, question, **{"own_code": True, **options})

    def report(self) -> Path:
        """Write report.html and return its path."""
        return report(self.folder)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(row['dataset'])} {escape(row['split'])}</td><td>{escape(row['method'])}</td>"
            f"<td>{'' if row['accuracy'] is None else format(row['accuracy'], '.0%')}</td></tr>"
            for row in self.summary["accuracy"]
        )
        return f"<p>{escape(self.advice.do)}</p><table>{rows}</table>"


@dataclass(frozen=True)
class Evaluation:
    """A model's answers: `rows` by question and `accuracy` by split; `folder` contains them as files."""

    rows: list[ResultRow]
    accuracy: list[AccuracyRow]
    folder: Path | None = None


def study(
    source: Annotated[Source, Doc("A preset, a TOML file, or a folder of documents with questions.jsonl.")],
    out: Annotated[PathLike | None, Doc("Folder to write to. [default: out/ and the study's name]")] = None,
    *,
    model: Annotated[ModelLike, Doc("A model's name, folder, hub id, GGUF file, or file.py.")] = None,
    generator: Annotated[ModelLike, Doc("The model that generates. [default: the model]")] = None,
    seeds: Annotated[Sequence[int] | None, Doc("Seeds in place of the study's own, as in 0,1,2.")] = None,
    runs: Annotated[int | None, Doc("Number of trainings of each tuned arm on the same rows.")] = None,
    withhold: Annotated[float | None, Doc("Share of the facts whose inferences are left out.")] = None,
    prompt: Annotated[Mapping[str, str] | None, Doc("Prompt file of your own, as in local=mine.txt.")] = None,
    settings: Annotated[
        Mapping[str, Any] | None, Doc("Option of a dataset, a tuning, `model`, `generator` or `runner`.")
    ] = None,
    runner: Annotated[Spec | str, Doc("How jobs are run: processes, in_process or ray.")] = "processes",
    observer: Observer | None = None,
) -> StudyResult:
    """Compare fine-tuning with keeping the documents in the prompt.

    A second run in the same folder does nothing. A changed option repeats only what depends on it, and a run
    that was stopped continues. `settings` maps "section.option" to values; `observer` is called with each
    part that is finished.

    Raises `UserError` for names that do not exist, and `StudyFailed` when a part of the study failed;
    everything else is stored.

        corollary study docs/ --model models/qwen
        corollary study demo --out out/demo
        corollary study mine.toml --seeds 0,1 --set reversals.facts=24 --set full.lr=0.0005
    """
    from corollary.studies.driver import run_study

    check_apart(source, out)
    rest = dict(settings or {})
    workers = {key.removeprefix("runner."): rest.pop(key) for key in [*rest] if key.startswith("runner.")}
    planned = plan(
        source,
        model=model,
        generator=generator,
        seeds=seeds,
        runs=runs,
        withhold=withhold,
        prompt=prompt,
        settings=rest,
    )
    chosen, folder = spec_of("runners", _fitting(planned, runner), workers), folder_of(source, planned, out)
    return StudyResult(run_study(planned, folder, runner=chosen, observer=observer))


def plan(
    source: Source,
    *,
    model: ModelLike = None,
    generator: ModelLike = None,
    seeds: Sequence[int] | None = None,
    runs: int | None = None,
    withhold: float | None = None,
    prompt: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Study:
    """The study that `source` describes, with every name and option checked."""
    from corollary.studies.presets import preset_names, read_study, seeds_of, share_of

    if isinstance(source, str) and (source in preset_names() or source.endswith(".toml")):
        planned = read_study(source, model=None if model is None else model_spec(model))
    elif isinstance(source, str | Path) and not Path(source).exists():
        if len(Path(source).parts) == 1:
            raise Unknown("preset or folder", str(source), preset_names())
        raise UserError(
            f"There is no file or folder {source}: give a preset ({', '.join(preset_names())}), the TOML file"
            " of a study, or a folder of documents."
        )
    else:
        planned = _of_documents(source, model)
    if generator is not None:
        planned = replace(planned, generator=model_spec(generator))
    if withhold is not None:
        planned = replace(planned, withhold=share_of(withhold))
    if runs is not None:
        if runs < 1:
            raise UserError(f"A tuned arm cannot run {runs} times: give --runs 1 or more.")
        planned = replace(planned, runs=runs)
    if seeds is not None:
        planned = replace(planned, seeds=seeds_of(list(seeds)))
    if prompt:
        planned = replace(planned, prompts={**planned.prompts, **prompt})
    for key, value in (settings or {}).items():
        planned = with_option(planned, key, value)
    return planned


def folder_of(source: Source, planned: Study, out: PathLike | None) -> Path:
    """The folder of a study; never the folder of its documents."""
    if out is not None:
        return Path(out)
    if isinstance(source, str | Path) and Path(source).is_dir():
        return Path("out") / f"{Path(source).resolve().name}.study"
    return Path("out") / planned.name


def demo(
    out: Annotated[PathLike, Doc("Folder to write to.")] = "out/demo",
    *,
    settings: Annotated[
        Mapping[str, Any] | None, Doc("Option of a dataset, a tuning, `model` or `runner`.")
    ] = None,
    runner: Annotated[Spec | str, Doc("How jobs are run: processes, in_process or ray.")] = "processes",
    observer: Observer | None = None,
) -> StudyResult:
    """Run the bundled comparison, in minutes.

    corollary demo --out out/demo
    """
    return study(DEMO, out, settings=settings, runner=runner, observer=observer)


def report(
    study_folder: Annotated[PathLike, Doc("Folder of a study that has run.")],
    *,
    prices: Annotated[PathLike | None, Doc("A price file (TOML), for costs in dollars.")] = None,
) -> Path:
    """Write the one-page report of a study and return its path.

    Raises `UserError` when the folder contains no finished study.

        corollary report out/demo
    """
    from corollary.reporting.page import write_page

    return write_page(Path(study_folder), prices=None if prices is None else Path(prices))


def costs(
    study_folder: Annotated[PathLike, Doc("Folder of a study that has run.")],
    *,
    prices: Annotated[PathLike | None, Doc("A price file (TOML).")] = None,
) -> list[CostRow]:
    """Show what every arm costs, and when it pays for itself.

    Without a price file, costs are in operations, not in dollars. No file is changed. Raises `UserError` when
    the folder contains no study, or the price file cannot be read.

        corollary costs out/demo --prices my-prices.toml
    """
    from corollary.measure.cost import cost_rows, read_measured, read_prices

    measured = read_measured(Path(study_folder))
    return cost_rows(measured, prices=read_prices(Path(prices)) if prices else None)


def evaluate(
    target: Annotated[Source, Doc("Folder of documents with questions.jsonl, or folder of a study.")],
    out: Annotated[PathLike | None, Doc("Folder to write to (for documents).")] = None,
    *,
    model: Annotated[ModelLike, Doc("A model's name, folder, hub id, GGUF file, or file.py.")] = None,
    adapter: Annotated[PathLike | None, Doc("Folder of an adapter for the model.")] = None,
    context: Annotated[str, Doc("Documents put before each question: none, all or nearest.")] = "none",
    orders: Annotated[int, Doc("Number of orders in which all documents are shown.")] = 3,
    name: Annotated[str | None, Doc("The arm's name in the study.")] = None,
    dataset: Annotated[str | None, Doc("Ask only this dataset of the study.")] = None,
    seed: Annotated[int | None, Doc("Ask only this seed of the study.")] = None,
    tuning: Annotated[str | None, Doc("Name of its tuning in the study: full or lora.")] = None,
    settings: Annotated[Mapping[str, Any] | None, Doc("Option of the model.")] = None,
    observer: Observer | None = None,
) -> Evaluation | StudyResult:
    """Score a model on questions, or add one to a study.

    For documents with questions, results.jsonl and summary.json go to `out`. In the folder of a study, a
    model that you tuned elsewhere becomes the arm `name`, now and in each later run; `dataset` and `seed`
    limit its questions.

    Raises `UserError` for names that do not exist and options that exclude each other.

        corollary evaluate docs/ --model models/mine --context all --out out/shown
        corollary evaluate out/demo --name mine --model models/mine --dataset reversals --seed 0
    """
    options = sections(settings, ["model"])["model"]
    if isinstance(target, str | Path) and (Path(target) / "study.json").is_file():
        from corollary.studies.added import add_model

        if name is None:
            raise UserError(f"{target} is a study: give the model a name there with --name.")
        if context != "none" or out is not None:
            raise UserError(
                "A model that is added to a study answers without documents, and the study's folder stores"
                " its answers: leave --context and --out out."
            )
        if model is None:
            raise UserError("Name the model to add with --model.")
        spec = model_spec(model, adapter=adapter, options=options)
        way = tuning or ("lora" if spec.options.get("adapter") else "full")
        told = {} if observer is None else {"tell": observer}
        add_model(Path(target), name=name, model=spec, tuning=way, dataset=dataset, seed=seed, **told)
        return StudyResult(Path(target))
    if name is not None or dataset is not None:
        raise UserError(
            f"{target} is not the folder of a study (it has no study.json): name the folder of one, or leave"
            " --name and --dataset out."
        )
    if orders < 1:
        raise UserError(f"The documents cannot be shown in {orders} orders: give 1 or more.")
    check_apart(target, out)
    data = dataset_from(target)
    spec = model_spec(model_for(data, model), adapter=adapter, options=options)
    return _evaluated(data, spec, None if out is None else Path(out), context, orders, seed or 0)


def _evaluated(
    data: Dataset, model: Spec, out: Path | None, context: str, orders: int, seed: int
) -> Evaluation:
    from corollary import plugins, store, values
    from corollary.asking.contexts import Shown
    from corollary.measure import stats
    from corollary.studies import jobs
    from corollary.studies.arms import arm_rows
    from corollary.studies.capabilities import check_finite, check_lengths
    from corollary.studies.plan import Cell, with_units
    from corollary.studies.results import Tried, rows, tests
    from corollary.types import Arm

    if not data.questions:
        raise UserError(f"{data.name} has no questions: write them to questions.jsonl, one a line.")
    if out is not None and (out / "study.json").is_file():
        raise UserError(f"{out} is the folder of a study: name another folder with --out.")
    if out is not None and (out / "documents.jsonl").is_file():
        raise UserError(f"{out} contains documents: name another folder with --out.")
    theirs = out is not None and (out / "results.jsonl").exists() and not (out / "trial.json").exists()
    if theirs:
        raise UserError(f"{out} holds a results.jsonl of your own: name another folder with --out.")
    questions = with_units(data.questions)
    shown = Shown(((),))
    if context != "none":
        prompts = [question.prompt for question in questions]
        choose = plugins.bind("contexts", spec_of("contexts", context))
        shown = choose(data.documents, prompts, seed=seed, orders=orders)
    arm = (
        Arm("model", "floor")
        if context == "none"
        else Arm(f"{context}-documents", "context", context=Spec(context))
    )
    documents = () if context == "none" else data.documents
    trial = Trial(
        data.name, arm.name, seed, model, None, (), documents, shown.orders, questions, 0, shown.nearest
    )
    kept = None if out is None else out / "result.json"
    check_lengths(jobs.open_model(model), data)
    result = Result("")
    with contextlib.suppress(UserError, TypeError):  # damaged, or of another version: asked again
        result = values.from_plain(Result, store.read_json(kept)) if kept and kept.is_file() else result
    if result.trial != jobs.trial_id(trial):
        result = jobs.run_trial(trial)
    check_finite(result)
    found = rows(out.resolve().name if out else data.name, Tried(trial, result))
    arms = arm_rows([arm])
    summary = stats.summarise(found, comparing=stats.Comparing(stats.pairs_of(arms)))
    if out is not None and kept is not None:
        store.write_json(out / "trial.json", trial)
        store.write_json(kept, result)
        store.write_jsonl(out / "results.jsonl", found)
        made = {Cell(data.name, seed): replace(data, questions=questions)}
        bare: dict[str, Any] = {"marks": {}, "sections": {}, "margin": stats.MARGIN}
        bare |= {key: [] for key in ("rules", "augmentation", "costs", "warnings")}
        store.write_json(out / "summary.json", {"arms": arms, "tests": tests(made), **summary, **bare})
    return Evaluation(found, summary["accuracy"], out)


def _of_documents(source: Source, model: ModelLike) -> Study:
    """The study of your own documents. For a dataset made by `corollary make` it is the demo's."""
    from corollary.studies.presets import read_study

    data = dataset_from(source)
    if not data.questions:
        raise UserError(
            f"{data.name} has documents but no questions: a study needs questions whose answers follow from"
            " the documents. Write them to questions.jsonl in that folder, one a line."
        )
    if not isinstance(source, str | Path):
        raise UserError(
            "A study needs documents in a folder: write documents.jsonl and questions.jsonl there."
        )
    chosen = model_spec(model_for(data, model))
    own = {data.name: {"use": "documents", "path": str(source), "name": data.name}}
    preset = DEMO if data.model and model is None else OWN
    return replace(read_study(preset, model=chosen, datasets=own), name=data.name)


def _fitting(planned: Study, runner: Spec | str) -> Spec | str:
    """The runner. A model that was given as a value exists only in this process."""
    given = any(spec is not None and spec.use == "given" for spec in (planned.model, planned.generator))
    return "in_process" if given else runner


def _frame(rows: Any) -> Any:
    try:
        import pandas as pd
    except ImportError:
        return rows
    return pd.DataFrame(rows)
