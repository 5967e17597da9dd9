"""The whole method in one file runs on a small model."""

from __future__ import annotations

import importlib.util
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


# PEFT 0.21 reads a property that transformers 5.23 has renamed.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_the_flat_example_reads_generates_tunes_and_scores() -> None:
    module = flat()
    told = module.sentences_of(ROOT / "examples" / "company")
    assert "The Orvel pump feeds the north basin." in told
    assert not any("3.5 bar |" in sentence or sentence.startswith("#") for sentence in told)
    assert module.mentions_of("The mill at Odry was built in 1931.") == ["Odry", "1931"]
    company = str(ROOT / "examples" / "company")
    found = module.main([str(small_studies.model_folder()), company, "--steps", "2", "--batch", "2"])
    assert list(found) == ["untouched", "fine-tuned", "augmented"]
    assert all(0 <= share <= 1 for share in found.values())
