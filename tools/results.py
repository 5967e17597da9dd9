"""Write docs/results.md from studies: `python tools/results.py out/confirmatory > docs/results.md`.

FOLDER is a study with primary comparisons, `--transfer` one with `withhold_by = "relation"`. The tables
and the list of what falls short come from the folders, the words around them from `results.md.j2`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from corollary.measure.rows import read_results, read_summary
from corollary.reporting import tables
from corollary.reporting.advice import advise
from corollary.reporting.inference import gains_of, written_sentence
from corollary.reporting.outline import Outline, outline_of
from corollary.reporting.wording import listing, percent, points
from corollary.store import read_json
from corollary.studies.presets import read_study
from corollary.values import to_plain
from corollary_worlds.names import DEVELOPMENT, part_for_seed

CONFIRMATORY = tuple(range(10, 32))
"""The seeds that nobody looks at before the plan is frozen."""
PLAN = Path(__file__).parent.parent / "docs" / "studies" / "confirmatory.toml"
FROZEN = (
    "datasets", "arms", "tunings", "seeds", "runs", "orders", "withhold", "withhold_by", "primary", "margin",
)  # fmt: skip
"""What a run has in common with the plan, if it confirms."""
SIDES = {True: "stated", False: "not stated"}


def falls_short(summary: Mapping[str, Any], outline: Outline) -> list[str]:
    """What a reader should know first: the primary comparisons that do not show a gain, and more."""
    found = []
    primary = [row for row in summary["comparisons"] if row["primary"]]
    for answer, words in (
        ("worse", "is worse than"),
        ("unknown", "is not known to be better or worse than"),
        ("within", "is not worse by more than the margin, but not shown to be better than"),
    ):
        for row in primary:
            if row["answer"] == answer:
                low, high = points(row["low"]), points(row["high"])
                found.append(
                    f"On `{row['dataset']}` {row['split']} `{row['a']}` {words} `{row['b']}`"
                    f" ({points(row['difference'])} points, {low} to {high})."
                )
    for (dataset, split), gain in gains_of(summary, outline).items():
        if gain.answer == "better" and not gain.inference:
            words = gain.words(summary["margin"])
            found.append(f"The gain on `{dataset}` {split} is not shown to be inference: {words}.")
    if written := written_sentence(summary, outline):
        found.append(written)
    treatment = outline.first("treatment")
    for row in outline.main(outline.inference(summary["accuracy_free"])):
        if row["method"] == treatment and row["accuracy"] is not None and row["accuracy"] < 0.5:
            found.append(
                f"A free answer on `{row['dataset']}` {row['split']} is right in"
                f" {percent(row['accuracy'])} of the cases after `{treatment}`."
            )
    for row in summary["rules"]:
        if row["low"] > row["chance"] and not outline.tests.get((row["dataset"], row["split"]), False):
            found.append(
                f"On `{row['dataset']}` {row['split']} a rule without a model is right in"
                f" {percent(row['accuracy'])} (chance {percent(row['chance'])}): “{row['rule']}”."
            )
    return found


def written(summary: Mapping[str, Any], outline: Outline) -> str:
    """Written and not written side by side, for the treatment, with the loss."""
    rows = outline.main(outline.inference(summary["by_written"]))
    mine = [row for row in rows if row["method"] == outline.first("treatment")]
    return tables.breakdown(mine, outline, "written", SIDES, caption="").markdown()


def marked(summary: Mapping[str, Any], outline: Outline, mark: str) -> str:
    """The accuracy of the arms that you could use, by a mark of the questions."""
    arms = outline.of_role("context", "treatment")
    rows = [r for r in outline.main(summary["by_mark"]) if r["mark"] == mark and r["method"] in arms]
    labels: dict[str, str] = next(
        (made[mark]["labels"] for made in summary["marks"].values() if mark in made), {}
    )
    return tables.breakdown(rows, outline, "value", labels, caption="").markdown()


def status(study: Mapping[str, Any], *, confirmatory: bool) -> str:
    """Whether these figures may be called results."""
    seeds = study["seeds"]
    if confirmatory:
        return (
            f"The tables are from one run on seeds {seeds[0]} to {seeds[-1]}. Nobody had looked at these"
            " seeds, and the plan, its primary comparisons and the margin were committed before."
        )
    kind = "development" if all(part_for_seed(seed) == DEVELOPMENT for seed in seeds) else "reporting"
    return (
        f"**No figure on this page is confirmed.** The tables are from {kind} seeds"
        f" {listing([str(seed) for seed in seeds])}. The plan is one run on seeds {CONFIRMATORY[0]} to"
        f" {CONFIRMATORY[-1]}, which nobody has looked at: `docs/studies/confirmatory.toml`."
    )


def page(folder: Path, transfer: Path | None) -> str:
    """docs/results.md."""
    summary, study = read_summary(folder), read_json(folder / "study.json")
    outline = outline_of(summary)
    plan = json.loads(json.dumps(to_plain(read_study(str(PLAN)))))
    confirmatory = all(study[key] == plan[key] for key in FROZEN)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=jinja2.StrictUndefined, autoescape=False,
    )  # fmt: skip
    datasets = outline.datasets(summary["accuracy"])
    moved = None
    if transfer is not None:
        other = read_summary(transfer)
        moved = {
            "table": written(other, outline_of(other)),
            "seeds": read_json(transfer / "study.json")["seeds"],
        }
    return environment.get_template("results.md.j2").render(
        status=status(study, confirmatory=confirmatory),
        confirmatory=confirmatory,
        seeds=",".join(map(str, study["seeds"])),
        rows=len(read_results(folder)),
        warnings=summary["warnings"],
        margin=round(100 * summary["margin"]),
        withhold=percent(study["withhold"]),
        verdict=advise(summary),
        short=falls_short(summary, outline),
        accuracy={name: tables.by_arm(summary, outline, name) for name in datasets},
        details={name: tables.accuracies(summary, outline, name).markdown() for name in datasets},
        primary=tables.primary(summary["comparisons"], outline, summary["margin"]).markdown(),
        kept=tables.kept(summary, outline).markdown(),
        written=written(summary, outline),
        wording=marked(summary, outline, "wording"),
        reserved=marked(summary, outline, "reserved"),
        precision=tables.precision(summary["augmentation"], outline).markdown(),
        transfer=moved,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--transfer", type=Path)
    args = parser.parse_args()
    print(page(args.folder, args.transfer), end="")


if __name__ == "__main__":
    main()
