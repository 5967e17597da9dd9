"""The answers of a study's arms to one question, side by side."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_doc import Doc

from corollary import plugins, store
from corollary.documents.names import words
from corollary.errors import Unknown, UserError
from corollary.plugins import check_options, name_of, sections
from corollary.studies.arms import of_role
from corollary.types import Model, Question, Request, Spec, Study, Trial

if TYPE_CHECKING:
    from corollary.studies.plan import Cell
    from corollary.studies.results import Tried

MODELS = "models"
"""The folder in a study for tuned models that have been asked."""

Progress = Callable[[int, int, str], None]
"""Called with (arms that have answered, all arms, the name of the next)."""


@dataclass(frozen=True)
class Answer:
    """The answer of one arm. `text` is its continuation of the question. For a question of the study with
    choices, `shares` has the choices with their relative probabilities, likeliest first. `right` is the right
    answer if it is known."""

    dataset: str
    seed: int
    method: str
    tuning: str
    text: str
    shares: tuple[tuple[str, float], ...] = ()
    right: str | None = None


def ask(
    study_folder: Annotated[str | os.PathLike[str], Doc("Folder of a study that has run.")],
    question: Annotated[str, Doc("The beginning of a sentence, which the arms complete.")],
    *,
    dataset: Annotated[str | None, Doc("Dataset of the question. [default: by its words]")] = None,
    seed: Annotated[int | None, Doc("Seed of the question. [default: by its words]")] = None,
    arm: Annotated[
        Sequence[str], Doc("An arm to ask; may be repeated. [default: those that you could use]")
    ] = (),
    tuning: Annotated[str | None, Doc("Tuning of the arms. [default: the study's first]")] = None,
    settings: Annotated[
        Mapping[str, Any] | None, Doc("Option of the model, as in model.device=cuda.")
    ] = None,
    own_code: Annotated[bool, Doc("Run the Python files that the study names as plug-ins.")] = False,
    progress: Progress | None = None,
) -> list[Answer]:
    """Show the answers of a study's arms to a question, side by side.

    A study stores no weights, so a model is tuned again at its first question; then it is kept under
    `models/`. By default, the arms that you could use answer: floor, context, baseline, treatment, and added
    models.

    Raises `UserError` when the folder contains no study, or an arm has not finished.

        corollary ask out/demo "liwum is the child of"
    """
    from corollary.studies.added import finished_trials
    from corollary.studies.folder import check_files, read_plan

    out = Path(study_folder)
    if not question.strip():
        raise UserError(
            "The question is empty: write the beginning of a sentence, as in 'The mother of Alma is'."
        )
    plan = read_plan(out)
    cell = _narrowed(plan, out, question, dataset, seed)
    tried = finished_trials(plan, out, cell)
    if tuning is not None and tuning not in (known_tunings := {one.tuned for one in tried}):
        raise Unknown("tuning of this study", tuning, known_tunings)
    chosen = _chosen(plan, tried, arm, tuning or next((name_of(t.use) for t in plan.tunings), "none"))
    options = sections(settings, ["model"])["model"]
    contexts = {each.name: each.context for each in plan.arms}
    if not own_code:
        check_files(out, [[one.trial, contexts.get(one.name)] for one in chosen])
    known = _known(question, chosen[0].trial.questions)
    answers = []
    for done, one in enumerate(chosen):
        if progress:
            progress(done, len(chosen), one.name)
        context = contexts.get(one.name, Spec("none"))
        answers.append(_answer(one, _model(out, one, options), known, question, context))
    if progress:
        progress(len(chosen), len(chosen), "")
    return answers


def _narrowed(plan: Study, out: Path, question: str, dataset: str | None, seed: int | None) -> Cell:
    """The dataset and seed of a question."""
    from corollary.studies.added import choose

    cells = choose(plan, dataset=dataset, seed=seed)
    known = {cell: _words_of(out / "datasets" / cell.name / "documents.jsonl") for cell in cells}
    # Words in few cells weigh most: a name is in the documents of one cell, "child" in one dataset's.
    cells_with = Counter(word for found in known.values() for word in found)
    asked = set(words(question))
    return max(cells, key=lambda cell: math.fsum(1 / cells_with[word] for word in asked & known[cell]))


def _words_of(documents: Path) -> set[str]:
    """All words in a file of documents."""
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


def _model(out: Path, one: Tried, options: Mapping[str, Any]) -> Any:
    """The model of a trial: untuned, from its folder, or tuned again."""
    from corollary.inference.model import LocalModel
    from corollary.models.local import save
    from corollary.studies import jobs as work

    trial: Trial = one.trial

    def opened(spec: Spec) -> Any:
        if not options:
            return work.open_model(spec)
        return work.open_model(check_options("models", Spec(spec.use, {**spec.options, **options})))

    if trial.tune is None:
        return opened(trial.model)
    folder = out / MODELS / one.result.trial[:16]
    if folder.is_dir():
        return opened(_saved(folder))
    with work.one_thread():
        tuned, *_ = work.tune(replace(trial, checkpoints=0), opened(trial.model))
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

    # As in the study: its own prompt, after the documents that fit.
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
