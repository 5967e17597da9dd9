"""Speed of what matters, on the embedded model: `make bench` prints one line each, medians of three.

Scoring behind a shared prefix is set against scoring every (context, choice) row anew, as common
evaluation harnesses do; both in this process, alternating, one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from corollary.training import full
from corollary.types import Spec
from corollary.writing import engine
from corollary_worlds.datasets import family
from corollary_worlds.embedded.model import load

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    torch.set_num_threads(1)
    model = load()
    data = family.make(seed=100, trees=8, tellings=1)
    prefix = "".join(f"{document.text}\n" for document in data.documents)
    pairs = [(question.prompt, choice) for question in data.questions for choice in question.choices]
    few = pairs[:80]
    shared, anew = [], []
    for _ in range(ROUNDS):
        shared.append(seconds(lambda: model.loglikelihood(pairs, prefix=prefix)) / len(pairs))
        anew.append(seconds(lambda: [model.loglikelihood([(prefix + p, c)]) for p, c in few]) / len(few))
    one, other = statistics.median(shared), statistics.median(anew)
    print(f"scoring behind {model.count(prefix)} tokens: {1e3 * one:.2f} ms a choice")
    print(f"row by row: {1e3 * other:.1f} ms a choice, {other / one:.0f} times as long")
    taken = [seconds(lambda: full.tune(model, data.documents, seed=0, tokens=20_000)) for _ in range(ROUNDS)]
    print(f"tuning: {20_000 / statistics.median(taken):.0f} tokens a second")
    requests = engine.start(data, Spec("local"), seed=100, model=model).requests
    made = [seconds(lambda: list(model.generate(requests))) for _ in range(ROUNDS)]
    print(f"writing: {len(requests)} local requests in {statistics.median(made):.1f} s")


if __name__ == "__main__":
    main()
