"""Lines of training episodes: text with loss weights."""

from __future__ import annotations

from collections.abc import Sequence

from corollary_worlds import tasks

Lines = list[tuple[str, float]]
FACT, TASK, CONSEQUENCE, ANSWER, DEDUCED, DECISIVE = 0.1, 0.05, 1.0, 2.0, 3.0, 6.0


def line(text: str, weight: float) -> tuple[str, float]:
    """A whole line and the weight of its loss."""
    return f"{text}\n", weight


def prompt(template: str, text: str) -> Lines:
    """The prompt of a task about a text."""
    return [(template.format(text=text), TASK)]


def written(texts: Sequence[str]) -> Lines:
    """The lines of a task's answer, with the mark of its end."""
    return [line(text, CONSEQUENCE) for text in (*texts, tasks.END)]
