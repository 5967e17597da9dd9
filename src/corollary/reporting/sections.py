"""Report sections that datasets name: plug-ins `section(summary) -> Section | None`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from corollary import plugins
from corollary.errors import UserError
from corollary.reporting.table import Table


@dataclass(frozen=True)
class Section:
    """A part of the report. All of it is text, never markup.

    `disclaimer` is one sentence for the top of the page. `unknown` are sentences about the limits of the
    study. Without tables the section has no heading of its own.
    """

    title: str
    intro: str = ""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    disclaimer: str = ""
    unknown: tuple[str, ...] = ()


def sections_of(summary: Mapping[str, Any]) -> tuple[list[Section], list[str]]:
    """The sections that the datasets of a study name, and a sentence about each section that is left out.

    Only installed plug-ins run. A summary may come from somebody else, so a Python file that it names is
    refused. Raises `UserError` if a plug-in returns something else.
    """
    found, left_out = [], []
    for name in dict.fromkeys(summary["sections"].values()):
        if name not in plugins.available("sections"):
            why = "files are not run" if plugins.is_file(name) else "no installed package has it"
            left_out.append(f"The report section {name} is left out: {why}.")
            continue
        section = plugins.load("sections", name)(summary)
        if not isinstance(section, Section | None):
            raise UserError(
                f"The report section {name} returns a {type(section).__name__}: return a"
                " corollary.reporting.sections.Section, or None."
            )
        found += [section] if section else []
    return found, left_out
