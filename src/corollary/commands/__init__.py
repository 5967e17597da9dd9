"""What a person can ask for: the functions behind the command line, each reading and writing plain folders.

They are the public functions of the package. Nothing here imports torch at the top: the command line
must answer at once.
"""

from corollary.commands.asking import Answer, ask
from corollary.commands.comparison import costs, demo, report, study
from corollary.commands.listing import Plugin, list_
from corollary.commands.scoring import evaluate
from corollary.commands.stages import augment, make, tune

__all__ = [
    "Answer",
    "Plugin",
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
