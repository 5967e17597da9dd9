"""Contexts choose the documents that come before a question; one module each, with a function `choose`.

A context is a function `choose(documents, prompts, *, seed, orders, **options) -> Shown`. It sees the prompts
of the questions, and never their answers or choices.
"""

from __future__ import annotations

from dataclasses import dataclass

from corollary.types import Document


@dataclass(frozen=True)
class Shown:
    """The documents before the questions, by their indices.

    Either `orders`, permutations of all documents, which hold for every question; or `nearest`, the indices
    of each question's own documents, the nearest first. `documents` are the texts that the indices count, if
    these are not the documents themselves but parts of them; the `source` of a part is its document.
    """

    orders: tuple[tuple[int, ...], ...] = ()
    nearest: tuple[tuple[int, ...], ...] = ()
    documents: tuple[Document, ...] = ()
