"""Checks, before anything runs, that a study's models can do what its arms need."""

from __future__ import annotations

from collections.abc import Mapping

from corollary.errors import UserError
from corollary.studies.jobs import open_model
from corollary.studies.plan import Cell, arms_on
from corollary.types import Dataset, Scorer, Study, Trainee, Writer


def check_models(study: Study, made: Mapping[Cell, Dataset]) -> None:
    """Raise `UserError` for the first arm that needs something its model cannot do."""
    model = open_model(study.model)
    generator = open_model(study.generator) if study.generator else model
    for cell, dataset in made.items():
        scored = any(question.choices for question in dataset.questions)
        generated = any(not question.choices for question in dataset.questions)
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
