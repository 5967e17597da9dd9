"""The interface for Python is exactly what `corollary/__init__.py` lists, and is quick to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import corollary
from corollary import commands

PACKAGE = Path(corollary.__file__).parent

TYPES = (
    "Answer Arm Augmented Completion Cost Dataset Document Evaluation Flow Likelihood Mark Message Model"
    " Origin Plugin Question Request Result Score Scorer Spec Study StudyResult Trainee Trial Tuned Unknown"
    " UserError Writer"
)
FUNCTIONS = "ask augment costs demo evaluate list_ make read report study tune"


def run(script: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_interface_is_exactly_this() -> None:
    assert sorted(corollary.__all__) == sorted([*TYPES.split(), *FUNCTIONS.split()])
    for name in corollary.__all__:
        assert getattr(corollary, name).__doc__ or name in ("Flow", "Model"), name
    assert not hasattr(corollary, "retune")


def test_every_command_calls_the_public_function_of_its_name() -> None:
    from corollary.cli import COMMANDS, app

    assert {command.name for command in app.registered_commands} == {*COMMANDS}
    assert {name: COMMANDS[name.rstrip("_")] for name in FUNCTIONS.split()} == {
        name: getattr(corollary, name) for name in FUNCTIONS.split()
    }


def test_importing_is_quick_and_so_is_naming_a_function() -> None:
    script = (
        "import sys, corollary; corollary.study; corollary.augment; corollary.StudyResult\n"
        "print([name for name in ('torch', 'transformers', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    assert run(script) == "[]"


def test_a_module_of_the_same_name_does_not_take_the_functions_place() -> None:
    # Importing a module binds its name in the package to it, whoever does so first.
    names = sorted(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if not path.name.startswith("__") and "pretrain" not in path.parts
    )
    script = (
        "import corollary\n"
        "corollary.study\n"
        f"import {', '.join(names)}\n"
        "print(*(getattr(corollary, name).__module__ for name in ('augment', 'study', 'evaluate', 'costs')))"
    )
    assert run(script).split() == [
        commands.augment.__module__,
        commands.study.__module__,
        commands.evaluate.__module__,
        commands.costs.__module__,
    ]
