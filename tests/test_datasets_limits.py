"""Datasets that are asked for more than there is, and the published files, right and broken."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest

from corollary import plugins
from corollary.errors import UserError
from corollary.types import Spec
from corollary_worlds import names
from corollary_worlds.names import FIRST_PIECES, REPORTING, SECOND_PIECES, part_of


def test_as_many_examples_as_there_are_inputs_for() -> None:
    made = plugins.bind("datasets", Spec("process", {"processes": 1, "examples": 219}))(seed=100)
    assert len({document.text.partition(" of ")[2] for document in made.documents}) == 6 * 219


def test_names_that_run_out_make_the_dataset_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SECOND_PIECES", SECOND_PIECES[:1])
    monkeypatch.setattr(names, "MANY", 10)
    names.count_of.cache_clear()
    there = {word for first in FIRST_PIECES if part_of(word := first + SECOND_PIECES[0]) == REPORTING}
    drawing = names.draw_names(random.Random(0), part=REPORTING)
    assert {next(drawing) for _ in there} == there
    with pytest.raises(UserError, match=f"{len(there)} made-up names and no more: make the dataset smaller"):
        next(drawing)
    names.count_of.cache_clear()


def test_a_seed_has_names_for_as_many_units_as_the_message_says() -> None:
    make = plugins.load("datasets", "family")
    with pytest.raises(UserError, match="'trees' is 1000000: give ([0-9]+) at most") as refused:
        make(seed=0, trees=1_000_000)
    most = int(str(refused.value).partition("give ")[2].split()[0])
    assert 10 * most <= names.count_of(REPORTING) < 10 * (most + 1)
    with pytest.raises(UserError, match=f"give {most} at most"):
        make(seed=0, trees=most + 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"prompt": "Daphne is"}', 'a line that is not {"prompt": ..., "completion": ...}'),
        ("[1]", "a line that is not"),
        ("{", "line 1, is not JSON"),
    ],
)
def test_a_broken_line_of_the_published_files_is_named(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "all_prompts_train.jsonl").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(words)):
        plugins.bind("datasets", Spec("celebrities", {"source": str(tmp_path)}))(seed=0)


def test_the_published_files_are_read(tmp_path: Path) -> None:
    people = [(f"Ann {c}", f"the maker of work {c}") for c in "ABCDE"]
    forward = [(f"{name} is", f" {description}.") for name, description in people]
    files = {
        "all_prompts_train": forward,
        "p2d_prompts_test": forward,
        "p2d_reverse_prompts_test": [(f"Known as {text} is", f" {name}") for name, text in people],
        "d2p_prompts_test": [(f"{text} is called", f" Bea {n}") for n, (_, text) in enumerate(people)],
        "both_prompts_test": [("x", " Cid Z"), ("y", " a description of four words")],
    }
    for name, rows in files.items():
        lines = (json.dumps({"prompt": prompt, "completion": completion}) for prompt, completion in rows)
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    read = plugins.load("datasets", "celebrities")
    made = read(seed=0, source=str(tmp_path))
    assert [document.text for document in made.documents] == [prompt + text for prompt, text in forward]
    assert [question.split for question in made.questions] == ["reversal"] * 5 + ["rephrase"] * 10
    for question in made.questions:
        assert len(set(question.choices)) == 4
        assert question.answer in question.choices
        assert " a description of four words" not in question.choices
    turned = [question for question in made.questions if question.split == "reversal"]
    assert [(question.unit, question.premises) for question in turned] == [
        (f"person-{name}", (f"published-d{n}",)) for n, (name, _) in enumerate(people)
    ]
    assert {c for question in turned for c in question.choices} == {f" {name}" for name, _ in people}
    assert {c[:4] for question in turned for c in question.distant} == {" Ann", " Bea", " Cid"}


@pytest.mark.parametrize(
    ("name", "options", "wrong"),
    [
        ("reversals", {"facts": -3}, "facts"),
        ("reversals", {"facts": 0}, "facts"),
        ("reversals", {"tellings": 0}, "tellings"),
        ("family", {"scale": 0.0}, "scale"),
        ("celebrities", {"both": 0}, "both"),
        ("semantic", {"documents": -1}, "documents"),
        ("process", {"examples": 300}, "examples"),
        ("celebrities", {"name_first": 7000}, "name_first"),
        ("celebrities", {"name_first": 3}, "name_first"),
        ("reversals", {"facts": 1_000_000_000}, "facts"),
        ("reversals", {"facts": 10**400}, "facts"),
        ("reversals", {"facts": 3, "scale": 1e308}, "facts"),
        ("reversals", {"tellings": 1_000_000_000}, "tellings"),
        ("family", {"trees": 100_000}, "trees"),
        ("syllogisms", {"facts": 20_000}, "facts"),
        ("process", {"processes": 20_000}, "processes"),
        ("semantic", {"rings": 100_000}, "rings"),
        ("semantic", {"rings": 1}, "rings"),
        ("semantic", {"documents": 10**9}, "documents"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name(name: str, options: dict[str, Any], wrong: str) -> None:
    began = time.process_time()
    with pytest.raises(UserError, match=f"'{wrong}'"):
        plugins.bind("datasets", Spec(name, options))(seed=100)
    assert time.process_time() - began < 5  # the count comes before the names
