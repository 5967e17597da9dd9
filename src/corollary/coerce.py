"""Values from the command line or a file, converted to the type of an option."""

from __future__ import annotations

import math
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

UNREADABLE: Any = object()
"""Returned by `read_as` for a value that does not fit the type."""

_WORDS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


def read_as(value: Any, wanted: Any) -> Any:
    """The value as the wanted type, or `UNREADABLE`."""
    origin, options = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return value
    if origin in (Union, UnionType):
        return _first(value, options)
    if origin is Literal:
        return next((option for option in options if str(option) == str(value)), UNREADABLE)
    if origin is tuple:
        return _read_tuple(value, options)
    if wanted is NoneType:
        return None if value is None or value in ("none", "None", "") else UNREADABLE
    if wanted is bool:
        return value if isinstance(value, bool) else _WORDS.get(str(value).lower(), UNREADABLE)
    if wanted in (int, float):
        return _read_number(value, wanted)
    return value if isinstance(wanted, type) and isinstance(value, wanted) else UNREADABLE


def _first(value: Any, options: tuple[Any, ...]) -> Any:
    # None first and text last: "none" for `str | None` is None, and "3" for `str | int` is 3.
    order = sorted(options, key=lambda option: (option is not NoneType, option is str))
    readings = (read_as(value, option) for option in order)
    return next((reading for reading in readings if reading is not UNREADABLE), UNREADABLE)


def _read_tuple(value: Any, options: tuple[Any, ...]) -> Any:
    items = [item for item in value.split(",") if item.strip()] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        items = [items]
    if len(options) == 2 and options[1] is Ellipsis:
        options = (options[0],) * len(items)
    if len(items) != len(options):
        return UNREADABLE
    stripped = (item.strip() if isinstance(item, str) else item for item in items)
    read = tuple(read_as(item, option) for item, option in zip(stripped, options, strict=True))
    return UNREADABLE if UNREADABLE in read else read


def _read_number(value: Any, wanted: type[int] | type[float]) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return UNREADABLE
    try:
        number = wanted(value)
    except (ValueError, OverflowError):
        return UNREADABLE
    # Nothing may be lost (int(2.5) is 2), and JSON cannot contain NaN or infinity.
    exact = isinstance(value, str) or number == value
    return number if exact and -math.inf < number < math.inf else UNREADABLE


def in_words(wanted: Any) -> str:
    """A type in plain words."""
    origin, options = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return " or ".join(in_words(option) for option in options)
    if origin is Literal:
        return " or ".join(repr(option) for option in options)
    if origin is tuple:
        return (
            f"a list of {in_words(options[0])}"
            if options[-1:] == (Ellipsis,)
            else f"a list of {len(options)}"
        )
    words = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text", NoneType: "none"}
    return words.get(wanted, getattr(wanted, "__name__", str(wanted)))
