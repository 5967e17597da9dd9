"""A store of completions in one SQLite file, so that no request is generated twice."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Self

from corollary.errors import UserError
from corollary.types import Completion, Request
from corollary.values import content_id, to_plain


class Completions:
    """Completions by model and request, in one SQLite file.

    The key is the model's identity and the content of the request. Each `put` is committed at once, so a kill
    loses nothing. Failures are never stored. Several processes and threads may use one file at once, on a
    local disk only: SQLite's write-ahead log does not work over network file systems.
    """

    def __init__(self, path: Path) -> None:
        """Open the store, or create it. Raises `UserError` when the file is something else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            # Autocommit: every put is its own transaction.
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            _patiently(self._database, "PRAGMA journal_mode=WAL")
            # With NORMAL a kill loses nothing; a power cut may lose the last moments but corrupts nothing.
            self._database.execute("PRAGMA synchronous=NORMAL")
            for table in _TABLES:
                _patiently(self._database, table)
            columns = {row[1] for row in self._database.execute("PRAGMA table_info(completions)")}
        except sqlite3.DatabaseError as error:
            # "database is locked" and "disk I/O error" are clear enough.
            if path.is_file() and isinstance(error, sqlite3.OperationalError):
                raise
            raise UserError(
                f"{path} is not a store of completions: move it away, or name another folder."
            ) from error
        if "chat" not in columns:
            self._database.close()
            raise UserError(f"{path} was written by an older version: move it away, or name another folder.")

    def get(self, model: str, request: Request) -> Completion | None:
        """The stored completion for this request to the model of this identity, or None."""
        with self._lock:
            row = self._database.execute(_GET, (completion_id(model, request),)).fetchone()
        return None if row is None else Completion(*row)

    def put(self, model: str, request: Request, completion: Completion) -> Completion:
        """Store a completion and return the stored one. An earlier completion of the same request stays."""
        assert completion.finish in ("stop", "length", "filter"), f"not an answer: {completion.finish!r}"
        prefix = hashlib.sha256(request.prefix.encode("utf-8")).hexdigest()
        asked = (request.prompt, request.max_tokens, request.temperature, request.seed)
        turns = None if request.chat is None else json.dumps(to_plain(request.chat), ensure_ascii=False)
        more = (json.dumps(request.stop), request.begin, turns)
        row = (completion_id(model, request), model, prefix, *asked, *more)
        with self._lock:
            # The prefix first: a kill between the two leaves an unused prefix, never a missing one.
            self._database.execute("INSERT OR IGNORE INTO prefixes VALUES (?, ?)", (prefix, request.prefix))
            self._database.execute(_PUT, (*row, *dataclasses.astuple(completion)))
            return Completion(*self._database.execute(_GET, row[:1]).fetchone())

    def __len__(self) -> int:
        """Number of stored completions."""
        with self._lock:
            count: int = self._database.execute("SELECT COUNT(*) FROM completions").fetchone()[0]
        return count

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def completion_id(model: str, request: Request) -> str:
    """The key of a completion: a hash of the model's identity and the request's content.

    Two requests with the same text but another cut between prefix and prompt differ: the two parts are
    tokenised apart, so the cut can change what the model reads.
    """
    return content_id((model, request))


# A prefix may be a whole dataset that a thousand prompts share: it is stored once.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS prefixes (id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS completions (
        id TEXT PRIMARY KEY, model TEXT NOT NULL,
        prefix TEXT NOT NULL REFERENCES prefixes, prompt TEXT NOT NULL,
        max_tokens INTEGER NOT NULL, temperature REAL NOT NULL, seed INTEGER NOT NULL, stop TEXT NOT NULL,
        begin TEXT NOT NULL, chat TEXT,
        text TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL, finish TEXT NOT NULL) WITHOUT ROWID""",
)
_GET = "SELECT text, input_tokens, output_tokens, cached_tokens, finish FROM completions WHERE id = ?"
_PUT = f"INSERT OR IGNORE INTO completions VALUES ({', '.join('?' * 15)})"


def _patiently(database: sqlite3.Connection, statement: str) -> None:
    # SQLite ignores its own timeout when several processes turn on the log of a new file.
    for wait in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, None):
        try:
            database.execute(statement)
        except sqlite3.OperationalError as error:
            if wait is None or "locked" not in str(error):
                raise
            time.sleep(wait)
        else:
            return
