"""Plug-ins: a module in one of five folders, whose function has the file's name.

There is no registry: `datasets/family.py` with a function `family` is the dataset `family`. The
function's keyword-only parameters are its knobs: their names, annotations and defaults are the
schema and the error messages. Those of a dataset are flags of `corollary make` and those of a tuning
flags of `corollary tune`; those of a strategy, a model or a runner are set with `--set`.
`path/to/file.py:function` works wherever a name does; without `:function` the function is named as the
file.

Nothing here imports torch: modules of `models` and `tuning` import it inside their functions.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from corollary.errors import Unknown, UserError
from corollary.types import Spec

KINDS = {
    "datasets": "dataset",
    "strategies": "strategy",
    "models": "model",
    "tuning": "tuning",
    "runners": "runner",
}
"""Folder of each kind of plug-in, and what one of them is called."""

ENGINE = frozenset("seed window count rows other on_checkpoint checkpoints".split())
"""Keyword parameters that a study fills itself; nobody sets them as knobs."""

REQUIRED: Any = inspect.Parameter.empty
"""Default of a knob that has none: it must be given."""


@dataclass(frozen=True)
class Knob:
    """A keyword-only parameter of a plug-in: its name, its annotation and its default (or `REQUIRED`)."""

    name: str
    type: Any
    default: Any


def available(kind: str) -> list[str]:
    """Names of the plug-ins of a kind ("datasets", "strategies", "models", "tuning", "runners"), sorted.

    Only file names are read: nothing is imported. Modules beginning with an underscore are shared
    parts, not plug-ins.
    """
    folder = Path(__file__).parent / _known_kind(kind)
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load(kind: str, use: str) -> Callable[..., Any]:
    """The function of a plug-in, by name or as `file.py:function`.

    Raises `UserError` when there is no such plug-in, file or function, or when the user's file does
    not run.
    """
    if _is_file(use):
        path, name = _split(use)
        function = getattr(_module_of(path), name, None)
        if not callable(function):
            named = (key for key, value in vars(_module_of(path)).items() if inspect.isfunction(value))
            raise Unknown(f"function in {path}", name, named)
    else:
        if use not in available(kind):
            raise Unknown(KINDS[kind], use, available(kind))
        function = getattr(importlib.import_module(f"corollary.{kind}.{use}"), use)
    loaded: Callable[..., Any] = function
    return loaded


def name_of(use: str) -> str:
    """What a plug-in is called in folders and results: one in a file of the user's by its function."""
    _, found, function = use.rpartition(".py:")
    return function if found else Path(use).stem


