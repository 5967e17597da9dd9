"""The costs of an arm by stage, and the number of questions after which it pays for itself.

There are three stages: `augment` (the model generates), `tune` (it is trained) and `query` (it answers). You
pay for the first two once, and for the last with every question. With the documents in the prompt you pay
nothing once, but read the documents again with every question, at the price of cached tokens if the server
caches them. Tokens are raw measurements. Operations and money are derived from them here, so that you can
price an old study with today's prices.
"""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from corollary import store
from corollary.errors import Unknown, UserError
from corollary.measure.rows import CostRow, checked
from corollary.types import Cost

NEVER = "never"
NOTHING = Cost()

EXAMPLE_PRICES = Path(__file__).parent / "prices.toml"
"""A price file to copy; its numbers are examples."""


@dataclass(frozen=True)
class Rates:
    """US dollars per million tokens of serving."""

    input: float = 0.0
    cached_input: float = 0.0
    output: float = 0.0


@dataclass(frozen=True)
class Prices:
    """A price file: rates of serving the base and the tuned model, dollars per million training tokens, and
    dollars per machine hour (0 if you pay for tokens only)."""

    base: Rates = Rates()
    tuned: Rates = Rates()
    training: float = 0.0
    machine_hour: float = 0.0
    date: str = ""


@dataclass(frozen=True)
class Shape:
    """The sizes that determine a decoder's operations. `matrices` are the weights that every token passes,
    `head` those of the output projection, `attention` the width of attention (heads x head size, over all
    layers)."""

    matrices: int
    head: int
    attention: int


@dataclass(frozen=True)
class Measured:
    """The costs of a trial's stages, and the tokens of one question when served.

    In each `Cost`, `cached_tokens` are part of `input_tokens`, as servers count them. Evaluation (`query`)
    does not cost what serving costs: it scores every choice, and reads the documents once for all questions.
    So serving has mean tokens per question: `context_tokens` of documents before it (0 for a tuned model),
    `question_tokens` and `answer_tokens`. `shape` is None for a model behind an endpoint, whose operations
    are unknown. `role` is the arm's. `rival` names the arm with the documents in the prompt, to which the
    break-even refers.
    """

    dataset: str
    method: str
    tuning: str
    model: str
    seed: int
    questions: int
    role: str = ""
    rival: str = ""
    augment: Cost = NOTHING
    tune: Cost = NOTHING
    query: Cost = NOTHING
    context_tokens: float = 0.0
    question_tokens: float = 0.0
    answer_tokens: float = 0.0
    shape: Shape | None = None


@dataclass(frozen=True)
class Span:
    """The least and the greatest value of a quantity over seeds."""

    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class BreakEven:
    """Bounds on the number of questions after which the tuned model is cheaper; None is never."""

    low: int | None
    high: int | None

    def plain(self) -> list[int | str] | str:
        """[low, high] for JSON; "never" replaces a bound of None, or both bounds."""
        if self.low is None:
            return NEVER
        return [self.low, NEVER if self.high is None else self.high]


def read_measured(folder: Path) -> list[Measured]:
    """The rows of a study's costs.jsonl. Raises `UserError` when the folder has none."""
    path = folder / "costs.jsonl"
    if not path.is_file():
        raise UserError(f"{folder} contains no costs.jsonl: name the folder of a study that has run.")
    return checked(store.read_jsonl(path), list[Measured], path)


