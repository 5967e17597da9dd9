"""Tables of a study in Markdown, for docs/results.md: `python tools/tables.py out/demo`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corollary.measure.rows import read_summary
from corollary.reporting import tables
from corollary.reporting.outline import outline_of

NAMED = "pretrained in-context fine-tuned fine-tuned-best fine-tuned-split augmented".split()
TESTS = (
    ("reversals", "reversal"),
    ("celebrities", "reversal"),
    ("family", "reversal"),
    ("family", "two-hop"),
    ("semantic", "reversal"),
    ("semantic", "syllogism"),
)


def bars(summary: Mapping[str, Any]) -> list[str]:
    """What the demo has to show, test by test, in points; **no** where it does not. Plain tuning is the
    better of the variants with whole and with split documents."""
    cells = {
        (r["dataset"], r["split"], r["method"]): r["accuracy"]
        for r in summary["accuracy"]
        if r["tuning"] in ("full", "none")
    }
    chances = {(r["dataset"], r["split"]): r["chance"] for r in summary["accuracy"]}
    named = {
        (r["dataset"], r["split"], r["a"], r["b"]): r["significant"]
        for r in summary["comparisons"]
        if r["tuning"] in ("full", "none")
    }
    lines = [
        "| test | pretrained - chance (within 7) | plain on rephrasings (90)"
        " | in-context (75; two choices 85) | in-context over plain and chance (20)"
        " | augmented over plain, best plain and chance (25)"
        " | augmented - in-context (-2) | significant over plain, best plain, in-context over plain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for dataset, split in TESTS:
        if (dataset, split) not in chances:
            continue
        chance = chances[dataset, split]
        of = {arm: cells.get((dataset, split, arm), 0.0) for arm in NAMED}
        plain = max(of["fine-tuned"], of["fine-tuned-split"])
        told = max(cells.get((dataset, "rephrase", m), 0.0) for m in ("fine-tuned", "fine-tuned-split"))
        pairs = [("augmented", "fine-tuned"), ("augmented", "fine-tuned-best"), ("in-context", "fine-tuned")]
        sure = [named.get((dataset, split, *pair), False) for pair in pairs]
        found = [
            _bar(of["pretrained"] - chance, round(abs(of["pretrained"] - chance), 9) <= 0.07, sign=True),
            _bar(told, told >= 0.90),
            _bar(of["in-context"], of["in-context"] >= (0.85 if chance == 0.5 else 0.75)),
            _over(of["in-context"], max(plain, chance), 0.20),
            _over(of["augmented"], max(plain, of["fine-tuned-best"], chance), 0.25),
            _over(of["augmented"], of["in-context"], -0.02),
            ", ".join("yes" if one else "**no**" for one in sure),
        ]
        lines.append(f"| {dataset}, {split} | {' | '.join(found)} |")
    return lines


def _over(one: float, other: float, least: float) -> str:
    return _bar(one - other, round(one - other, 9) >= least, sign=True)  # 0.73 - 0.75 is under -0.02


def _bar(value: float, met: bool, *, sign: bool = False) -> str:
    return f"{100 * value:{'+' if sign else ''}.0f} {'yes' if met else '**no**'}"


def main() -> None:
    summary = read_summary(Path(sys.argv[1]))
    outline = outline_of(summary)
    print("\n### Against what it must show\n")
    print("\n".join(bars(summary)))
    for heading, rows in (("Accuracy", "accuracy"), ("Accuracy less the prior over choices", "accuracy_pmi")):
        for dataset in outline.datasets(summary[rows]):  # type: ignore[literal-required]
            table = tables.by_arm({"accuracy": summary[rows]}, outline, dataset)  # type: ignore[literal-required]
            print(f"\n### {heading}: {dataset}\n\n{table.markdown()}")
    print(f"\n### Comparisons\n\n{tables.comparisons(summary['comparisons'], outline).markdown()}")
    if summary["augmentation"]:
        print(f"\n### Augmentations\n\n{tables.precision(summary['augmentation'], outline).markdown()}")


if __name__ == "__main__":
    main()
