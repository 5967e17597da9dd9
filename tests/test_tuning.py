"""Tuning makes a new model, which has learned, and which can be saved and opened again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import model, tokenizer

from corollary.errors import UserError
from corollary.inference import encoding
from corollary.inference.model import LocalModel
from corollary.models.local import load as local
from corollary.models.local import quiet, save
from corollary.training.full import tune as full
from corollary.training.lora import tune as lora
from corollary.types import Document, Model, Request

TEXTS = ["bolan is the mother of kerit.", "mursa is a river in dagen.", "tivol and old house is not that."]
DOCUMENTS = [Document(str(at), text) for at, text in enumerate(TEXTS)]
SETTINGS: dict[str, Any] = {"seed": 0, "tokens": 5000, "batch_tokens": 100}

TUNINGS = pytest.mark.parametrize(
    ("tune", "options"), [(full, {"lr": 3e-3}), (lora, {"lr": 2e-2, "rank": 16, "alpha": 16})]
)


def recall(one: Any) -> float:
    """Mean log-probability of a text, by parts."""
    pairs = [(text[: len(text) // 2], text[len(text) // 2 :]) for text in TEXTS]
    values: list[float] = [found.logprob for found in one.loglikelihood(pairs)]
    return sum(values) / len(pairs)


@TUNINGS
def test_it_learns_the_documents_and_where_they_end(
    tune: Callable[..., LocalModel], options: dict[str, Any]
) -> None:
    base = model()
    before = base.identity, recall(base)
    seen: list[tuple[int, float]] = []

    def watch(step: int, so_far: Model) -> None:
        seen.append((step, recall(so_far)))

    tuned = tune(base, DOCUMENTS, **SETTINGS, **options, on_checkpoint=watch, checkpoints=2)
    # The given model is as it was.
    assert (model().identity, recall(base)) == before
    assert LocalModel(base.net, base.tokenizer).identity == before[0]
    assert tuned.identity != before[0]
    assert before[1] < seen[0][1] - 5
    assert seen[-1][0] == tuned.fit_report.steps
    assert seen[-1][1] == pytest.approx(recall(tuned), abs=1e-4)
    assert recall(tuned) > -1.0
    # Every row has a supervised end: the model stops by itself.
    done = tuned.generate([Request(text.split(" is")[0].split(" and")[0], max_tokens=40) for text in TEXTS])
    assert [(one.text, one.finish) for one in done] == [
        (text.removeprefix(text.split(" is")[0].split(" and")[0]), "stop") for text in TEXTS
    ]


@TUNINGS
def test_the_report_says_what_it_took(tune: Callable[..., LocalModel], options: dict[str, Any]) -> None:
    base = model()
    steps: list[tuple[int, int]] = []
    settings = {**SETTINGS, "tokens": 1000, "on_step": lambda *step: steps.append(step)}
    report = tune(base, DOCUMENTS, **settings, **options).fit_report
    assert steps == [(step, 10) for step in range(1, 11)]
    assert (report.steps, len(report.losses)) == (10, 10)
    assert report.dtype in ("float32", "bfloat16")
    assert abs(report.tokens - 1000) <= 10
    weights = sum(weight.numel() for weight in base.net.parameters())
    # Six operations a weight and token when all are trained, four when next to none.
    share = report.flops / (report.tokens * weights)
    assert (4 if tune is full else 3) < share < (7 if tune is full else 6)


@TUNINGS
@pytest.mark.parametrize("saved_base", [True, False])
def test_what_is_saved_is_what_was_tuned(
    tune: Callable[..., LocalModel], options: dict[str, Any], saved_base: bool, tmp_path: Path
) -> None:
    base = model()
    if saved_base:
        save(base, tmp_path / "base")
        base = local(path=str(tmp_path / "base"))
    tuned = tune(base, DOCUMENTS, **{**SETTINGS, "tokens": 500}, **options)
    save(tuned, tmp_path / "tuned")
    names = {path.name for path in (tmp_path / "tuned").iterdir()}
    if tune is lora and saved_base:
        assert {"adapter_config.json", "adapter_model.safetensors"} <= names
        assert "model.safetensors" not in names
        again = local(path=str(tmp_path / "base"), adapter=str(tmp_path / "tuned"))
    else:
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
        again = local(path=str(tmp_path / "tuned"))
    assert recall(again) == pytest.approx(recall(tuned), abs=1e-4)
    if tune is full or saved_base:
        assert again.identity == tuned.identity
    assert {path.name for path in tmp_path.iterdir()} <= {"base", "tuned"}


@pytest.mark.parametrize("scale", [{"lora_alpha": 64}, {"alpha_pattern": {"q_proj": 64}}])
def test_an_adapter_counts_by_its_scale_too(scale: dict[str, Any], tmp_path: Path) -> None:
    save(model(), tmp_path / "base")
    tuned = lora(local(path=str(tmp_path / "base")), DOCUMENTS, **{**SETTINGS, "tokens": 300})
    save(tuned, tmp_path / "tuned")
    config = tmp_path / "tuned" / "adapter_config.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, **scale}))
    assert local(path=str(tmp_path / "base"), adapter=str(tmp_path / "tuned")).identity != tuned.identity


@pytest.mark.parametrize("kind", ["PromptTuning", "PrefixTuning", "PromptEncoder"])
def test_a_tuned_prompt_is_refused_in_words(kind: str, tmp_path: Path) -> None:
    import peft

    base = model()
    save(base, tmp_path / "base")
    config = getattr(peft, f"{kind}Config")(task_type="CAUSAL_LM", num_virtual_tokens=4)
    with quiet():
        peft.get_peft_model(base.net, config).save_pretrained(tmp_path / "prompt")
    with pytest.raises(UserError, match="a tuned prompt, not an adapter of the weights: give an adapter"):
        local(path=str(tmp_path / "base"), adapter=str(tmp_path / "prompt"))


def test_an_adapter_beside_an_adapter(tmp_path: Path) -> None:
    save(model(), tmp_path / "base")
    first = lora(local(path=str(tmp_path / "base")), DOCUMENTS[:1], **SETTINGS, lr=2e-2)
    before = recall(first)
    second = lora(first, DOCUMENTS, **SETTINGS, lr=2e-2)
    assert recall(first) == before < recall(second)
    save(second, tmp_path / "whole")
    assert recall(local(path=str(tmp_path / "whole"))) == pytest.approx(recall(second), abs=1e-4)


def test_documents_longer_than_the_window_are_trained_on_in_parts() -> None:
    base = model(max_position_embeddings=8)
    tuned = full(base, DOCUMENTS, **{**SETTINGS, "tokens": 300})
    assert tuned.fit_report.losses[-1] < tuned.fit_report.losses[0]


def test_documents_longer_than_a_step_take_no_more_tokens_than_others() -> None:
    long = [Document(str(at), " ".join([text] * 6)) for at, text in enumerate(TEXTS)]
    report = full(model(), long, seed=0, tokens=2000, batch_tokens=20).fit_report
    assert report.steps == 100
    assert abs(report.tokens - 2000) <= 10


def test_an_end_alone_is_no_row() -> None:
    one = tokenizer()
    ids = one(TEXTS[0], add_special_tokens=False)["input_ids"]
    half = len(ids) // 2
    text = one.decode(ids[: 2 * half])
    assert one(text, add_special_tokens=False)["input_ids"] == ids[: 2 * half]
    rows = [[0, *ids[:half]], [0, *ids[half : 2 * half]]]
    assert encoding.training_rows(one, [text], window=half + 1) == rows
    assert encoding.training_rows(one, [text], window=2 * half + 2) == [[0, *ids[: 2 * half], 0]]
    assert encoding.training_rows(one, [""], window=8) == []


def test_an_adapter_that_cannot_be_is_refused_in_words() -> None:
    refused: list[dict[str, Any]] = [{"rank": -1}, {"dropout": 1.5}]
    for options in refused:
        with pytest.raises(UserError, match="give a rank and an alpha of 1 or more, and a dropout"):
            lora(model(), DOCUMENTS, seed=0, **options)
    with pytest.raises(UserError, match=r"take no adapter.*--set lora.target_modules=q_proj,v_proj"):
        lora(model(), DOCUMENTS, seed=0, target_modules=("nowhere",))


def test_an_adapter_stands_beside_the_layers_that_are_named() -> None:
    tuned = lora(model(), DOCUMENTS, seed=0, tokens=100, target_modules=("q_proj", "v_proj"))
    trained = [name for name, weight in tuned.net.named_parameters() if weight.requires_grad]
    assert trained
    assert all("q_proj" in name or "v_proj" in name for name in trained)


def test_layers_that_take_no_adapter_are_refused_in_words() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    net = MambaForCausalLM(
        MambaConfig(vocab_size=320, hidden_size=32, num_hidden_layers=1, state_size=4, eos_token_id=0)
    )
    with pytest.raises(UserError, match=r"take no adapter \([^\n]*: name others"):
        lora(LocalModel(net, tokenizer()), DOCUMENTS, seed=0, tokens=100)


def test_rates_are_those_of_the_model() -> None:
    def moved(base: LocalModel, **options: Any) -> float:
        tuned = full(base, DOCUMENTS, seed=0, schedule="constant_with_warmup", warmup=0.0, **options)
        pairs = zip(base.net.parameters(), tuned.net.parameters(), strict=True)
        return max(float((new - old).detach().abs().max()) for old, new in pairs)

    own = model()
    own.rates = {"full": {"lr": 1e-2, "tokens": 90, "batch_tokens": 30}}
    # One step of Adam moves a weight by the rate.
    assert moved(own, tokens=30) == pytest.approx(1e-2, rel=0.05)
    assert moved(own, tokens=30, lr=1e-3) == pytest.approx(1e-3, rel=0.05)
    assert moved(model(), tokens=30) == pytest.approx(1e-5, rel=0.05)
    assert full(own, DOCUMENTS, seed=0).fit_report.steps == 3
    # A public model's budget follows from the documents; a tuned model keeps what suits it.
    size = sum(len(tokenizer()(text)["input_ids"]) for text in TEXTS)
    long = [Document(str(at), " ".join(TEXTS)) for at in range(10)]
    report = full(model(layers=1), long, seed=0).fit_report
    assert report.tokens == pytest.approx(max(2000, 8 * 10 * size), rel=0.1)
    assert lora(own, DOCUMENTS, seed=0, tokens=30).rates == own.rates


def test_tokens_are_a_bound_also_below_one_step() -> None:
    many = [Document(str(at), TEXTS[0]) for at in range(50)]
    report = full(model(), many, seed=0, tokens=60, batch_tokens=1_000_000_000).fit_report
    assert (report.steps, report.tokens <= 70) == (1, True)


def test_a_model_is_saved_in_the_type_of_its_base(tmp_path: Path) -> None:
    import torch

    base = model()
    base.net.to(torch.bfloat16)
    save(base, tmp_path / "base")
    opened = local(path=str(tmp_path / "base"), dtype="float32")
    tuned = full(opened, DOCUMENTS, seed=0, tokens=300, lr=3e-3)
    save(tuned, tmp_path / "tuned")
    weights = tmp_path / "tuned" / "model.safetensors"
    assert weights.stat().st_size == (tmp_path / "base" / "model.safetensors").stat().st_size
    assert weights.stat().st_mode & 0o777 == 0o644
    # What was measured in memory is what was saved.
    assert recall(local(path=str(tmp_path / "tuned"), dtype="float32")) == recall(tuned)


def test_a_model_behind_an_endpoint_cannot_be_tuned() -> None:
    class Elsewhere:
        pass

    for tune in (full, lora):
        with pytest.raises(UserError, match="Only a model in this process"):
            tune(Elsewhere(), DOCUMENTS, seed=0)  # type: ignore[arg-type]
