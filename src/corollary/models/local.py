"""A causal language model from a folder, the Hugging Face hub or a GGUF file, with or without an adapter."""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corollary import store
from corollary.errors import UserError
from corollary.inference import encoding

if TYPE_CHECKING:
    from corollary.inference.model import LocalModel

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

NOTE = "corollary.json"
"""A file in a model's folder: the kind of its prompts, and the tuning options that suit it."""
HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
OTHERS = ["*/*", "consolidated*"]
"""Copies of the weights for other programs."""
PROBE = "The quick brown fox (aged 3.5 years) didn't jump over 12 lazy dogs: 你好, Ünïcode!\n"


def load(
    *,
    path: str,
    adapter: str | None = None,
    kind: str = "",
    dtype: Dtype = "auto",
    device: str = "cpu",
    batch_tokens: int = 512,
) -> LocalModel:
    """A causal language model from a folder, a hub id (owner/name) or a GGUF file.

    `adapter` is a folder with a PEFT adapter for it. `kind` names the prompts that it understands; the
    default is "chat" if its tokenizer has a chat template, else "base". `dtype` "auto" is bfloat16 if the
    processor multiplies it in hardware, else float32. `batch_tokens` is the number of tokens read at once
    after a prefix. Scores are exact in float32; with smaller types they vary with the batch.

    No code in a model's folder is run. Raises `UserError` when the model is incomplete or cannot be opened,
    or the device does not exist.
    """
    from corollary.inference.model import LocalModel
    from corollary.inference.precision import fastest

    if batch_tokens < 1:
        raise UserError(f"The option 'batch_tokens' of a model is {batch_tokens}: give 1 or more.")
    place = _placed(path)
    chosen = fastest(device.partition(":")[0]) if dtype == "auto" else dtype
    with quiet():
        net = _weights(place, chosen)
        tokenizer = _tokenizer(place, rows=net.get_input_embeddings().weight.shape[0])
        if adapter is not None:
            net = _adapted(net, _existing(adapter, "adapter_config.json", "a PEFT adapter"))
    note = _noted(place.folder)
    kind = kind or note.get("kind", "")
    # The kind becomes part of a file's name.
    if kind and not re.fullmatch(r"[a-z][a-z0-9_-]*", kind):
        raise UserError(f"The kind '{kind}' of the model {path} is not a word: write one, as in kind=chat.")
    return LocalModel(
        _moved(net, device),
        tokenizer,
        source=place.named,
        kind=kind,
        stored=_stored(place),
        rates=note.get("rates"),
        batch_tokens=batch_tokens,
    )


def save(model: LocalModel, folder: str | Path) -> None:
    """Save a model so that `load` opens the same model again: as a whole or not at all.

    If the model has an adapter and its base is a folder, only the adapter is saved, in PEFT's layout. Any
    other model is saved as safetensors with its tokenizer, in the number type of its base. Raises `UserError`
    when the folder exists already.
    """
    import copy

    import torch
    from peft import PeftModel

    from corollary.inference.model import merged

    target = Path(folder)
    if target.exists():
        raise UserError(f"{target} exists already: name a new folder for the model.")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target: a rename is atomic only within one file system.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as made:
        part = Path(made) / "model"
        net = model.net
        if isinstance(net, PeftModel) and model.source is None:
            net = merged(net)
        adapter = isinstance(net, PeftModel)
        if not adapter and model.stored and model.stored != str(net.dtype).removeprefix("torch."):
            net = copy.deepcopy(net).to(getattr(torch, model.stored))
        # Otherwise PEFT looks for the config of the base, to see whether its vocabulary grew.
        options = {"save_embedding_layers": False} if adapter else {}
        with quiet():
            net.save_pretrained(str(part), **options)
        if not adapter:
            model.tokenizer.save_pretrained(part)
            note = {"kind": model.named_kind, "rates": model.rates}
            if any(note.values()):
                store.write_json(part / NOTE, {key: value for key, value in note.items() if value})
        for file in part.iterdir():
            file.chmod(0o644)  # safetensors creates files that only their owner can read
        part.rename(target)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences the progress bars and warnings of libraries within the block."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # for example a table of missing weights, which a message of ours replaces
    try:
        with warnings.catch_warnings():
            # PEFT 0.21 reads a property that transformers 5.23 has renamed.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


@dataclass(frozen=True)
class _Place:
    """The folder of a model's files, and the name of the GGUF file in it, if it is one."""

    folder: Path
    gguf: str = ""

    @property
    def named(self) -> Path:
        return self.folder / self.gguf

    @property
    def options(self) -> dict[str, Any]:
        return {"trust_remote_code": False, **({"gguf_file": self.gguf} if self.gguf else {})}


def _placed(path: str) -> _Place:
    given = Path(path)
    if given.suffix == ".gguf":
        if not given.is_file():
            raise UserError(f"There is no file {path}: give the path of a GGUF file.")
        try:
            import gguf  # noqa: F401
        except ImportError as error:
            raise UserError(
                f"Reading {path} needs the package gguf: install it, as in pip install 'corollary[gguf]'."
            ) from error
        return _Place(given.parent, given.name)
    if not given.exists() and re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", path):
        given = _downloaded(path)
    folder = _existing(str(given), "config.json", "a causal language model in Hugging Face's layout")
    return _Place(folder)


