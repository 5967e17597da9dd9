"""Plug-ins: how a name becomes a function.

A plug-in is a module whose function is named by its kind's verb (`KINDS`): `models/local.py` with a
function `load` is the model `local`. There is no registry. A plug-in is found

    - in the folder of its kind in this package,
    - in an entry point of the group `corollary.<kind>` of any installed distribution,
    - or in a file that you name: `path/to/file.py`, or `path/to/file.py:function`.

The function's keyword-only parameters are its options: their names, annotations and defaults are the schema.
Nothing here imports torch: plug-ins import heavy libraries inside their functions.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from corollary.coerce import UNREADABLE, in_words, read_as
from corollary.errors import Unknown, UserError
from corollary.types import Spec


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in: its name in messages, its function, and its folder in this package ("": none)."""

    name: str
    verb: str
    folder: str = ""


KINDS = {
    "datasets": Kind("dataset", "make", "datasets"),
    "readers": Kind("reader", "read", "documents/readers"),
    "strategies": Kind("strategy", "write", "writing/strategies"),
    "checks": Kind("check", "check", "writing/checks"),
    "audits": Kind("audit", "audit"),
    "models": Kind("model", "load", "models"),
    "tunings": Kind("tuning", "tune", "training"),
    "contexts": Kind("context", "choose", "asking/contexts"),
    "runners": Kind("runner", "run", "runners"),
    "sections": Kind("report section", "section"),
}
"""Every kind of plug-in."""

ENGINE = frozenset(
    "seed window count rows lines other orders prompt scorer on_checkpoint checkpoints on_step".split()
)
"""Keyword parameters that the program fills; they are not options."""


def is_engine(name: str) -> bool:
    """Whether the program fills a parameter: a name in `ENGINE`, or a prompt ("reverse_prompt")."""
    return name in ENGINE or name.endswith("_prompt")


REQUIRED: Any = inspect.Parameter.empty
"""The default of an option that must be given."""


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a plug-in: its name, its annotation and its default (or `REQUIRED`)."""

    name: str
    type: Any
    default: Any


def available(kind: str) -> list[str]:
    """Sorted names of the plug-ins of a kind (a key of `KINDS`), without importing any."""
    return sorted({*_own(kind), *_installed(kind)})


def load(kind: str, use: str) -> Callable[..., Any]:
    """The function of a plug-in, by name or as `file.py:function`.

    Raises `UserError` when there is no such plug-in, file or function, or when the file does not run.
    """
    loaded: Callable[..., Any]
    if is_file(use):
        path, name = _split(use, _kind(kind).verb)
        module = _module_of(path)
        loaded = getattr(module, name, None)  # type: ignore[assignment]
        if not callable(loaded):
            known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
            raise Unknown(f"function in {path}", name, known)
        return loaded
    if use in _own(kind):
        module = importlib.import_module(_own(kind)[use])
        loaded = getattr(module, _kind(kind).verb)
    elif use in _installed(kind):
        loaded = _from_entry_point(kind, _installed(kind)[use])
    else:
        raise Unknown(_kind(kind).name, use, available(kind))
    return loaded


def name_of(use: str) -> str:
    """The name of a plug-in in folders and results: the function, if one is named, else the file's stem."""
    _, found, function = use.rpartition(".py:")
    return function if found else Path(use).stem


