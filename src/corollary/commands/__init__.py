"""The public functions behind the commands.

The signature, the `Doc` annotations and the docstring of each are also the options, help and examples of the
command line (`corollary.cli`). Nothing here imports torch at the top: the command line must answer at once.
"""

from corollary.commands.comparison import (
    DEMO,
    Evaluation,
    StudyResult,
    costs,
    demo,
    evaluate,
    folder_of,
    plan,
    report,
    study,
)
from corollary.commands.data import Plugin, list_, make, read
from corollary.commands.sources import model_spec, spec_of
from corollary.commands.stages import Augmented, Tuned, augment, tune
from corollary.studies.answers import Answer, ask

__all__ = [
    "DEMO",
    "Answer",
    "Augmented",
    "Evaluation",
    "Plugin",
    "StudyResult",
    "Tuned",
    "ask",
    "augment",
    "costs",
    "demo",
    "evaluate",
    "folder_of",
    "list_",
    "make",
    "model_spec",
    "plan",
    "read",
    "report",
    "spec_of",
    "study",
    "tune",
]
