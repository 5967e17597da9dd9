"""The upper bound: the whole deductive closure, written by the reasoner instead of the model."""

from __future__ import annotations

import itertools
import random

from corollary.documents.split import sentences
from corollary.errors import UserError
from corollary.types import Dataset, Document, Flow
from corollary_worlds import transform
from corollary_worlds.reasoner import Knowledge, Statement, Unreadable, process, read, strongest
from corollary_worlds.relations import RELATIONS

EXAMPLES = 24
"""Further examples of each combination of operators (a process has no finite closure)."""


def write(dataset: Dataset, *, seed: int, wordings: int = 2) -> Flow:
    """Every statement that follows from the documents, in its plainest wording and `wordings` - 1 others.

    It reads the text of documents as the reasoner does and asks no model. Raises `UserError` where
    there are not as many wordings.
    """
    rng = random.Random(f"corollary-oracle-{seed}")
    told: list[Statement] = []
    rows: list[str] = []
    for document in dataset.documents:
        for sentence in sentences(document):
            readings = [reading for reading in read(sentence.text) if not isinstance(reading, Unreadable)]
            told += readings
            rows += _syllogism(readings)
    knowledge = Knowledge(told)
    for statement in sorted({*knowledge.one_step(), *knowledge.several_step()}):
        rows += _said(rng, statement, wordings)
    rows += _examples(rng, [statement for statement in told if statement.relation == process.BECOMES])
    yield from ()
    return [Document(f"oracle-{i}", row, (), "oracle") for i, row in enumerate(dict.fromkeys(rows))]


def _said(rng: random.Random, statement: Statement, wordings: int) -> list[str]:
    relation = RELATIONS.get(statement.relation)
    if relation is None:
        return []
    if not 1 <= wordings <= len(relation.tellings):
        raise UserError(f"The option 'wordings' is {wordings}: give 1 to {len(relation.tellings)}.")
    chosen = [relation.tellings[0], *rng.sample(relation.tellings[1:], wordings - 1)]
    return [f"{wording.format(a=statement.first, b=statement.last)}." for wording in chosen]


def _syllogism(premises: list[Statement]) -> list[str]:
    """What follows about the outer terms of one document's two premises, which share the third."""
    if len(premises) != 2 or premises[0].relation not in ("all", "some", "no"):
        return []
    terms = [{premise.first, premise.last} for premise in premises]
    outer = terms[0] ^ terms[1]
    if len(outer) != 2 or not terms[0] & terms[1]:
        return []
    one, other = sorted(outer)
    return [
        f"the relationships between {pair[0]} and {pair[1]} are:"
        f" {found.relation} {found.first} are {found.last}."
        for found in sorted(strongest(premises, one, other))
        for pair in ((one, other), (other, one))
    ]


def _examples(rng: random.Random, examples: list[Statement]) -> list[str]:
    """More lines of each process: every operator and pair of operators that occur together in it."""
    groups: list[set[str]] = []
    inputs: dict[str, set[str]] = {}
    for example in examples:
        operators = set(process.operators_of(example))
        given = example.first.rpartition(" of ")[2].split()
        touching = [group for group in groups if group & operators]
        groups = [group for group in groups if group not in touching] + [operators.union(*touching)]
        for operator in operators:
            inputs.setdefault(operator, set()).update(given)
    rows = []
    for group in groups:
        known = [e for e in examples if group.issuperset(process.operators_of(e))]
        vocabulary = sorted(set().union(*(inputs[operator] for operator in group)))
        for chosen in itertools.permutations(sorted(group), 2):
            for _ in range(EXAMPLES):
                given = rng.sample(vocabulary, 3)
                head = transform.say(chosen, given)
                asked = read(f"{head} {' '.join(given)}.")[0]
                found = process.results(known, asked) if isinstance(asked, Statement) else iter(())
                only = list(itertools.islice(found, 2))
                if len(only) == 1:
                    rows.append(f"{head} {only[0]}.")
    return rows
