"""What is kept on disk, and by what it is known.

Identity is the content of the inputs: `content_id` hashes values, never a path, a URL or a device.
`Completions` keeps what a model wrote, so that nothing is asked twice; `write_*` replace whole files
at once, so that a kill at any moment leaves the old file or the new one and never half of one. Keys
are sorted everywhere: same values, same bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, TracebackType, UnionType
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from corollary.errors import UserError
from corollary.types import Completion, Request

T = TypeVar("T")


def content_id(value: Any) -> str:
    """SHA-256, in hex, of a value's content: the same in every process, on every machine and day.

    Takes dataclasses, mappings with text keys (their order does not count), lists, tuples (equal to
    lists), text, integers, floats (all their digits), booleans and None. Raises `TypeError`, which
    says where, for anything whose content is not stable or not its own: sets, paths, functions, NaN,
    objects of any other class.
    """
    plain = json.dumps(_stable(value, "value"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode("ascii")).hexdigest()


def to_plain(value: Any) -> Any:
    """A dataclass and all within it as what JSON knows: dicts with text keys, lists, text, numbers, None.

    Raises `TypeError` as `content_id` does.
    """
    return _stable(value, "value")


def from_plain(cls: type[T], value: Any) -> T:
    """The inverse of `to_plain`: builds a dataclass from a mapping, with the nested ones its fields name.

    Fields that are missing take their defaults. Raises `TypeError` for a field that does not exist, that
    is missing and has no default, or that holds something of another type. Where a field says `Any`
    (knobs, notes) a tuple comes back as a list, which `content_id` does not tell apart.
    """
    built: T = _rebuild(cls, value)
    return built


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text at once; its folder is made if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, since a rename is atomic only within one file system.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            # Without it some file systems rename first and write later: a power cut leaves it empty.
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        # A full disk does not say of itself which file it had no room for.
        error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a value (see `to_plain`) as indented JSON with sorted keys."""
    write_text(path, json.dumps(to_plain(value), sort_keys=True, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Replace a file by one line of JSON per row (see `to_plain`), keys sorted, in the order given."""
    lines = (json.dumps(to_plain(row), sort_keys=True, ensure_ascii=False) + "\n" for row in rows)
    write_text(path, "".join(lines))


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises `UserError` when the file does not exist or is not JSON."""
    return _parse(_read(path), str(path))


def read_jsonl(path: Path) -> list[Any]:
    """The rows of a JSON-lines file; empty lines are passed over. Raises `UserError`, which says which
    line, when one is not JSON, and when the file does not exist."""
    # Not splitlines(): it also splits at U+2028 and its like, which JSON leaves inside texts.
    lines = enumerate(_read(path).split("\n"), start=1)
    return [_parse(line, f"{path}, line {number},") for number, line in lines if line.strip()]


class Completions:
    """What models wrote, kept in one SQLite file: asked once, never again.

    A completion is known by the model's identity and the content of the request. Each is committed as
    it is put, so a kill loses none; a failure is never put. Several processes and threads may use one
    file at once (on a local disk: SQLite's write-ahead log does not work over network file systems).
    """

    def __init__(self, path: Path) -> None:
        """Open the store, made if need be. Raises `UserError` when the file is something else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            # Autocommit: every put is its own transaction.
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            _patiently(self._database, "PRAGMA journal_mode=WAL")
            # A kill loses nothing with NORMAL; a power cut may lose the last moments, but tears nothing.
            self._database.execute("PRAGMA synchronous=NORMAL")
            for table in _TABLES:
                _patiently(self._database, table)
        except sqlite3.DatabaseError as error:
            # "database is locked" and "disk I/O error" say themselves what is wrong.
            if path.is_file() and isinstance(error, sqlite3.OperationalError):
                raise
            raise UserError(f"{path} is not a store of completions: move it away or name another.") from error

    def get(self, model: str, request: Request) -> Completion | None:
        """What the model of this identity wrote when it was asked this, or None."""
        with self._lock:
            row = self._database.execute(_GET, (completion_id(model, request),)).fetchone()
        return None if row is None else Completion(*row)

    def put(self, model: str, request: Request, completion: Completion) -> Completion:
        """Keep a completion, at once and for good. The first one stays: a second is not written over it.
        Returns the one that is kept."""
        assert completion.finish in ("stop", "length"), f"only answers are kept, not {completion.finish!r}"
        prefix = hashlib.sha256(request.prefix.encode("utf-8")).hexdigest()
        asked = (request.prompt, request.max_tokens, request.temperature, request.seed)
        row = (completion_id(model, request), model, prefix, *asked, json.dumps(request.stop))
        with self._lock:
            # The prefix first: a kill between the two leaves a prefix too many, never one too few.
            self._database.execute("INSERT OR IGNORE INTO prefixes VALUES (?, ?)", (prefix, request.prefix))
            self._database.execute(_PUT, (*row, *dataclasses.astuple(completion)))
            return Completion(*self._database.execute(_GET, row[:1]).fetchone())

    def __len__(self) -> int:
        """Number of completions kept."""
        with self._lock:
            count: int = self._database.execute("SELECT COUNT(*) FROM completions").fetchone()[0]
        return count

    def close(self) -> None:
        """Close the file; what was put stays."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def completion_id(model: str, request: Request) -> str:
    """What a completion is known by: the model's identity and the request's content.

    Where a request is cut into prefix and prompt counts: the two are tokenised apart, so the cut can
    change what the model reads.
    """
    return content_id((model, request))


# A prefix may be a whole dataset and stand before a thousand prompts: it is kept once.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS prefixes (id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS completions (
        id TEXT PRIMARY KEY, model TEXT NOT NULL,
        prefix TEXT NOT NULL REFERENCES prefixes, prompt TEXT NOT NULL,
        max_tokens INTEGER NOT NULL, temperature REAL NOT NULL, seed INTEGER NOT NULL, stop TEXT NOT NULL,
        text TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL, finish TEXT NOT NULL) WITHOUT ROWID""",
)
_GET = "SELECT text, input_tokens, output_tokens, cached_tokens, finish FROM completions WHERE id = ?"
_PUT = f"INSERT OR IGNORE INTO completions VALUES ({', '.join('?' * 13)})"


def _patiently(database: sqlite3.Connection, statement: str) -> None:
    # SQLite does not wait its own timeout out when several processes turn on the log of a new file.
    for wait in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, None):
        try:
            database.execute(statement)
        except sqlite3.OperationalError as error:
            if wait is None or "locked" not in str(error):
                raise
            time.sleep(wait)
        else:
            return


def _stable(value: Any, where: str) -> Any:
    """The value as plain data, or `TypeError`. Types are compared exactly: a NumPy float is a float to
    isinstance, and an enum a text, but their content is not what it looks like."""
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise TypeError(f"{where} is {value}, which has no place in JSON and equals nothing")
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _stable(getattr(value, f.name), f"{where}.{f.name}") for f in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return dict(_stable_items(value, where))
    if type(value) in (list, tuple):
        return [_stable(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(
        f"{where} is of {type(value)}, whose content is not stable: use text, numbers or tuples of them"
    )


def _stable_items(value: Mapping[Any, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if type(key) is not str:
            raise TypeError(f"{where} has the key {key!r}, which is not text")
        yield key, _stable(item, f"{where}[{key!r}]")


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
            raise TypeError(f"{wanted.__name__} is an object, as in {{...}}, and this is none")
        if unknown := set(value) - set(types):
            raise TypeError(f"{wanted.__name__} has no {', '.join(sorted(unknown))}")
        if lacking := _required(wanted) - set(value):
            raise TypeError(f"it lacks {', '.join(sorted(lacking))}")
        return wanted(**{name: _rebuild(types[name], item, name) for name, item in value.items()})
    if origin is tuple:
        # A text can be walked too: "d1" would become "d" and "1".
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


# The types themselves, no heirs: to Python, true is a whole number.
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
    # Annotations are text and costly to evaluate: a result file holds thousands of scores.
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


@functools.cache
def _required(cls: type) -> frozenset[str]:
    missing = dataclasses.MISSING
    fields = dataclasses.fields(cls)
    return frozenset(f.name for f in fields if f.default is missing and f.default_factory is missing)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: give the path of an existing one.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: save it in that encoding.") from error


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{where} is not JSON ({error}): mend or remove it.") from error
