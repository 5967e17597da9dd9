"""The sentences that the strategy `linked` would choose around each question."""

from __future__ import annotations

from collections.abc import Sequence

from corollary.asking.contexts import Shown
from corollary.documents.names import Mentions, rare_words, words
from corollary.documents.split import sentences
from corollary.errors import UserError
from corollary.types import Document


def choose(
    documents: Sequence[Document], prompts: Sequence[str], *, seed: int, orders: int, nearest: int = 12
) -> Shown:
    """Put the `nearest` sentences before each question that share a name with it, directly or through one
    other sentence.

    This is the selection behind which the strategy `linked` generates. So an arm with this context answers
    from what the generator was given, where `all` may lose itself in a long prompt. Names are rare words (see
    `corollary.documents.names`); a question without any stands alone.
    """
    if nearest < 1:
        raise UserError(f"The option 'nearest' of the context linked is {nearest}: give 1 or more.")
    parts = tuple(
        Document(f"{document.id}.{at}", sentence.text, (document.id,))
        for document in documents
        for at, sentence in enumerate(sentences(document))
    )
    names = rare_words([part.text for part in parts])
    index = Mentions([names & set(words(part.text)) for part in parts])
    chosen = tuple(tuple(index.around(names & set(words(prompt)), nearest)) for prompt in prompts)
    return Shown(nearest=chosen, documents=parts)