def knobs(function: Callable[..., Any]) -> tuple[Knob, ...]:
    """The knobs of a plug-in's function, in the order in which they are written.

    What the engine gives (`ENGINE`) is none of them.
    """
    return tuple(
        Knob(name, _annotation(parameter.annotation, function), parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in ENGINE
    )


def check_knobs(kind: str, spec: Spec) -> Spec:
    """The same plug-in with every knob resolved: defaults filled in, values of the annotated types.

    Text is read as the command line and configuration files write it ("3", "yes", "a,b"), "max-tokens"
    is the knob `max_tokens`, a list becomes the tuple that the annotation asks for. Two spellings of
    the same settings give equal specs, so the result may be hashed.

    Raises `UserError` for an unknown plug-in or knob (and names the nearest), for a value that is not
    of the knob's type, and for a knob without default that is not given.
    """
    existing = {knob.name: knob for knob in knobs(load(kind, spec.use))}
    owner = f"{KINDS[kind]} {spec.use}"
    given: dict[str, Any] = {}
    for written, value in spec.knobs.items():
        name = written.replace("-", "_")
        if name not in existing:
            raise Unknown(f"knob of the {owner}", written, existing)
        if name in given:
            raise UserError(f"The knob '{name}' of the {owner} is given twice: give it once.")
        given[name] = _coerced(value, existing[name].type, f"The knob '{name}' of the {owner}")
    for name, knob in existing.items():
        if name not in given and knob.default is REQUIRED:
            raise UserError(f"The {owner} needs the knob '{name}': give it a value.")
    filled = {knob.name: given.get(knob.name, knob.default) for knob in existing.values()}
    return Spec(spec.use, dict(sorted(filled.items())))


def bind(kind: str, spec: Spec) -> Callable[..., Any]:
    """The plug-in's function with its knobs already given; what remains are its positional parameters
    and the seed. Raises `UserError` as `check_knobs` does."""
    return functools.partial(load(kind, spec.use), **check_knobs(kind, spec).knobs)


def identity(kind: str, spec: Spec) -> dict[str, Any]:
    """What a plug-in and its knobs are known by, as plain values to be hashed.

    A plug-in of the user's own is known by the content of its file, never by its path: moving the
    file re-runs nothing, and changing it does.
    """
    use = spec.use
    if _is_file(use):
        path, name = _split(use)
        use = f"{name}@{hashlib.sha256(path.read_bytes()).hexdigest()}"
    return {"use": use, "knobs": dict(check_knobs(kind, spec).knobs)}


def summary(function: Callable[..., Any]) -> str:
    """The first sentence or line of a plug-in's docstring, as `corollary list` shows it."""
    paragraph = (inspect.getdoc(function) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise Unknown("kind of plug-in", kind, KINDS)
    return kind


def _is_file(use: str) -> bool:
    return use.endswith(".py") or ".py:" in use


def _split(use: str) -> tuple[Path, str]:
    # From the right: a Windows path has a colon of its own.
    file, function = use, Path(use).stem
    if not use.endswith(".py"):
        file, _, function = use.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"There is no file {file}: give the path of an existing Python file.")
    return path.resolve(), function


def _module_of(path: Path) -> ModuleType:
    # Under a name made from the content, so that a file that was edited is loaded anew and one that
    # was not is loaded once. It must stand in sys.modules before it runs: dataclasses look there.
    source = path.read_bytes()
    name = f"corollary_plugin_{hashlib.sha256(str(path).encode() + source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"{path} does not run ({type(error).__name__}: {error}): mend the file.") from error
    return module


def _annotation(annotation: Any, function: Callable[..., Any]) -> Any:
    # One at a time, not inspect's eval_str: a name that exists only for the type checker (a model's
    # class under TYPE_CHECKING) must not hide the types of the knobs beside it.
    if not isinstance(annotation, str):
        return Any if annotation is inspect.Parameter.empty else annotation
    try:
        return eval(annotation, getattr(inspect.unwrap(function), "__globals__", {}))
    except NameError:
        return Any


def _coerced(value: Any, wanted: Any, owner: str) -> Any:
    found = _read(value, wanted)
    if found is _UNREADABLE:
        raise UserError(f"{owner} must be {_in_words(wanted)}: {value!r} is not.")
    return found


_UNREADABLE = object()
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _read(value: Any, wanted: Any) -> Any:
    """The value as the wanted type, or `_UNREADABLE`."""
    origin, options = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return value
    if origin in (Union, UnionType):
        return _first(value, options)
    if origin is Literal:
        return next((option for option in options if str(option) == str(value)), _UNREADABLE)
    if origin is tuple:
        return _read_tuple(value, options)
    if wanted is NoneType:
        return None if value is None or value in ("none", "None", "") else _UNREADABLE
    if wanted is bool:
        return value if isinstance(value, bool) else _WORDS.get(str(value).lower(), _UNREADABLE)
    if wanted in (int, float):
        return _read_number(value, wanted)
    return value if isinstance(wanted, type) and isinstance(value, wanted) else _UNREADABLE


def _first(value: Any, options: tuple[Any, ...]) -> Any:
    # None first and text last: "none" for `str | None` is None, and "3" for `str | int` is 3.
    order = sorted(options, key=lambda option: (option is not NoneType, option is str))
    readings = (_read(value, option) for option in order)
    return next((reading for reading in readings if reading is not _UNREADABLE), _UNREADABLE)


def _read_tuple(value: Any, options: tuple[Any, ...]) -> Any:
    items = [item for item in value.split(",") if item.strip()] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        items = [items]
    if len(options) == 2 and options[1] is Ellipsis:
        options = (options[0],) * len(items)
    if len(items) != len(options):
        return _UNREADABLE
    stripped = (item.strip() if isinstance(item, str) else item for item in items)
    read = tuple(_read(item, option) for item, option in zip(stripped, options, strict=True))
    return _UNREADABLE if _UNREADABLE in read else read


def _read_number(value: Any, wanted: type[int] | type[float]) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return _UNREADABLE
    try:
        number = wanted(value)
    except (ValueError, OverflowError):
        return _UNREADABLE
    # int(2.5) is 2: a lossy reading is none. Neither are NaN and infinity, which have no place in JSON.
    exact = isinstance(value, str) or number == value
    return number if exact and -math.inf < number < math.inf else _UNREADABLE


def _in_words(wanted: Any) -> str:
    origin, options = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return " or ".join(_in_words(option) for option in options)
    if origin is Literal:
        return " or ".join(repr(option) for option in options)
    if origin is tuple:
        return (
            f"a list of {_in_words(options[0])}"
            if options[-1:] == (Ellipsis,)
            else f"a list of {len(options)}"
        )
    words = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text", NoneType: "none"}
    return words.get(wanted, getattr(wanted, "__name__", str(wanted)))
