"""The whole method in one file runs on a small model."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import small_studies

ROOT = Path(__file__).parent.parent


def flat() -> ModuleType:
    found = importlib.util.spec_from_file_location("flat", ROOT / "examples" / "flat.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


HANDBOOK = """# Plant handbook

The Orvel pump feeds the north basin. The mill at Odry
was built in 1931.

| part | pressure |
|------|----------|
| Orvel pump | 3.5 bar |
"""
QUESTION = {"prompt": "The north basin is fed by", "answer": " the Orvel pump",
            "choices": [" the Orvel pump", " the mill at Odry"]}  # fmt: skip


# PEFT 0.21 reads a property that transformers 5.23 has renamed.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_the_flat_example_reads_generates_tunes_and_scores(tmp_path: Path) -> None:
    module = flat()
    (tmp_path / "handbook.md").write_text(HANDBOOK)
    (tmp_path / "questions.jsonl").write_text(json.dumps(QUESTION))
    told = module.sentences_of(tmp_path)
    assert told == ["The Orvel pump feeds the north basin.", "The mill at Odry was built in 1931."]
    assert module.mentions_of("The mill at Odry was built in 1931.") == ["Odry", "1931"]
    found = module.main([str(small_studies.model_folder()), str(tmp_path), "--steps", "2", "--batch", "2"])
    assert list(found) == ["untouched", "fine-tuned", "augmented"]
    assert all(0 <= share <= 1 for share in found.values())
