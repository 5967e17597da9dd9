"""Tiny models with random weights, and a tokenizer trained on the spot: what the model tests share."""

from __future__ import annotations

import functools
from typing import Any

from corollary.inference.model import LocalModel

WORDS = "bolan kerit mursa tivol dagen the mother of is a river that and which no all in house old".split()


CHAT = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    "{{ '<|turn|>' + m.role + ' is ' + m.content | trim + '<|over|> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn|>assistant is ' }}{% endif %}"
)
"""A chat template as strict as some published ones: it trims, and knows no system turn."""


@functools.cache
def tokenizer(*, bos: bool = True, named: bool = False, chat: bool = False) -> Any:
    """With `bos` it begins every text with one; with `named` it only names one, as many do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|pad|>", "<|turn|>", "<|over|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([" ".join(WORDS[at:] + WORDS[:at]) for at in range(len(WORDS))], trainer)
    start = {"bos_token": "<|endoftext|>"} if bos or named else {}
    if bos:
        made.post_processor = processors.TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
        )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|endoftext|>", pad_token="<|pad|>", model_max_length=4096, **start
    )
    wrapped.chat_template = CHAT if chat else None
    return wrapped


def network(kind: str = "qwen3", *, layers: int = 2, kernel: str = "sdpa", **settings: Any) -> Any:
    """A network with random weights large enough that what it writes depends on all that it reads."""
    import torch
    import transformers

    names = {"qwen3": "Qwen3", "llama": "Llama", "mistral": "Mistral", "bloom": "Bloom"}
    config = getattr(transformers, f"{names[kind]}Config")
    network = getattr(transformers, f"{names[kind]}ForCausalLM")
    shape = {
        "vocab_size": 320,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "tie_word_embeddings": False,
        "max_position_embeddings": 1024,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 1,
        "attn_implementation": kernel,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = network(config(**{**shape, **settings})).float().eval()
        for name, weight in made.named_parameters():
            if weight.ndim == 2:
                torch.nn.init.normal_(weight, std=1.0 if "embed" in name else 1.5 / weight.shape[1] ** 0.5)
    return made


def model(
    kind: str = "qwen3", *, bos: bool = True, chat: bool = False, batch_tokens: int = 512, **settings: Any
) -> LocalModel:
    made = network(kind, **settings)
    return LocalModel(made, tokenizer(bos=bos, chat=chat), batch_tokens=batch_tokens)
