"""Choose how documents stand in the prompt, on development seeds: `python tools/choose_context.py`.

Prints the accuracy of in-context learning for each form, over every question of a dataset and over three
orders of the documents. The form with the highest mean is what the arm `in-context` uses.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from development import development_plan

from corollary.asking.scoring import evaluate, grade
from corollary.plugins import bind
from corollary.studies.plan import cells, make_dataset
from corollary.types import Document

Form = Callable[[Sequence[Document]], list[Document]]


def _each(change: Callable[[str], str]) -> Form:
    return lambda documents: [replace(document, text=change(document.text)) for document in documents]


FORMS: dict[str, Form] = {
    "one a line": list,
    "blank lines between": _each(lambda text: f"{text}\n"),
    "each introduced": _each(lambda text: f"read: {text}"),
    "all twice": lambda documents: [*documents, *documents],
    "each twice": lambda documents: [one for document in documents for one in (document, document)],
}
DATASETS = ("reversals", "celebrities", "family", "semantic", "syllogisms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100", help="development seeds")
    parser.add_argument("--orders", type=int, default=3)
    args = parser.parse_args()
    plan = development_plan(args.seeds, DATASETS)
    model = bind("models", plan.model)()
    totals: dict[str, list[float]] = {name: [] for name in FORMS}
    for cell, spec in cells(plan):
        data = make_dataset(spec, cell.seed)
        for name, form in FORMS.items():
            right: dict[str, list[float]] = {}
            rng = random.Random(f"corollary-forms-{cell.seed}")
            for _ in range(args.orders):
                context = form(rng.sample(data.documents, len(data.documents)))
                (scores,) = evaluate(model, data.questions, context=context, orders=[range(len(context))])
                for question, score in zip(data.questions, scores, strict=True):
                    right.setdefault(question.split, []).append(grade(question, score).correct or 0.0)
            shown = "  ".join(f"{split} {sum(v) / len(v):.2f}" for split, v in sorted(right.items()))
            totals[name] += [value for values in right.values() for value in values]
            print(f"{cell.name} {name}: {shown}", flush=True)
    for name, values in totals.items():
        print(f"{name}: mean {sum(values) / len(values):.3f}")


if __name__ == "__main__":
    main()
