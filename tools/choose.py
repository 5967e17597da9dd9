"""Choose the tuning settings of the presets on development seeds: `python tools/choose.py`.

Every tuned arm uses one setting, from one small grid. It is chosen by the mean log-probability of the
right answers of *rephrasings* (split `rephrase`) after plain and augmented tuning; reversals and
deductions, which the study is about, are not looked at.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from corollary.plugins import bind
from corollary.store import read_json
from corollary.study import read_study, study
from corollary.types import Spec

DATASETS = ("reversals", "celebrities", "family", "semantic")
RATES = {"full": (1e-3, 2e-3, 3e-3), "lora": (3e-3, 1e-2, 2e-2)}
TOKENS = (40_000, 60_000, 90_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100", help="development seeds")
    parser.add_argument("--tuning", default="full", choices=sorted(RATES))
    parser.add_argument("--tokens", default=",".join(map(str, TOKENS)))
    args = parser.parse_args()
    plan = read_study("demo")
    plan = replace(
        plan,
        seeds=tuple(int(seed) for seed in args.seeds.split(",")),
        datasets=tuple(spec for spec in plan.datasets if spec.use in DATASETS),
        methods=tuple(m for m in plan.methods if m.name in ("fine-tuned", "augmented")),
        limits={},
    )
    assert all(seed >= 100 for seed in plan.seeds), "settings are chosen on development seeds"
    bind("runners", Spec("processes"))
    for tokens, rate in itertools.product(map(int, args.tokens.split(",")), RATES[args.tuning]):
        with tempfile.TemporaryDirectory() as folder:
            setting = Spec(args.tuning, {"tokens": tokens, "lr": rate})
            out = study(replace(plan, tunings=(setting,)), Path(folder))
            found: dict[tuple[str, str], list[float]] = defaultdict(list)
            for path in sorted(out.glob("trials/*/trial.json")):
                trial, result = read_json(path), read_json(path.with_name("result.json"))
                for question, score in zip(trial["questions"], result["scores"][0], strict=True):
                    if question["split"] == "rephrase":
                        right = question["choices"].index(question["answer"])
                        found[trial["dataset"], trial["method"]].append(
                            score["likelihoods"][right]["logprob"]
                        )
        means = {key: sum(values) / len(values) for key, values in found.items()}
        shown = "  ".join(
            f"{dataset} {method} {value:.2f}" for (dataset, method), value in sorted(means.items())
        )
        print(f"tokens {tokens} lr {rate}: mean {sum(means.values()) / len(means):.3f}   {shown}", flush=True)


if __name__ == "__main__":
    main()
