"""A Hugging Face causal language model from a folder, with or without a PEFT adapter."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from corollary.errors import UserError
from corollary.inference import alone, decode, encoding, tree
from corollary.inference.arena import Arena, suits
from corollary.inference.quiet import quiet
from corollary.measure import operations
from corollary.types import Completion, Cost, Likelihood, Request

Dtype = Literal["float32", "bfloat16", "float16"]


def load(
    *,
    path: str,
    adapter: str | None = None,
    dtype: Dtype = "float32",
    device: str = "cpu",
    batch_tokens: int = 512,
) -> LocalModel:
    """A causal language model from a folder in Hugging Face's layout.

    `adapter` is a folder with a PEFT adapter for it; `batch_tokens` is how many tokens are read at
    once behind a prefix. Scores are exact in float32; smaller types shift them with the batch.
    Raises `UserError` when a folder does not hold what it should, or there is no such device.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _existing(path, "config.json", "a causal language model in Hugging Face's layout")
    with quiet():
        net = _opened(lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=dtype), folder)
        tokenizer = _opened(lambda: AutoTokenizer.from_pretrained(folder), folder)
        if adapter is not None:
            added = _existing(adapter, "adapter_config.json", "a PEFT adapter")
            net = _opened(lambda: PeftModel.from_pretrained(net, added), added)
            # Its prompt lives in the wrapper, without which the network is called: it would do nothing.
            if net.active_peft_config.is_prompt_learning:
                raise UserError(
                    f"{added} holds a tuned prompt and not an adapter of the weights: give one that changes"
                    " the weights, as LoRA does."
                )
    return LocalModel(_moved(net, device), tokenizer, source=folder, batch_tokens=batch_tokens)


def save(model: LocalModel, folder: str | Path) -> None:
    """Writes a model so that `local` reads the same model again: whole or not at all.

    A model with an adapter, on a base that came from a folder, is written as the adapter alone in
    PEFT's layout; any other as safetensors with its tokenizer. Raises `UserError` when the folder
    exists already.
    """
    from peft import PeftModel

    target = Path(folder)
    if target.exists():
        raise UserError(f"{target} exists already: name a new folder for the model.")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, because a rename is atomic only within one file system.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as made:
        part = Path(made) / "model"
        net = model.net
        if isinstance(net, PeftModel) and model.source is None:
            net = model.merged()
        with quiet():
            net.save_pretrained(part)
        if not isinstance(net, PeftModel):
            model.tokenizer.save_pretrained(part)
        part.rename(target)