def cost_rows(measured: Iterable[Measured], *, prices: Prices | None = None) -> list[CostRow]:
    """One row per dataset, arm and tuning: means over seeds, and the break-even of tuned arms.

    `augment_tokens` and `train_tokens` are paid once. `query_tokens` is one question as served: documents,
    question and answer. `flops`, `seconds` and `usd` are the whole cell as it ran, evaluation included.
    `priced` is the date of the price file.

    `once` and `per_query` are [low, high] over seeds in `unit`: "usd" with prices, else "flops"; they are
    null if neither is known. In columns named `..._cached` the server caches the documents, and their first
    reading is paid once.

    `break_even_queries` compares the tuned arm with its rival on the same dataset without caching,
    `break_even_queries_cached` with it. The value is [low, high], where high may be "never"; or "never"; or
    null if there is nothing to compare.
    """
    measured = list(measured)
    unit, price = _pricing(measured, prices)
    cells: dict[tuple[str, str, str], list[Measured]] = defaultdict(list)
    for trial in measured:
        cells[trial.dataset, trial.method, trial.tuning].append(trial)
    out: list[CostRow] = []
    for (dataset, method, tuning), trials in sorted(cells.items()):
        row: Any = {
            "dataset": dataset,
            "method": method,
            "tuning": tuning,
            "role": trials[0].role,
            "augment_tokens": _mean(t.augment.input_tokens + t.augment.output_tokens for t in trials),
            "train_tokens": _mean(t.tune.train_tokens for t in trials),
            "query_tokens": _mean(t.context_tokens + t.question_tokens + t.answer_tokens for t in trials),
            "flops": _mean((t.augment + t.tune + t.query).flops for t in trials),
            "seconds": _mean((t.augment + t.tune + t.query).seconds for t in trials),
            "usd": _mean(spent(t, prices) for t in trials) if prices else None,
            "unit": unit,
            "priced": prices.date if prices else None,
            "break_even_queries": None,
            "break_even_queries_cached": None,
        }
        rivals = [m for m in measured if m.dataset == dataset and m.method == trials[0].rival]
        for name, cached in (("", False), ("_cached", True)):
            once, query = _spans([price(t, cached) for t in trials] if price else [])
            row[f"once{name}"] = [once.low, once.high] if price else None
            row[f"per_query{name}"] = [query.low, query.high] if price else None
            if price and rivals and tuning != "none":
                rival_once, rival_query = _spans([price(t, cached) for t in rivals])
                found = break_even(once=once, tuned=query, context=rival_query, context_once=rival_once)
                row[f"break_even_queries{name}"] = found.plain()
        out.append(row)
    return out


def break_even(*, once: Span, tuned: Span, context: Span, context_once: Span = Span()) -> BreakEven:
    """The number of questions after which tuning is cheaper; all costs have the same unit.

    `once` is the cost of augmenting and tuning. `tuned` and `context` are the costs of a question with the
    tuned model and with the documents in the prompt. `context_once` is the extra cost of the documents' first
    reading if they are cached. The low bound takes the end of every span that favours tuning, the high bound
    the other end. Tuning that costs more per question never breaks even, even if it costs less at first.
    """
    return BreakEven(
        low=_first_cheaper(once.low - context_once.high, context.high - tuned.low),
        high=_first_cheaper(once.high - context_once.low, context.low - tuned.high),
    )


def money(cost: Cost, prices: Prices, *, serving: Rates) -> float:
    """The cost of one stage in US dollars: its tokens at these rates, training tokens and machine time."""
    tokens = (
        (cost.input_tokens - cost.cached_tokens) * serving.input
        + cost.cached_tokens * serving.cached_input
        + cost.output_tokens * serving.output
        + cost.train_tokens * prices.training
    )
    return tokens / 1e6 + cost.seconds / 3600 * prices.machine_hour


def spent(trial: Measured, prices: Prices) -> float:
    """The cost of a whole trial in US dollars. The base model generates; the tuned one, if any, answers."""
    serving = prices.base if trial.tuning == "none" else prices.tuned
    paid_once = money(trial.augment + trial.tune, prices, serving=prices.base)
    return paid_once + money(trial.query, prices, serving=serving)


def flops(shape: Shape, tokens: float, *, context: float = 0.0, logits: float = 0.0) -> float:
    """Floating-point operations of reading `tokens` tokens, one after the other, after `context` others.

    A token attends to itself and to all tokens before it. `logits` is the number of tokens at which the whole
    vocabulary is scored, that is, of generated tokens.
    """
    pairs = tokens * context + tokens * (tokens + 1) / 2
    return operations(shape, tokens=tokens, pairs=pairs, logits=logits)


