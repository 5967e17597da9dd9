"""Put checkpoints of the training into the package.

    python -m corollary_worlds.embedded.pretrain.export_model FOLDER [FILE ...]

The weights are the mean of `FOLDER/checkpoint.pt` and of the further checkpoint files, stored in
float32 (about 19 MB). The model card beside them does not change.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer

from corollary_worlds.embedded.model import FOLDER
from corollary_worlds.embedded.pretrain.train import build


def export(folder: Path, *more: Path) -> int:
    """Write the package's model from the newest checkpoint; returns the tokens it was trained on."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = build(tokenizer)
    states = [torch.load(path, map_location="cpu") for path in (folder / "checkpoint.pt", *more)]
    weights = [state["model"] for state in states]
    model.load_state_dict({name: sum(one[name] for one in weights) / len(weights) for name in weights[0]})
    model.save_pretrained(FOLDER)
    tokenizer.save_pretrained(FOLDER)
    return int(states[0]["tokens"])


if __name__ == "__main__":
    folder, *more = map(Path, sys.argv[1:])
    print(f"{export(folder, *more) / 1e6:.1f} M tokens -> {FOLDER}")
