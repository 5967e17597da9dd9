"""What the import linter cannot see: how long files are, and what importing really brings in."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "corollary"


@pytest.mark.parametrize("folder", ["src", "tests", "tools"])
def test_a_file_is_under_400_lines(folder: str) -> None:
    lengths = {str(path): path.read_text("utf-8").count("\n") for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert {path: length for path, length in lengths.items() if length >= 400} == {}


def test_importing_what_the_command_line_reads_does_not_import_torch() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][
        0
    ]
    names = [name.strip(" ()") for layer in layers["layers"] for name in layer.split("|")]
    # Of what stands above, only the command line itself; the rest it imports when it needs it.
    light = [*names[names.index("tuning") :], "cli"]
    light.remove("fit")
    modules = sorted(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for name in light
        for path in [*PACKAGE.glob(f"{name}.py"), *(PACKAGE / name).glob("*.py")]
    )
    assert {"corollary.types", "corollary.models", "corollary.runners.here"} <= set(modules)
    script = (
        f"import sys, {', '.join(modules)}; print([n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
