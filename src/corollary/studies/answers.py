"""Put one question to the arms of a study, side by side."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_doc import Doc

from corollary import plugins, store
from corollary.documents.names import words
from corollary.errors import Unknown, UserError
from corollary.plugins import name_of
from corollary.studies.arms import of_role
from corollary.types import Model, Question, Request, Spec, Study, Trial

if TYPE_CHECKING:
    from corollary.studies.results import Tried

MODELS = "models"
"""The folder of a study in which tuned models are kept, once they were asked."""

Progress = Callable[[int, int, str], None]
"""Called with the arms that have answered, of how many, and the one whose turn it is."""


@dataclass(frozen=True)
class Answer:
    """What one arm answers. `text` is its continuation of the question; where the question is one of the
    study's with choices, `shares` are the choices with their probabilities among themselves, likeliest
    first, and `right` is the right one."""

    dataset: str
    seed: int
    method: str
    tuning: str
    text: str
    shares: tuple[tuple[str, float], ...] = ()
    right: str | None = None


def ask(
    study_folder: Annotated[str | os.PathLike[str], Doc("Folder of a study that has run.")],
    question: Annotated[str, Doc("The beginning of a sentence; the arms complete it.")],
    *,
    dataset: Annotated[str | None, Doc("The dataset it is about. [default: by its words]")] = None,
    seed: Annotated[int | None, Doc("The seed it is about. [default: by its words]")] = None,
    arm: Annotated[
        Sequence[str], Doc("An arm to ask; may be repeated. [default: those that you could use]")
    ] = (),
    tuning: Annotated[str | None, Doc("How the arms were tuned. [default: the study's first tuning]")] = None,
    own_code: Annotated[bool, Doc("Run the Python files that the study names as plug-ins.")] = False,
    progress: Progress | None = None,
) -> list[Answer]:
    """Show the answers of a study's arms to a question, side by side.

    A tuned model is made again from its trial for the first question (a study stores no weights), and kept
    under `models/` for the next ones. By default the arms answer that you could use: floor, context,
    baseline, treatment, and added models.

    Raises `UserError` when the folder is not a study's, or has not run what is asked.

        corollary ask out/demo "liwum is the child of"
    """
    from corollary.studies.driver import finished_trials
    from corollary.studies.folder import check_files, read_plan

    out = Path(study_folder)
    if not question.strip():
        raise UserError(
            "The question is empty: write the beginning of a sentence, as in 'The mother of Alma is'."
        )
    plan = read_plan(out)
    if not own_code:
        check_files(out, plan)
    plan = _narrowed(plan, out, question, dataset, seed)
    tried = finished_trials(plan, out)
    if tuning is not None and tuning not in (known_tunings := {one.tuned for one in tried}):
        raise Unknown("tuning of this study", tuning, known_tunings)
    chosen = _chosen(plan, tried, arm, tuning or next((name_of(t.use) for t in plan.tunings), "none"))
    if not own_code:
        check_files(out, [one.trial for one in chosen])
    known = _known(question, chosen[0].trial.questions)
    answers = []
    for done, one in enumerate(chosen):
        if progress:
            progress(done, len(chosen), one.name)
        context = next((each.context for each in plan.arms if each.name == one.name), Spec("none"))
        answers.append(_answer(one, _model(out, one), known, question, context))
    if progress:
        progress(len(chosen), len(chosen), "")
    return answers


def _narrowed(plan: Study, out: Path, question: str, dataset: str | None, seed: int | None) -> Study:
    """The study on the one dataset and seed that a question is about."""
    from corollary.studies.added import choose
    from corollary.studies.plan import dataset_name

    cells = choose(plan, dataset=dataset, seed=seed)
    told = {cell: _told(out / "datasets" / cell.name / "documents.jsonl") for cell in cells}
    # A name stands in the documents of one cell, "child" in those of one dataset, "the" in all.
    cells_with = Counter(word for found in told.values() for word in found)
    asked = set(words(question))
    # The first of those that are equal: the study's own order.
    cell = max(cells, key=lambda cell: math.fsum(1 / cells_with[word] for word in asked & told[cell]))
    spec = next(spec for spec in plan.datasets if dataset_name(spec) == cell.dataset)
    return replace(plan, datasets=(spec,), seeds=(cell.seed,))


def _told(documents: Path) -> set[str]:
    """All words of documents."""
    rows = store.read_jsonl(documents) if documents.is_file() else []
    return {word for row in rows for word in words(row["text"])}


def _chosen(plan: Study, tried: Sequence[Tried], arms: Sequence[str], tuning: str) -> list[Tried]:
    names = [one.name for one in tried]
    for name in arms:
        if name not in names:
            raise Unknown("finished arm of this study", name, names)
    usable = of_role(plan.arms, "floor", "context", "baseline", "treatment")
    wanted = [*arms] or [*(arm.name for arm in usable), *(one.name for one in tried if one.method)]
    fitting = [one for one in tried if one.tuned in (tuning, "none") or one.method]
    found = [next((one for one in fitting if one.name == name), None) for name in dict.fromkeys(wanted)]
    chosen = [one for one in found if one is not None]
    if not chosen:
        tunings = sorted({one.tuned for one in tried})
        raise UserError(
            f"No such arm has finished with the tuning {tuning}: choose from {', '.join(tunings) or 'none'}."
        )
    return chosen


def _model(out: Path, one: Tried) -> Any:
    """The model of a trial: as it is, from its folder, or tuned again as the trial says."""
    from corollary.models.local import LocalModel, save
    from corollary.studies import jobs as work

    trial: Trial = one.trial
    if trial.tune is None:
        return work.open_model(trial.model)
    folder = out / MODELS / one.result.trial[:16]
    if folder.is_dir():
        return work.open_model(_saved(folder))
    with work.one_thread():
        tuned, *_ = work.tune(replace(trial, checkpoints=0), work.open_model(trial.model))
    if isinstance(tuned, LocalModel):
        save(tuned, folder)
    return tuned


def _saved(folder: Path) -> Spec:
    """The spec of a model that was saved in a study's folder."""
    if not (folder / "adapter_config.json").is_file():
        return Spec("local", {"path": str(folder)})
    base = store.read_json(folder / "adapter_config.json")["base_model_name_or_path"]
    return Spec("local", {"path": str(base), "adapter": str(folder)})


