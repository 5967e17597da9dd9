"""A judge: is it likelier that a line follows from its source, or that it does not?"""

from __future__ import annotations

from collections.abc import Sequence

from corollary.errors import UserError
from corollary.types import Dataset, Document, Scorer
from corollary.writing.focus import sentence_of
from corollary.writing.prompts import Prompt, render


def check(
    dataset: Dataset,
    lines: Sequence[Document],
    *,
    scorer: Scorer,
    prompt: Prompt,
    yes: str = " yes",
    no: str = " no",
    margin: float = 0.0,
) -> list[str | None]:
    """For each line None, or why it is rejected: after the prompt, `yes` is not likelier than `no` by more
    than `margin` nats.

    A line's source is the sentence that its origin points to, and the other documents that it names.
    Likelihoods are of plain text, so the prompt has no turns (`judge.base.txt` serves chat models too:
    measured, it is right more often than a chat that asks the same).
    """
    if prompt.chat:
        raise UserError(f"The judge's prompt {prompt.name} has turns: give plain text, as in judge.base.txt.")
    documents = {document.id: document for document in dataset.documents}
    reasons: list[str | None] = [None] * len(lines)
    asked: list[int] = []
    pairs: list[tuple[str, str]] = []
    for place, line in enumerate(lines):
        request = render(prompt, text=_source(line, documents), statement=line.text)
        needed = (
            scorer.count(request.prefix) + scorer.count(request.prompt) + max(map(scorer.count, (yes, no)))
        )
        if needed > scorer.window:
            reasons[place] = (
                f"has a source too long for the judge ({needed} tokens, its window is {scorer.window})"
            )
        else:
            asked.append(place)
            pairs += [(request.prompt, yes), (request.prompt, no)]
    # Only a text that all requests share may be the prefix, and `{documents}` is empty here, so it is.
    shared = render(prompt, text="").prefix
    found = scorer.loglikelihood(pairs, prefix=shared) if pairs else []
    for place, for_yes, for_no in zip(asked, found[::2], found[1::2], strict=True):
        gain = for_yes.logprob - for_no.logprob
        # Written so that a NaN rejects.
        if not gain > margin:
            reasons[place] = f"does not follow, says the judge (yes over no: {gain:+.2f} nats)"
    return reasons


def _source(line: Document, documents: dict[str, Document]) -> str:
    texts = []
    for number, id in enumerate(line.source):
        if id in documents:
            own = sentence_of(documents[id], line.origin) if number == 0 else None
            texts.append(own or " ".join(documents[id].text.split()))
    return " ".join(dict.fromkeys(texts))
