"""The comparison as a whole, its report and its costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corollary.commands.folders import PathLike, model_spec, read_data, spec_of
from corollary.errors import Unknown, UserError
from corollary.types import Spec, Study

if TYPE_CHECKING:
    from corollary.study import Observer

DEMO = "demo"


def study(
    source: PathLike,
    out: PathLike,
    *,
    runner: Spec | str = "processes",
    seeds: Sequence[int] | None = None,
    model: Spec | PathLike | None = None,
    withhold: float | None = None,
    settings: Mapping[str, Any] | None = None,
    observer: Observer | None = None,
) -> Path:
    """Compare in-context learning, plain and augmented fine-tuning, and write all of it to the folder `out`.

    `source` is a preset's name, a study's TOML file, or a folder with documents.jsonl and
    questions.jsonl. `seeds`, `model` and `withhold` (the share of the facts whose inferences are kept
    out) stand in place of the study's own; `settings` maps "dataset.knob", "tuning.knob" and
    "model.knob" to values. Everything is known by the content of its inputs: a second run in the same
    folder does nothing, a changed knob runs again just what it changes, and a run that was stopped goes
    on. `observer` is told what is finished, as it is.

    Returns the folder, which then holds results.jsonl and summary.json. Raises `UserError` for what does
    not exist, and when a part of the study failed; all else is kept.
    """
    from corollary.study import study as run_study

    planned = plan(source, seeds=seeds, model=model, withhold=withhold, settings=settings)
    return run_study(planned, Path(out), runner=spec_of("runners", runner), observer=observer)


def plan(
    source: PathLike,
    *,
    seeds: Sequence[int] | None = None,
    model: Spec | PathLike | None = None,
    withhold: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Study:
    """The study that `source` stands for, with every name and knob checked.

    `seeds`, `model` and `withhold` (the share of the facts whose inferences are kept out) stand in place
    of the study's own; `settings` maps "dataset.knob", "tuning.knob" and "model.knob" to values.
    """
    from corollary.study import presets, read_study
    from corollary.study.presets import seeds_of, share_of

    name = str(source)
    if name not in presets() and Path(source).is_dir():
        planned = _of_folder(Path(source))
    elif len(Path(source).parts) > 1 and not Path(source).exists():
        raise UserError(
            f"There is no file or folder {source}: give a preset ({', '.join(presets())}), a study's"
            " TOML file, or a folder of documents."
        )
    else:
        planned = read_study(name)
    if model is not None:
        planned = replace(planned, model=model_spec(model))
    if withhold is not None:
        planned = replace(planned, withhold=share_of(withhold))
    if seeds is not None:
        planned = replace(planned, seeds=seeds_of(list(seeds)))
    for key, value in (settings or {}).items():
        planned = _set(planned, key, value)
    return planned


def report(study_folder: PathLike) -> Path:
    """Write report.html into the folder of a study that has run, and return its path.

    Raises `UserError` when the folder holds no finished study.
    """
    from corollary.report import report as written

    return written(Path(study_folder))


def costs(study_folder: PathLike, *, prices: PathLike | None = None) -> list[dict[str, Any]]:
    """What each method of a study costs, and after how many questions it has paid for itself.

    `prices` is a price file (TOML); without one there is no money and break-even counts operations.
    The next report shows these costs. Returns the rows of "costs" in summary.json. Raises `UserError`
    when the folder is not a study's or the price file cannot be read.
    """
    from corollary.costs import costs as priced

    return priced(Path(study_folder), prices=None if prices is None else Path(prices))


def demo(
    out: PathLike = "out/demo", *, runner: Spec | str = "processes", observer: Observer | None = None
) -> Path:
    """Run the preset `demo` and write its report; returns the path of report.html."""
    return report(study(DEMO, out, runner=runner, observer=observer))


def _of_folder(folder: Path) -> Study:
    """The demo's methods and tunings on one folder of documents with its questions."""
    from corollary.study import read_study

    data = read_data(folder)
    if not data.questions:
        raise UserError(
            f"{folder} holds documents but no questions.jsonl: a study needs questions whose answers follow"
            " from the documents, one a line."
        )
    template = read_study(DEMO)
    return replace(
        template,
        name=data.name,
        datasets=(spec_of("datasets", Spec("documents", {"path": str(folder), "name": data.name})),),
        # There is no other seed of these documents, and all plain tuning splits them into sentences.
        methods=tuple(
            replace(m, whole=()) for m in template.methods if m.name not in ("foreign", "fine-tuned-split")
        ),
        limits={},
    )


def _set(planned: Study, key: str, value: Any) -> Study:
    """The study with one knob changed."""
    from corollary.study.plan import dataset_name

    name, dot, knob = key.rpartition(".")
    datasets = {dataset_name(spec): spec for spec in planned.datasets}
    tunings = {spec.use: spec for spec in planned.tunings}
    if not dot:
        raise UserError(
            f"'{key}' does not say whose knob it is: write dataset.knob, tuning.knob or model.knob."
        )
    if name == "model":
        return replace(planned, model=spec_of("models", planned.model, {knob: value}))
    if name in datasets:
        new = spec_of("datasets", datasets[name], {knob: value})
        return replace(planned, datasets=tuple(new if s is datasets[name] else s for s in planned.datasets))
    if name in tunings:
        new = spec_of("tuning", tunings[name], {knob: value})
        return replace(planned, tunings=tuple(new if s is tunings[name] else s for s in planned.tunings))
    raise Unknown("dataset or tuning of this study", name, [*datasets, *tunings, "model"])