def options(function: Callable[..., Any]) -> tuple[Option, ...]:
    """The options of a plug-in's function, in the order of its parameters, without those in `ENGINE`."""
    return tuple(
        Option(name, _annotation(parameter.annotation, function), parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not is_engine(name)
    )


def wants(kind: str, use: str) -> frozenset[str]:
    """The parameters of a plug-in's signature that the program fills (see `is_engine`)."""
    return frozenset(filter(is_engine, inspect.signature(load(kind, use)).parameters))


def check_options(kind: str, spec: Spec) -> Spec:
    """The same plug-in with every option resolved: defaults filled in, values of the annotated types.

    Text is converted as the command line and configuration files give it ("3", "yes", "a,b"). "max-tokens" is
    the option `max_tokens`, and a list becomes the tuple that the annotation asks for. Two spellings of the
    same settings give equal specs, so the result may be hashed.

    Raises `UserError` for an unknown plug-in or option (and names the nearest), for a value of another type,
    and for a required option that is missing.
    """
    existing = {option.name: option for option in options(load(kind, spec.use))}
    owner = f"{_kind(kind).name} {spec.use}"
    given: dict[str, Any] = {}
    for key, value in spec.options.items():
        name = key.replace("-", "_")
        if name not in existing:
            raise Unknown(f"option of the {owner}", key, existing)
        if name in given:
            raise UserError(f"The option '{name}' of the {owner} is given twice: give it once.")
        wanted = existing[name].type
        given[name] = read_as(value, wanted)
        if given[name] is UNREADABLE:
            raise UserError(
                f"The option '{name}' of the {owner} must be {in_words(wanted)}: {value!r} is not."
            )
    for name, option in existing.items():
        if name not in given and option.default is REQUIRED:
            raise UserError(f"The {owner} needs the option '{name}': give it a value.")
    filled = {option.name: given.get(option.name, option.default) for option in existing.values()}
    return Spec(spec.use, dict(sorted(filled.items())))


def sections(settings: Mapping[str, Any] | None, known: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settings named "section.option", by section. Raises `UserError` for an unknown section."""
    found: dict[str, dict[str, Any]] = {section: {} for section in known}
    for name, value in (settings or {}).items():
        # From the right: a file's name contains a dot too.
        section, dot, option = name.rpartition(".")
        if not dot or section not in found:
            raise UserError(
                f"'{name}' does not name the section of an option: write SECTION.OPTION, with one of the"
                f" sections {', '.join(found)}."
            )
        found[section][option] = value
    return found


def bind(kind: str, spec: Spec) -> Callable[..., Any]:
    """The plug-in's function with its options bound. Raises `UserError` as `check_options` does."""
    return functools.partial(load(kind, spec.use), **check_options(kind, spec).options)


def identity(kind: str, spec: Spec) -> dict[str, Any]:
    """Plain values that identify a plug-in and its options, to be hashed.

    The identity of a file is its content, never its path: moving it repeats nothing, and changing it does.
    The identity of another distribution's plug-in contains that distribution's name and version.
    """
    use = spec.use
    if is_file(use):
        path, name = _split(use, _kind(kind).verb)
        use = f"{name}@{hashlib.sha256(path.read_bytes()).hexdigest()}"
    elif use not in _own(kind):
        package = _installed(kind)[use].dist if use in _installed(kind) else None
        if package is not None and package.name != "corollary":
            use = f"{use}@{package.name}=={package.version}"
    return {"use": use, "options": dict(check_options(kind, spec).options)}


def summary(function: Callable[..., Any]) -> str:
    """The first paragraph of a plug-in's docstring, as `corollary list` shows it."""
    paragraph = (inspect.getdoc(function) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def is_file(use: str) -> bool:
    """Whether a plug-in's name is a Python file."""
    return use.endswith(".py") or ".py:" in use


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise Unknown("kind of plug-in", kind, KINDS)
    return KINDS[kind]


@functools.cache
def _own(kind: str) -> dict[str, str]:
    """The plug-ins in this package's folder of a kind: name to module. Other modules may lie beside them, so
    a plug-in is a file that defines the kind's function. The source is searched, not imported."""
    found = _kind(kind)
    if not found.folder:
        return {}
    folder = Path(__file__).parent / found.folder
    defines = re.compile(rf"^def {found.verb}\(", re.MULTILINE)
    package = f"{__package__}.{found.folder.replace('/', '.')}"
    return {
        path.stem: f"{package}.{path.stem}"
        for path in sorted(folder.glob("*.py"))
        if defines.search(path.read_text(encoding="utf-8"))
    }


@functools.cache
def _installed(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"corollary.{kind}")}


def _from_entry_point(kind: str, point: EntryPoint) -> Callable[..., Any]:
    try:
        found = point.load()
    except Exception as error:
        raise UserError(
            f"The {_kind(kind).name} {point.name}, an entry point {point.value}, does not import"
            f" ({type(error).__name__}: {error}): update or uninstall its package."
        ) from error
    loaded: Callable[..., Any] = getattr(found, _kind(kind).verb) if isinstance(found, ModuleType) else found
    return loaded


def _split(use: str, verb: str) -> tuple[Path, str]:
    # From the right: a Windows path has a colon of its own.
    file, function = (use, verb) if use.endswith(".py") else use.rpartition(":")[::2]
    path = Path(file)
    if not path.is_file():
        raise UserError(f"There is no file {file}: give the path of an existing Python file.")
    return path.resolve(), function


def _module_of(path: Path) -> ModuleType:
    # The module's name contains a hash of the content: an edited file is loaded again, any other once.
    # It must be in sys.modules before it runs: dataclasses look there.
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
    # SystemExit too: a file that ends the process at import would end the study silently.
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"{path} does not run ({type(error).__name__}: {error}): fix the file.") from error
    return module


def _annotation(annotation: Any, function: Callable[..., Any]) -> Any:
    # One at a time, not with inspect's eval_str: a name that exists only under TYPE_CHECKING must not hide
    # the types of the other options.
    if not isinstance(annotation, str):
        return Any if annotation is inspect.Parameter.empty else annotation
    try:
        return eval(annotation, getattr(inspect.unwrap(function), "__globals__", {}))
    except NameError:
        return Any
