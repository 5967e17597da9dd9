"""What a person can ask for: the functions behind the command line, each reading and writing plain folders.

They are the public functions of the package. Nothing here imports torch at the top: the command line
must answer at once.
"""

from corollary.commands.asking import Answer, ask
from corollary.commands.comparison import DEMO, costs, demo, plan, report, study
from corollary.commands.estimate import expected_seconds
from corollary.commands.folders import model_spec, spec_of
from corollary.commands.listing import Plugin, list_
from corollary.commands.scoring import evaluate
from corollary.commands.stages import augment, make, tune

__all__ = [
    "DEMO",
    "Answer",
    "Plugin",
    "ask",
    "augment",
    "costs",
    "demo",
    "evaluate",
    "expected_seconds",
    "list_",
    "make",
    "model_spec",
    "plan",
    "report",
    "spec_of",
    "study",
    "tune",
]
