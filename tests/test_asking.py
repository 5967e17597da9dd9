"""Which documents a question of one's own is about."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_studies

from corollary import store
from corollary.studies.answers import _narrowed
from corollary.studies.plan import cells, make_dataset
from corollary.studies.presets import study_of

PLAN = study_of(
    small_studies.tables(
        seeds=[0, 1], datasets={"syllogisms": {"facts": 8}, "family": {"trees": 4}, "reversals": {"facts": 8}}
    ),
    name="s",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study")
    for cell, spec in cells(PLAN):
        documents = make_dataset(spec, cell.seed).documents
        store.write_jsonl(place / "datasets" / cell.name / "documents.jsonl", documents)
    return place


def chosen(out: Path, question: str) -> tuple[str, int]:
    cell = _narrowed(PLAN, out, question, None, None)
    return cell.dataset, cell.seed


def test_a_question_is_about_the_documents_whose_words_it_uses(out: Path) -> None:
    assert chosen(out, "The child of Alma is")[0] == "family"
    for cell, spec in cells(PLAN):
        question = make_dataset(spec, cell.seed).questions[-1]
        assert chosen(out, question.prompt + question.answer) == (cell.dataset, cell.seed)
    # Words that all documents have weigh nothing beside a name that only one has.
    name = make_dataset(PLAN.datasets[2], 1).questions[0].prompt.split()[0]
    common = "it is known that some are the of and fact people say note as old book says"
    assert chosen(out, f"{common} {name}") == ("reversals", 1)
    assert chosen(out, "nobody knows") == ("syllogisms", 0), "the first, where none is nearer"
