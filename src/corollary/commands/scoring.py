"""Score a model: on a folder of data, or as one more method of a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from corollary import store
from corollary.commands.folders import PathLike, model_spec, read_data
from corollary.errors import UserError
from corollary.types import Result, Spec, Trial

if TYPE_CHECKING:
    from corollary.study import Observer


def evaluate(
    target: PathLike,
    *,
    model: Spec | PathLike = "embedded",
    adapter: PathLike | None = None,
    out: PathLike | None = None,
    context: str = "none",
    orders: int = 3,
    name: str | None = None,
    dataset: str | None = None,
    seed: int | None = None,
    tuning: str | None = None,
    observer: Observer | None = None,
) -> Path:
    """Score a model on the questions of a folder of data, or of a study.

    A folder of data (documents.jsonl and questions.jsonl): results.jsonl and summary.json are written to
    the folder `out`. `context` is what stands before each question: "none" or "all" documents, in as
    many random `orders`.

    The folder of a study that has run: the model, tuned elsewhere, becomes its method `name`, now and
    in every later run of the study. `dataset` and `seed` limit what it is asked: a model that learned
    one dataset's documents at one seed knows nothing of the others. `tuning` is what stands in its
    column ("lora" where there is an adapter, else "full").

    Returns the folder that was written to. Raises `UserError` for what does not exist or does not go
    together.
    """
    from corollary.study import HERE, add

    target = Path(target)
    if (target / "study.json").is_file():
        if name is None:
            raise UserError(f"{target} is a study: say with --as what the model is to be called there.")
        if context != "none" or out is not None:
            raise UserError(
                "On a study a model answers without documents, into the study's folder:"
                " leave --context and --out out."
            )
        spec = model_spec(model, adapter=adapter)
        tuning = tuning or ("lora" if spec.knobs.get("adapter") else "full")
        return add(
            target,
            name=name,
            model=spec,
            tuning=tuning,
            dataset=dataset,
            seed=seed,
            runner=HERE,
            observer=observer,
        )
    if name is not None or dataset is not None:
        raise UserError(
            f"{target} is not the folder of a study (it has no study.json): name one that is, or leave"
            " --as and --dataset out."
        )
    if not Path(target).is_dir():
        raise UserError(f"There is no folder {target}: make one with `corollary make`, or name another.")
    if out is None:
        raise UserError("Say with --out which folder the results are to be written to.")
    return _of_data(target, Path(out), model_spec(model, adapter=adapter), context, orders, seed or 0)


def _of_data(source: Path, out: Path, model: Spec, context: str, orders: int, seed: int) -> Path:
    from corollary import stats
    from corollary.study import plan, work
    from corollary.study.results import Tried, rows

    data = read_data(source)
    if (out / "study.json").is_file():
        raise UserError(f"{out} is the folder of a study: write to another with --out.")
    if not data.questions:
        raise UserError(f"{source} holds no questions.jsonl: write the questions to that file, one a line.")
    if context not in ("none", "all"):
        raise UserError(f'There is no context "{context}": use "none" or "all".')
    shown = data.documents if context == "all" else ()
    method = "in-context" if shown else "pretrained"
    questions = plan.with_units(data.questions)
    permutations = plan.orders_of(len(shown), orders, seed)
    trial = Trial(data.name, method, seed, model, None, (), shown, permutations, questions)
    id, kept = work.trial_id(trial), out / "result.json"
    result = store.from_plain(Result, store.read_json(kept)) if kept.is_file() else Result("")
    if result.trial != id:
        result = work.run_trial(trial)
        store.write_json(out / "trial.json", trial)
        store.write_json(kept, result)
    found = rows(out.resolve().name, Tried(trial, result))
    store.write_jsonl(out / "results.jsonl", found)
    store.write_json(out / "summary.json", stats.summarise(found))
    return out
