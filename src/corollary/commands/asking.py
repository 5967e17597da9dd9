"""Put one question to the arms of a study, side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corollary import store
from corollary.commands.folders import PathLike, model_spec
from corollary.errors import Unknown, UserError
from corollary.text import words
from corollary.types import Document, Model, Question, Request, Study, Trial

if TYPE_CHECKING:
    from corollary.study.results import Tried

ARMS = ("pretrained", "in-context", "fine-tuned", "augmented")
"""The methods that answer unless others are asked for; besides, those from elsewhere."""

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
    study_folder: PathLike,
    question: str,
    *,
    dataset: str | None = None,
    seed: int | None = None,
    methods: Sequence[str] | None = None,
    tuning: str = "full",
    progress: Progress | None = None,
) -> list[Answer]:
    """Answers of the arms of a study to a question: the beginning of a sentence, which they complete.

    `dataset` and `seed` say which documents it is about; by default those whose own words (which few
    others have) it uses most. A tuned model is made again from its trial (a study keeps no weights) and
    kept under `models/` for the next question. `methods` are the arms (see `ARMS`), `tuning` how they were
    tuned.

    Raises `UserError` when the folder is not a study's, or has not run what is asked.
    """
    from corollary.study import finished_trials
    from corollary.study.folder import read_plan

    out = Path(study_folder)
    if not question.strip():
        raise UserError(
            "The question is empty: write the beginning of a sentence, as in 'The mother of Alma is'."
        )
    plan = _narrowed(read_plan(out), out, question, dataset, seed)
    tried = finished_trials(plan, out)
    chosen = _arms(tried, methods, tuning)
    known = _known(question, chosen[0].trial.questions)
    answers = []
    for done, one in enumerate(chosen):
        if progress:
            progress(done, len(chosen), one.name)
        answers.append(_answer(one, _model(out, one), known, question))
    if progress:
        progress(len(chosen), len(chosen), "")
    return answers


def _narrowed(plan: Study, out: Path, question: str, dataset: str | None, seed: int | None) -> Study:
    """The study on the one dataset and seed that a question is about."""
    from corollary.study.elsewhere import choose
    from corollary.study.plan import dataset_name

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


def _arms(tried: Sequence[Tried], methods: Sequence[str] | None, tuning: str) -> list[Tried]:
    names = [one.name for one in tried]
    for name in methods or ():
        if name not in names:
            raise Unknown("finished method of this study", name, names)
    wanted = methods or [*ARMS, *(one.name for one in tried if one.method)]
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
    from corollary.study import work

    trial: Trial = one.trial
    if trial.tune is None:
        return work.open_model(trial.model)
    folder = out / MODELS / one.result.trial[:16]
    if folder.is_dir():
        return work.open_model(model_spec(folder))
    with work.one_thread():
        tuned, *_ = work.tune(replace(trial, checkpoints=0), work.open_model(trial.model))
    if isinstance(tuned, LocalModel):
        save(tuned, folder)
    return tuned


def _known(question: str, questions: Sequence[Question]) -> Question | None:
    """The question of the study whose prompt this is, if there is one."""
    plain = " ".join(question.lower().split())
    return next((q for q in questions if " ".join(q.prompt.lower().split()) == plain), None)


def _answer(one: Tried, model: Model, known: Question | None, question: str) -> Answer:
    from corollary.evaluate import ANSWER_TOKENS
    from corollary.study.work import shown

    # As the study scored it: the prompt as it stands there, behind the documents that fit.
    prompt = known.prompt if known else question.rstrip()
    documents: Sequence[Document] = shown(one.trial, model) if one.trial.context else ()
    prefix = "".join(f"{document.text}\n" for document in documents)
    (completion,) = model.generate([Request(prompt, prefix, ANSWER_TOKENS, 0.0, 0, (".", "\n"))])
    shares: tuple[tuple[str, float], ...] = ()
    if known and known.choices:
        found = model.loglikelihood([(prompt, choice) for choice in known.choices], prefix=prefix)
        shares = _shares([choice.strip() for choice in known.choices], [each.logprob for each in found])
    return Answer(
        one.trial.dataset,
        one.trial.seed,
        one.name,
        one.tuned,
        completion.text.strip(),
        shares,
        known.answer.strip() if known else None,
    )


def _shares(choices: Sequence[str], logprobs: Sequence[float]) -> tuple[tuple[str, float], ...]:
    best = max(logprobs)
    odds = [math.exp(value - best) for value in logprobs]
    shares = [(choice, odd / sum(odds)) for choice, odd in zip(choices, odds, strict=True)]
    return tuple(sorted(shares, key=lambda pair: -pair[1]))
