"""The plug-ins that there are."""

from __future__ import annotations

from dataclasses import dataclass

from corollary import plugins
from corollary.plugins import Knob


@dataclass(frozen=True)
class Plugin:
    """A plug-in: the kind of thing it is, its name, one sentence about it, and its knobs."""

    kind: str
    name: str
    summary: str
    knobs: tuple[Knob, ...]


def list_(kind: str | None = None) -> list[Plugin]:
    """All plug-ins, or those of a kind: "datasets", "strategies", "models", "tuning" or "runners".

    Raises `UserError` for another kind.
    """
    found = []
    for each in [kind] if kind else plugins.KINDS:
        for name in plugins.available(each):
            function = plugins.load(each, name)
            line = plugins.summary(function).split(". ")[0].rstrip(".") + "."
            found.append(Plugin(each, name, line, plugins.knobs(function)))
    return found
