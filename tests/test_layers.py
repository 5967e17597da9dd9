"""What the import linter cannot see: lengths, names, and what importing really brings in."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from corollary import plugins

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
CORE = sorted((SOURCE / "corollary").rglob("*.py"))
FILES = [*CORE, *sorted((SOURCE / "corollary_worlds").rglob("*.py"))]

ALLOWED = {
    "commands/stages.py": {"linked"},  # of what `augment` uses by default
}
"""Modules that may name them, and which."""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text of a module that is no docstring."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a module imports, also within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name whole modules"
            yield node.module or ""


def arms_and_strategies() -> set[str]:
    """Names of the arms of the presets, and of every strategy, without those that a model has too."""
    files = [*(SOURCE / "corollary_worlds").rglob("*.toml"), *(SOURCE / "corollary").rglob("presets/*.toml")]
    tables = [tomllib.loads(path.read_text("utf-8")) for path in files]
    arms = {arm for table in tables for arm in table["arms"]}
    return (arms | set(plugins.available("strategies"))) - set(plugins.available("models"))


@pytest.mark.parametrize("folder", ["src", "tools"])
def test_a_file_is_under_400_lines(folder: str) -> None:
    lengths = {str(path): path.read_text("utf-8").count("\n") for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert {path: length for path, length in lengths.items() if length >= 400} == {}


def test_a_function_has_at_most_80_lines() -> None:
    long = {
        f"{path.relative_to(SOURCE)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in FILES
        for function in functions(ast.parse(path.read_text("utf-8")))
    }
    assert {name: length for name, length in long.items() if length > 80} == {}


def test_no_function_is_named_as_its_module() -> None:
    """Else a package that offers both binds one name to either, whichever is imported last."""
    same = [
        f"{path.relative_to(SOURCE)}:{node.name}"
        for path in FILES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == path.stem
    ]
    assert same == []


def test_no_module_names_an_arm_or_a_strategy_to_decide_by_it() -> None:
    """Roles decide, never names: a study whose arms have other names is as good."""
    names = arms_and_strategies()
    assert {"fine-tuned", "in-context", "augmented", "oracle", "linked"} <= names
    found: dict[str, set[str]] = {}
    for path in CORE:
        place = path.relative_to(SOURCE / "corollary").as_posix()
        # A strategy's own file names it, as what it brings is signed with.
        own = {path.stem} if place.startswith("writing/strategies/") else set()
        said = names & set(texts(ast.parse(path.read_text("utf-8")))) - own - ALLOWED.get(place, set())
        if said:
            found[place] = said
    assert found == {}


def test_the_product_knows_nothing_of_its_benchmark() -> None:
    found = [
        str(path.relative_to(SOURCE))
        for path in CORE
        if "corollary_worlds" in {name.split(".")[0] for name in imports(ast.parse(path.read_text("utf-8")))}
    ]
    assert found == []


def test_importing_what_the_command_line_reads_does_not_import_torch() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = (each for each in linter["contracts"] if "torch" in each.get("forbidden_modules", ()))
    # What the command line imports before it knows which command it runs, and every plug-in.
    light = [*contract["source_modules"], "corollary.cli", "corollary.show", "corollary.commands"]
    light += ["corollary.models", "corollary.asking.contexts", "corollary_worlds.embedded.model"]
    modules = set()
    for name in light:
        place = SOURCE / name.replace(".", "/")
        modules |= {place.with_suffix(".py")} if not place.is_dir() else set(place.rglob("*.py"))
    named = sorted(
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for path in modules
    )
    assert {"corollary.types", "corollary.models.local", "corollary.runners.in_process"} <= set(named)
    script = (
        f"import sys, {', '.join(named)}; print([n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
