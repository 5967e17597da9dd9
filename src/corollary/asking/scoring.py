"""Score questions with a model, with or without documents in the prompt, and read the scores.

Every arm has the same metric: the sum of a choice's log-probabilities. Choices are never in the prompt. Ties
share the credit. Questions with a `domain` have a secondary metric: that sum minus the sum after the domain
(domain-conditional pointwise mutual information, Holtzman et al. 2021, section 3). It removes the model's
preference for some names. Generated answers that cannot be read are "no answer", not "wrong".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.documents.names import rare_words, words
from corollary.types import Document, Question, Request, Score

ANSWER_TOKENS = 24


@dataclass(frozen=True)
class Graded:
    """The grade of a score. `correct` is the share of credit (None: no answer), `tied` says whether it was
    shared, and `pmi` is the share by the secondary metric (None: not measured)."""

    correct: float | None
    tied: bool
    chance: float
    pmi: float | None = None


def evaluate(
    model: Any,
    questions: Sequence[Question],
    *,
    context: Sequence[Document] = (),
    orders: Sequence[Sequence[int]] = (),
    nearest: Sequence[Sequence[int]] = (),
) -> tuple[tuple[Score, ...], ...]:
    """The scores of all questions, once per order of the context documents.

    `orders` are permutations of the documents' indices; without them the given order is used. `nearest` has
    the indices of each question's own documents instead: then the questions are scored once, and those with
    the same documents share a prefix.
    """
    if nearest:
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, chosen in enumerate(nearest):
            groups.setdefault(tuple(chosen), []).append(place)
        found: dict[int, Score] = {}
        for chosen, places in groups.items():
            scores = _scores(model, [questions[at] for at in places], _prefix(context, chosen))
            found |= zip(places, scores, strict=True)
        return (tuple(found[at] for at in range(len(questions))),)
    return tuple(
        _scores(model, questions, _prefix(context, order)) for order in orders or (range(len(context)),)
    )


def _prefix(context: Sequence[Document], order: Iterable[int]) -> str:
    return "".join(f"{context[index].text}\n" for index in order)


def fitted(documents: Sequence[Document], *, room: int, sizes: Sequence[int]) -> tuple[Document, ...]:
    """The documents that fit in `room` tokens, in order (`sizes`: tokens of each, with its line break).

    Repetitions are dropped before facts: documents that mention the same names state the same fact, so the
    first of them come before the second ones.
    """
    names = rare_words([document.text for document in documents])
    seen: dict[frozenset[str], int] = {}
    ranked = []
    for index, document in enumerate(documents):
        mentioned = frozenset(word for word in words(document.text) if word in names)
        seen[mentioned] = seen.get(mentioned, 0) + 1
        ranked.append((seen[mentioned], index))
    kept, used = set(), 0
    for _, index in sorted(ranked):
        if used + sizes[index] <= room:
            kept.add(index)
            used += sizes[index]
    return tuple(document for index, document in enumerate(documents) if index in kept)


def grade(question: Question, score: Score) -> Graded:
    """The grade that follows from a raw score."""
    right = {question.answer, *question.accept}
    if question.choices:
        totals = [likelihood.logprob for likelihood in score.likelihoods]
        gains = [total - prior.logprob for total, prior in zip(totals, score.domain, strict=False)]
        marks = [choice in right for choice in question.choices]
        share, tied = _credit(marks, totals)
        return Graded(share, tied, sum(marks) / len(marks), _credit(marks, gains)[0] if gains else None)
    answer = read_answer(score, longest=max(len(words(text)) for text in right))
    return Graded(None if answer is None else float(answer in [words(text) for text in right]), False, 0.0)


def _credit(marks: Sequence[bool], totals: Sequence[float]) -> tuple[float, bool]:
    """The share of right choices among those with the highest total, and whether there are several."""
    best = max(totals)
    chosen = [mark for mark, total in zip(marks, totals, strict=True) if total == best]
    return sum(chosen) / len(chosen), len(chosen) > 1


def read_answer(score: Score, *, longest: int) -> list[str] | None:
    """The words of a generated answer, up to its first full stop or line break.

    None if there is no answer: the text is empty, ran out of tokens, or has more than twice the words of any
    right answer.
    """
    text = (score.text or "").strip().split("\n")[0]
    head, stop, _ = text.partition(".")
    found = words(head)
    if not found or len(found) > 2 * longest or (not stop and score.finish == "length"):
        return None
    return found


def _scores(model: Any, questions: Sequence[Question], prefix: str) -> tuple[Score, ...]:
    chosen = [question for question in questions if question.choices]
    asked = [(question.prompt, choice) for question in chosen for choice in question.choices]
    asked += [
        (question.domain, choice) for question in chosen if question.domain for choice in question.choices
    ]
    pairs = list(dict.fromkeys(asked))  # many questions share a pair
    found = dict(zip(pairs, model.loglikelihood(pairs, prefix=prefix) if pairs else [], strict=True))
    opened = [question for question in questions if not question.choices]
    requests = [Request(question.prompt, prefix, ANSWER_TOKENS, 0.0, 0, (".", "\n")) for question in opened]
    answers = dict(zip((q.id for q in opened), model.generate(requests) if requests else [], strict=True))
    scores = []
    for question in questions:
        if question.choices:
            likelihoods = tuple(found[question.prompt, choice] for choice in question.choices)
            domain = tuple(found[question.domain, choice] for choice in question.choices if question.domain)
            scores.append(Score(question.id, likelihoods, domain=domain))
        else:
            scores.append(Score(question.id, (), answers[question.id].text, answers[question.id].finish))
    return tuple(scores)
