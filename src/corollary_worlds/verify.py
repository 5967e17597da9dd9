"""The audit: the exact reasoner judges every line that a model generated.

Each distinct line counts once. It restates the documents, is new and one step or several steps away from
them, is false, could not be decided, or is unreadable. Only `written` looks at questions, and only
`withhold` decides what a model is trained on.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from corollary.types import DROPPED, Document, Question
from corollary.writing.checks.leaks import plain, says
from corollary_worlds.reasoner import Knowledge, Statement, Unreadable, fact_of, read, read_argument, weaker

Label = Literal["restates", "one_step", "several_step", "undecided", "false", "unreadable"]
# A line that says several things is as good as the least of them; among true ones the farthest counts.
LABELS: tuple[Label, ...] = ("restates", "one_step", "several_step", "undecided", "false", "unreadable")


@dataclass(frozen=True)
class AuditRow:
    """One distinct generated line. `statement` is what it concludes (the first that decided the label), None
    where it could not be read. `reserved`: its relation or wording, or that of its source document, was kept
    out of the augmentation tasks of the embedded model."""

    id: str
    text: str
    strategy: str | None
    source: tuple[str, ...]
    label: Label
    statement: Statement | None
    reserved: bool


def knowledge_of(documents: Iterable[Document]) -> Knowledge:
    """What documents state. Sentences that cannot be read (your own prose) state nothing."""
    return Knowledge(s for document in documents for s in stated(document.text))


def audit(
    documents: Sequence[Document],
    lines: Iterable[Document],
    *,
    reserved: Callable[[Statement], bool] = lambda statement: False,
    kept: Callable[[str], bool] = lambda text: False,
    knowledge: Knowledge | None = None,
) -> list[AuditRow]:
    """A judgement of each distinct text of `lines`, in order, against the documents.

    In a line with premises ("...; so ...") the conclusion decides, if every premise was stated or follows. A
    line with a false premise is false. `reserved` says whether a statement's relation, `kept` whether a
    text's wording was kept out of the augmentation tasks. With `knowledge` the documents are not read again.

    What cannot be read may make a line true. So a line that would be false is undecided if one of its source
    documents, or any document with one of its names, has a sentence that cannot be read.
    """
    known = knowledge or knowledge_of(documents)
    texts = {document.id: document.text for document in documents}
    # A line about a document that states reserved facts alone is reserved, whatever it says.
    facts_of = {document.id: stated(document.text) for document in documents}
    apart = {id for id, facts in facts_of.items() if facts and all(map(reserved, facts))}
    dark = {document.id: words for document in documents if (words := _unread_words(document.text))}
    everywhere = set().union(*dark.values())
    seen: set[str] = set()
    rows: list[AuditRow] = []
    for line in lines:
        if line.text in seen:
            continue
        seen.add(line.text)
        label, statement = _judge(known, line.text)
        if label == "false" and (
            any(id in dark for id in line.source)
            or (statement and everywhere & {*statement.first.split(), *statement.last.split()})
        ):
            label = "undecided"
        aside = kept(line.text) or any(kept(texts[i]) for i in line.source if i in texts)
        aside = aside or (statement is not None and reserved(statement))
        aside = aside or any(i in apart for i in line.source)
        rows.append(AuditRow(line.id, line.text, line.strategy, line.source, label, statement, aside))
    return rows


def summarise(
    rows: Sequence[AuditRow],
    knowledge: Knowledge,
    *,
    reserved: Callable[[Statement], bool] = lambda statement: False,
    leaked: int = 0,
) -> dict[str, object]:
    """Counts and shares of an audit, over the rows that are trained on.

    "seen" and "reserved" count these rows apart, "dropped" those that their strategy left out; "written" is
    the sum of all.

    `precision` is the share of new and right lines among those that are decided and do not restate;
    unreadable lines are wrong. `coverage` is the share of the statements one rule from the documents that
    some line states, `coverage_several_step` that of the others that follow. Shares are between 0 and 1.

    A share is None where there is nothing to count. Precision is None where no document can be read (your own
    prose), coverage where too much follows to find it all. In the parts, a row is reserved by its relation or
    wording; a statement to be covered has no wording, so it is reserved by its relation alone.
    """
    near, far = knowledge.one_step(), knowledge.several_step()
    used = [row for row in rows if row.strategy != DROPPED]
    told = {s for row in used for s in stated(row.text)}

    def counts(chosen: Sequence[AuditRow]) -> dict[str, object]:
        return _counts(chosen) if knowledge.stated else {**_counts(chosen), "precision": None}

    def part(chosen: Sequence[AuditRow], wanted: Callable[[Statement], bool]) -> dict[str, object]:
        return {
            **counts(chosen),
            "coverage": _share(told, [s for s in near if wanted(s) and knowledge.complete]),
            "coverage_several_step": _share(told, [s for s in far if wanted(s) and knowledge.complete]),
        }

    return {
        **part(used, lambda statement: True),
        "leaked": leaked,
        "seen": part([r for r in used if not r.reserved], lambda statement: not reserved(statement)),
        "reserved": part([r for r in used if r.reserved], reserved),
        "dropped": counts([r for r in rows if r.strategy == DROPPED]),
        "written": counts(rows),
    }


def written(questions: Iterable[Question], lines: Iterable[Document]) -> set[str]:
    """Ids of the questions whose answer some line states, in any words, as premise or conclusion.

    Where the reasoner cannot read a question (your own), its text completed by an answer counts.
    """
    texts = [line.text for line in lines]
    told = {said for text in texts for s in stated(text) for said in (s, weaker(s))}
    text = "\n".join(map(plain, texts))
    found = set()
    for question in questions:
        for answer in (question.answer, *question.accept):
            readings = read(question.prompt + answer)
            if len(readings) == 1 and isinstance(readings[0], Statement):
                said = readings[0] in told
            else:
                said = says(text, plain(question.prompt + answer))
            if said:
                found.add(question.id)
    return found


def withheld_facts(
    documents: Iterable[Document], *, share: float, by: str = "fact", seed: int
) -> frozenset[Statement]:
    """A random share (between 0 and 1) of the facts that the documents state, or by "relation" all facts of a
    random share of the relations, for `withhold`. However often and from whichever end a fact is stated, it
    counts once, and so does a relation."""
    facts = sorted({fact_of(s) for document in documents for s in stated(document.text)})
    rng = random.Random(f"corollary-withheld-{seed}")
    if by == "fact":
        return frozenset(rng.sample(facts, round(share * len(facts))))
    relations = sorted({fact.relation for fact in facts})
    chosen = rng.sample(relations, round(share * len(relations)))
    return frozenset(fact for fact in facts if fact.relation in chosen)


def withhold(
    lines: Iterable[Document], documents: Sequence[Document], facts: Collection[Statement]
) -> list[Document]:
    """The lines that do not rest on these facts. A true line rests on a fact that proves it; a false or
    unreadable line, on the facts that make up most of what its source documents state."""
    knowledge = knowledge_of(documents)
    facts_of = {document.id: [fact_of(s) for s in stated(document.text)] for document in documents}

    def rests(line: Document) -> bool:
        proofs = [knowledge.premises(s) for s in stated(line.text)]
        if any(fact_of(s) in facts for proof in proofs for s in proof or ()):
            return True
        # That nothing follows has no premises, so its sources decide as they do for a false line.
        if proofs and all(proofs):
            return False
        sources = [fact in facts for i in line.source for fact in facts_of.get(i, ())]
        return 2 * sum(sources) > len(sources)

    return [line for line in lines if not rests(line)]


def _judge(knowledge: Knowledge, text: str) -> tuple[Label, Statement | None]:
    premises, conclusions = read_argument(text)
    judged = [_judged(knowledge, reading) for reading in conclusions]
    wrong = ("false", "undecided", "unreadable")
    judged += [item for item in (_judged(knowledge, p) for p in premises) if item[0] in wrong]
    return max(judged, key=lambda item: LABELS.index(item[0]), default=("unreadable", None))


def _judged(knowledge: Knowledge, reading: Statement | Unreadable) -> tuple[Label, Statement | None]:
    return ("unreadable", None) if isinstance(reading, Unreadable) else (knowledge.judge(reading), reading)


def _counts(rows: Sequence[AuditRow]) -> dict[str, object]:
    counts = Counter(row.label for row in rows)
    new = counts["one_step"] + counts["several_step"]
    tried = len(rows) - counts["restates"] - counts["undecided"]
    return {
        "lines": len(rows),
        **{label: counts[label] for label in LABELS},
        "precision": new / tried if tried else None,
    }


def _share(written: Collection[Statement], wanted: Collection[Statement]) -> float | None:
    return sum(s in written for s in wanted) / len(wanted) if wanted else None


def _unread_words(text: str) -> set[str]:
    """The words of the sentences of a text that cannot be read."""
    unread = (reading.text for reading in read(text) if isinstance(reading, Unreadable))
    return {word.strip(",'’") for said in unread for word in said.split()}


def share_read(documents: Iterable[Document]) -> float | None:
    """The share of the documents' sentences that can be read; None if they state nothing at all."""
    readings = [isinstance(reading, Statement) for document in documents for reading in read(document.text)]
    return sum(readings) / len(readings) if readings else None


def stated(text: str) -> list[Statement]:
    """The statements that can be read from a text."""
    return [reading for reading in read(text) if isinstance(reading, Statement)]
