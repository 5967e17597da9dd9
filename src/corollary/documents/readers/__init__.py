"""Readers: each turns one kind of file into documents.

A reader is a module with `SUFFIXES`, the lower-case suffixes of its files, and a function
`read(path, *, ...)` that yields documents one by one. The corpus fills these keywords if the
function takes them: `name` (the file's path below the corpus folder), `language` (for sentences) and
`text_field` (the field that contains a row's text). Besides documents, a reader may yield a `Skipped`, a
`LeftOut` or a `Remark`, which the table of files shows. A `UserError` or any other exception ends only this
file.

Import heavy or optional libraries in `read`, so that this package imports quickly.
"""

from __future__ import annotations

from dataclasses import dataclass

from corollary.types import Document


@dataclass(frozen=True)
class Skipped:
    """A row or page that gave no document; `place` says which ("row 3", "page 2")."""

    place: str
    why: str


@dataclass(frozen=True)
class LeftOut:
    """Parts of a file without sentences: what they are ("headings", "tables") and how many."""

    what: str
    count: int = 1


@dataclass(frozen=True)
class Remark:
    """A decision about a file that you should know, such as a guessed encoding."""

    text: str


Found = Document | Skipped | LeftOut | Remark
"""An item that a reader yields."""
