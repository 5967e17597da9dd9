"""Studies from TOML files and from presets by name.

A preset is a TOML file in `corollary/presets/`, or in a package that an entry point of the group
`corollary.studies` names.
"""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, get_args

from corollary.errors import Unknown, UserError
from corollary.plugins import check_options, name_of
from corollary.studies.plan import dataset_name
from corollary.types import Arm, Role, Spec, Study

_KEYS = (
    "extends", "seeds", "orders", "checkpoints", "withhold", "withhold_by", "model", "generator", "judge",
    "datasets", "arms", "tunings", "limits", "prompts", "checks", "runs", "primary", "margin", "free",
)  # fmt: skip
_ARM_TEXTS, _ARM_LISTS = ("same_size_as", "read_off", "about"), ("whole", "only", "tunings")
_ARM_KEYS = ("role", "augment", "tune", "context", "against", "runs", *_ARM_TEXTS, *_ARM_LISTS)
_REPLACED = ("arms", "datasets", "tunings", "limits", "primary")
"""A study that extends another replaces single entries of these tables; false removes an entry."""


@functools.cache
def _found() -> dict[str, Path]:
    folders = [Path(__file__).parents[1] / "presets"]
    for point in entry_points(group="corollary.studies"):
        folders.append(Path(str(importlib.resources.files(point.value))))
    return {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.toml"))}


def preset_names() -> list[str]:
    """Names of the installed presets."""
    return sorted(_found())


def read_study(source: str, *, model: Spec | None = None, datasets: Mapping[str, Any] | None = None) -> Study:
    """A preset by name or a study's TOML file, with every plug-in and option checked.

    `model` replaces the study's own. `datasets`, tables by name, replace the study's datasets; arms that run
    only on other datasets are left out then. Raises `UserError` for an unknown name, key or option, and for a
    file that is not TOML.
    """
    table = _table_of(source)
    if datasets is not None:
        table = _about(table, datasets)
    return study_of(table, name=Path(source).stem, model=model)


def _about(table: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict[str, Any]:
    arms = {
        name: {key: value for key, value in arm.items() if key not in ("only", "whole")}
        for name, arm in table["arms"].items()
        if not arm.get("only") or {*arm["only"]} & {*datasets}
    }
    kept = {name: arm for name, arm in arms.items() if not {*arm.get("against", [])} - {*arms, "chance"}}
    return {**table, "datasets": datasets, "arms": kept, "limits": {}, "primary": {}}


def _table_of(source: str, depth: int = 0) -> dict[str, Any]:
    path = Path(source) if source.endswith(".toml") else _found().get(source)
    if path is None:
        raise Unknown("preset", source, preset_names())
    if not path.is_file():
        raise UserError(
            f"There is no file {source}: give a preset ({', '.join(preset_names())}) or a study's TOML file."
        )
    try:
        # Windows editors write a byte order mark.
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a TOML file ({error}): fix that line.") from error
    if "extends" not in table:
        return table
    if not isinstance(table["extends"], str) or depth > 4:
        raise UserError(
            f'{path} has extends = {table["extends"]!r}: name one preset, as in extends = "demo".'
        )
    return _laid(_table_of(table.pop("extends"), depth + 1), table)


def _laid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of `above`, and those of `below` that it does not replace."""
    whole = dict(below)
    for key, value in above.items():
        if key in _REPLACED and isinstance(value, Mapping):
            entries = {**whole.get(key, {}), **value}
            whole[key] = {name: entry for name, entry in entries.items() if entry is not False}
        else:
            whole[key] = value
    return whole


def study_of(table: Mapping[str, Any], *, name: str, model: Spec | None = None) -> Study:
    """A study from the tables of its TOML file. Raises `UserError` as `read_study` does."""
    for key in table:
        if key not in _KEYS:
            raise Unknown("key of a study", key, _KEYS)
    for key, example in (
        ("seeds", "seeds = [0, 1, 2]"),
        ("datasets", "[datasets.mine]"),
        ("arms", "[arms.in-context]"),
        ("model", '[model] with use = "local" and path = "FOLDER"'),
    ):
        if not table.get(key) and not (key == "model" and model):
            raise UserError(f"The study {name} has no {key}: add {example} to its file.")
    datasets = tuple(_spec("datasets", key, found) for key, found in _table(table, "datasets").items())
    arms = tuple(_arm(key, found) for key, found in _table(table, "arms").items())
    tunings = tuple(_spec("tunings", key, found) for key, found in _table(table, "tunings").items())
    named = [dataset_name(spec) for spec in datasets]
    # Names of datasets and tunings identify them in folders and results.
    for each in named:
        check_word("dataset", each)
    _distinct("dataset", named, "give one of them the option `name` or a study of its own")
    _distinct("tuning", [name_of(spec.use) for spec in tunings], "give one of them a study of its own")
    if any(arm.tune for arm in arms) and not tunings:
        raise UserError(f"The study {name} tunes but names no tuning: add [tunings.lora].")
    used = dict.fromkeys(strategy.use for arm in arms for strategy in arm.augment)
    _distinct("strategy", [name_of(use) for use in used], "give one of the functions another name")
    ways = [spec.use for spec in tunings]
    limits = {key: _names(value, f"limits.{key}") for key, value in _table(table, "limits").items()}
    for key, limited in limits.items():
        if key not in ways:
            raise Unknown("tuning in [limits]", key, ways)
        _each_known(limited, named, f"limits.{key}")
    _check_arms(arms, named, ways)
    if "withhold_by" in table and not table.get("withhold"):
        raise UserError('"withhold_by" does nothing without "withhold": add a share, as in withhold = 0.5.')
    return Study(
        name=name,
        datasets=datasets,
        arms=arms,
        tunings=tunings,
        seeds=seeds_of(table["seeds"]),
        model=model or _model(table, "model"),
        generator=_model(table, "generator") if "generator" in table else None,
        judge=_model(table, "judge") if "judge" in table else None,
        limits=limits,
        orders=_whole(table.get("orders", 3), "orders", least=1),
        checkpoints=_whole(table.get("checkpoints", 8), "checkpoints", least=0),
        withhold=share_of(table.get("withhold", 0.0)),
        withhold_by=_withheld_by(table.get("withhold_by", "fact")),
        checks=_checks(table.get("checks", [])),
        runs=_whole(table.get("runs", 1), "runs", least=1),
        primary=_primary(table, arms, named),
        margin=share_of(table.get("margin", 0.05), "the margin"),
        free=_yes(table.get("free", False), "free"),
        prompts={key: _text(value, f"prompts.{key}") for key, value in _table(table, "prompts").items()},
    )


def _primary(
    table: Mapping[str, Any], arms: Sequence[Arm], datasets: Sequence[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """The arms with which the treatment is compared on each primary test, by dataset and split."""
    names = [arm.name for arm in arms]
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for dataset, splits in _table(table, "primary").items():
        _each_known((dataset,), datasets, "primary")
        if not isinstance(splits, Mapping):
            raise UserError(f'"primary.{dataset}" must be a table: write [primary.{dataset}].')
        found[dataset] = {split: _names(arms, f"primary.{dataset}.{split}") for split, arms in splits.items()}
        for rival in (name for rivals in found[dataset].values() for name in rivals):
            if rival not in names:
                raise Unknown(f"arm in [primary.{dataset}]", rival, names)
    return found


def check_word(what: str, name: str) -> None:
    """Raises `UserError` for a name of a dataset or arm that cannot be part of a folder's name."""
    # What does not print may change how a terminal shows the rest of a line; half a character has no bytes.
    wrong = any(c in "/\\:" or not (c.isprintable() or c in "\u200c\u200d") for c in name)
    if not name or name.startswith(".") or len(name) > 100 or wrong:
        raise UserError(
            f"{name[:100]!a} cannot be the name of {'an' if what[0] in 'aeiou' else 'a'} {what}:"
            f" choose a word, such as my-{what}."
        )


def _check_arms(arms: Sequence[Arm], datasets: Sequence[str], tunings: Sequence[str]) -> None:
    names = [arm.name for arm in arms]
    by_name = {arm.name: arm for arm in arms}
    for arm in arms:
        _each_known(arm.whole, datasets, f"arms.{arm.name}.whole")
        _each_known(arm.only, datasets, f"arms.{arm.name}.only")
        for tuning in arm.tunings:
            if tuning not in tunings:
                raise Unknown(f"tuning of this study in arms.{arm.name}.tunings", tuning, tunings)
        for key, others in (
            ("against", [n for n in arm.against or () if n != "chance"]),
            ("same_size_as", [arm.same_size_as] if arm.same_size_as else []),
            ("read_off", [arm.read_off] if arm.read_off else []),
        ):
            for other in others:
                if other not in names or other == arm.name:
                    raise Unknown(f"other arm in arms.{arm.name}.{key}", other, {*names} - {arm.name})
        if arm.read_off and (by_name[arm.read_off].read_off or not by_name[arm.read_off].tune):
            raise UserError(
                f"In the arm {arm.name}, read_off names {arm.read_off}, which has no checkpoints: name a"
                " tuned arm."
            )
        if arm.same_size_as and not by_name[arm.same_size_as].augment:
            raise UserError(
                f"In the arm {arm.name}, same_size_as names {arm.same_size_as}, which adds no rows: name an"
                " arm that augments."
            )


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise UserError(f'"{key}" must be a table: write [{key}].')
    return value


def _model(table: Mapping[str, Any], key: str) -> Spec:
    given = dict(_table(table, key))
    use = given.pop("use", "local")
    return check_options("models", Spec(_text(use, f"{key}.use"), given))


def _spec(kind: str, key: str, given: Any) -> Spec:
    """The plug-in of a table: the one that `use` names, or else that of the table's own name."""
    if not isinstance(given, Mapping):
        raise UserError(f'"{key}" must be a table of options: write [{kind}.{key}].')
    others = {k: v for k, v in given.items() if k != "use"}
    found = check_options(kind, Spec(str(given.get("use", key)), others))
    # What a file calls a dataset of the user's own is what results call it.
    named = kind == "datasets" and found.options.get("name") == "" and key != found.use
    return Spec(found.use, {**found.options, "name": key}) if named else found


def _arm(name: str, given: Any) -> Arm:
    if not isinstance(given, Mapping):
        raise UserError(f'"{name}" must be a table: write [arms.{name}].')
    for key in given:
        if key not in _ARM_KEYS:
            raise Unknown(f"key of the arm {name}", key, _ARM_KEYS)
    check_word("arm", name)
    augment = given.get("augment", [])
    if not isinstance(augment, list):
        raise UserError(f'The arm {name} has augment = {augment!r}: write a list, as in augment = ["local"].')
    tune = given.get("tune", False)
    if not isinstance(tune, bool):
        raise UserError(f"The arm {name} has tune = {tune!r}: write true or false.")
    if augment and not tune:
        raise UserError(f"The arm {name} augments but does not tune: add tune = true.")
    context = _use("contexts", f"arm {name}", given.get("context", "none"))
    role = given.get("role", "treatment" if augment else "baseline" if tune else "floor")
    if "role" not in given and context.use != "none" and not tune:
        role = "context"
    if role not in get_args(Role):
        raise Unknown(f"role of the arm {name}", str(role), get_args(Role))
    against = _names(given["against"], f"arms.{name}.against") if "against" in given else None
    texts = {key: _text(given.get(key, ""), f"arms.{name}.{key}") for key in _ARM_TEXTS}
    lists = {key: _names(given.get(key, []), f"arms.{name}.{key}") for key in _ARM_LISTS}
    strategies = tuple(_use("strategies", f"arm {name}", item) for item in augment)
    fields: dict[str, Any] = {**texts, **lists}
    fields["runs"] = _whole(given.get("runs", 0), f"arms.{name}.runs", least=0)
    return Arm(name, role, strategies, tune, context, against, **fields)


def _checks(value: Any) -> tuple[Spec, ...]:
    if not isinstance(value, list):
        raise UserError(f'"checks" is {value!r}: write a list of check plug-ins, as in ["judge"].')
    return tuple(_use("checks", "study", item) for item in value)


def _use(kind: str, owner: str, item: Any) -> Spec:
    """A plug-in from a name or from a table with `use`."""
    if item == "none" and kind == "contexts":
        return Spec("none")
    if isinstance(item, str):
        return check_options(kind, Spec(item))
    if isinstance(item, Mapping) and isinstance(item.get("use"), str):
        return check_options(kind, Spec(item["use"], {k: v for k, v in item.items() if k != "use"}))
    raise UserError(
        f'The {owner} has {item!r} in its {kind}: write a name, or {{use = "name", option = value}}.'
    )


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f'"{where}" is {value!r}: write a text.')
    return value


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(f'"{where}" is {value!r}: write a list of names, as in ["family"].')
    return tuple(value)


def _each_known(names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise Unknown(f"dataset of this study in {where}", name, known)


def _distinct(what: str, names: Sequence[str], advice: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"The study has the {what} {name} twice: {advice}.")


def seeds_of(value: Any) -> tuple[int, ...]:
    """The seeds of a study. Raises `UserError` for anything but different whole numbers, one at least."""
    whole = isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)
    if not whole or not value or len(set(value)) < len(value):
        raise UserError(
            f"The seeds of the study are {value!r}: write different whole numbers, as in [0, 1, 2]."
        )
    return tuple(value)


def seed_of(value: Any) -> int:
    """A seed by itself. Raises `UserError` for what no generator of random numbers takes."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise UserError(f"{value!r} cannot be a seed: give a whole number of at most 18 digits.")
    return value


def _whole(value: Any, key: str, *, least: int) -> int:
    if type(value) is not int or value < least:
        raise UserError(f'"{key}" is {value!r}: write a whole number of {least} or more.')
    return value


def _withheld_by(value: Any) -> Literal["fact", "relation"]:
    if value not in ("fact", "relation"):
        raise Unknown('value of "withhold_by"', str(value), ("fact", "relation"))
    return "relation" if value == "relation" else "fact"


def _yes(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{where} is {value!r}: write true or false.")
    return value


def share_of(value: Any, to_be: str = "withheld") -> float:
    """A share that is to be withheld, or is "the margin". Raises `UserError` unless it is at least 0 and less
    than 1."""
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise UserError(f"The share {value!r} cannot be {to_be}: give at least 0 and less than 1, as in 0.2.")
    return float(value)
