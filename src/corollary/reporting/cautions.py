"""What a reader must know before trusting a study's numbers."""

from __future__ import annotations

from corollary.reporting.outline import Outline, Row
from corollary.reporting.wording import listing, percent

SILENT, WRONG = 0.05, 0.5
"""A share of unreadable answers, and one of right new lines, that are worth a caution."""


def cautions_of(summary: Row, outline: Outline) -> list[str]:
    """The study's own, and what a reader must know of its numbers: unreadable answers, arms that were trained
    on the documents alone, and treatments that were trained on wrong lines."""
    silent: dict[tuple[str, str], dict[str, float]] = {}
    for row in summary["accuracy"]:
        if row["no_answer"] > SILENT:
            arms = silent.setdefault((row["dataset"], row["split"]), {})
            arms[outline.label(row)] = row["no_answer"]
    found = []
    # The gravest first: an arm that learned nothing new is not what its name says.
    for row in summary["augmentation"]:
        # A part of the treatment may well have nothing to say about a dataset.
        if outline.roles.get(row["method"]) == "ablation":
            continue
        if not row["lines"]:
            dropped = row["dropped"]["lines"]
            why = (
                f"All {dropped} lines that {row['method']} generated from {row['dataset']} were dropped"
                if dropped
                else f"{row['method']} generated nothing from {row['dataset']}"
            )
            found.append(f"{why}: it was trained on the documents alone.")
        # A control rewords what is there: its few new lines are its mistakes.
        elif outline.roles.get(row["method"]) == "control":
            continue
        elif row["precision"] is None:
            found.append(
                f"Nothing of what {row['method']} generated from {row['dataset']} was verified: no audit can"
                " read these documents, so look at the sample augmentations."
            )
        elif row["precision"] < WRONG:
            found.append(
                f"Only {percent(row['precision'])} of the new lines of {row['method']} on {row['dataset']}"
                " are right, and it was trained on all of them."
            )
    for (dataset, split), arms in silent.items():
        few, most = percent(min(arms.values())), percent(max(arms.values()))
        found.append(
            f"{listing([*arms])} gave no readable answer to {few if few == most else f'{few} to {most}'} of"
            f" the questions of {dataset} {split}: accuracy is over the others."
        )
    return [*summary["warnings"], *found]
