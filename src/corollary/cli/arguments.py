"""What is written on the command line, as values: knobs, settings, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from corollary.errors import UserError
from corollary.types import Study

_ALIASES = {"from": "source"}
"""Flags that Python cannot name so."""


def knobs(written: Sequence[str], settings: Iterable[str] = ()) -> tuple[list[str], dict[str, str]]:
    """What is not a flag, and the knobs of `--name value`, `--name=value` and `name=value` in `settings`.

    A flag with nothing behind it, or another flag, means yes. Raises `UserError` for a knob that is
    given twice.
    """
    places: list[str] = []
    found: dict[str, str] = {}
    waiting = ""
    for word in written:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            _add(found, name, value if equals else "yes")
            waiting = "" if equals else name
        elif waiting:
            found[_plain(waiting)] = word
            waiting = ""
        else:
            places.append(word)
    for name, value in settings_of(settings).items():
        _add(found, name, value)
    return places, found


def settings_of(written: Iterable[str]) -> dict[str, str]:
    """The pairs of `--set name=value`. Raises `UserError` for one without "=" or given twice."""
    found: dict[str, str] = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UserError(f"'{pair}' sets nothing: write --set name=value.")
        _add(found, name.strip(), value.strip())
    return found


def folder(written: object) -> Path:
    """A folder to write to. Raises `UserError` for an empty name, as of a shell's variable that is not set:
    it would mean the folder that one is in."""
    if not str(written).strip():
        raise UserError("The folder to write to has no name: write one behind --out.")
    return Path(str(written))


def folder_of(source: str, planned: Study) -> Path:
    """Where a study goes that is not told where: never into the folder of data that it is about."""
    from corollary.study import presets

    of_data = source not in presets() and Path(source).is_dir()
    return Path("out") / (f"{Path(source).resolve().name}.study" if of_data else planned.name)


def numbers(written: str | None) -> list[int] | None:
    """Seeds as they are written: "0,1,2". Raises `UserError` for anything but whole numbers."""
    if written is None:
        return None
    try:
        return [int(part) for part in written.split(",") if part.strip()]
    except ValueError as error:
        raise UserError(f"'{written}' are no seeds: write whole numbers, as in --seeds 0,1,2.") from error


def of_strategy(use: str, settings: dict[str, str]) -> dict[str, str]:
    """The knobs of one strategy among settings named "strategy.knob"."""
    # From the right: the name of a file has a dot of its own.
    parts = ((*name.rpartition("."), value) for name, value in settings.items())
    return {knob: value for owner, _, knob, value in parts if owner == use}


def check_owners(settings: Iterable[str], owners: Sequence[str]) -> None:
    """Raises `UserError` for a setting that belongs to none of these plug-ins."""
    for name in settings:
        owner, dot, _ = name.rpartition(".")
        if not dot or owner not in owners:
            raise UserError(
                f"'{name}' does not say whose knob it is: write one of {', '.join(owners)},"
                " a dot, and the knob."
            )


def _add(found: dict[str, str], name: str, value: str) -> None:
    if _plain(name) in found:
        raise UserError(f"'{name}' is given twice: give it once.")
    found[_plain(name)] = value


def _plain(name: str) -> str:
    return _ALIASES.get(name, name)
