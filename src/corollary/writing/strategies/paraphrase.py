"""The control: as many rows in other words, order of mention kept, so nothing is turned round."""

from __future__ import annotations

from corollary.text import rare_words, same_order
from corollary.types import Dataset, Document, Flow, Request
from corollary.writing.strategies.lines import focuses, written
from corollary_worlds import tasks

ROUNDS = 6


def write(
    dataset: Dataset, *, seed: int, rows: int = 0, temperature: float = 1.0, max_tokens: int = 96
) -> Flow:
    """Ask for other words until there are `rows` distinct rows (by the engine: as many as the augmented
    arm has), or `ROUNDS` rounds have brought what they bring. A line that does not mention the same
    names in the same order is dropped: a reversal here would spoil the control. Rows that are fewer than
    the sentences are taken from all over the documents."""
    asked = focuses(dataset.documents)
    names = rare_words([text for _, text in asked])
    given = {text for _, text in asked}
    found: dict[str, str] = {}
    for number in range(ROUNDS if temperature else 1):  # a second round would bring the same
        completions = yield [
            Request(
                tasks.PARAPHRASE.format(text=text),
                "",
                max_tokens,
                temperature,
                seed * ROUNDS + number if temperature else 0,
                (tasks.END,),
            )
            for _, text in asked
        ]
        for (source, text), completion in zip(asked, completions, strict=True):
            for line in written(completion):
                if line not in given and same_order(text, line, names):
                    found.setdefault(line, source)
        if len(found) >= rows:
            break
    chosen = list(found.items())
    if 0 < rows < min(len(asked), len(chosen)):
        chosen = [chosen[number * len(chosen) // rows] for number in range(rows)]
    chosen = chosen[: rows or None]
    return [
        Document(f"paraphrase-{i}", line, (source,), "paraphrase") for i, (line, source) in enumerate(chosen)
    ]
