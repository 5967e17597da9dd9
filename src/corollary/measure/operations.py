"""Floating-point operations of a decoder, by formula.

A multiplication and an addition count as two. The formula counts the matrices that every token passes, the
attention over the positions that a token sees, and the output projection wherever logits are computed. It
leaves out the embedding (a lookup), norms, activations and the softmax, together a few percent. For dense
decoders it is within 5 % of `torch.utils.flop_counter` (tests/test_flops.py). In a mixture of experts, every
expert that is a module of its own counts as used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corollary.measure.cost import Shape as _Shape
from corollary.measure.cost import operations


@dataclass(frozen=True)
class Shape(_Shape):
    """The sizes of a model, and the numbers of trained weights in its matrices and its output projection."""

    trained_matrices: int
    trained_head: int


@dataclass
class Tally:
    """Work of a network: tokens read, pairs of positions in attention, and positions with logits."""

    tokens: int = 0
    pairs: int = 0
    logits: int = 0

    def row(self, start: int, tokens: int) -> None:
        """Add `tokens` successive tokens, the first at position `start`."""
        self.tokens += tokens
        self.pairs += causal_pairs(start, tokens)


def shape_of(net: Any) -> Shape:
    """The shape of a Hugging Face causal language model, with or without an adapter."""
    import torch

    # By class, so that the low-rank matrices of an adapter count too. GPT-2 calls its linear layers Conv1D.
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Linear) or type(m).__name__ == "Conv1D"]
    weights = [m.weight for m in layers]
    output = net.get_output_embeddings()
    heads = [weight for weight in weights if weight is output.weight]
    body = [weight for weight in weights if weight is not output.weight]
    config = net.config.get_text_config(decoder=True)
    # The configuration of a network without attention, such as Mamba, has no heads.
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
    """Operations of a forward pass."""
    return operations(shape, tokens=work.tokens, pairs=work.pairs, logits=work.logits)


def training(shape: Shape, work: Tally) -> float:
    """Operations of training: the forward pass, the gradient of every activation (the same again), and the
    gradient of the trained weights (the same again for full tuning, little for adapters)."""
    weights = 2.0 * shape.trained_matrices * work.tokens + 2.0 * shape.trained_head * work.logits
    return 2.0 * forward(shape, work) + 4.0 * shape.attention * work.pairs + weights


def causal_pairs(start: int, tokens: int) -> int:
    """The number of positions seen by `tokens` successive tokens, the first at position `start`."""
    return tokens * start + tokens * (tokens + 1) // 2
