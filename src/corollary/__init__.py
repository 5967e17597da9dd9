"""Corollary: fine-tune on your documents, and on everything that follows from them.

This is the whole Python interface: the functions behind the commands, and the types that they take and
return. The import is quick; torch is imported only when a function needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corollary.errors import Unknown, UserError
from corollary.types import (
    Arm,
    Completion,
    Cost,
    Dataset,
    Document,
    Flow,
    Likelihood,
    Mark,
    Message,
    Model,
    Origin,
    Question,
    Request,
    Result,
    Score,
    Scorer,
    Spec,
    Study,
    Trainee,
    Trial,
    Writer,
)

if TYPE_CHECKING:
    from corollary.commands import (
        Answer,
        Augmented,
        Evaluation,
        Plugin,
        StudyResult,
        Tuned,
        ask,
        augment,
        costs,
        demo,
        evaluate,
        list_,
        make,
        read,
        report,
        study,
        tune,
    )

__all__ = [
    "Answer",
    "Arm",
    "Augmented",
    "Completion",
    "Cost",
    "Dataset",
    "Document",
    "Evaluation",
    "Flow",
    "Likelihood",
    "Mark",
    "Message",
    "Model",
    "Origin",
    "Plugin",
    "Question",
    "Request",
    "Result",
    "Score",
    "Scorer",
    "Spec",
    "Study",
    "StudyResult",
    "Trainee",
    "Trial",
    "Tuned",
    "Unknown",
    "UserError",
    "Writer",
    "ask",
    "augment",
    "costs",
    "demo",
    "evaluate",
    "list_",
    "make",
    "read",
    "report",
    "study",
    "tune",
]


def __getattr__(name: str) -> Any:
    # The commands are imported at first use: they import more than the types do.
    if name == "__version__":
        from importlib.metadata import version

        return version("corollary")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from corollary import commands

    return getattr(commands, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
