"""A causal language model in this process: generates, scores, and can be tuned."""

from __future__ import annotations

import copy
import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from corollary.errors import UserError
from corollary.inference import alone, chat, decode, encoding, tree
from corollary.inference.arena import Arena, suits
from corollary.measure import operations
from corollary.types import Completion, Cost, Likelihood, Request

LOGITS = 1 << 28
"""The most logits in memory at once, 1 GiB in float32; a vocabulary may have 150,000 tokens."""


class LocalModel:
    """A language model in this process: a `Trainee` around any causal Hugging Face model.

    `net` is the model (a `PeftModel` if it has an adapter). `source` is the folder or file of its base, or
    None if the base exists only in memory. `stored` is the number type in which its weights are saved ("":
    that of `net`). `rates` maps a tuning to the options that suit this model. `cost` is the sum of all
    reading and generating; set it to `Cost()` before a stage to measure the stage. `fit_report` comes from
    the tuning that trained the model.

    Texts begin as the tokenizer itself begins them. Names of special tokens in them are text.
    """

    def __init__(
        self,
        net: Any,
        tokenizer: Any,
        *,
        source: Path | None = None,
        kind: str = "",
        stored: str = "",
        rates: Mapping[str, Mapping[str, float]] | None = None,
        batch_tokens: int = 512,
        fit_report: Any = None,
    ) -> None:
        self.net = net.eval()
        self.tokenizer = tokenizer
        self.source = source
        self.named_kind = kind
        self.stored = stored
        self.rates = dict(rates or {})
        self.batch_tokens = batch_tokens
        self.fit_report = fit_report
        self.cost = Cost()
        self._plain = plain(net)
        self._arena: Arena | None = None
        self._prefix = alone.NOTHING

    @cached_property
    def identity(self) -> str:
        """Hash of the weights, the architecture and the tokenizer, never of a path or a device."""
        found = hashlib.sha256()
        for name, weight in sorted(self.net.state_dict().items()):
            found.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
            found.update(_bytes_of(weight))
        found.update(json.dumps(self._settings(), sort_keys=True, default=str).encode())
        return found.hexdigest()

    @property
    def kind(self) -> str:
        """The kind of prompts that it understands: its own, or "chat" with a chat template, else "base"."""
        return self.named_kind or ("chat" if self.tokenizer.chat_template else "base")

    @property
    def dtype(self) -> str:
        """The number type of its weights, as in "float32"."""
        return str(self.net.dtype).removeprefix("torch.")

    @property
    def window(self) -> int:
        """Context window in tokens."""
        config = self.net.config.get_text_config(decoder=True)
        return int(getattr(config, "max_position_embeddings", 0) or self.tokenizer.model_max_length)

    @property
    def vocabulary(self) -> int:
        """Number of different tokens: the length of its logits."""
        return int(self.net.config.get_text_config(decoder=True).vocab_size)

    @property
    def exact_tree(self) -> bool:
        """Whether many texts can be read in one row after a shared prefix."""
        return self.sharing == "tree"

    @cached_property
    def sharing(self) -> Literal["tree", "copy", "none"]:
        """How texts share a prefix: in one row, each after a copy of its state, or not at all."""
        if suits(self._plain) and alone.tree_agrees(self._plain):
            return "tree"
        if alone.copies_agree(self._plain):
            return "copy"
        warnings.warn(
            f"The attention of {type(self._plain).__name__} cannot share a prefix between texts: "
            "each text is read in full, which is slower.",
            stacklevel=2,
        )
        return "none"

    def count(self, text: str) -> int:
        """Number of tokens of a text, without the BOS."""
        return len(encoding.joint(self.tokenizer, "", [text], first=())[0])

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        """One likelihood for each (prompt, continuation), after the shared `prefix`, which is read once.

        Raises `UserError` when a text is longer than the model's window.
        """
        began, tally = time.perf_counter(), operations.Tally()
        split = encoding.pairs_apart(self.tokenizer, prefix, pairs)
        self._check_window(max((len(a) + len(b) for a, b in split), default=0))
        contexts = list(dict.fromkeys(tuple(context) for context, _ in split))
        values, cached = self._score(split, contexts, prefix, tally)
        self._count(
            tally,
            began,
            input_tokens=sum(map(len, contexts)) + sum(len(more) for _, more in split),
            cached_tokens=cached,
        )
        return [
            Likelihood(value, len(ids), len(more.encode()))
            for value, (_, ids), (_, more) in zip(values, split, pairs, strict=True)
        ]

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion for each request. Requests with the same `chat` and `prefix` share its computation.

        Raises `UserError` when a prompt fills the model's window, and for a chat without a template.
        """
        began, tally = time.perf_counter(), operations.Tally()
        prompts = [chat.prompt_of(self.tokenizer, request) for request in requests]
        groups: dict[tuple[str, bool], list[int]] = {}
        for at, prompt in enumerate(prompts):
            groups.setdefault((prompt.head, prompt.template), []).append(at)
        done: dict[int, Completion] = {}
        for places in groups.values():
            group = [(requests[at], prompts[at]) for at in places]
            done.update(zip(places, self._continued(group, tally), strict=True))
        completions = [done[at] for at in range(len(requests))]
        self._count(
            tally,
            began,
            input_tokens=sum(one.input_tokens for one in completions),
            cached_tokens=sum(one.cached_tokens for one in completions),
            output_tokens=sum(one.output_tokens for one in completions),
        )
        return completions

    def _score(
        self,
        split: list[tuple[list[int], list[int]]],
        contexts: list[tuple[int, ...]],
        prefix: str,
        tally: operations.Tally,
    ) -> tuple[list[float], int]:
        """The log-probability of every pair, and the number of tokens of the different contexts that were not
        read again."""
        with torch.inference_mode():
            begun, new = self._begun(encoding.joint(self.tokenizer, prefix, [""])[0], tally)
            if isinstance(begun, Arena):
                values = tree.score(begun, split, row_tokens=self._row_tokens, tally=tally)
            else:
                values = alone.score(
                    self._plain, split, batch_tokens=self._row_tokens, tally=tally, prefix=begun
                )
        return values, sum(begun.shared(context) for context in contexts[int(new) :])

    @property
    def _row_tokens(self) -> int:
        return max(1, min(self.batch_tokens, LOGITS // self.vocabulary))

    def _continued(
        self, group: list[tuple[Request, chat.Prompt]], tally: operations.Tally
    ) -> list[Completion]:
        """The completions of requests with the same head."""
        requests, prompts = zip(*group, strict=True)
        head, contexts = self._contexts(prompts)
        self._check_window(1 + max(len(context) for context in contexts))
        jobs = [self._job(*three) for three in zip(requests, prompts, contexts, strict=True)]
        with torch.inference_mode():
            begun, _ = self._begun(head, tally)
            # The first one counts as read, even if an earlier call left its prefix here: the cost of a batch
            # must not depend on which worker ran it.
            cached = [0, *map(begun.shared, contexts[1:])]
            if isinstance(begun, Arena):
                texts = decode.generate(begun, jobs, row_tokens=self._row_tokens, tally=tally)
            else:
                texts = alone.decode(self._plain, jobs, tally=tally, prefix=begun)
        return [self._completion(*four) for four in zip(requests, jobs, texts, cached, strict=True)]

    def _contexts(self, prompts: Sequence[chat.Prompt]) -> tuple[list[int], list[list[int]]]:
        """The token ids of the head that the prompts share, and those of every prompt."""
        template = prompts[0].template
        first: list[int] | None = [] if template else None  # a template contains the BOS
        rests = ["", *(prompt.rest for prompt in prompts)]
        head, *contexts = encoding.joint(
            self.tokenizer, prompts[0].head, rests, first=first, special=template
        )
        for at, prompt in enumerate(prompts):
            if prompt.pieces:
                parts = [
                    encoding.joint(self.tokenizer, "", [text], first=(), special=special)[0]
                    for text, special in prompt.pieces
                ]
                contexts[at] = [id for part in parts for id in part]
        # A model needs at least one token to read.
        return head, [context or [self.tokenizer.eos_token_id] for context in contexts]

    def _job(self, request: Request, prompt: chat.Prompt, context: list[int]) -> decode.Job:
        count = max(1, min(request.max_tokens, self.window - len(context)))
        draws = [0.0] * count
        if request.temperature > 0:
            draws = decode.draws_of(prompt.head + prompt.rest, request.seed, count)
        return decode.Job(context, count, request.temperature, draws, self._ender(request, context))

    def _ender(self, request: Request, context: list[int]) -> Callable[[list[int]], bool]:
        # A stop of n bytes ends with the last token, so it is within the last n tokens. A few more are
        # decoded, because a decoder may strip the space at the beginning.
        stops = [stop for stop in request.stop if stop]  # an empty one would end every text at once
        reach = max((len(stop.encode()) for stop in stops), default=0) + 4

        def ended(new: list[int]) -> bool:
            if new[-1] in self._ends:
                return True
            if not stops:
                return False
            before = [*context[-4:], *new[:-reach]]
            text = encoding.written(self.tokenizer, before, new[-reach:])
            return any(stop in text for stop in stops)

        return ended

    def _completion(self, request: Request, job: decode.Job, new: list[int], cached: int) -> Completion:
        text = encoding.written(self.tokenizer, job.context, new)
        cuts = [at for at in (text.find(stop) for stop in request.stop if stop) if at >= 0]
        return Completion(
            text=request.begin + (text[: min(cuts)] if cuts else text),
            input_tokens=len(job.context),
            output_tokens=len(new),
            cached_tokens=cached,
            finish="stop" if cuts or new[-1] in self._ends else "length",
        )

    @cached_property
    def _ends(self) -> frozenset[int]:
        """Tokens that end a text: those that the model names, and the end of an answer in its chat template.
        Padding never ends a text, whatever the configuration says: some models would generate nothing."""
        named = getattr(getattr(self.net, "generation_config", None), "eos_token_id", None)
        listed = named if isinstance(named, Iterable) else [named]
        ends = {*listed, self.tokenizer.eos_token_id}
        if self.tokenizer.pad_token_id != self.tokenizer.eos_token_id:
            ends -= {self.tokenizer.pad_token_id}
        ends = (ends | {chat.turn_end(self.tokenizer)}) - {None}
        return frozenset(int(end) for end in ends)

    @cached_property
    def shape(self) -> operations.Shape:
        """The sizes that determine the number of operations."""
        return operations.shape_of(self._plain)

    def _begun(self, ids: list[int], tally: operations.Tally) -> tuple[Arena | alone.Prefix, bool]:
        """The prefix after which texts are read in the way of `sharing`, and whether it is new."""
        if self.exact_tree:
            if self._arena is None:
                self._arena = Arena(self._plain, capacity=len(ids) + self.batch_tokens)
            return self._arena, self._arena.load(ids, tally)
        if self.sharing == "none" or not ids:
            return alone.NOTHING, False
        new = self._prefix.ids != ids
        if new:
            self._prefix = alone.NOTHING  # not two in memory at once
            self._prefix = alone.prefix_of(self._plain, ids, tally)
        return self._prefix, new

    def _check_window(self, tokens: int) -> None:
        if tokens > self.window:
            raise UserError(
                f"A text of {tokens} tokens does not fit the model's window of {self.window}: shorten the "
                "documents, or name a model with a longer window."
            )

    def _count(self, tally: operations.Tally, began: float, **tokens: int) -> None:
        flops = operations.forward(self.shape, tally)
        self.cost += Cost(**tokens, flops=flops, seconds=time.perf_counter() - began)

    def _settings(self) -> dict[str, Any]:
        """The settings that change answers, besides the weights."""
        # These keys record a model's provenance and storage, not its behaviour.
        idle = {"_name_or_path", "transformers_version", "dtype", "architectures", "use_cache"}
        config = {key: value for key, value in self._plain.config.to_dict().items() if key not in idle}
        scales = {"r", "rank_pattern", "lora_alpha", "alpha_pattern", "use_rslora", "use_dora"}
        adapters = {
            name: {
                key: sorted(value) if isinstance(value, set) else value
                for key, value in adapter.to_dict().items()
                if key in scales | {"peft_type", "target_modules"}
            }
            for name, adapter in getattr(self.net, "peft_config", {}).items()
        }
        # Only if there are any, so that models without them keep their identity.
        own = {"rates": self.rates, "chat_template": self.tokenizer.chat_template}
        return {key: value for key, value in own.items() if value} | {
            "config": config,
            "adapters": adapters,
            "tokenizer": _tokenizer_settings(self.tokenizer),
            "ends": sorted(self._ends),
        }


def plain(net: Any) -> Any:
    """The network without PEFT's wrapper, which only adds overhead to a call: an adapter is in its layers."""
    return net.get_base_model() if hasattr(net, "get_base_model") else net


def merged(net: Any) -> Any:
    """A copy of the network; an adapter is merged into its weights."""
    made = copy.deepcopy(net)
    return made.merge_and_unload() if hasattr(made, "merge_and_unload") else made


def _tokenizer_settings(tokenizer: Any) -> Mapping[str, Any]:
    special: dict[str, Any] = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
    if not tokenizer.is_fast:
        return special | {"vocabulary": tokenizer.get_vocab()}
    settings: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    # These two depend on the last call, not on the tokenizer.
    return special | settings | {"padding": None, "truncation": None}


def _bytes_of(weight: Any) -> bytes:
    # numpy has no bfloat16.
    flat: bytes = weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return flat
