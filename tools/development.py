"""The demo on development seeds: what settings, prompt forms and the A/A test are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from corollary.studies.presets import read_study
from corollary.types import Study
from corollary_worlds.names import DEVELOPMENT, part_for_seed


def development_plan(seeds: str, datasets: Sequence[str]) -> Study:
    """The preset `demo` on these seeds ("100,101") and datasets alone. Refuses reporting seeds: what is
    chosen or looked at here must not have seen them."""
    plan = read_study("demo")
    chosen = tuple(int(seed) for seed in seeds.split(","))
    assert all(part_for_seed(seed) == DEVELOPMENT for seed in chosen), "use seeds of 100 to 131"
    return replace(plan, seeds=chosen, datasets=tuple(spec for spec in plan.datasets if spec.use in datasets))
