"""Values as plain data, and the hash of their content.

`content_id` hashes values, never a path, an address or a device: equal inputs have one identity.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def content_id(value: Any) -> str:
    """SHA-256, in hex, of a value's content. It is the same in every process and on every machine.

    The value may contain dataclasses, mappings with text keys (in any order), lists, tuples (equal to
    lists), text, integers, floats, booleans and None. Raises `TypeError` with the place for anything whose
    content is not stable: sets, paths, functions, NaN and objects of other classes.
    """
    plain = json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode("ascii")).hexdigest()


def to_plain(value: Any, where: str = "value") -> Any:
    """A value as plain JSON types: dicts with text keys, lists, text, numbers, None.

    Raises `TypeError` as `content_id` does; `where` names the value in its message. Types must match exactly:
    isinstance accepts a NumPy float as a float and some enums as text, but their content differs.
    """
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise TypeError(f"{where} is {value}, which JSON cannot contain")
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: to_plain(getattr(value, name), f"{where}.{name}") for name in names}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str:
                raise TypeError(f"{where} has the key {key!r}, which is not text")
        return {key: to_plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if type(value) in (list, tuple):
        return [to_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(
        f"{where} is of {type(value)}, whose content is not stable: use text, numbers or tuples of them"
    )


def from_plain(cls: type[T], value: Any) -> T:
    """A dataclass, with those nested in it, from a mapping: the inverse of `to_plain`.

    Missing fields take their defaults. Raises `TypeError` for an unknown field, a missing one without a
    default, and a value of another type. In a field of type `Any` a tuple comes back as a list; `content_id`
    treats the two alike.
    """
    built: T = _rebuild(cls, value)
    return built


def _rebuild(wanted: Any, value: Any, where: str = "it") -> Any:
    if wanted in _SCALARS:
        kinds, what = _SCALARS[wanted]
        if wanted is int and type(value) is float and value.is_integer():
            return int(value)
        _expect(type(value) in kinds, value, where, what)
        # JSON writers elsewhere drop the ".0" of a float.
        return float(value) if wanted is float else value
    origin, options = get_origin(wanted), get_args(wanted)
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        types = _field_types(wanted)
        if not isinstance(value, Mapping):
            raise TypeError(f"{wanted.__name__} must be an object, such as {{...}}")
        if unknown := set(value) - set(types):
            raise TypeError(f"{wanted.__name__} has no {', '.join(sorted(unknown))}")
        if lacking := _required(wanted) - set(value):
            raise TypeError(f"it lacks {', '.join(sorted(lacking))}")
        return wanted(**{name: _rebuild(types[name], item, name) for name, item in value.items()})
    if origin is tuple:
        # A text is a sequence too: "d1" would become "d" and "1".
        _expect(isinstance(value, (list, tuple)), value, where, "a list")
        each = [options[0]] * len(value) if options[-1] is Ellipsis else options
        _expect(len(each) == len(value), value, where, f"a list of {len(each)}")
        return tuple(_rebuild(option, item, where) for option, item in zip(each, value, strict=True))
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _rebuild(next(option for option in options if option is not NoneType), value, where)
    if origin is Mapping:
        _expect(isinstance(value, Mapping), value, where, "an object")
        return {key: _rebuild(options[1], item, where) for key, item in value.items()}
    return value


# Exact types, no subclasses: to Python, true is a whole number.
_SCALARS: Mapping[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "text"),
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
}


def _expect(fits: bool, value: Any, where: str, what: str) -> None:
    if not fits:
        raise TypeError(f"{where} is {json.dumps(value, default=str)[:60]} and not {what}")


@functools.cache
def _field_types(cls: type) -> dict[str, Any]:
    # Annotations are text and slow to evaluate: a result file contains thousands of scores.
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


@functools.cache
def _required(cls: type) -> frozenset[str]:
    missing = dataclasses.MISSING
    fields = dataclasses.fields(cls)
    return frozenset(f.name for f in fields if f.default is missing and f.default_factory is missing)