def operations(shape: Shape, *, tokens: float, pairs: float, logits: float) -> float:
    """Floating-point operations of a forward pass over `tokens`, with `pairs` of positions in attention and
    logits at `logits` of them. A multiplication and an addition count as two."""
    return 2.0 * shape.matrices * tokens + 2.0 * shape.head * logits + 4.0 * shape.attention * pairs


def read_prices(path: Path) -> Prices:
    """The prices in a file. Raises `UserError` if it is missing or broken, or has unknown entries."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"There is no price file {path}: copy {EXAMPLE_PRICES} and edit it.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The price file {path} is not TOML ({error}): fix that line.") from error
    known = {
        "base": [field.name for field in fields(Rates)],
        "tuned": [field.name for field in fields(Rates)],
        "training": ["tokens"],
        "machine": ["hour"],
    }
    for table, entries in found.items():
        if table == "date":
            continue
        if table not in known or not isinstance(entries, dict):
            raise Unknown("table of the price file", table, known)
        for name, value in entries.items():
            if name not in known[table]:
                raise Unknown(f"price of [{table}]", name, known[table])
            # TOML has nan and inf, and to Python true is 1.
            if type(value) not in (int, float) or not 0 <= value < math.inf:
                raise UserError(f"In {path}, {name} of [{table}] is {value}: give a price of 0 or more.")
    base = _rates(found.get("base", {}))
    return Prices(
        base=base,
        tuned=_rates(found["tuned"]) if "tuned" in found else base,
        training=float(found.get("training", {}).get("tokens", 0.0)),
        machine_hour=float(found.get("machine", {}).get("hour", 0.0)),
        date=str(found.get("date", "")),
    )


Price = Callable[[Measured, bool], tuple[float, float]]
"""Called with a trial and whether documents in the prompt are cached; returns the cost (once, per
question)."""


def _pricing(measured: Sequence[Measured], prices: Prices | None) -> tuple[str | None, Price | None]:
    if prices is not None:
        return "usd", lambda trial, cached: _in_money(trial, cached, prices)
    if measured and all(trial.shape for trial in measured):
        return "flops", _in_flops
    return None, None


def _in_money(trial: Measured, cached: bool, prices: Prices) -> tuple[float, float]:
    rates = prices.base if trial.tuning == "none" else prices.tuned
    # Time is known for the evaluation only, so a token is assumed to take as long when served.
    computed = trial.query.input_tokens - trial.query.cached_tokens + trial.query.output_tokens
    token_time = trial.query.seconds / computed / 3600 * prices.machine_hour if computed else 0.0
    first = trial.context_tokens * (rates.input / 1e6 + token_time)
    later = trial.context_tokens * rates.cached_input / 1e6 if cached else first
    own = (trial.question_tokens * rates.input + trial.answer_tokens * rates.output) / 1e6 + token_time * (
        trial.question_tokens + trial.answer_tokens
    )
    once = money(trial.augment + trial.tune, prices, serving=prices.base)
    return once + first - later, later + own


def _in_flops(trial: Measured, cached: bool) -> tuple[float, float]:
    assert trial.shape is not None
    own = trial.question_tokens + trial.answer_tokens
    once = trial.augment.flops + trial.tune.flops
    if not cached:
        return once, flops(trial.shape, trial.context_tokens + own, logits=trial.answer_tokens)
    first = flops(trial.shape, trial.context_tokens)
    return once + first, flops(trial.shape, own, context=trial.context_tokens, logits=trial.answer_tokens)


def _spans(paid: Sequence[tuple[float, float]]) -> tuple[Span, Span]:
    once, query = [p[0] for p in paid] or [0.0], [p[1] for p in paid] or [0.0]
    return Span(min(once), max(once)), Span(min(query), max(query))


def _first_cheaper(ahead: float, saved: float) -> int | None:
    """The first whole number n above 0 with n * saved > ahead."""
    if saved <= 0:
        return None
    quotient = ahead / saved
    return max(1, math.floor(quotient) + 1) if math.isfinite(quotient) else None


def _rates(entries: Mapping[str, float]) -> Rates:
    paid = float(entries.get("input", 0.0))
    return Rates(paid, float(entries.get("cached_input", paid)), float(entries.get("output", 0.0)))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
