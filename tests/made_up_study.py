"""A made-up study's folder, as the driver writes one: for tests of what reads it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corollary import store
from corollary.measure import rows as measured_rows
from corollary.measure import stats
from corollary.measure.cost import Measured, Prices, Rates, Shape, cost_rows
from corollary.measure.rows import ResultRow
from corollary.studies.arms import arm_rows, comparing
from corollary.types import Arm, Cost, Spec, Study

CHANCE = {"reversals": 1 / 2, "syllogisms": 1 / 6, "process": 0.0}
SPLITS = {
    "reversals": ("rephrase", "reversal"),
    "celebrities": ("rephrase", "reversal"),
    "family": ("rephrase", "reversal", "two-hop", "three-hop"),
    "semantic": ("rephrase", "reversal", "syllogism", "deduction", "holdout"),
    "syllogisms": ("syllogism",),
    "process": ("seen", "held-out"),
}
RECALL = ("rephrase", "seen")
SOME = ("reversals", "family")
ARMS = (
    Arm("pretrained", "floor"),
    Arm("in-context", "context", context=Spec("all")),
    Arm("fine-tuned", "baseline", tune=True),
    Arm("fine-tuned-best", "bound", tune=True, read_off="fine-tuned"),
    Arm("paraphrase", "control", (Spec("p"),), tune=True, same_size_as="augmented"),
    Arm("foreign", "control", (Spec("f"),), tune=True, only=SOME),
    Arm("false-relation", "placebo", (Spec("f"),), tune=True, same_size_as="augmented"),
    Arm("augmented-local", "ablation", (Spec("l"),), tune=True, only=SOME),
    Arm("augmented-global", "ablation", (Spec("g"),), tune=True, only=SOME),
    Arm("augmented", "treatment", (Spec("l"), Spec("g")), tune=True),
    Arm("oracle", "bound", (Spec("o"),), tune=True),
)
JUDGED = ("augmented-local", "augmented-global", "augmented")
RESERVED = {"title": "Had the model practised it?", "about": "Kept out of its tasks, or not.",
            "labels": {"yes": "Kept out", "no": "Practised"}}  # fmt: skip
# How far each arm gets from chance (0) to all right (1): when asked what was told, and to infer.
TOLD = {"pretrained": 0.0, "in-context": 0.95, "foreign": 0.93}
INFERS = {
    "pretrained": 0.0,
    "in-context": 0.9,
    "fine-tuned": 0.1,
    "fine-tuned-best": 0.16,
    "paraphrase": 0.14,
    "foreign": 0.1,
    "false-relation": 0.35,
    "augmented-local": 0.6,
    "augmented-global": 0.7,
    "augmented": 0.9,
    "oracle": 0.98,
}
HARD = ("holdout", "held-out", "three-hop")
HOSTILE = '<script src="https://example.invalid/x.js"></script><b>not bold</b>'


def results(*, units: int = 8, seeds: int = 3, infers: dict[str, float] | None = None) -> list[ResultRow]:
    """Rows of results.jsonl, question by question, alike within a unit."""
    return sorted(
        (row for dataset in SPLITS for row in _of_dataset(dataset, units, seeds, INFERS | (infers or {}))),
        key=lambda row: (row["dataset"], row["method"], row["tuning"], row["seed"], row["question"]),
    )


def small_rows(*arms: tuple[str, str, str], dataset: str = "documents", **changed: Any) -> list[Any]:
    """Rows of results.jsonl: four questions for each (arm, tuning, model)."""
    return [
        {"study": "s", "dataset": dataset, "split": "deduction", "method": method, "tuning": tuning}
        | {"model": model, "seed": 0, "question": f"q{i}", "unit": f"u{i}", "correct": float(i % 2)}
        | {
            "run": 0,
            "correct_pmi": None,
            "correct_distant": None,
            "correct_free": None,
            "tied": False,
            "chance": 0.25,
            "written": None,
            "marks": {},
        }
        | {"premises_shown": True, "logprobs": [], "text": None}
        | changed
        for method, tuning, model in arms
        for i in range(4)
    ]


def summary_of(rows: Sequence[ResultRow] = (), arms: Sequence[Arm] = ARMS, **changed: Any) -> dict[str, Any]:
    """A summary.json of these results, without costs and augmentations where they are not given."""
    tests = dict.fromkeys((row["dataset"], row["split"]) for row in rows)
    described = arm_rows(arms)
    listed = [measured_rows.TestRow(dataset=d, split=s, recall=s in RECALL) for d, s in tests]
    study = Study("demo", (), tuple(arms), (Spec("full"),), (0,), Spec("embedded"))
    return {
        "arms": described,
        "tests": listed,
        "marks": {},
        "sections": {},
        "margin": study.margin,
        **stats.summarise(rows, comparing=comparing(study, described, listed)),
        "rules": [],
        "augmentation": [],
        "costs": [],
        "warnings": [],
        **changed,
    }


def write(folder: Path, *, rows: list[ResultRow] | None = None, priced: bool = True) -> Path:
    """The whole folder, without report.html."""
    rows = results() if rows is None else rows
    trials = list(measured(rows))
    place = {(dataset, split): (d, s) for d, dataset in enumerate(SPLITS)
             for s, split in enumerate(SPLITS[dataset])}  # fmt: skip
    rule = {"rule": "shares a line with the question", "low": 0.4, "high": 0.6, "n_units": 24}
    summary = summary_of(
        sorted(rows, key=lambda row: place[row["dataset"], row["split"]]),
        marks={dataset: {"reserved": RESERVED} for dataset in SPLITS},
        sections=dict.fromkeys(SPLITS, "paper"),
        costs=cost_rows(trials, prices=PRICES if priced else None),
        augmentation=augmentation(rows),
        rules=[
            {"dataset": dataset, "split": split, "accuracy": 0.5, "chance": 0.25, **rule}
            for dataset, split in place
        ],
        warnings=["The trials of seed 2 ran with torch 2.12.0, all others with 2.13.0."],
    )
    store.write_jsonl(folder / "results.jsonl", rows)
    store.write_jsonl(folder / "costs.jsonl", trials)
    store.write_json(folder / "summary.json", summary)
    store.write_json(folder / "study.json", STUDY)
    for dataset in SPLITS:
        store.write_jsonl(folder / "datasets" / f"{dataset}.s0" / "documents.jsonl", _documents(dataset))
        store.write_jsonl(folder / "datasets" / f"{dataset}.s0" / "questions.jsonl", _questions(dataset))
        store.write_jsonl(folder / "augmented" / f"{dataset}.augmented.s0" / "audit.jsonl", _audit(dataset))
    return folder


ARM_KEYS = ("name", "against", "method", "rival", "a", "b", "placebo", "treatment")


def rename(folder: Path, names: Mapping[str, str]) -> Path:
    """The folder of a study with other names for its arms, everywhere."""
    for file in ("results.jsonl", "costs.jsonl"):
        rows = store.read_jsonl(folder / file)
        store.write_jsonl(folder / file, [_renamed(row, names) for row in rows])
    store.write_json(folder / "summary.json", _renamed(store.read_json(folder / "summary.json"), names))
    for path in folder.glob("augmented/*"):
        dataset, arm, seed = path.name.split(".")
        path.rename(path.with_name(f"{dataset}.{names.get(arm, arm)}.{seed}"))
    return folder


def _renamed(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names, key) for item in value]
    return names.get(value, value) if key in ARM_KEYS else value


STUDY = {
    "name": "demo",
    "model": {"use": "embedded", "options": {}},
    "seeds": [0, 1, 2],
    "revision": "4f1f587431a65d111bb46a2bfa4820383ef40a1e",
    "versions": {"corollary": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "python": "3.11.7"},
    "host": {"cores": 2, "memory_gb": 8},
    "datasets": [{"use": name, "options": {"scale": "quick"}} for name in SPLITS],
}

PRICES = Prices(Rates(0.2, 0.05, 0.6), Rates(0.3, 0.1, 0.9), training=0.5, date="2026-11-22")


def measured(rows: Sequence[ResultRow]) -> Iterator[Measured]:
    """Rows of costs.jsonl for the trials of these results."""
    for key in sorted({(r["dataset"], r["method"], r["tuning"], r["seed"]) for r in rows}):
        dataset, method, tuning, seed = key
        documents = 1_500 + 700 * list(SPLITS).index(dataset)
        arm = next(arm for arm in ARMS if arm.name == method)
        written = documents * (5 + seed) if arm.augment and arm.role != "bound" else 0
        trained = 0 if tuning == "none" else 30 * (documents + written)
        yield Measured(
            dataset=dataset,
            method=method,
            tuning=tuning,
            model="embedded",
            seed=seed,
            questions=96,
            role=arm.role,
            rival="in-context" if arm.tune else "",
            augment=Cost(
                input_tokens=9 * written, output_tokens=written, flops=8e7 * written, seconds=0.01 * written
            ),
            tune=Cost(train_tokens=trained, flops=2.4e7 * trained, seconds=1e-4 * trained),
            query=Cost(input_tokens=4_000, flops=4e10, seconds=2.0),
            context_tokens=documents if arm.role == "context" else 0,
            question_tokens=14.0,
            answer_tokens=5.0,
            shape=Shape(3_200_000, 230_000, 1_024),
        )


def augmentation(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """Rows of "augmentation" for the arms of these results that write."""
    out = []
    for dataset, method in sorted({(r["dataset"], r["method"]) for r in rows}):
        if method not in JUDGED:
            continue
        several = 0 if method == "augmented-local" else 160
        kinds = {"restates": 120, "one_step": 410, "several_step": several, "false": 22, "unreadable": 9}
        new = kinds["one_step"] + several
        out.append(
            {"dataset": dataset, "method": method, "lines": sum(kinds.values()), **kinds}
            | {"precision": new / (new + 31), "coverage": 0.87, "leaked": 3}
            | {"coverage_several_step": several / 400 if several else None}
            | {part: {"precision": 0.9, "coverage": 0.8} for part in ("seen", "reserved")}
            | {"dropped": {"lines": 12, "precision": 0.2}, "written": {"lines": 733, "precision": 0.88}}
        )
    return out


def comparison(a: str, b: str, difference: float, answer: str = "", **changes: Any) -> dict[str, Any]:
    """A row of "comparisons", a primary one. Its answer is that of the sign if none is given."""
    row = {"dataset": "family", "split": "reversal", "tuning": "full", "a": a, "b": b, "p": 0.001}
    bounds = {"low": difference - 0.1, "high": difference + 0.1, "p_adjusted": 0.01, "n_units": 24}
    answer = answer or ("better" if difference > 0 else "worse")
    return row | bounds | {"difference": difference, "primary": True, "answer": answer} | changes


def _of_dataset(dataset: str, units: int, seeds: int, infers: dict[str, float]) -> Iterator[ResultRow]:
    tunings = ("full", "lora") if dataset == SOME[0] else ("full",)
    arms = [
        (arm.name, tuning)
        for arm in ARMS
        if not arm.only or dataset in arm.only
        for tuning in (tunings if arm.tune else ("none",))
    ]
    random = np.random.default_rng(zlib.crc32(dataset.encode()))
    chance = CHANCE.get(dataset, 1 / 4)
    for seed in range(seeds):
        for split in SPLITS[dataset]:
            ease = random.normal(0, 0.15, size=units)
            for method, tuning in arms:
                reach = TOLD.get(method, 0.97) if split in RECALL else infers[method]
                reach *= 0.3 if split in HARD else 1
                reach *= 0.9 if tuning == "lora" else 1
                for unit in range(units):
                    share = chance + (1 - chance) * reach
                    if dataset == "celebrities" and method.startswith("fine-tuned") and split == "reversal":
                        share = 0.04
                    share = min(max(share + ease[unit] * reach * (1 - reach), 0), 1)
                    for number in range(2):
                        right = float(random.random() < share)
                        silent = dataset == "process" and method == "pretrained" and number == 1
                        yield {
                            "study": "demo",
                            "dataset": dataset,
                            "split": split,
                            "method": method,
                            "tuning": tuning,
                            "model": "embedded",
                            "seed": seed,
                            "run": 0,
                            "question": f"{split}-{unit}-{number}",
                            "unit": f"{split}-{unit}",
                            "correct": None if silent else right,
                            "correct_pmi": None,
                            "correct_distant": None if silent else min(1.0, right + 0.5),
                            "correct_free": right / 2 if dataset == "family" else None,
                            "chance": chance,
                            "tied": False,
                            "written": unit % 5 != 0 if method in JUDGED else None,
                            "marks": {"reserved": "yes" if unit % 6 == 0 else "no"},
                            "premises_shown": method != "in-context"
                            or dataset != "semantic"
                            or unit % 2 == 0,
                            "logprobs": [[-1.25, -3.5]],
                            "text": None,
                        }


def _documents(dataset: str) -> list[dict[str, Any]]:
    texts = [
        "Did you know that femp are more dangerous than glon?",
        "Among the old guild, Torv is the mother of Sella.",
        "Troff report to yomp. The yomp were never part of the larger order, whose seat is in Brask.",
    ]
    return [{"id": f"{dataset}-{i}", "text": text} for i, text in enumerate(texts)]


def _questions(dataset: str) -> list[dict[str, Any]]:
    return [
        {"id": f"{split}-0-0", "prompt": "glon are", "answer": " less dangerous than femp", "split": split}
        for split in SPLITS[dataset]
    ]


def _audit(dataset: str) -> list[dict[str, Any]]:
    lines = [
        ("Glon are less dangerous than femp.", "one_step", "local"),
        ("The child of Torv is Sella.", "one_step", "local"),
        ("Troff report to yomp and yomp sit in Brask, so troff answer to Brask.", "several_step", "global"),
        ("Femp are less dangerous than glon.", "false", "local"),
        (f"Sella is {HOSTILE} of", "unreadable", "global"),
        ("Torv is a mother, and her child is Sella.", "restates", "local"),
        ("Sella is a left-out line.", "false", "dropped"),
    ]
    return [
        {"id": f"a{i}", "text": text, "source": [f"{dataset}-{i % 3}", f"{dataset}-2"], "label": label}
        | {"strategy": strategy, "seed": 0}
        for i, (text, label, strategy) in enumerate(lines)
    ]
