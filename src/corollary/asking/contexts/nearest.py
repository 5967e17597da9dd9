"""The documents nearest to each question: retrieval."""

from __future__ import annotations

from collections.abc import Sequence

from corollary.asking.contexts import Shown
from corollary.documents.names import words
from corollary.errors import UserError
from corollary.types import Document


def choose(
    documents: Sequence[Document], prompts: Sequence[str], *, seed: int, orders: int, k: int = 12
) -> Shown:
    """Put the `k` documents before each question that share the most words with it (BM25).

    BM25 is that of Lù 2024 (bm25s), with its defaults. Documents that share no word with a question are left
    out; among equals the first comes first.
    """
    import bm25s

    if k < 1:
        raise UserError(f"The option 'k' of the context nearest is {k}: give 1 or more.")
    texts = [words(document.text) for document in documents]
    if not any(texts):
        return Shown(nearest=tuple(() for _ in prompts))
    index = bm25s.BM25()
    index.index(texts, show_progress=False)
    known = set(index.vocab_dict)
    chosen = []
    for prompt in prompts:
        asked = [word for word in words(prompt) if word in known]
        scores = index.get_scores(asked) if asked else []
        ranked = sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: (-scores[i], i))
        chosen.append(tuple(ranked[:k]))
    return Shown(nearest=tuple(chosen))
