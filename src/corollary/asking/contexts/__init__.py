"""Contexts: which documents are put before a question; one module each, with a function `choose`.

A context is a function `choose(documents, questions, *, seed, orders, **options) -> Shown`. It sees the text
of a question's prompt, and never its answer or choices: the engine hands it prompts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """Which documents are put before the questions, by their indices.

    Either `orders`, permutations of all documents for all questions alike, or `nearest`, for each question
    the indices of its own documents, the nearest first.
    """

    orders: tuple[tuple[int, ...], ...] = ()
    nearest: tuple[tuple[int, ...], ...] = ()
