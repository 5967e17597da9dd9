"""A/A on the real pipeline: `python tools/same_arm.py FOLDER` says how often two halves of one arm differ.

FOLDER is a study with many runs of an arm on development seeds, as in `corollary study demo --seeds
100,101,102 --runs 6`. The runs have the same rows and other training draws, so every difference between them
is chance. They are split into two halves in every way, for each group of seeds, and the halves are compared
on every test as a study compares its arms: between 2 and 9 % of the comparisons should have p under 0.05.
Where the halves are equal, nothing can be called, and they are left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from corollary.measure import stats
from corollary.measure.rows import ResultRow, read_results
from corollary_worlds.names import DEVELOPMENT, part_for_seed


def halves(runs: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every split of an even number of runs into two halves, once."""
    first, *others = range(runs)
    for chosen in itertools.combinations(others, runs // 2 - 1):
        mine = (first, *chosen)
        yield mine, tuple(run for run in range(runs) if run not in mine)


def compared(rows: Sequence[ResultRow], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The comparisons of all halves of the runs of one arm on these seeds, one for each test."""
    mine = [row for row in rows if row["seed"] in seeds]
    runs = len({row["run"] for row in mine})
    out: list[dict[str, Any]] = []
    for split in halves(runs - runs % 2):
        halved: list[ResultRow] = [
            {**row, "method": side, "run": half.index(row["run"])}
            for side, half in zip("ab", split, strict=True)
            for row in mine
            if row["run"] in half
        ]
        found = stats.comparisons(halved, stats.Comparing([("a", "b")]))
        out += [dict(row) for row in found if row["p"] < 1]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arm", default="augmented")
    parser.add_argument("--seeds-each", type=int, default=3, help="seeds that are compared together")
    args = parser.parse_args()
    rows = [row for row in read_results(args.folder) if row["method"] == args.arm]
    seeds = sorted({row["seed"] for row in rows})
    assert all(part_for_seed(seed) == DEVELOPMENT for seed in seeds), "use seeds of 100 to 131"
    groups = [seeds[at : at + args.seeds_each] for at in range(0, len(seeds), args.seeds_each)]
    found = [row for group in groups for row in compared(rows, group)]
    tests: dict[str, list[bool]] = {}
    for row in found:
        tests.setdefault(f"{row['dataset']} {row['split']}", []).append(row["p"] < stats.LEVEL)
    for test, called in tests.items():
        print(
            json.dumps({"test": test, "comparisons": len(called), "raw_below_05": sum(called) / len(called)})
        )
    low = sum(row["p"] < stats.LEVEL for row in found) / len(found)
    print(json.dumps({"arm": args.arm, "comparisons": len(found), "raw_below_05": round(low, 4)}))


if __name__ == "__main__":
    main()
