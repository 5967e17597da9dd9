"""Floating-point operations of a decoder, by formula.

A multiplication and an addition count as two. Counted are the matrices that every token passes, the
attention over the positions that a token sees, and the output projection where logits are computed;
not the embedding (a lookup), norms, activations and the softmax, which together are a few percent.
The formula is within 5 % of `torch.utils.flop_counter` for dense decoders (tests/test_flops.py). A
mixture of experts is counted as if every expert that is a module of its own were used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corollary.measure.cost import Shape as _Shape
from corollary.measure.cost import operations


@dataclass(frozen=True)
class Shape(_Shape):
    """What the formula needs of a model, and how many weights of its matrices and of its output
    projection are trained."""

    trained_matrices: int
    trained_head: int


@dataclass
class Tally:
    """Work done: tokens through the network, pairs of positions in attention, positions with logits."""

    tokens: int = 0
    pairs: int = 0
    logits: int = 0

    def row(self, start: int, tokens: int) -> None:
        """Adds `tokens` tokens that follow one another, the first at position `start`."""
        self.tokens += tokens
        self.pairs += causal_pairs(start, tokens)


def shape_of(net: Any) -> Shape:
    """The shape of a Hugging Face causal language model, with or without an adapter."""
    import torch

    # By their class, so that the low-rank matrices of an adapter are counted like all others. Conv1D
    # is what GPT-2 calls its linear layers.
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Linear) or type(m).__name__ == "Conv1D"]
    weights = [m.weight for m in layers]
    output = net.get_output_embeddings()
    heads = [weight for weight in weights if weight is output.weight]
    body = [weight for weight in weights if weight is not output.weight]
    config = net.config.get_text_config(decoder=True)
    # A network without attention, such as Mamba, names no heads.
    count = getattr(config, "num_attention_heads", None) or 0
    size = getattr(config, "head_dim", None) or config.hidden_size // max(count, 1)
    return Shape(
        matrices=sum(weight.numel() for weight in body),
        head=sum(weight.numel() for weight in heads),
        attention=config.num_hidden_layers * count * size,
        trained_matrices=sum(weight.numel() for weight in body if weight.requires_grad),
        trained_head=sum(weight.numel() for weight in heads if weight.requires_grad),
    )


def forward(shape: Shape, work: Tally) -> float:
    """Operations of reading: `work` forward only."""
    return operations(shape, tokens=work.tokens, pairs=work.pairs, logits=work.logits)


def training(shape: Shape, work: Tally) -> float:
    """Operations of training on `work`: forward, the gradient of every activation (as much again), and
    the gradient of the weights that are trained (as much again for full tuning, little for adapters)."""
    weights = 2.0 * shape.trained_matrices * work.tokens + 2.0 * shape.trained_head * work.logits
    return 2.0 * forward(shape, work) + 4.0 * shape.attention * work.pairs + weights


def causal_pairs(start: int, tokens: int) -> int:
    """Positions seen by `tokens` successive tokens of which the first stands at position `start`."""
    return tokens * start + tokens * (tokens + 1) // 2
