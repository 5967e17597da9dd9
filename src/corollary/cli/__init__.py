"""The command line: every command is a public function of the same name, made readable.

What the user can mend ends with one sentence and exit code 2, ctrl-C with 130; everything else that
is raised is a defect and shows itself. Nothing here imports torch, so help and mistakes answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from corollary import commands, plugins
from corollary.cli import arguments, show
from corollary.cli.options import (
    FOLDER,
    Methods,
    ModelName,
    OutOfStudy,
    Runner,
    Seed,
    SeedOfData,
    SetOfStrategy,
    SetOfStudy,
    SetOwn,
    Source,
)
from corollary.errors import UserError
from corollary.types import Spec, Study

STOPPED = "Stopped; run the same command again to go on."

app = typer.Typer(
    name="corollary",
    help="Fine-tune on your documents, and on everything that follows from them.\n\n"
    "Begin with `corollary demo`: a comparison of in-context learning, plain and augmented fine-tuning.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
FREE = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=FREE)
def make(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset's name, or file.py:function.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to. [default: out/DATASET.sSEED]", **FOLDER)
    ] = None,
    seed: SeedOfData = 0,
    set_: SetOwn = [],  # noqa: B006 (typer reads it and never changes it)
) -> None:
    """Make a controlled dataset.

    Documents to learn from, and questions about what follows from them that are held out.

    The dataset's knobs are flags; `corollary list datasets` names them.

    \b
    corollary make reversals --facts 24 --out data/reversals
    corollary make celebrities --from FOLDER   (the published reversal-curse files)
    """
    places, knobs = arguments.knobs([dataset, *context.args], set_)
    if len(places) != 1:
        raise UserError(
            f"Name one dataset, not {len(places)} ({' '.join(places) or 'none'}):"
            " its knobs come behind it, as in --facts 24."
        )
    target = out or Path("out") / f"{plugins.name_of(places[0])}.s{seed}"
    folder = commands.make(Spec(places[0], knobs), target, seed=seed)
    show.line(str(folder))


@app.command()
def augment(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Folder with documents.jsonl: your own, or one of `make`."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to.", **FOLDER)],
    strategy: Annotated[list[str], typer.Option(help="Who writes; may be repeated.")] = ["local", "linked"],  # noqa: B006
    model: ModelName = "embedded",
    adapter: Annotated[str | None, typer.Option(help="Folder of an adapter for the model.")] = None,
    seed: Seed = 0,
    rows: Annotated[int, typer.Option(help="Rows that `paraphrase` is to write; 0: of one round.")] = 0,
    withhold: Annotated[float, typer.Option(help="Share of the facts whose inferences are kept out.")] = 0.0,
    set_: SetOfStrategy = [],  # noqa: B006
) -> None:
    """Let a model write what follows from documents.

    Stopped and run again, it goes on where it was: nothing is asked twice.

    \b
    corollary augment data/reversals --out data/reversals.augmented
    corollary augment data/reversals --out data/p --strategy paraphrase --set paraphrase.temperature=0.7
    """
    settings = arguments.settings_of(set_)
    arguments.check_owners(settings, strategy)
    specs = [Spec(use, arguments.of_strategy(use, settings)) for use in strategy]
    chosen = commands.model_spec(model, adapter=adapter)
    with show.bar("Asking the model") as tell:
        folder = commands.augment(
            data, out, strategies=specs, model=chosen, seed=seed, rows=rows, withhold=withhold, progress=tell
        )
    show.line(str(folder))


@app.command(context_settings=FREE)
def tune(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder with documents.jsonl.")],
    out: Annotated[Path, typer.Option(help="New folder for the model, or for the adapter.", **FOLDER)],
    tuning: Annotated[str, typer.Option(help="How: full or lora, or file.py:function.")] = "full",
    augmented: Annotated[list[Path], typer.Option(help="Folder with augmentations; may be repeated.")] = [],  # noqa: B006
    model: ModelName = "embedded",
    adapter: Annotated[str | None, typer.Option(help="Folder of an adapter for the model.")] = None,
    seed: Seed = 0,
    whole: Annotated[
        bool, typer.Option("--whole", help="Train on whole documents, not on each line by itself.")
    ] = False,
    set_: SetOwn = [],  # noqa: B006
) -> None:
    """Tune a model on documents and augmentations.

    The tuning's knobs are flags; `corollary list tuning` names them.

    \b
    corollary tune data/reversals --augmented data/reversals.augmented --out models/mine
    corollary tune data/reversals --tuning lora --tokens 20000 --out models/adapter
    """
    places, knobs = arguments.knobs(context.args, set_)
    if places:
        raise UserError(f"'{places[0]}' is one folder too many: name further ones with --augmented.")
    chosen = commands.model_spec(model, adapter=adapter)
    with show.bar("Tuning") as tell:
        folder = commands.tune(
            data,
            out,
            tuning=Spec(tuning, knobs),
            augmented=augmented,
            model=chosen,
            seed=seed,
            whole=whole,
            progress=tell,
        )
    show.line(str(folder))


@app.command()
def evaluate(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="Folder of data with questions.jsonl, or of a study.")
    ],
    model: ModelName = "embedded",
    adapter: Annotated[str | None, typer.Option(help="Folder of an adapter for the model.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to (for a folder of data).", **FOLDER)
    ] = None,
    context: Annotated[
        str, typer.Option(help="What stands before a question: none or all documents.")
    ] = "none",
    orders: Annotated[int, typer.Option(min=1, help="In how many orders the documents are shown.")] = 3,
    name: Annotated[str | None, typer.Option("--as", help="The method's name in the study.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Ask this dataset of the study alone.")] = None,
    seed: Annotated[int | None, typer.Option(help="Ask this seed of the study alone.")] = None,
    tuning: Annotated[str | None, typer.Option(help="What to call its tuning: full or lora.")] = None,
) -> None:
    """Score a model, also as a method of a study.

    On a folder of data the results go to a folder of their own. On a study, a model that was tuned
    elsewhere becomes one of its methods, now and in every later run.

    \b
    corollary evaluate data/reversals --model embedded --context all --out out/shown
    corollary evaluate out/demo --as mine --model models/mine --dataset reversals --seed 0
    """
    from corollary import store

    study_folder = (target / "study.json").is_file()
    with show.comparison() as observer:
        folder = commands.evaluate(
            target, model=model, adapter=adapter, out=out, context=context, orders=orders, name=name,
            dataset=dataset, seed=seed, tuning=tuning, observer=observer,
        )  # fmt: skip
    if study_folder:
        show.line(f"Report: {commands.report(folder)}")
    else:
        found = store.read_json(folder / "summary.json")["accuracy"]
        show.line(show.summary(found, []))
        show.line(str(folder))


@app.command()
def study(
    source: Source,
    out: OutOfStudy = None,
    runner: Runner = "processes",
    seeds: Annotated[str | None, typer.Option(help="Seeds in place of the study's own, as in 0,1,2.")] = None,
    model: Annotated[str | None, typer.Option(help="A model in place of the study's own.")] = None,
    withhold: Annotated[
        float | None, typer.Option(help="Share of the facts whose inferences are kept out.")
    ] = None,
    set_: SetOfStudy = [],  # noqa: B006
) -> None:
    """Compare in-context learning with fine-tuning.

    A second run in the same folder does nothing, a changed knob runs again just what it changes, and a
    run that was stopped goes on.

    \b
    The presets, on two cores:
    demo     six datasets at three seeds, in about 15 minutes
    laptop   the same at ten seeds, with every method, in at most two hours
    paper    the counts of the paper, in about a day

    \b
    corollary study demo --out out/demo
    corollary study mine.toml --seeds 0,1 --set reversals.facts=24 --set full.lr=0.0005
    corollary study data/reversals --model models/other
    """
    settings = arguments.settings_of(set_)
    workers = {
        key.removeprefix("runner."): settings.pop(key) for key in [*settings] if key.startswith("runner.")
    }
    planned = commands.plan(
        source, seeds=arguments.numbers(seeds), model=model, withhold=withhold, settings=settings
    )
    _study(planned, out or arguments.folder_of(source, planned), commands.spec_of("runners", runner, workers))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.", **FOLDER)] = Path("out/demo"),
    runner: Runner = "processes",
) -> None:
    """Run the comparison that the package carries.

    Six small datasets on the embedded model: minutes on two cores.

    \b
    corollary demo --out out/demo
    """
    _study(commands.plan(commands.DEMO), out, commands.spec_of("runners", runner))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study that has run.")],
) -> None:
    """Write the report of a study, one page.

    \b
    corollary report out/demo
    """
    show.line(str(commands.report(folder)))


@app.command()
def costs(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study that has run.")],
    prices: Annotated[Path | None, typer.Option(help="A price file (TOML).")] = None,
) -> None:
    """Show what every method costs, and when it has paid for itself.

    \b
    corollary costs out/demo --prices my-prices.toml
    """
    show.line(show.costs(commands.costs(folder, prices=prices)))


@app.command()
def ask(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study that has run.")],
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The beginning of a sentence; the arms complete it.")
    ],
    dataset: Annotated[
        str | None, typer.Option(help="The dataset it is about. [default: by its words]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed it is about. [default: by its words]")] = None,
    method: Methods = [],  # noqa: B006
    tuning: Annotated[str, typer.Option(help="How the arms were tuned: full or lora.")] = "full",
) -> None:
    """Show the answers to a question side by side.

    Tuned models are made again for the first question, and kept for the next ones.

    \b
    corollary ask out/demo "liwum is the child of"
    """
    with show.bar("Asking") as tell:
        found = commands.ask(
            folder, question, dataset=dataset, seed=seed, methods=method or None, tuning=tuning, progress=tell
        )
    show.line(show.answers(found, question))


@app.command("list")
def list_(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="datasets, strategies, models, tuning or runners.")
    ] = None,
) -> None:
    """List the plug-ins and their knobs.

    Knobs of datasets and tunings are flags, of `make` and `tune`. The others are set with --set:
    STRATEGY.KNOB in `augment`, model.KNOB and runner.KNOB in `study`.

    \b
    corollary list datasets
    """
    show.line(show.listing(commands.list_(kind)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for what the user can mend, 130 for ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=arguments or ["--help"], prog_name="corollary", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _say(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # Whoever read us has gone (`| head`): no one is left to complain to, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        return _say(
            f"{error.filename} cannot be used ({error.strerror}): name another path, or make room for it.", 2
        )
    except Exception as error:
        # What typer says of a command line; its classes moved between its versions.
        if not hasattr(error, "format_message"):
            raise
        return _say(
            f"{error.format_message().rstrip('.')}: see `corollary --help` and `corollary COMMAND --help`.", 2
        )
    return _say(STOPPED, 130) if code == 130 else int(code or 0)


def _study(planned: Study, out: Path, runner: Spec) -> None:
    from corollary import store
    from corollary.study import study as run_study

    workers = 1 if runner.use == "here" else int(runner.knobs.get("workers", 0)) or os.cpu_count() or 1
    seconds = commands.expected_seconds(planned, workers=workers)
    show.line(
        f"{planned.name}: {len(planned.datasets)} datasets, {len(planned.methods)} methods,"
        f" {len(planned.seeds)} seeds, into {out}: {_time(seconds)} if nothing is done yet (an estimate"
        " from counts)."
    )
    with show.comparison() as observer:
        run_study(planned, out, runner=runner, observer=observer)
    found: list[dict[str, Any]] = store.read_json(out / "summary.json")["accuracy"]
    show.line()
    show.line(show.summary(found, [method.name for method in planned.methods]))
    show.line()
    show.line(f"Report: {commands.report(out)}")


def _time(seconds: float) -> str:
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"about {seconds / 86400:.0f} days"


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
