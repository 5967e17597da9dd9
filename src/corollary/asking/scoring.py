"""Score questions with a model, with or without documents in the prompt, and read the scores.

Every arm has the same metric: the sum of a choice's log-probabilities. Choices are never in the prompt. Ties
share the credit. Questions with a `domain` have a secondary metric: that sum minus the sum after the domain
(domain-conditional pointwise mutual information, Holtzman et al. 2021, section 3). It removes the model's
preference for some names. Generated answers that cannot be read are "no answer", not "wrong".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from corollary.documents.names import normal, rare_words, words
from corollary.types import Document, Question, Request, Score

ANSWER_TOKENS = 24
STOP = ("\n",)
"""Where generation stops. A full stop is no such place: numbers, names and abbreviations have some."""

_END = re.compile(r"[.!?؟]+(?=[\"'”’)\]]*(?:\s|\Z))|[。！？｡।]")
_COMMA = re.compile(r"[,;:](?=\s|\Z)")
_AROUND = " .\"'`“”‘’«»„*"


@dataclass(frozen=True)
class Graded:
    """The grade of a score. `correct` is the share of credit (None: no answer), `tied` says whether it was
    shared, and `pmi` is the share by the secondary metric (None: not measured). `distant` is the share among
    the distant choices, and `free` says whether a free answer is right beside choices (None: not asked)."""

    correct: float | None
    tied: bool
    chance: float
    pmi: float | None = None
    distant: float | None = None
    free: float | None = None


def evaluate(
    model: Any,
    questions: Sequence[Question],
    *,
    context: Sequence[Document] = (),
    orders: Sequence[Sequence[int]] = (),
    nearest: Sequence[Sequence[int]] = (),
    free: bool = False,
) -> tuple[tuple[Score, ...], ...]:
    """The scores of all questions, once per order of the context documents.

    `orders` are permutations of the documents' indices; without them the given order is used. `nearest` has
    the indices of each question's own documents instead: then the questions are scored once, and those with
    the same documents share a prefix. With `free`, questions with choices are also answered freely.
    """
    if nearest:
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, chosen in enumerate(nearest):
            groups.setdefault(tuple(chosen), []).append(place)
        found: dict[int, Score] = {}
        for chosen, places in groups.items():
            scores = _scores(model, [questions[at] for at in places], _prefix(context, chosen), free)
            found |= zip(places, scores, strict=True)
        return (tuple(found[at] for at in range(len(questions))),)
    return tuple(
        _scores(model, questions, _prefix(context, order), free) for order in orders or (range(len(context)),)
    )


def _prefix(context: Sequence[Document], order: Iterable[int]) -> str:
    return "".join(f"{context[index].text}\n" for index in order)


def fitted(documents: Sequence[Document], *, room: int, sizes: Sequence[int]) -> tuple[Document, ...]:
    """The documents that fit in `room` tokens, in order (`sizes`: tokens of each, with its line break).

    Repetitions are dropped before facts: documents that mention the same names state the same fact, so the
    first of them come before the second ones.
    """
    names = rare_words([document.text for document in documents])
    seen: Counter[frozenset[str]] = Counter()
    ranked = []
    for index, document in enumerate(documents):
        mentioned = names.intersection(words(document.text))
        seen[mentioned] += 1
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
        marks = [choice in right for choice in question.choices]
        gains = [total - prior.logprob for total, prior in zip(totals, score.domain, strict=False)]
        among = totals[: len(marks)]
        share, tied = _credit(marks, among)
        far = [(True, total) for mark, total in zip(marks, among, strict=True) if mark]
        far += [(False, total) for total in totals[len(marks) :]]
        return Graded(
            correct=share,
            tied=tied,
            chance=sum(marks) / len(marks),
            pmi=_credit(marks, gains)[0] if gains else None,
            distant=_credit(*zip(*far, strict=True))[0] if question.distant else None,
            free=None if score.text is None else float(read_answer(score, right) in {*map(_bare, right)}),
        )
    answer = read_answer(score, right)
    return Graded(None if answer is None else float(answer in map(_bare, right)), False, 0.0)


def scored(question: Question) -> tuple[str, ...]:
    """The choices of a question that are scored, the distant ones last."""
    return (*question.choices, *question.distant)


def _credit(marks: Sequence[bool], totals: Sequence[float]) -> tuple[float, bool]:
    """The share of right choices among those with the highest total, and whether there are several."""
    best = max(totals)
    chosen = [mark for mark, total in zip(marks, totals, strict=True) if total == best]
    return sum(chosen) / len(chosen), len(chosen) > 1


def read_answer(score: Score, right: Iterable[str]) -> str | None:
    """A generated answer up to the end of its first sentence, in the form in which answers are compared; None
    when there is no answer: nothing was written, or it rambled on (ran out of tokens, or twice the words of
    any right answer)."""
    head, ended = first_sentence(score.text or "", right)
    found, longest = _bare(head), max(len(words(text)) for text in right)
    if not found or len(words(found)) > 2 * longest or (not ended and score.finish == "length"):
        return None
    return found


def first_sentence(text: str, right: Iterable[str] = ()) -> tuple[str, bool]:
    """The first sentence of what was generated, without its end, and whether it has one.

    A right answer that the text begins with is never cut: "Dr. Amund" is one, and so is "U.S.".
    """
    line = " ".join(text.strip().split("\n")[0].split())
    for answer in sorted((" ".join(each.split()) for each in right), key=len, reverse=True):
        begins = line[: len(answer)].casefold() == answer.casefold()
        if begins and _END.match(line[len(answer) :]):
            return line[: len(answer)], True
        if begins and len(line) == len(answer):
            # The full stop of an abbreviation ends the sentence as well.
            return line, answer.endswith(".")
    end = _END.search(line)
    return (line[: end.start()], True) if end else (line, False)


def _bare(text: str) -> str:
    """An answer as it is compared: without quotes around it, commas and the full stop behind it. Signs and
    units count, so that C++ is not C, and -5 is not 5."""
    return normal(_COMMA.sub(" ", text)).strip(_AROUND)


def _scores(model: Any, questions: Sequence[Question], prefix: str, free: bool) -> tuple[Score, ...]:
    chosen = [question for question in questions if question.choices]
    asked = [(question.prompt, choice) for question in chosen for choice in scored(question)]
    asked += [
        (question.domain, choice) for question in chosen if question.domain for choice in question.choices
    ]
    pairs = list(dict.fromkeys(asked))  # many questions share a pair
    found = dict(zip(pairs, model.loglikelihood(pairs, prefix=prefix) if pairs else [], strict=True))
    written = [question for question in questions if free or not question.choices]
    requests = [Request(question.prompt, prefix, ANSWER_TOKENS, 0.0, 0, STOP) for question in written]
    answers = dict(zip((q.id for q in written), model.generate(requests) if requests else [], strict=True))
    scores = []
    for question in questions:
        likelihoods = tuple(found[question.prompt, choice] for choice in scored(question))
        domain = tuple(found[question.domain, choice] for choice in question.choices if question.domain)
        answer = answers.get(question.id)
        text, finish = (answer.text, answer.finish) if answer else (None, "stop")
        scores.append(Score(question.id, likelihoods, text, finish, domain))
    return tuple(scores)
