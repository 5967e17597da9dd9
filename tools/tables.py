"""Tables of a study in Markdown, for docs/results.md: `python tools/tables.py out/demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from corollary.store import read_json

METHODS = (
    "pretrained in-context fine-tuned fine-tuned-best fine-tuned-split paraphrase foreign augmented-local"
    " augmented-global augmented oracle"
).split()


TESTS = (
    ("reversals", "reversal"),
    ("celebrities", "reversal"),
    ("family", "reversal"),
    ("family", "two-hop"),
    ("semantic", "reversal"),
    ("semantic", "syllogism"),
)


def bars(summary: dict[str, Any]) -> list[str]:
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
        of = {method: cells.get((dataset, split, method), 0.0) for method in METHODS}
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


def accuracy(summary: dict[str, Any], tuning: str) -> list[str]:
    """One line per dataset and split, one column per method: accuracy in %, chance beside it."""
    cells = {
        (r["dataset"], r["split"], r["method"]): r
        for r in summary["accuracy"]
        if r["tuning"] in (tuning, "none")
    }
    methods = [m for m in METHODS if any(key[2] == m for key in cells)]
    lines = [
        "| dataset | split | n | chance | " + " | ".join(methods) + " |",
        "|---|---|" + "---:|" * (len(methods) + 2),
    ]
    for dataset, split in sorted({key[:2] for key in cells}):
        row = [cells.get((dataset, split, method)) for method in methods]
        first = next(r for r in row if r)
        shown = ["-" if r is None else _percent(r["accuracy"]) for r in row]
        lines.append(
            f"| {dataset} | {split} | {first['n']} | {_percent(first['chance'])} | {' | '.join(shown)} |"
        )
    return lines


def augmentation(summary: dict[str, Any]) -> list[str]:
    """One line per dataset and arm that writes; in brackets what was seen in the writing tasks only."""
    lines = [
        "| dataset | method | lines | precision | coverage | several-step | unreadable | leaked"
        " | dropped | precision with these |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in summary["augmentation"]:
        share = row["unreadable"] / row["lines"] if row["lines"] else None
        seen = row["seen"]
        lines.append(
            f"| {row['dataset']} | {row['method']} | {row['lines']} | {_percent(row['precision'])}"
            f" ({_percent(seen['precision'])}) | {_percent(row['coverage'])} ({_percent(seen['coverage'])})"
            f" | {_percent(row['coverage_several_step'])} | {_percent(share)} | {row['leaked']}"
            f" | {row['dropped']['lines']} | {_percent(row['written']['precision'])} |"
        )
    return lines


def comparisons(summary: dict[str, Any], tuning: str) -> list[str]:
    """The comparisons that decide, in points, with 95 % intervals."""
    wanted = [("in-context", "fine-tuned"), ("augmented", "fine-tuned"), ("augmented", "fine-tuned-best")]
    wanted += [("augmented", "in-context"), ("paraphrase", "fine-tuned"), ("foreign", "fine-tuned")]
    lines = [
        "| dataset | split | a - b | points | 95 % | adjusted p | significant |",
        "|---|---|---|---:|---|---:|---|",
    ]
    for row in summary["comparisons"]:
        if (row["a"], row["b"]) in wanted and row["tuning"] in (tuning, "none"):
            bounds = f"{100 * row['low']:+.0f} to {100 * row['high']:+.0f}"
            pair = f"{row['a']} - {row['b']}"
            lines.append(
                f"| {row['dataset']} | {row['split']} | {pair} | {100 * row['difference']:+.0f} | {bounds}"
                f" | {row['p_adjusted']:.3g} | {'yes' if row['significant'] else 'no'} |"
            )
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def main() -> None:
    summary = read_json(Path(sys.argv[1]) / "summary.json")
    print("\n### Against what it must show\n")
    print("\n".join(bars(summary)))
    for tuning in sorted({row["tuning"] for row in summary["accuracy"]} - {"none"}):
        print(f"\n### Accuracy, {tuning} tuning, %\n")
        print("\n".join(accuracy(summary, tuning)))
        if rows := summary.get("accuracy_pmi"):
            print(f"\n### Accuracy less the prior over names, {tuning} tuning, %\n")
            print("\n".join(accuracy({"accuracy": rows}, tuning)))
        print(f"\n### Comparisons, {tuning} tuning\n")
        print("\n".join(comparisons(summary, tuning)))
    print("\n### Augmentations, %\n")
    print("\n".join(augmentation(summary)))


if __name__ == "__main__":
    main()
