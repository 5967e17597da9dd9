"""Corollary: fine-tune on your documents, and on everything that follows from them.

This is the whole interface for Python: the functions behind the commands, and the types that they take
and return. Importing it is quick; torch is imported by what needs it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from corollary.errors import Unknown, UserError
from corollary.types import (
    Completion,
    Cost,
    Dataset,
    Document,
    Flow,
    Likelihood,
    Method,
    Model,
    Question,
    Request,
    Result,
    Score,
    Spec,
    Study,
    Trial,
)

if TYPE_CHECKING:
    from corollary.commands import (
        Answer,
        Plugin,
        ask,
        augment,
        costs,
        demo,
        evaluate,
        list_,
        make,
        report,
        study,
        tune,
    )

__all__ = [
    "Answer",
    "Completion",
    "Cost",
    "Dataset",
    "Document",
    "Flow",
    "Likelihood",
    "Method",
    "Model",
    "Plugin",
    "Question",
    "Request",
    "Result",
    "Score",
    "Spec",
    "Study",
    "Trial",
    "Unknown",
    "UserError",
    "ask",
    "augment",
    "costs",
    "demo",
    "evaluate",
    "list_",
    "make",
    "report",
    "study",
    "tune",
]

# The types stand here already; what does not is imported when it is first asked for.
_COMMANDS = frozenset(__all__).difference(globals())


class _Package(ModuleType):
    """This package: its functions are imported when they are first asked for.

    Some have the name of a module (`corollary.augment`), and importing that module, which any part of
    the package may do first, binds its name here to the module. The function keeps the name: write
    `from corollary.augment import ...` for what else is in the module.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _COMMANDS:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from corollary import commands

        return getattr(commands, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _COMMANDS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_COMMANDS})


sys.modules[__name__].__class__ = _Package
