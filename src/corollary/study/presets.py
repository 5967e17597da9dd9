"""Read a study from a TOML file or a preset by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from corollary.errors import Unknown, UserError
from corollary.plugins import check_knobs, name_of
from corollary.study.plan import dataset_name
from corollary.types import Method, Spec, Study

FOLDER = Path(__file__).parent.parent / "data" / "presets"
_KEYS = ("seeds", "orders", "checkpoints", "withhold", "model", "datasets", "methods", "tunings", "limits")


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
            raise UserError(
                f"There is no file {source}: give a preset ({', '.join(presets())}) or a study's TOML file."
            )
        raise Unknown("preset", source, presets())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a TOML file ({error}): mend that line.") from error
    return study_of(table, name=path.stem)


def study_of(table: Mapping[str, Any], *, name: str) -> Study:
    """A study from the tables of its TOML file. Raises `UserError` as `read_study` does."""
    for key in table:
        if key not in _KEYS:
            raise Unknown("key of a study", key, _KEYS)
    for key, example in (
        ("seeds", "seeds = [0, 1, 2]"),
        ("datasets", "[datasets.family]"),
        ("methods", "[methods.in-context]"),
    ):
        if not table.get(key):
            raise UserError(f"The study {name} says nothing of {key}: add {example} to its file.")
    model = dict(_table(table, "model"))
    datasets = tuple(_spec("datasets", key, knobs) for key, knobs in _table(table, "datasets").items())
    methods = tuple(_method(key, knobs) for key, knobs in _table(table, "methods").items())
    tunings = tuple(_spec("tuning", key, knobs) for key, knobs in _table(table, "tunings").items())
    named = [dataset_name(spec) for spec in datasets]
    # Folders and results know a dataset and a tuning by name.
    for each in named:
        check_word("dataset", each)
    _distinct("dataset", named, "give one of them the knob `name` or a study of its own")
    _distinct("tuning", [name_of(spec.use) for spec in tunings], "give one of them a study of its own")
    if any(method.tune for method in methods) and not tunings:
        raise UserError(f"The study {name} tunes but names no tuning: add [tunings.full].")
    used = dict.fromkeys(strategy.use for method in methods for strategy in method.augment)
    _distinct("strategy", [name_of(use) for use in used], "give one of the functions another name")
    limits = {key: _names(value, f"limits.{key}") for key, value in _table(table, "limits").items()}
    known = {*(method.name for method in methods), *(tuning.use for tuning in tunings)}
    for key, limited in limits.items():
        if key not in known:
            raise Unknown("method or tuning in [limits]", key, known)
        _each_known(limited, named, f"limits.{key}")
    for method in methods:
        _each_known(method.whole, named, f"methods.{method.name}.whole")
        for tuning in method.tunings:
            if tuning not in (ways := [spec.use for spec in tunings]):
                raise Unknown(f"tuning of this study in methods.{method.name}.tunings", tuning, ways)
    return Study(
        name=name,
        datasets=datasets,
        methods=methods,
        tunings=tunings,
        seeds=seeds_of(table["seeds"]),
        model=check_knobs("models", Spec(str(model.pop("use", "embedded")), model)),
        limits=limits,
        orders=_whole(table.get("orders", 3), "orders", least=1),
        checkpoints=_whole(table.get("checkpoints", 8), "checkpoints", least=0),
        withhold=share_of(table.get("withhold", 0.0)),
    )


def check_word(what: str, name: str) -> None:
    """Raises `UserError` for a name of a dataset or method that cannot be part of a folder's name."""
    if not name or "/" in name or name.startswith("."):
        raise UserError(f"'{name}' cannot be the name of a {what}: choose a word, such as my-{what}.")


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise UserError(f'"{key}" must be a table: write [{key}].')
    return value


def _spec(kind: str, key: str, knobs: Any) -> Spec:
    """A table's name is the plug-in, unless `use` inside it names one."""
    if not isinstance(knobs, Mapping):
        raise UserError(f'"{key}" must be a table of knobs: write [{kind}.{key}].')
    return check_knobs(kind, Spec(str(knobs.get("use", key)), {k: v for k, v in knobs.items() if k != "use"}))


def _method(name: str, fields: Any) -> Method:
    if not isinstance(fields, Mapping):
        raise UserError(f'"{name}" must be a table: write [methods.{name}].')
    allowed = ("augment", "tune", "context", "whole", "tunings")
    for key in fields:
        if key not in allowed:
            raise Unknown(f"key of the method {name}", key, allowed)
    augment = fields.get("augment", [])
    if not isinstance(augment, list):
        raise UserError(
            f'The method {name} augments with {augment!r}: write a list, as in augment = ["local"].'
        )
    context = fields.get("context", "none")
    if context not in ("none", "all"):
        raise UserError(f'The method {name} has the context "{context}": use "none" or "all".')
    tune = fields.get("tune", False)
    if not isinstance(tune, bool):
        raise UserError(f"The method {name} has tune = {tune!r}: write true or false.")
    if augment and not tune:
        raise UserError(f"The method {name} augments but does not tune: add tune = true.")
    strategies = tuple(_strategy(name, item) for item in augment)
    whole, tunings = (_names(fields.get(key, []), f"methods.{name}.{key}") for key in ("whole", "tunings"))
    check_word("method", name)
    return Method(name, strategies, tune, context, whole, tunings)


def _strategy(method: str, item: Any) -> Spec:
    if isinstance(item, str):
        return check_knobs("strategies", Spec(item))
    if isinstance(item, Mapping) and isinstance(item.get("use"), str):
        return check_knobs("strategies", Spec(item["use"], {k: v for k, v in item.items() if k != "use"}))
    raise UserError(
        f'The method {method} augments with {item!r}: write a name, or {{use = "local", temperature = 0.5}}.'
    )


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(f'"{where}" is {value!r}: write a list of names, as in ["family"].')
    return tuple(value)


def _each_known(names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise Unknown(f"dataset of this study in {where}", name, known)


def _distinct(what: str, names: Sequence[str], mend: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"The study has two of the {what} {name}: {mend}.")


def seeds_of(value: Any) -> tuple[int, ...]:
    """The seeds of a study. Raises `UserError` for anything but different whole numbers, one at least."""
    whole = isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
    if not whole or not value or len(set(value)) < len(value):
        raise UserError(
            f"The seeds of a study are {value!r}: write different whole numbers, as in [0, 1, 2]."
        )
    return tuple(value)


def _whole(value: Any, key: str, *, least: int) -> int:
    if type(value) is not int or value < least:
        raise UserError(f'"{key}" is {value!r}: write a whole number of {least} or more.')
    return value


def share_of(value: Any) -> float:
    """The share of the facts to withhold. Raises `UserError` for anything but 0 to less than 1."""
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise UserError(
            f"The share {value!r} cannot be withheld: give at least 0 and less than 1, as in 0.2."
        )
    return float(value)
