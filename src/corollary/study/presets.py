"""Read a study from a TOML file or a preset by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corollary.errors import Unknown, UserError
from corollary.plugins import check_knobs
from corollary.types import Method, Spec, Study

FOLDER = Path(__file__).parent.parent / "data" / "presets"
_KEYS = ("seeds", "orders", "checkpoints", "model", "datasets", "methods", "tunings", "limits")


def presets() -> list[str]:
    """Names of the presets that the package carries."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_study(source: str) -> Study:
    """A preset by name or a study's TOML file, with every plug-in and knob checked.

    Raises: UserError (one sentence that says how to mend it) for an unknown name, key or knob, and
    for a file that is not TOML.
    """
    path = Path(source) if source.endswith(".toml") else FOLDER / f"{source}.toml"
    if not path.is_file():
        if source.endswith(".toml"):
            raise UserError(f"There is no file {source}: give a preset ({', '.join(presets())}) or a study's TOML file.")
        raise Unknown("preset", source, presets())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a TOML file ({error}): mend that line.") from error
    return study_of(table, name=path.stem)


def study_of(table: Mapping[str, Any], *, name: str) -> Study:
    """A study from the tables of its TOML file."""
    for key in table:
        if key not in _KEYS:
            raise Unknown("key of a study", key, _KEYS)
    for key in ("seeds", "datasets", "methods"):
        if not table.get(key):
            raise UserError(f"The study {name} says nothing of {key}: add [{key}] to its file.")
    model = dict(_table(table, "model") or {"use": "embedded"})
    datasets = tuple(_spec("datasets", key, knobs) for key, knobs in _table(table, "datasets").items())
    methods = tuple(_method(key, dict(knobs)) for key, knobs in _table(table, "methods").items())
    tunings = tuple(_spec("tuning", key, knobs) for key, knobs in _table(table, "tunings").items())
    known = {*(method.name for method in methods), *(tuning.use for tuning in tunings)}
    limits = {key: tuple(value) for key, value in _table(table, "limits").items()}
    for key in limits:
        if key not in known:
            raise Unknown("method or tuning in [limits]", key, known)
    if any(method.tune for method in methods) and not tunings:
        raise UserError(f"The study {name} tunes but names no tuning: add [tunings.full].")
    return Study(
        name=name,
        datasets=datasets,
        methods=methods,
        tunings=tunings,
        seeds=tuple(table["seeds"]),
        model=check_knobs("models", Spec(model.pop("use", "embedded"), model)),
        limits=limits,
        orders=int(table.get("orders", 3)),
        checkpoints=int(table.get("checkpoints", 8)),
    )


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise UserError(f'"{key}" must be a table: write [{key}].')
    return value


def _spec(kind: str, key: str, knobs: Any) -> Spec:
    """A table's name is the plug-in, or, where the table has `use`, a label for it."""
    if not isinstance(knobs, Mapping):
        raise UserError(f'"{key}" must be a table of knobs: write [{kind}.{key}].')
    return check_knobs(kind, Spec(str(knobs.get("use", key)), {k: v for k, v in knobs.items() if k != "use"}))


def _method(name: str, fields: dict[str, Any]) -> Method:
    allowed = ("augment", "tune", "context", "whole")
    for key in fields:
        if key not in allowed:
            raise Unknown(f"key of the method {name}", key, allowed)
    augment = tuple(
        check_knobs("strategies", Spec(item) if isinstance(item, str) else Spec(item["use"], {k: v for k, v in item.items() if k != "use"}))
        for item in fields.get("augment", ())
    )
    context = str(fields.get("context", "none"))
    if context not in ("none", "all"):
        raise UserError(f'The method {name} has the context "{context}": use "none" or "all".')
    return Method(name, augment, bool(fields.get("tune", False)), context, tuple(fields.get("whole", ())))
