"""Put a checkpoint of `tools/pretrain.py` into the package: `python tools/export_model.py FOLDER`.

Weights are stored in float32 (about 15 MB); the model card beside them stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from pretrain import build
from transformers import AutoTokenizer

from corollary.models.embedded import FOLDER


def export(folder: Path) -> int:
    """Write the package's model from the newest checkpoint; returns the tokens it was trained on."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = build(tokenizer)
    state = torch.load(folder / "checkpoint.pt", map_location="cpu")
    model.load_state_dict(state["model"])
    model.save_pretrained(FOLDER)
    tokenizer.save_pretrained(FOLDER)
    return int(state["tokens"])


if __name__ == "__main__":
    print(f"{export(Path(sys.argv[1])) / 1e6:.1f} M tokens -> {FOLDER}")
