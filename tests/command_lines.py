"""Commands as a person gives them, in this process: what they print, and what they refuse."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from corollary.cli import run

COROLLARY = str(Path(sys.executable).with_name("corollary"))

Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture, *arguments: str | Path) -> str:
    """What a command that works prints: lines for any reader, none of a terminal's codes."""
    code = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "\x1b" not in out + err
    assert "\r" not in out + err
    return out


def refused(capsys: Capture, *arguments: str | Path) -> str:
    """The one sentence that a command says when it does not work."""
    code = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert code == 2, out + err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err.rstrip()
