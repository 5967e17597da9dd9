"""The outline of a study: its arms by role, its tests in order, and its main tuning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Row = Mapping[str, Any]
AnyRow = TypeVar("AnyRow", bound=Row)

UNTUNED = "none"
CHOICES = ("floor", "context", "baseline", "treatment", "added")
"""Roles of arms that you could use. The others explain a difference or bound it."""


@dataclass(frozen=True)
class Outline:
    """The outline that every part of a report uses; see `outline_of`.

    `roles` maps each arm to its role. `tests` maps each (dataset, split) to whether it asks only what the
    documents state. Both are in the order of the study.
    """

    roles: Mapping[str, str]
    tests: Mapping[tuple[str, str], bool]
    tuning: str

    def of_role(self, *roles: str) -> list[str]:
        """The arms with one of the roles, in order."""
        return [arm for arm, role in self.roles.items() if role in roles]

    def first(self, role: str) -> str:
        """The first arm with the role, or ""."""
        return next(iter(self.of_role(role)), "")

    def arm_place(self, arm: str, tuning: str = UNTUNED) -> tuple[Any, ...]:
        """A sort key: untuned arms, then those of the main tuning, then others, each in the study's order."""
        rank = 0 if tuning == UNTUNED else 1 if tuning == self.tuning else 2
        return rank, tuning if rank == 2 else "", _index(self.roles, arm), arm

    def test_place(self, dataset: str, split: str = "") -> tuple[Any, ...]:
        """A sort key for datasets and their splits."""
        datasets = dict.fromkeys(name for name, _ in self.tests)
        return _index(datasets, dataset), dataset, _index(self.tests, (dataset, split)), split

    def datasets(self, rows: Iterable[Row]) -> list[str]:
        """The datasets of these rows, in order."""
        return sorted({row["dataset"] for row in rows}, key=self.test_place)

    def sorted(self, rows: Iterable[AnyRow]) -> list[AnyRow]:
        """The rows by test, then by arm."""
        return sorted(
            rows,
            key=lambda row: (
                self.test_place(row["dataset"], row.get("split", "")),
                self.arm_place(row["method"], row.get("tuning", UNTUNED)),
            ),
        )

    def inference(self, rows: Iterable[AnyRow]) -> list[AnyRow]:
        """The rows of tests that need an inference; every arm can repeat what the documents state."""
        return [row for row in rows if not self.tests.get((row["dataset"], row["split"]), False)]

    def main(self, rows: Iterable[AnyRow]) -> list[AnyRow]:
        """The rows of the main tuning and of arms without tuning."""
        return [row for row in rows if row["tuning"] in (self.tuning, UNTUNED)]

    def way(self, row: Row) -> str:
        """The tuning of a row, as in ", lora", if it is not the main one; else ""."""
        return "" if row["tuning"] in (self.tuning, UNTUNED) else f", {row['tuning']}"

    def label(self, row: Row) -> str:
        """The arm of a row, with its tuning if that is not the main one."""
        return f"{row['method']}{self.way(row)}"


def outline_of(summary: Row) -> Outline:
    """The outline of a summary.json. The main tuning is the one with which the first treatment ran on most
    tests; without a treatment, any arm counts."""
    roles = {arm["name"]: arm["role"] for arm in summary["arms"]}
    treatment = next((arm for arm, role in roles.items() if role == "treatment"), None)
    rows = [*summary["accuracy"], *summary["comparisons"]]
    treated = [row for row in rows if treatment in (row.get("method"), row.get("a")) and treatment]
    tests = {(test["dataset"], test["split"]): test["recall"] for test in summary["tests"]}
    return Outline(roles, tests, main_tuning(treated or rows))


def main_tuning(rows: Iterable[Row]) -> str:
    """The tuning with most rows, the first by name among equals; "none" if nothing was tuned."""
    tunings = [row["tuning"] for row in rows if row["tuning"] != UNTUNED]
    return min(set(tunings), key=lambda tuning: (-tunings.count(tuning), tuning), default=UNTUNED)


def chance_of(rows: Iterable[Row]) -> float | None:
    """Chance on a test, from the arm with the fewest unanswered questions. Chance is averaged over answered
    questions, so it may differ between arms."""
    known = [row for row in rows if row["chance"] is not None]
    return min(known, key=lambda row: row["no_answer"])["chance"] if known else None


def _index(known: Iterable[Any], wanted: Any) -> int:
    names = list(known)
    return names.index(wanted) if wanted in names else len(names)
