"""The placebo's lines: as many as the treatment's, false, and about the same names."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from corollary.documents.names import words
from corollary.errors import UserError
from corollary.plugins import bind
from corollary.studies.plan import make_dataset
from corollary.types import DROPPED, Dataset, Document, Spec
from corollary.writing.audit import audit_of
from corollary.writing.strategies.falsified import WAYS, write

FAMILY = make_dataset(Spec("family", {"trees": 4, "tellings": 1}), 100)
OWN = Dataset(
    "rivers",
    (
        Document("a", "Kerit lies upstream of Bolan."),
        Document("b", "Tivol lies upstream of Maren."),
        Document("c", "Maren feeds the mill at Odry."),
    ),
    (),
)


def follows(dataset: Dataset) -> list[Document]:
    flow = bind("strategies", Spec("oracle", {}))(dataset, seed=0)
    try:
        next(flow)
    except StopIteration as stop:
        rows: list[Document] = stop.value
        return rows
    raise AssertionError("the oracle asks no model")


def falsified(dataset: Dataset, lines: list[Document], what: str, seed: int = 0) -> list[Document]:
    flow = write(dataset, seed=seed, lines=lines, what=what)
    with pytest.raises(StopIteration) as stop:
        next(flow)
    rows: list[Document] = stop.value.value
    return rows


def test_each_line_of_a_world_becomes_a_false_one_about_the_same_names() -> None:
    told = [replace(FAMILY.documents[0], id="again")]
    lines = [*told, *follows(FAMILY)]
    audit = audit_of(FAMILY)
    rows = falsified(FAMILY, lines, "relation")
    assert len({row.text for row in rows}) == len({line.text for line in lines})
    assert rows[0].text == told[0].text, "a line that restates a document stays"
    assert Counter(row.label for row in audit.label(rows[1:])) == {"false": len(lines) - 1}
    assert all(audit.names(row.text) == audit.names(line.text) for row, line in zip(rows, lines, strict=True))
    assert rows == falsified(FAMILY, lines, "relation")
    assert rows != falsified(FAMILY, lines, "relation", seed=1)


def test_a_wrong_name_leaves_the_relation_and_one_of_the_names() -> None:
    audit, lines = audit_of(FAMILY), follows(FAMILY)
    rows = falsified(FAMILY, lines, "name")
    assert {row.label for row in audit.label(rows)} == {"false"}
    for row, line in zip(rows, lines, strict=True):
        ours, theirs = set(audit.names(row.text)), set(audit.names(line.text))
        assert len(ours & theirs) == 1
        bare = [row.text, line.text]
        for name in ours | theirs:
            bare = [text.replace(name, "_") for text in bare]
        assert bare[0] == bare[1]


def test_the_names_alone_say_nothing() -> None:
    audit, lines = audit_of(FAMILY), follows(FAMILY)
    rows = falsified(FAMILY, lines, "names")
    assert len({row.text for row in rows}) == len(lines)
    assert {row.label for row in audit.label(rows)} == {"unreadable"}
    assert all(
        set(words(row.text)) == set(audit.names(line.text)) for row, line in zip(rows, lines, strict=True)
    )


def test_own_documents_need_no_audit() -> None:
    lines = [Document("l0", "Bolan lies downstream of Kerit."), Document("l1", "Odry is fed by Maren.")]
    assert [row.text for row in falsified(OWN, lines, "names")] == ["Bolan Kerit.", "Odry Maren."]
    for what in ("relation", "name"):
        rows = falsified(OWN, lines, what)
        said = {document.text for document in OWN.documents} | {line.text for line in lines}
        assert not said & {row.text for row in rows}
        assert all(row.strategy == "falsified" for row in rows)


def test_a_line_without_two_names_is_left_out_with_a_reason() -> None:
    (row,) = falsified(OWN, [Document("l0", "It rains.")], "relation")
    assert row.strategy == DROPPED
    assert row.meta["reason"] == "no false form was found"


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'relation'"):
        falsified(OWN, [], "relations")
    assert "relation" in WAYS
