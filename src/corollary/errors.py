"""The errors that Corollary raises on purpose. Everything else that is raised is a defect of ours.

    UserError       what the user can fix: one sentence that says what is wrong and how
    └── Unknown     a name that does not exist; says which existing name is nearest
    JobFailed       a job ended without an answer; stands as its result, since it must not lose the others
    └── WorkerDied  its process ended in the middle of it

The command line prints a `UserError` without a traceback and exits with 2. `assert` guards our own
invariants; errors of libraries propagate as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that the user can fix. The message is one sentence that says how. `exit_code` is the command
    line's."""

    exit_code = 2


class Unknown(UserError):
    """A name that does not exist, of something that is known by name (a dataset, a option, a preset).

    `what` says what is named ("dataset", "option of reversals"), `name` is what was given and `known`
    are the names that exist. The message names the nearest of them, else all of them.
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
            return f"There is no {self.what} named '{self.name}': there is none at all, so leave it out."
        return f"There is no {self.what} named '{self.name}': choose from {', '.join(self.known)}."


class JobFailed(Exception):
    """A job ended without an answer; the message is its traceback. It stands as the job's result."""


class WorkerDied(JobFailed):
    """A worker process ended in the middle of a job without an answer, most often for lack of memory.

    A runner yields it as the job's result, since one lost job must not lose the others.
    """
