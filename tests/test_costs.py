"""Costs by hand: what is paid once, what is paid for every question, and where the two lines cross."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary import store
from corollary.errors import UserError
from corollary.measure.cost import (
    EXAMPLE_PRICES,
    BreakEven,
    Measured,
    Prices,
    Rates,
    Shape,
    Span,
    break_even,
    cost_rows,
    flops,
    money,
    read_measured,
    read_prices,
    spent,
)
from corollary.types import Cost

PRICES = Prices(
    base=Rates(input=1.0, cached_input=0.25, output=4.0),
    tuned=Rates(input=2.0, cached_input=0.5, output=8.0),
    training=10.0,
    date="2026-11-22",
)


def measured(method: str, **changes: object) -> Measured:
    tuned = method != "in-context"
    plain: dict[str, object] = {
        "dataset": "reversals",
        "method": method,
        "tuning": "full" if tuned else "none",
        "model": "embedded",
        "seed": 0,
        "questions": 100,
        "role": "treatment" if tuned else "context",
        "rival": "in-context" if tuned else "",
        "question_tokens": 20.0,
        "answer_tokens": 5.0,
        "context_tokens": 10_000.0 if method == "in-context" else 0.0,
    }
    return Measured(**plain | changes)  # type: ignore[arg-type]


def test_money_of_a_stage_by_hand() -> None:
    # 300,000 fresh at 1, 700,000 cached at 0.25, 50,000 written at 4, 200,000 trained on at 10.
    cost = Cost(input_tokens=1_000_000, cached_tokens=700_000, output_tokens=50_000, train_tokens=200_000)
    assert money(cost, PRICES, serving=PRICES.base) == pytest.approx(0.3 + 0.175 + 0.2 + 2.0)
    hour = Prices(machine_hour=3.0)
    assert money(Cost(seconds=1200), hour, serving=hour.base) == pytest.approx(1.0)


def test_operations_of_a_question_by_hand() -> None:
    rows = [
        measured("augmented", shape=SHAPE, tune=Cost(flops=1e12), augment=Cost(flops=1e12)),
        measured("in-context", shape=SHAPE),
    ]
    augmented, prompt = cost_rows(rows)
    own, first = 2 * (25 * 1_000_000 + 5 * 100_000), 2 * 10_000 * 1_000_000 + 1_024 * 50_005_000
    alone, behind = own + 1_024 * 325, own + 1_024 * (25 * 10_000 + 325)
    assert augmented["per_query"] == augmented["per_query_cached"] == [alone] * 2
    assert prompt["per_query"] == [first + behind] * 2
    assert (prompt["per_query_cached"], prompt["once_cached"]) == ([behind] * 2, [first] * 2)
    assert augmented["break_even_queries"] == [28, 28]
    assert augmented["break_even_queries_cached"] == [7535, 7535]


def test_a_trial_is_written_at_base_prices_and_answered_at_tuned_ones() -> None:
    augment, query = Cost(output_tokens=1_000_000), Cost(input_tokens=1_000_000)
    trial = measured("augmented", augment=augment, query=query)
    assert spent(trial, PRICES) == pytest.approx(4.0 + 2.0)
    assert spent(measured("in-context", query=query), PRICES) == pytest.approx(1.0)


def test_break_even_by_hand() -> None:
    # 10 ahead, 0.3 saved per question: at 33 questions 9.9 are saved, at 34 10.2.
    found = break_even(once=Span(10, 10), tuned=Span(0.1, 0.1), context=Span(0.4, 0.4))
    assert found == BreakEven(34, 34)
    # Level at 5 questions exactly, so cheaper from 6 on.
    assert break_even(once=Span(10, 10), tuned=Span(1, 1), context=Span(3, 3)) == BreakEven(6, 6)
    # The first reading of cached documents is a head start.
    found = break_even(once=Span(10, 10), tuned=Span(1, 1), context=Span(3, 3), context_once=Span(4, 4))
    assert found == BreakEven(4, 4)


def test_break_even_is_a_range_and_may_be_never() -> None:
    found = break_even(once=Span(8, 10), tuned=Span(1, 2), context=Span(3, 5))
    assert found == BreakEven(3, 11)  # 8 / (5 - 1) and 10 / (3 - 2), each plus one
    assert found.plain() == [3, 11]
    found = break_even(once=Span(8, 10), tuned=Span(1, 2), context=Span(2, 3))
    assert found.plain() == [5, "never"]
    found = break_even(once=Span(0, 0), tuned=Span(2, 2), context=Span(2, 2))
    assert found.plain() == "never"


def test_nothing_paid_once_pays_from_the_first_question() -> None:
    assert break_even(once=Span(), tuned=Span(1, 1), context=Span(2, 2)) == BreakEven(1, 1)


whole = st.integers(0, 10**6)


@given(once=whole, tuned=whole, context=whole, first=whole)
def test_at_break_even_tuning_is_cheaper_and_one_question_before_it_is_not(
    once: int, tuned: int, context: int, first: int
) -> None:
    def span(value: int) -> Span:
        return Span(value, value)

    found = break_even(once=span(once), tuned=span(tuned), context=span(context), context_once=span(first))
    assert found.low == found.high

    def saved(questions: int) -> int:
        return first + questions * context - once - questions * tuned

    if found.low is None:
        assert saved(10**9 + 1) <= saved(10**9)
    else:
        assert saved(found.low) > 0
        assert found.low == 1 or saved(found.low - 1) <= 0


@given(once=whole, more=whole, tuned=whole, dearer=whole, context=whole)
def test_dearer_tuning_never_breaks_even_sooner(
    once: int, more: int, tuned: int, dearer: int, context: int
) -> None:
    found = break_even(
        once=Span(once, once + more), tuned=Span(tuned, tuned + dearer), context=Span(context, context)
    )
    if found.high is not None:
        assert found.low is not None
        assert found.low <= found.high


def test_rows_of_a_study_by_hand() -> None:
    tune = Cost(train_tokens=100_000)
    rows = cost_rows(
        [
            measured("in-context"),
            measured("augmented", seed=0, augment=Cost(output_tokens=10_000), tune=tune),
            measured("augmented", seed=1, augment=Cost(output_tokens=30_000), tune=tune),
        ],
        prices=PRICES,
    )
    augmented, in_context = rows
    assert augmented["method"] == "augmented"
    assert augmented["augment_tokens"] == 20_000
    assert augmented["train_tokens"] == 100_000
    assert (augmented["query_tokens"], in_context["query_tokens"]) == (25, 10_025)
    assert augmented["once"] == pytest.approx([1.04, 1.12])
    assert augmented["usd"] == pytest.approx(1.08)
    assert augmented["per_query"] == pytest.approx([80e-6, 80e-6])  # 20 at 2 and 5 at 8
    assert in_context["per_query"] == pytest.approx([10_040e-6] * 2)  # 10,020 at 1 and 5 at 4
    assert in_context["per_query_cached"] == pytest.approx([2_540e-6] * 2)  # documents at 0.25
    assert in_context["once_cached"] == pytest.approx([7_500e-6] * 2)  # the first reading at the full price
    assert augmented["break_even_queries"] == [105, 113]  # 1.04 / 0.00996 and 1.12 / 0.00996
    assert augmented["break_even_queries_cached"] == [420, 453]  # (1.04 - 0.0075) / 0.00246 ...
    assert in_context["break_even_queries"] is None


def test_cached_documents_can_be_so_cheap_that_tuning_never_pays() -> None:
    free_cache = Prices(base=Rates(1.0, 0.0, 4.0), tuned=Rates(2.0, 2.0, 8.0), training=10.0)
    (row, _) = cost_rows([measured("augmented"), measured("in-context")], prices=free_cache)
    assert row["break_even_queries"] == [1, 1]
    assert row["break_even_queries_cached"] == "never"


def test_when_everything_is_free_nothing_is_ever_cheaper() -> None:
    (row, _) = cost_rows([measured("augmented"), measured("in-context")], prices=Prices())
    assert (row["usd"], row["break_even_queries"], row["break_even_queries_cached"]) == (0, "never", "never")


def test_a_machine_is_paid_by_the_time_of_a_token() -> None:
    # 1,000 tokens took 10 seconds at 36 dollars an hour: 0.0001 dollars a token.
    query = Cost(input_tokens=9_900, cached_tokens=9_000, output_tokens=100, seconds=10)
    (row,) = cost_rows([measured("in-context", query=query)], prices=Prices(machine_hour=36.0))
    assert row["per_query"] == pytest.approx([1.0025] * 2)
    assert row["per_query_cached"] == pytest.approx([0.0025] * 2)
    assert row["once_cached"] == pytest.approx([1.0] * 2)


SHAPE = Shape(matrices=1_000_000, head=100_000, attention=256)


def test_without_prices_break_even_is_counted_in_operations() -> None:
    rows = [
        measured("augmented", shape=SHAPE, tune=Cost(flops=1e12), augment=Cost(flops=1e12)),
        measured("in-context", shape=SHAPE),
    ]
    found: Any = cost_rows(rows)
    augmented, in_context = found
    assert augmented["unit"] == "flops"
    assert augmented["usd"] is None
    assert augmented["once"] == [2e12, 2e12]
    n = augmented["break_even_queries"][0]
    paid = in_context["per_query"][0]
    assert n * paid > 2e12 + n * augmented["per_query"][0]
    assert augmented["break_even_queries_cached"][0] > 10 * n
    # Behind an endpoint neither money nor operations are known.
    (row,) = cost_rows([measured("augmented")])
    assert (row["unit"], row["once"], row["break_even_queries"]) == (None, None, None)


def test_operations_by_hand() -> None:
    # 3 tokens see 10 before them, and 1, 2 and 3 of their own: 36 pairs.
    found = flops(SHAPE, 3, context=10, logits=2)
    assert found == 2 * 3 * 1_000_000 + 2 * 2 * 100_000 + 4 * 36 * 256


@given(tokens=st.integers(1, 500), context=st.integers(0, 500))
def test_reading_in_two_parts_takes_as_much_as_reading_at_once(tokens: int, context: int) -> None:
    apart = flops(SHAPE, context) + flops(SHAPE, tokens, context=context)
    assert apart == pytest.approx(flops(SHAPE, context + tokens))


def test_the_example_prices_can_be_read() -> None:
    prices = read_prices(EXAMPLE_PRICES)
    assert prices.date == "2026-11-22"
    assert prices.base.cached_input < prices.base.input
    assert prices.training > 0


def test_missing_prices_take_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[base]\ninput = 2\n", encoding="utf-8")
    found = read_prices(tmp_path / "p.toml")
    assert found == Prices(base=Rates(2.0, 2.0, 0.0), tuned=Rates(2.0, 2.0, 0.0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[base", "not TOML"),
        ("[base]\ninptu = 1\n", "did you mean 'input'"),
        ("[bsae]\ninput = 1\n", "did you mean 'base'"),
        ("base = 1\n", "base"),
        ("[base]\ninput = -1\n", "0 or more"),
        ("[base]\ninput = nan\n", "0 or more"),
        ("[base]\ninput = 'dear'\n", "0 or more"),
    ],
)
def test_a_bad_price_file_is_one_clear_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        read_prices(tmp_path / "p.toml")


def test_a_study_is_priced_again_from_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"costs\.jsonl"):
        read_measured(tmp_path)
    trials = [measured("augmented", shape=SHAPE, tune=Cost(flops=1e12)), measured("in-context", shape=SHAPE)]
    store.write_jsonl(tmp_path / "costs.jsonl", trials)
    assert read_measured(tmp_path) == trials
    store.write_jsonl(tmp_path / "costs.jsonl", [{"dataset": "reversals"}])
    with pytest.raises(UserError, match="run the study again"):
        read_measured(tmp_path)
    with pytest.raises(UserError, match="no price file"):
        read_prices(tmp_path / "missing.toml")


def test_break_even_is_counted_against_the_rival_of_an_arm_whatever_it_is_called() -> None:
    trials = [
        measured("ours", rival="shown", tune=Cost(train_tokens=1_000_000)),
        measured("shown", tuning="none", role="context", rival="", context_tokens=10_000.0),
        measured("nearest", tuning="none", role="context", rival="", context_tokens=10.0),
    ]
    nearest, ours, shown = cost_rows(trials, prices=PRICES)
    assert (ours["role"], shown["role"]) == ("treatment", "context")
    assert ours["break_even_queries"] == [1005, 1005]  # 10 dollars at 0.00996 a question
    assert shown["break_even_queries"] is nearest["break_even_queries"] is None
    (alone,) = cost_rows([measured("ours", rival="")], prices=PRICES)
    assert alone["break_even_queries"] is None