class LocalModel:
    """A language model in this process: the protocol `Model` on any causal Hugging Face model.

    `net` is the model (a `PeftModel` if it has an adapter) and `source` the folder of its base, None
    when the base exists only in memory. `cost` adds up what was read and written since it was last
    set; whoever wants the cost of a stage sets it to `Cost()` before. `fit_report` is what the tuning
    that made the model reports. `exact_tree` says whether texts behind a shared prefix are read
    together or, on models whose attention cannot do that, each on its own.

    Texts begin with one BOS if the tokenizer defines one.
    """

    def __init__(
        self,
        net: Any,
        tokenizer: Any,
        *,
        source: Path | None = None,
        batch_tokens: int = 512,
        fit_report: Any = None,
    ) -> None:
        self.net = net.eval()
        self.tokenizer = tokenizer
        self.source = source
        self.batch_tokens = batch_tokens
        self.fit_report = fit_report
        self.cost = Cost()
        self._arena: Arena | None = None

    @cached_property
    def identity(self) -> str:
        """Hash of the weights, the architecture and the tokenizer: never of a path or a device."""
        found = hashlib.sha256()
        for name, weight in sorted(self.net.state_dict().items()):
            found.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
            found.update(_bytes_of(weight))
        found.update(json.dumps(self._settings(), sort_keys=True, default=str).encode())
        return found.hexdigest()

    @property
    def window(self) -> int:
        """Context window in tokens."""
        config = self.net.config.get_text_config(decoder=True)
        return int(getattr(config, "max_position_embeddings", 0) or self.tokenizer.model_max_length)

    @cached_property
    def exact_tree(self) -> bool:
        """Whether many texts can be read in one row behind a shared prefix."""
        fits = suits(self._plain) and alone.tree_agrees(self._plain)
        if not fits:
            warnings.warn(
                f"The attention of {type(self._plain).__name__} cannot share a prefix between texts: "
                "each is read on its own, which is slower.",
                stacklevel=2,
            )
        return fits

    def count(self, text: str) -> int:
        """Number of tokens of a text, without the BOS."""
        return len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        """Score each (prompt, continuation) behind the shared `prefix`, which is read once.

        Raises `UserError` when a text is longer than the model's window.
        """
        began, tally = time.perf_counter(), operations.Tally()
        split = encoding.pairs_apart(self.tokenizer, prefix, pairs)
        self._check_window(max((len(a) + len(b) for a, b in split), default=0))
        branches: dict[tuple[int, ...], list[int]] = {}
        for at, (context, _) in enumerate(split):
            branches.setdefault(tuple(context), []).append(at)
        values, cached = self._score(split, list(branches.values()), prefix, tally)
        self._count(
            tally,
            began,
            input_tokens=sum(len(context) for context in branches) + sum(len(more) for _, more in split),
            cached_tokens=cached,
        )
        return [
            Likelihood(value, len(ids), len(more.encode()))
            for value, (_, ids), (_, more) in zip(values, split, pairs, strict=True)
        ]

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Continue each request. Those with the same `prefix` share its computation.

        Raises `UserError` when a prompt fills the model's window.
        """
        began, tally = time.perf_counter(), operations.Tally()
        groups: dict[str, list[int]] = {}
        for at, request in enumerate(requests):
            groups.setdefault(request.prefix, []).append(at)
        done: dict[int, Completion] = {}
        for prefix, places in groups.items():
            group = [requests[at] for at in places]
            done.update(zip(places, self._continued(prefix, group, tally), strict=True))
        found = [done[at] for at in range(len(requests))]
        self._count(
            tally,
            began,
            input_tokens=sum(one.input_tokens for one in found),
            cached_tokens=sum(one.cached_tokens for one in found),
            output_tokens=sum(one.output_tokens for one in found),
        )
        return found

    def merged(self) -> Any:
        """The plain network, with the adapter (if there is one) merged into a copy of the weights."""
        import copy

        if self._plain is self.net:
            return self.net
        return copy.deepcopy(self.net).merge_and_unload()

    @property
    def _plain(self) -> Any:
        # An adapter lives inside the base model's layers; its wrapper adds only overhead to a call.
        return self.net.get_base_model() if hasattr(self.net, "get_base_model") else self.net

    def _score(
        self,
        split: list[tuple[list[int], list[int]]],
        branches: list[list[int]],
        prefix: str,
        tally: operations.Tally,
    ) -> tuple[list[float], int]:
        """The value of every pair, and the number of tokens that were not read again."""
        import torch

        with torch.inference_mode():
            if not self.exact_tree:
                return alone.score(self._plain, split, batch_tokens=self.batch_tokens, tally=tally), 0
            arena, new = self._loaded(prefix, tally)
            grown = [tree.Branch(split[group[0]][0], [split[at][1] for at in group]) for group in branches]
            sums = tree.score(arena, grown, row_tokens=self.batch_tokens, tally=tally)
        values = [0.0] * len(split)
        for group, found in zip(branches, sums, strict=True):
            for at, value in zip(group, found, strict=True):
                values[at] = value
        reused = [tree.shared_tokens(arena.prefix, branch.context) for branch in grown]
        return values, sum(reused[1:] if new else reused)

    def _continued(self, prefix: str, requests: list[Request], tally: operations.Tally) -> list[Completion]:
        import torch

        contexts = encoding.joint(self.tokenizer, prefix, [request.prompt for request in requests])
        # A model needs a token to begin with.
        contexts = [context or [self.tokenizer.eos_token_id] for context in contexts]
        self._check_window(1 + max(len(context) for context in contexts))
        jobs = [self._job(*both) for both in zip(requests, contexts, strict=True)]
        with torch.inference_mode():
            if self.exact_tree:
                arena, new = self._loaded(prefix, tally)
                cached = [tree.shared_tokens(arena.prefix, context) for context in contexts]
                cached[:1] = [0] if new else cached[:1]
                texts = decode.decode(arena, jobs, row_tokens=self.batch_tokens, tally=tally)
            else:
                cached = [0] * len(jobs)
                texts = alone.decode(self._plain, jobs, tally=tally)
        return [self._completion(*one) for one in zip(requests, jobs, texts, cached, strict=True)]

    def _job(self, request: Request, context: list[int]) -> decode.Job:
        count = min(request.max_tokens, self.window - len(context))
        draws = None
        if request.temperature > 0:
            draws = decode.draws_of(request.prefix + request.prompt, request.seed, count)
        return decode.Job(context, count, request.temperature, draws, self._ender(request, context))

    def _ender(self, request: Request, context: list[int]) -> Callable[[list[int]], bool]:
        # A stop of n bytes ends with the last token and lies within the last n; a few more, because a
        # decoder may strip the space at the beginning.
        reach = max((len(stop.encode()) for stop in request.stop), default=0) + 4

        def ended(new: list[int]) -> bool:
            if new[-1] in self._ends:
                return True
            if not request.stop:
                return False
            before = [*context[-4:], *new[:-reach]]
            text = encoding.written(self.tokenizer, before, new[-reach:])
            return any(stop in text for stop in request.stop)

        return ended

    def _completion(self, request: Request, job: decode.Job, new: list[int], cached: int) -> Completion:
        text = encoding.written(self.tokenizer, job.context, new)
        cuts = [at for at in (text.find(stop) for stop in request.stop) if at >= 0]
        return Completion(
            text=text[: min(cuts)] if cuts else text,
            input_tokens=len(job.context),
            output_tokens=len(new),
            cached_tokens=cached,
            finish="stop" if cuts or new[-1] in self._ends else "length",
        )

    @cached_property
    def _ends(self) -> frozenset[int]:
        """Tokens that end a text. Padding is not one of them, whatever the configuration says: with it
        in the list, some published models write nothing."""
        named = getattr(getattr(self.net, "generation_config", None), "eos_token_id", None)
        listed = named if isinstance(named, Iterable) else [named]
        ends = {*listed, self.tokenizer.eos_token_id} - {None}
        if self.tokenizer.pad_token_id != self.tokenizer.eos_token_id:
            ends -= {self.tokenizer.pad_token_id}
        return frozenset(int(end) for end in ends)

    @cached_property
    def shape(self) -> operations.Shape:
        """What the operations of reading and training depend on."""
        return operations.shape_of(self._plain)

    def _loaded(self, prefix: str, tally: operations.Tally) -> tuple[Arena, bool]:
        ids = encoding.joint(self.tokenizer, prefix, [""])[0]
        if self._arena is None:
            self._arena = Arena(self._plain, capacity=len(ids) + self.batch_tokens)
        return self._arena, self._arena.load(ids, tally)

    def _check_window(self, tokens: int) -> None:
        if tokens > self.window:
            raise UserError(
                f"A text of {tokens} tokens does not fit the model's window of {self.window}: shorten the "
                "documents or name a model with a longer window."
            )

    def _count(self, tally: operations.Tally, began: float, **tokens: int) -> None:
        flops = operations.forward(self.shape, tally)
        self.cost += Cost(**tokens, flops=flops, seconds=time.perf_counter() - began)

    def _settings(self) -> dict[str, Any]:
        """What changes the answers besides the weights."""
        # Of a configuration these say where a model came from or how it was stored, not what it does.
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
        return {
            "config": config,
            "adapters": adapters,
            "tokenizer": _tokenizer_settings(self.tokenizer),
            "ends": sorted(self._ends),
        }


def _tokenizer_settings(tokenizer: Any) -> Mapping[str, Any]:
    special: dict[str, Any] = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
    if not tokenizer.is_fast:
        return special | {"vocabulary": tokenizer.get_vocab()}
    settings: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    # These two are not part of the tokenizer but of how it was last called.
    return special | settings | {"padding": None, "truncation": None}


def _bytes_of(weight: Any) -> bytes:
    import torch

    # numpy knows no bfloat16.
    flat: bytes = weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return flat


def _existing(path: str, needed: str, what: str) -> Path:
    folder = Path(path)
    if not (folder / needed).is_file():
        raise UserError(f"{path} is not {what} (it has no {needed}): give the folder that holds one.")
    return folder


def _opened(read: Callable[[], Any], folder: Path) -> Any:
    from safetensors import SafetensorError

    try:
        return read()
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        mend = "install what it needs" if isinstance(error, ImportError) else "give another folder"
        raise UserError(f"{folder} cannot be opened as a model ({_reason(error)}): {mend}.") from error


def _moved(net: Any, device: str) -> Any:
    try:
        return net.to(device)
    # What torch raises for hardware that it was not built for is any of these.
    except (AssertionError, ImportError, RuntimeError) as error:
        raise UserError(
            f"The model cannot be moved to the device '{device}' ({_reason(error).rstrip('.')}):"
            " give another, as in device=cpu."
        ) from error


def _reason(error: Exception) -> str:
    """The first line of what a library says."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
