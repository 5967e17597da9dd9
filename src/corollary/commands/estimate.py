"""How long a study will take, roughly, before it starts."""

from __future__ import annotations

from corollary.types import Study

# Tokens a second of one core, measured on the embedded model; a larger model is slower by its size.
TRAINING, READING, WRITING = 5_000.0, 20_000.0, 1_150.0
WORD = 2.2
"""Tokens of a word, names and all."""
START = 30.0
"""Seconds until every worker has imported what it needs."""


def expected_seconds(plan: Study, *, workers: int) -> float:
    """An estimate, from the counts of the study's first seed: tokens to train on, to read and to write.

    It knows one machine and one model, so it tells a coffee from a weekend and no more.
    """
    from corollary.study.plan import cells, make_dataset, methods_on, tunings_on
    from corollary.text import sentences, words

    total = 0.0
    for cell, spec in cells(plan):
        if cell.seed != plan.seeds[0]:
            continue
        dataset = make_dataset(spec, cell.seed)
        lines = [line for document in dataset.documents for line in sentences(document.text)]
        documents = WORD * sum(len(words(line)) for line in lines)
        asked = WORD * sum(
            len(words(q.prompt)) + sum(len(words(choice)) for choice in q.choices or (q.answer,))
            for q in dataset.questions
        )
        strategies = set()
        for method in methods_on(plan, cell.dataset):
            strategies |= {strategy.use for strategy in method.augment}
            for tuning in tunings_on(plan, method, cell.dataset):
                tokens = float(tuning.knobs.get("tokens", 60_000)) if tuning else 0.0
                times = 1 + (plan.checkpoints if method.name == "fine-tuned" else 0)
                before = plan.orders * (documents + asked) if method.context == "all" else times * asked
                total += tokens / TRAINING + before / READING
        # Tokens that a strategy writes for a sentence.
        lengths = {"local": 45, "linked": 80, "paraphrase": 100, "foreign": 125}
        total += sum(len(lines) * lengths.get(use, 0) / WRITING for use in strategies)
    return START + total * len(plan.seeds) / max(1, workers)
