"""Stages as functions: what lies in a folder already stays, and a stage that was stopped can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_studies

from corollary import store
from corollary.cli import run
from corollary.commands import augment, make
from corollary.errors import UserError

MINE = '{"id": "a", "text": "Mine."}\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small dataset."""
    return make("reversals", tmp_path / "data", facts=4, tellings=1)


def test_augmentations_are_not_written_over_documents(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "documents.jsonl").write_text(MINE)
    for out in (tmp_path / "mine", data, data.parent / "mine" / ".." / "data"):
        kept = {path: path.read_bytes() for path in out.iterdir()}
        with pytest.raises(UserError, match="contains documents of your own: name another folder"):
            augment(data, out, strategy=["oracle"])
        assert {path: path.read_bytes() for path in out.iterdir()} == kept, "nothing is opened there"


def test_a_folder_of_augmentations_can_be_written_again_but_not_on_itself(data: Path, tmp_path: Path) -> None:
    more = augment(data, tmp_path / "more", strategy=["oracle"]).folder
    assert more
    first = (more / "documents.jsonl").read_bytes()
    augment(data, more, strategy=["oracle"])
    assert (more / "documents.jsonl").read_bytes() == first
    with pytest.raises(UserError, match="contains documents of your own"):
        augment(more, more, strategy=["oracle"])


def test_a_dataset_that_was_stopped_between_two_files_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = store.write_text, [0]

    def stopped(path: Path, text: str) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write(path, text)

    monkeypatch.setattr(store, "write_text", stopped)
    for number in range(3):
        left[0] = number
        with pytest.raises(KeyboardInterrupt):
            make("family", tmp_path / "data", trees=2)
        assert not (tmp_path / "data" / "documents.jsonl").exists(), "nobody takes a part for the whole"
    left[0] = 3
    made = make("family", tmp_path / "data", trees=2)
    assert {path.name for path in made.iterdir()} == {"documents.jsonl", "questions.jsonl", "dataset.json"}


def test_a_strategy_in_a_file_of_ones_own_has_options_on_the_command_line(
    data: Path, tmp_path: Path, capsys: Any
) -> None:
    model = small_studies.model_folder()
    mine = str(model.parent / "lines.py")
    command = ["augment", str(data), "--model", str(model), "--strategy", mine, "--out", str(tmp_path / "x")]
    assert run([*command, "--set", f"{mine}.width=3"]) == 0, capsys.readouterr().err
    rows = store.read_jsonl(tmp_path / "x" / "documents.jsonl")
    assert rows
    assert all(len(row["text"]) <= 3 for row in rows)
    assert run([*command, "--set", "lines.width=3"]) == 2
    assert "does not name the section of an option" in capsys.readouterr().err
