"""The errors that Corollary raises on purpose. Everything else that is raised is a defect of ours.

    UserError       you can fix it: one sentence says what is wrong and how
    ├── Unknown     a name does not exist; the message names the nearest one
    └── StudyFailed jobs of a study failed; everything else is stored
    JobFailed       a job ended without an answer: its result, so that the other jobs go on
    └── WorkerDied  its process ended in the middle of the job

The command line prints a `UserError` without a traceback and exits with 2. `assert` guards our own
invariants. Errors of libraries propagate unchanged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that you can fix; the message is one sentence that says how."""

    exit_code = 2
    """Exit code of the command line."""


class Unknown(UserError):
    """A name that does not exist, such as that of a dataset, an option or a preset.

    `what` is the kind of thing ("dataset", "option of reversals"), `name` the given name, and `known` the
    names that exist. The message names the nearest of them, or else all of them.
    """

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        # All three go to Exception, so that the error survives pickling on its way from a worker.
        names = sorted(known)
        super().__init__(what, name, names)
        self.what, self.name, self.known = what, name, names

    def __str__(self) -> str:
        near = difflib.get_close_matches(self.name.lower(), self.known, n=1)
        if near:
            return f"There is no {self.what} named '{self.name}': did you mean '{near[0]}'?"
        if not self.known:
            return f"There is no {self.what} named '{self.name}': none exist, so leave it out."
        return f"There is no {self.what} named '{self.name}': choose from {', '.join(self.known)}."


class StudyFailed(UserError):
    """Jobs of a study failed; everything else is stored."""

    exit_code = 1


class JobFailed(Exception):
    """A job ended without an answer. This is its result; the message is the traceback."""


class WorkerDied(JobFailed):
    """A worker process ended in the middle of a job, most often for lack of memory."""
