"""Choose the tuning settings of the presets on development seeds: `python tools/choose.py out/choose`.

Every tuned arm uses one setting, from one small grid. It is chosen by the mean log-probability of the
right answers of *rephrasings* (split `rephrase`) after plain and augmented tuning; reversals and
deductions, which the study is about, are not looked at. Run again, it goes on in its folder.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from development import development_plan

from corollary.plugins import check_options
from corollary.store import read_json
from corollary.studies.driver import run_study
from corollary.types import Spec

DATASETS = ("reversals", "celebrities", "family", "semantic")
RATES = {"full": (1e-3, 2e-3, 3e-3), "lora": (5e-3, 1e-2, 2e-2)}
TOKENS = (48_000, 60_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="100", help="development seeds")
    parser.add_argument("--tuning", default="full", choices=sorted(RATES))
    parser.add_argument("--tokens", default=",".join(map(str, TOKENS)))
    parser.add_argument("--batch-tokens", default="256")
    parser.add_argument("--rates", default="", help="learning rates in place of the grid's")
    args = parser.parse_args()
    plan = development_plan(args.seeds, DATASETS)
    plan = replace(
        plan,
        arms=tuple(arm for arm in plan.arms if arm.name in ("fine-tuned", "augmented")),
        limits={key: value for key, value in plan.limits.items() if key == args.tuning},
    )
    rates = [float(rate) for rate in args.rates.split(",")] if args.rates else RATES[args.tuning]
    for tokens, batch, rate in itertools.product(_whole(args.tokens), _whole(args.batch_tokens), rates):
        options = {"tokens": tokens, "batch_tokens": batch, "lr": rate}
        setting = check_options("tunings", Spec(args.tuning, options))
        run_study(replace(plan, tunings=(setting,)), args.out, runner=Spec("processes", {}))
        likelihoods, seconds = _measured(args.out, setting)
        means = {key: sum(values) / len(values) for key, values in likelihoods.items()}
        shown = "  ".join(f"{name} {value:.2f}" for name, value in sorted(means.items()))
        print(f"tokens {tokens} batch {batch} lr {rate}: mean {sum(means.values()) / len(means):.3f}"
              f" seconds {seconds:.0f}   {shown}", flush=True)  # fmt: skip


def _whole(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _measured(out: Path, setting: Spec) -> tuple[dict[str, list[float]], float]:
    """Log-probabilities of right rephrasings by dataset and arm, and the seconds of all tunings."""
    found: dict[str, list[float]] = defaultdict(list)
    seconds = 0.0
    for path in sorted(out.glob("trials/*/trial.json")):
        trial, result = read_json(path), read_json(path.with_name("result.json"))
        if trial["tune"] != {"use": setting.use, "options": dict(setting.options)}:
            continue
        seconds += result["cost"]["seconds"]
        for question, score in zip(trial["questions"], result["scores"][0], strict=True):
            if question["split"] == "rephrase":
                right = question["choices"].index(question["answer"])
                found[f"{trial['dataset']} {trial['arm']}"].append(score["likelihoods"][right]["logprob"])
    return found, seconds


if __name__ == "__main__":
    main()
