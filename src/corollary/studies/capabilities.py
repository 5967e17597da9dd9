"""Checks, before anything runs, that a study's models can do what its arms need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from corollary.errors import UserError
from corollary.studies.jobs import open_model
from corollary.studies.plan import Cell, arms_on
from corollary.types import Dataset, Result, Scorer, Study, Trainee, Writer
from corollary.writing.prompts import check_given


def check_lengths(model: Any, dataset: Dataset) -> None:
    """Raises `UserError` for a question that is longer than the model's window, before anything runs."""
    if not isinstance(model, Scorer):
        return
    for question in dataset.questions:
        texts = [question.prompt, question.domain, question.answer, *question.choices, *question.distant]
        # A text has at most about as many tokens as bytes: only what may be too long is counted.
        if sum(len(text.encode()) for text in texts) < model.window:
            continue
        asked, said = texts[:2], texts[2:]
        tokens = max(map(model.count, asked)) + max(map(model.count, said))
        if tokens >= model.window:
            raise UserError(
                f"The question {question.id[:60]} of {dataset.name} has {tokens} tokens, and the model's"
                f" window has room for {model.window}: shorten it, or name a model with a longer window."
            )


def check_finite(result: Result) -> None:
    """Raises `UserError` for likelihoods that are no numbers."""
    scores = [score for order in result.scores for score in order]
    if not all(math.isfinite(each.logprob) for score in scores for each in score.likelihoods):
        raise UserError(
            "The model gives likelihoods that are no numbers: its weights are damaged or overflow, so give"
            " another model, or another number type, as in --set model.dtype=float32."
        )


def check_models(study: Study, made: Mapping[Cell, Dataset]) -> None:
    """Raise `UserError` for the first arm that needs something its model cannot do."""
    model = open_model(study.model)
    generator = open_model(study.generator) if study.generator else model
    used = dict.fromkeys(strategy.use for arm in study.arms for strategy in arm.augment)
    users = [("strategies", use, generator.kind if isinstance(generator, Writer) else "base") for use in used]
    users += [("checks", spec.use, "base") for spec in study.checks]
    check_given(study.prompts, users)
    for cell, dataset in made.items():
        scored = any(question.choices for question in dataset.questions)
        check_lengths(model, dataset)
        generated = study.free or any(not question.choices for question in dataset.questions)
        for arm in arms_on(study, cell.dataset):
            name = f"the arm {arm.name} on {cell.dataset}"
            if scored and not isinstance(model, Scorer):
                raise UserError(
                    f"The model {study.model.use} gives no likelihoods, which {name} needs for questions with"
                    " choices: name a local model, or leave the choices out of the questions."
                )
            if generated and not isinstance(model, Writer):
                raise UserError(
                    f"The model {study.model.use} generates no text, which {name} needs for questions without"
                    " choices: name another model, or give every question choices."
                )
            if arm.tune and not isinstance(model, Trainee):
                raise UserError(
                    f"The model {study.model.use} cannot be tuned here, which {name} needs: name a local"
                    " model under [model], and this one under [generator]."
                )
            if arm.augment and not isinstance(generator, Writer):
                raise UserError(
                    f"The generator cannot generate text, which {name} needs: name another under [generator]."
                )