def _downloaded(id: str) -> Path:
    """The folder of a hub model, downloaded if it is not there already."""
    from huggingface_hub import errors, snapshot_download

    try:
        folder = Path(snapshot_download(id, allow_patterns=HUB_FILES, ignore_patterns=OTHERS))
        if any(folder.glob("*.safetensors")):
            return folder
        return Path(snapshot_download(id, allow_patterns=[*HUB_FILES, "*.bin"], ignore_patterns=OTHERS))
    except errors.GatedRepoError as error:
        raise UserError(
            f"The model {id} is gated: accept its licence on huggingface.co and run `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"There is no folder {id} here and no model {id} on the Hugging Face hub: check the name."
        ) from error
    # Offline, or no answer: the error depends on where the download stopped.
    except (OSError, errors.HFValidationError) as error:
        raise UserError(
            f"There is no folder {id} here, and the model {id} cannot be downloaded from the Hugging Face hub"
            f" ({_reason(error)}): give the folder of a model, or go online once."
        ) from error


def _weights(place: _Place, dtype: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    options: dict[str, Any] = {**place.options, "dtype": getattr(torch, dtype)}
    if place.gguf:
        # Packed weights can be neither tuned nor saved.
        options["quantization_config"] = GgufConfig(dequantize=True)
    else:
        config = store.read_json(place.folder / "config.json")
        if not isinstance(config, dict):
            raise UserError(
                f"{place.named} cannot be opened as a model: its config.json is not a JSON object."
            )
        if config.get("auto_map") and config.get("model_type") not in CONFIG_MAPPING:
            raise UserError(_foreign(place.named))
    net, info = _opened(
        lambda: AutoModelForCausalLM.from_pretrained(place.folder, output_loading_info=True, **options),
        place.named,
    )
    lacking = sorted({*info["missing_keys"], *(key[0] for key in info["mismatched_keys"])})
    if lacking:
        raise UserError(
            f"{place.named} lacks {len(lacking)} of the model's tensors (such as {lacking[0]}), which would"
            " be random: give a folder that contains the whole model."
        )
    net.hf_quantizer = None  # otherwise transformers refuses to save it
    return net


def _tokenizer(place: _Place, *, rows: int) -> Any:
    from transformers import AutoTokenizer

    tokenizer = _opened(lambda: AutoTokenizer.from_pretrained(place.folder, **place.options), place.named)
    ids = _opened(lambda: encoding.joint(tokenizer, "", [PROBE], first=())[0], place.named)
    if not ids:
        raise UserError(
            f"{place.named} contains no tokenizer: copy the model's tokenizer.json and tokenizer_config.json"
            " there."
        )
    special = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    most = max([*ids, tokenizer.vocab_size - 1, *(id for id in special if id is not None)])
    if most >= rows:
        raise UserError(
            f"The tokenizer in {place.named} has tokens up to number {most}, but the model has only {rows}:"
            " copy the model's own tokenizer there."
        )
    return tokenizer


def _adapted(net: Any, folder: Path) -> Any:
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        net = _opened(lambda: PeftModel.from_pretrained(net, folder), folder)
    # A tuned prompt is in PEFT's wrapper. The network is called without it, so the prompt would do nothing.
    if net.active_peft_config.is_prompt_learning:
        raise UserError(
            f"{folder} contains a tuned prompt, not an adapter of the weights: give an adapter such as"
            " LoRA's."
        )
    return net


def _opened(read: Callable[[], Any], folder: Path) -> Any:
    try:
        return read()
    except MemoryError:
        raise
    # Files from others can be wrong in any way, and each library has its own errors for that.
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise UserError(_foreign(folder)) from error
        if "missing adapter keys" in str(error):
            reason = "tensors of the adapter are missing"
        elif type(error).__name__ == "UnpicklingError":
            reason = "its weights are not a file of tensors"
        else:
            reason = _reason(error)
        advice = "install what it needs" if isinstance(error, ImportError) else "give another folder"
        raise UserError(f"{folder} cannot be opened as a model ({reason}): {advice}.") from error


def _foreign(folder: Path) -> str:
    return (
        f"{folder} needs its own code, which is never run here: give a model of a type that transformers"
        " supports."
    )


def _existing(path: str, needed: str, what: str) -> Path:
    folder = Path(path)
    if not (folder / needed).is_file():
        raise UserError(f"{path} is not {what} (it has no {needed}): give the folder of one.")
    return folder


def _noted(folder: Path) -> dict[str, Any]:
    """The content of `NOTE` in a model's folder: its kind, and the numbers that suit it, by tuning."""
    if not (folder / NOTE).is_file():
        return {}
    note = store.read_json(folder / NOTE)
    try:
        numbers = [number for table in note.get("rates", {}).values() for number in table.values()]
        fits = isinstance(note.get("kind", ""), str) and {*map(type, numbers)} <= {int, float}
    except AttributeError:  # something else in place of an object
        fits = False
    if not fits:
        raise UserError(
            f"{folder / NOTE} is damaged (it needs kind, a word, and rates, numbers by tuning and option):"
            " remove it."
        )
    return dict(note)


def _stored(place: _Place) -> str:
    if place.gguf:
        return ""
    config = store.read_json(place.folder / "config.json")
    nested = config.get("text_config")
    found = [
        each.get(key)
        for each in (config, nested)
        if isinstance(each, dict)
        for key in ("dtype", "torch_dtype")
    ]
    return next((name for name in found if name in ("float32", "bfloat16", "float16")), "")


def _moved(net: Any, device: str) -> Any:
    try:
        return net.to(device)
    # torch raises any of these for hardware that it was not built for.
    except (AssertionError, ImportError, RuntimeError) as error:
        raise UserError(
            f"The model cannot be moved to the device '{device}' ({_reason(error).rstrip('.')}):"
            " name another, as in device=cpu."
        ) from error


def _reason(error: Exception) -> str:
    """The first line of a library's message, and the second if the first ends in a colon."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    whole = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    return whole or type(error).__name__