def _known(question: str, questions: Sequence[Question]) -> Question | None:
    """The question of the study whose prompt this is, if there is one."""
    plain = " ".join(question.lower().split())
    return next((q for q in questions if " ".join(q.prompt.lower().split()) == plain), None)


def _answer(one: Tried, model: Any, known: Question | None, question: str, context: Spec) -> Answer:
    from corollary.asking.scoring import ANSWER_TOKENS, STOP, first_sentence

    # As the study scored it: the prompt as it stands there, behind the documents that fit.
    prompt = known.prompt if known else question.rstrip()
    new = one.trial.nearest and known is None
    trial, asked = _with_question(one.trial, prompt, context) if new else (one.trial, known)
    prefix = _prefix(trial, model, asked)
    (completion,) = model.generate([Request(prompt, prefix, ANSWER_TOKENS, 0.0, 0, STOP)])
    shares: tuple[tuple[str, float], ...] = ()
    if known and known.choices:
        found = model.loglikelihood([(prompt, choice) for choice in known.choices], prefix=prefix)
        shares = _shares([choice.strip() for choice in known.choices], [each.logprob for each in found])
    return Answer(
        one.trial.dataset,
        one.trial.seed,
        one.name,
        one.tuned,
        first_sentence(completion.text, (known.answer, *known.accept) if known else ())[0],
        shares,
        known.answer.strip() if known else None,
    )


def _with_question(trial: Trial, prompt: str, context: Spec) -> tuple[Trial, Question]:
    """The trial with a question that the study does not have, and the documents that are nearest to it."""
    shown = plugins.bind("contexts", context)(trial.context, [prompt], seed=trial.seed, orders=1)
    question = Question("asked", prompt, "", (), "asked", ())
    return replace(trial, questions=(question,), nearest=shown.nearest), question


def _prefix(trial: Trial, model: Model, known: Question | None) -> str:
    """The documents that a trial puts before a question; where each question has its own, those of the one
    that is asked."""
    from corollary.studies.jobs import shown

    documents, _, nearest = shown(trial, model)
    if nearest:
        at = trial.questions.index(known) if known in trial.questions else None
        documents = tuple(documents[i] for i in nearest[at]) if at is not None else ()
    return "".join(f"{document.text}\n" for document in documents)


def _shares(choices: Sequence[str], logprobs: Sequence[float]) -> tuple[tuple[str, float], ...]:
    best = max(logprobs)
    odds = [math.exp(value - best) for value in logprobs]
    shares = [(choice, odd / sum(odds)) for choice, odd in zip(choices, odds, strict=True)]
    return tuple(sorted(shares, key=lambda pair: -pair[1]))
