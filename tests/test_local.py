"""Opening a model: from a folder, the hub or a GGUF file, and never one that is incomplete or brings code."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import model, network, tokenizer

from corollary.errors import UserError
from corollary.inference.model import LocalModel
from corollary.inference.precision import fastest
from corollary.models.local import load, save
from corollary.training.lora import tune as lora
from corollary.types import Document, Request, Trainee
from corollary_worlds.embedded.model import FOLDER

PAIRS = [("bolan is the", " mother"), ("mursa", " is a river")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(model(), tmp_path / "whole")
    return tmp_path / "whole"


def change(file: Path, **settings: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def retensored(folder: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    from safetensors.torch import load_file, save_file

    file = next(folder.glob("*.safetensors"))
    save_file(edit(load_file(file)), file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    "edit",
    [
        lambda tensors: {name: t for name, t in tensors.items() if "layers.1" not in name},
        lambda tensors: {name: t for name, t in tensors.items() if "lm_head" not in name},
        lambda tensors: {f"other.{name}": t for name, t in tensors.items()},
        lambda tensors: {name: t[:1] if "up_proj" in name else t for name, t in tensors.items()},
    ],
)
def test_weights_that_would_be_random_are_refused(
    folder: Path, edit: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    retensored(folder, edit)
    with pytest.raises(UserError, match=r"lacks \d+ of the model's tensors|cannot be opened as a model"):
        load(path=str(folder))
    assert capfd.readouterr().err == ""


def test_a_configuration_of_more_layers_than_there_are_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(folder / "config.json", num_hidden_layers=4, layer_types=config["layer_types"] * 2)
    with pytest.raises(UserError, match="lacks 22 of the model's tensors"):
        load(path=str(folder))


def test_an_output_that_is_the_input_need_not_be_stored_twice(tmp_path: Path) -> None:
    tied = LocalModel(network(tie_word_embeddings=True), tokenizer())
    save(tied, tmp_path / "tied")
    assert load(path=str(tmp_path / "tied"), dtype="float32").identity == tied.identity


def test_an_adapter_without_its_tensors_is_refused(folder: Path, tmp_path: Path) -> None:
    save(lora(load(path=str(folder)), [Document("a", "bolan is.")], seed=0, tokens=20), tmp_path / "added")
    retensored(tmp_path / "added", lambda tensors: {n: t for n, t in tensors.items() if "layers.1" not in n})
    with pytest.raises(UserError, match="tensors of the adapter are missing"):
        load(path=str(folder), adapter=str(tmp_path / "added"))
    (tmp_path / "added" / "adapter_config.json").write_text("[]")
    with pytest.raises(UserError, match="added cannot be opened as a model"):
        load(path=str(folder), adapter=str(tmp_path / "added"))


def test_a_model_needs_its_own_tokenizer(folder: Path) -> None:
    kept = {name: (folder / name).read_bytes() for name in ("tokenizer.json", "tokenizer_config.json")}
    for name in kept:
        (folder / name).unlink()
    with pytest.raises(UserError, match="contains no tokenizer|cannot be opened"):
        load(path=str(folder))
    for name in kept:
        (folder / name).write_bytes((FOLDER / name).read_bytes())
    with pytest.raises(UserError, match=r"tokens up to number 17.., but the model has only 320: copy"):
        load(path=str(folder))


def test_code_in_a_folder_is_never_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = folder / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # as `yes |` would answer
    # A tokenizer of its own kind: what tokenizer.json says is enough.
    own = {"AutoTokenizer": ["evil.Tok", "evil.Tok"]}
    change(folder / "tokenizer_config.json", tokenizer_class="Mine", auto_map=own)
    assert load(path=str(folder)).loglikelihood(PAIRS)
    named = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Net"}
    change(folder / "config.json", model_type="mine", auto_map=named)
    with pytest.raises(UserError, match="needs its own code, which is never run"):
        load(path=str(folder))
    assert not ran.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"hidden_size": "256"}, {"num_hidden_layers": -1}, {"eos_token_id": "x"}, {"model_type": "bert"}],
)
def test_a_wrong_configuration_is_refused_in_a_sentence(folder: Path, wrong: dict[str, Any]) -> None:
    change(folder / "config.json", **wrong)
    with pytest.raises(UserError, match=r"(cannot be opened|lacks \d+ of).*\.$") as refused:
        load(path=str(folder))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_weights_is_refused_in_a_sentence(folder: Path) -> None:
    next(folder.glob("*.safetensors")).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"no weights at all")
    with pytest.raises(UserError, match="cannot be opened as a model") as refused:
        load(path=str(folder))
    assert "weights_only" not in str(refused.value)
    (folder / "config.json").write_text("[]")
    with pytest.raises(UserError, match="its config.json is not a JSON object"):
        load(path=str(folder))


def test_a_model_of_the_hub_is_downloaded_or_refused_in_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Offline: see conftest.py.
    with pytest.raises(UserError, match="no folder owner/name here.*cannot be downloaded.*go online once"):
        load(path="owner/name")
    asked: list[Any] = []

    def downloaded(id: str, **options: Any) -> str:
        asked.append((id, options["allow_patterns"]))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", downloaded)
    assert load(path="owner/name").identity == load(path=str(folder)).identity
    assert [id for id, _ in asked] == ["owner/name"]
    assert not any(pattern.endswith(("py", "bin")) for pattern in asked[0][1])


def test_what_suits_a_model_travels_with_it(tmp_path: Path) -> None:
    rates = {"full": {"lr": 1e-3}}
    one = LocalModel(network(), tokenizer(), kind="worlds", rates=rates)
    save(one, tmp_path / "own")
    again = load(path=str(tmp_path / "own"), dtype="float32")
    assert (again.kind, again.rates, again.identity) == ("worlds", rates, one.identity)
    assert load(path=str(tmp_path / "own"), kind="base").kind == "base"
    # A model that is trained otherwise by default is another one.
    assert model().identity != one.identity
    note = tmp_path / "own" / "corollary.json"
    for wrong in ({"kind": "../../mine"}, {"rates": {"full": {"lr": "x"}}}, {"rates": [1]}, {"kind": 3}):
        note.write_text(json.dumps(wrong))
        with pytest.raises(UserError, match=r"is not a word|is damaged"):
            load(path=str(tmp_path / "own"))


def test_auto_computes_in_the_type_in_which_this_processor_is_fast(folder: Path) -> None:
    import torch

    opened = load(path=str(folder))
    assert opened.dtype == fastest("cpu") == str(opened.net.dtype).removeprefix("torch.")
    assert load(path=str(folder), dtype="bfloat16").dtype == "bfloat16"

    def seconds(dtype: Any) -> float:
        matrix, times = torch.ones(384, 384, dtype=dtype), []
        for _ in range(5):
            began = time.perf_counter()
            matrix @ matrix
            times.append(time.perf_counter() - began)
        return min(times)

    other = torch.bfloat16 if opened.dtype == "float32" else torch.float32
    assert seconds(opened.net.dtype) < 3 * seconds(other)


def test_the_logits_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    one = model(batch_tokens=512)
    pairs = [(f"bolan {word} is", " the mother of kerit") for word in ("river", "house", "old", "a")] * 5
    whole = [found.logprob for found in one.loglikelihood(pairs)]
    sizes: list[int] = []
    one.net.lm_head.register_forward_hook(lambda _, given, out: sizes.append(given[0].shape[:2].numel()))
    monkeypatch.setattr("corollary.inference.model.LOGITS", 24 * 320)
    assert [found.logprob for found in one.loglikelihood(pairs)] == pytest.approx(whole, rel=1e-5)
    assert max(sizes) <= 24


def write_gguf(file: Path, one: LocalModel) -> None:
    """The tiny llama as a GGUF file, whose metadata name a BOS."""
    import gguf

    config, vocabulary = one.net.config, json.loads(one.tokenizer.backend_tokenizer.to_str())["model"]
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    names = sorted(vocabulary["vocab"], key=vocabulary["vocab"].get)
    writer.add_token_list(names)
    writer.add_token_types([3 if name.startswith("<|") else 1 for name in names])
    writer.add_token_merges([" ".join(merge) for merge in vocabulary["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(False)
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}  # fmt: skip
    for name, tensor in one.net.state_dict().items():
        short = name.removeprefix("model.").removesuffix(".weight")
        top = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
        if short not in top:
            _, number, part = short.split(".", 2)
            short, top = part, {part: f"blk.{number}.{parts[part]}"}
        array = tensor.numpy()
        if short.endswith(("q_proj", "k_proj")):  # llama.cpp stores the two halves of a head interleaved
            heads = array.shape[0] // config.head_dim
            array = array.reshape(heads, 2, config.head_dim // 2, -1).swapaxes(1, 2).reshape(array.shape)
        writer.add_tensor(f"{top[short]}.weight", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_file_is_the_model_that_it_was_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = model("llama", bos=False)
    write_gguf(tmp_path / "tiny.gguf", one)
    opened = load(path=str(tmp_path / "tiny.gguf"), dtype="float32")
    assert isinstance(opened, Trainee)
    # It names a BOS, and adds none.
    assert opened.tokenizer.bos_token_id == 0
    for found, wanted in zip(opened.loglikelihood(PAIRS), one.loglikelihood(PAIRS), strict=True):
        assert found.logprob == pytest.approx(wanted.logprob, rel=1e-4)
    save(opened, tmp_path / "saved")
    again = load(path=str(tmp_path / "saved"), dtype="float32")
    assert [a.logprob for a in again.loglikelihood(PAIRS)] == [
        pytest.approx(o.logprob, rel=1e-6) for o in opened.loglikelihood(PAIRS)
    ]
    assert load(path=str(tmp_path / "tiny.gguf"), dtype="bfloat16").dtype == "bfloat16"
    with pytest.raises(UserError, match="There is no file"):
        load(path=str(tmp_path / "none.gguf"))
    (tmp_path / "torn.gguf").write_bytes((tmp_path / "tiny.gguf").read_bytes()[:3000])
    with pytest.raises(UserError, match="torn.gguf cannot be opened as a model"):
        load(path=str(tmp_path / "torn.gguf"))
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UserError, match=r"pip install 'corollary\[gguf\]'"):
        load(path=str(tmp_path / "tiny.gguf"))


if os.environ.get("COROLLARY_SMOLLM2"):  # a GGUF file, too large for this repository

    @pytest.mark.slow
    def test_a_published_chat_model_answers() -> None:
        one = load(path=os.environ["COROLLARY_SMOLLM2"])
        assert one.kind == "chat"
        assert one.tokenizer.bos_token_id is not None
        (done,) = one.generate([Request("What is the capital of France?", max_tokens=24, chat=())])
        assert "Paris" in done.text
        assert done.finish == "stop"
        (fact,) = one.loglikelihood([("The capital of France is", " Paris")])
        assert fact.logprob / fact.tokens > -2
