"""A judge: a model says whether a line follows from its source."""

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
    """For each line None, or the reason to reject it. A line passes if, after the prompt, `yes` is likelier
    than `no` by more than `margin` nats.

    The source of a line is the sentence to which its origin points, and the other documents that it names.
    Likelihoods are of plain text, so the prompt must not have turns. Use `judge.base.txt` for chat models
    too: in our measurements it was right more often than a chat with the same question.
    """
    if prompt.chat:
        raise UserError(f"The judge's prompt {prompt.name} has turns: give plain text, as in judge.base.txt.")
    documents = {document.id: document for document in dataset.documents}
    reasons: list[str | None] = [None] * len(lines)
    asked: list[int] = []
    pairs: list[tuple[str, str]] = []
    for place, line in enumerate(lines):
        request = render(prompt, text=_source(line, documents), statement=line.text)
        read = map(scorer.count, (request.prefix, request.prompt))
        needed, window = sum(read) + max(map(scorer.count, (yes, no))), scorer.window
        if needed > window:
            reasons[place] = f"has a source too long for the judge ({needed} tokens, its window is {window})"
        else:
            asked.append(place)
            pairs += [(request.prompt, yes), (request.prompt, no)]
    # `{documents}` is empty here, so all requests share this prefix.
    shared = render(prompt, text="").prefix
    found = scorer.loglikelihood(pairs, prefix=shared) if pairs else []
    for place, for_yes, for_no in zip(asked, found[::2], found[1::2], strict=True):
        gain = for_yes.logprob - for_no.logprob
        # "not >" instead of "<=", so that NaN rejects.
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
