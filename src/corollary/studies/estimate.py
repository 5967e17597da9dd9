"""How long a study will take, roughly, before it starts."""

from __future__ import annotations

from corollary.types import Study

# Tokens a second of one core, measured on the embedded model; a larger model is slower by its size.
TRAINING, READING, WRITING = 5_000.0, 20_000.0, 1_150.0
WORD = 2.2
"""Tokens of a word, names and all."""
LINES = 85
"""Tokens that a strategy generates for a sentence."""
START = 30.0
"""Seconds until every worker has imported what it needs."""


def expected_seconds(plan: Study, *, workers: int) -> float:
    """An estimate, from the counts of the study's first seed: tokens to train on, to read and to write.

    It knows one machine and one model, so it tells a coffee from a weekend and no more.
    """
    from corollary.documents.names import words
    from corollary.documents.split import sentences
    from corollary.studies.plan import arms_on, cells, make_dataset, tunings_on

    total = 0.0
    for cell, spec in cells(plan):
        if cell.seed != plan.seeds[0]:
            continue
        dataset = make_dataset(spec, cell.seed)
        lines = [s.text for document in dataset.documents for s in sentences(document)]
        documents = WORD * sum(len(words(line)) for line in lines)
        asked = WORD * sum(
            len(words(q.prompt)) + sum(len(words(choice)) for choice in q.choices or (q.answer,))
            for q in dataset.questions
        )
        strategies = set()
        for arm in arms_on(plan, cell.dataset):
            strategies |= {strategy.use for strategy in arm.augment}
            for tuning in tunings_on(plan, arm, cell.dataset):
                tokens = float(tuning.options.get("tokens", 60_000)) if tuning else 0.0
                checked = any(other.read_off == arm.name for other in plan.arms)
                times = 1 + (plan.checkpoints if checked else 0)
                shown = arm.context.use != "none"
                before = plan.orders * (documents + asked) if shown else times * asked
                total += tokens / TRAINING + before / READING
        total += len(strategies) * len(lines) * LINES / WRITING
    return START + total * len(plan.seeds) / max(1, workers)
