"""The interface for Python is exactly what `corollary/__init__.py` lists, and is quick to import."""

from __future__ import annotations

import subprocess
import sys

import corollary
from corollary import commands

TYPES = (
    "Answer Completion Cost Dataset Document Flow Likelihood Method Model Plugin Question Request Result"
    " Score Spec Study Trial Unknown UserError"
)
FUNCTIONS = "ask augment costs demo evaluate list_ make report study tune"


def run(script: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_interface_is_exactly_this() -> None:
    assert sorted(corollary.__all__) == sorted([*TYPES.split(), *FUNCTIONS.split()])
    for name in corollary.__all__:
        assert getattr(corollary, name).__doc__ or name == "Flow", name
    assert not hasattr(corollary, "retune")


def test_every_command_is_a_function_and_every_function_a_command() -> None:
    from corollary.cli import app

    found = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in app.registered_commands
    }
    assert found == {name.rstrip("_") for name in FUNCTIONS.split()}


def test_importing_is_quick_and_so_is_naming_a_function() -> None:
    script = (
        "import sys, corollary; corollary.writing.engine; corollary.studies.driver\n"
        "print([name for name in ('torch', 'transformers', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    assert run(script) == "[]"


def test_a_module_of_the_same_name_does_not_take_the_functions_place() -> None:
    # Importing corollary.writing.engine binds that name in the package to the module, whoever does it first.
    script = (
        "import corollary.writing.engine, corollary.studies.driver, corollary.asking.scoring\n"
        "from corollary.writing.engine import Written\n"
        "import corollary\n"
        "print(*(getattr(corollary, name).__module__ for name in ('augment', 'study', 'evaluate', 'costs')))"
    )
    assert run(script).split() == [
        commands.augment.__module__,
        commands.study.__module__,
        commands.evaluate.__module__,
        commands.costs.__module__,
    ]
