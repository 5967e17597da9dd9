"""The formula against torch's own counter."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_models import network

from corollary.measure import operations
from corollary.models.local import quiet

SHAPES: list[dict[str, Any]] = [
    {"layers": 2},
    {"layers": 3, "hidden_size": 128, "intermediate_size": 352, "num_attention_heads": 4},
    {
        "kind": "llama",
        "hidden_size": 96,
        "intermediate_size": 512,
        "num_attention_heads": 3,
        "vocab_size": 2000,
    },
]
BATCH, LENGTH = 3, 40
# The counter counts every pair of positions, also those that the mask hides.
WORK = operations.Tally(tokens=BATCH * LENGTH, pairs=BATCH * LENGTH * LENGTH, logits=BATCH * LENGTH)


def counted(net: Any, *, backward: bool) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    ids = torch.randint(0, 320, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        logits = net(input_ids=ids, use_cache=False).logits
        if backward:
            logits.sum().backward()
    total: int = counter.get_total_flops()
    return total


@pytest.mark.parametrize("settings", SHAPES)
def test_forward_and_training_are_within_five_percent(settings: dict[str, Any]) -> None:
    net = network(**{"kernel": "eager", **settings})
    shape = operations.shape_of(net)
    assert operations.forward(shape, WORK) == pytest.approx(counted(net, backward=False), rel=0.05)
    assert operations.training(shape, WORK) == pytest.approx(counted(net, backward=True), rel=0.05)


def test_adapters_train_with_fewer_operations() -> None:
    from peft import LoraConfig, get_peft_model

    net = network(kernel="eager", layers=8, intermediate_size=256)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    with quiet():
        adapted = get_peft_model(net, config).get_base_model()
    shape = operations.shape_of(adapted)
    assert operations.training(shape, WORK) == pytest.approx(counted(adapted, backward=True), rel=0.05)
    whole = operations.training(operations.shape_of(network(layers=8, intermediate_size=256)), WORK)
    assert operations.training(shape, WORK) < 0.85 * whole


def test_a_network_without_attention_counts_none() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    shape = operations.shape_of(
        MambaForCausalLM(MambaConfig(vocab_size=320, hidden_size=32, num_hidden_layers=1, state_size=4))
    )
    assert shape.attention == 0
    assert shape.head == 320 * 32


def test_a_token_sees_itself_and_all_before_it() -> None:
    assert operations.causal_pairs(0, 3) == 1 + 2 + 3
    assert operations.causal_pairs(10, 2) == 11 + 12
