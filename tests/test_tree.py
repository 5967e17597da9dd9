"""Scoring and generation behind a shared prefix give what each text gives alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tiny_models import WORDS, model, network, tokenizer

from corollary.errors import UserError
from corollary.inference import alone as apart
from corollary.inference import decode
from corollary.inference.model import LocalModel
from corollary.measure import operations
from corollary.models.local import load as local
from corollary.models.local import save
from corollary.types import Completion, Cost, Request, Trainee
from corollary_worlds.embedded.model import load as embedded


def words(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


PREFIX = words(random.Random(1), 90, 90) + "."
RNG = random.Random(2)
PROMPTS = [f" {words(RNG, 1, 9)}" for _ in range(12)]
PAIRS = [(prompt, f" {words(RNG, 1, 4)}") for prompt in PROMPTS for _ in range(3)]


def ids_of(one: LocalModel, text: str) -> list[int]:
    return list(one.tokenizer(text)["input_ids"])


def alone(one: LocalModel, context: str, continuation: str) -> float:
    """The log-probability by the definition: the whole text in one plain call."""
    import torch

    ids = ids_of(one, context + continuation)
    start = len(ids_of(one, context))
    assert ids[:start] == ids_of(one, context)
    with torch.inference_mode():
        logits = one.net(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
    return sum(float(logits[at - 1, ids[at]]) for at in range(start, len(ids)))


def greedy(one: LocalModel, request: Request) -> str:
    """What transformers' own generation writes for the request alone."""
    import torch

    ids = torch.tensor([ids_of(one, request.prefix + request.prompt)])
    with torch.inference_mode():
        out = one.net.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=request.max_tokens,
            pad_token_id=1,
        )
    text: str = one.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    return text


@pytest.mark.parametrize("prefix", [PREFIX, ""])
@pytest.mark.parametrize(
    ("kind", "bos", "kernel"),
    [("qwen3", True, "sdpa"), ("qwen3", False, "sdpa"), ("llama", True, "sdpa"), ("llama", True, "eager")],
)
def test_scores_are_those_of_each_text_alone(kind: str, bos: bool, kernel: str, prefix: str) -> None:
    # In float64 nothing but a wrong mask or position can make a difference; but transformers' "eager"
    # attention takes its softmax in float32.
    close = 1e-9 if kernel == "sdpa" else 1e-5
    one = model(kind, bos=bos, kernel=kernel, batch_tokens=64)
    one.net.double()
    found = one.loglikelihood(PAIRS, prefix=prefix)
    for (prompt, more), likelihood in zip(PAIRS, found, strict=True):
        assert likelihood.logprob == pytest.approx(alone(one, prefix + prompt, more), abs=close)
        assert likelihood.bytes == len(more.encode())
        assert likelihood.tokens == len(ids_of(one, prefix + prompt + more)) - len(
            ids_of(one, prefix + prompt)
        )


def test_scores_in_float32_differ_by_rounding_only() -> None:
    one = model()
    for (prompt, more), likelihood in zip(PAIRS, one.loglikelihood(PAIRS, prefix=PREFIX), strict=True):
        assert likelihood.logprob == pytest.approx(alone(one, PREFIX + prompt, more), rel=2e-6)


def test_a_score_does_not_depend_on_its_neighbours() -> None:
    one = model(batch_tokens=40)
    one.net.double()
    together = one.loglikelihood(PAIRS, prefix=PREFIX)
    backwards = one.loglikelihood(PAIRS[::-1], prefix=PREFIX)[::-1]
    for first, second in zip(together, backwards, strict=True):
        assert first.logprob == pytest.approx(second.logprob, abs=1e-9)


def test_tokens_that_grow_over_the_end_of_the_prefix_or_prompt() -> None:
    one = model()
    one.net.double()
    assert len(ids_of(one, " river")) < len(ids_of(one, " riv")) + len(ids_of(one, "er")) - 1
    # The prefix ends within a word: its last tokens are not those of the text.
    found = one.loglikelihood([("er is", " the"), (" is", " the")], prefix=f"{PREFIX} riv")
    assert found[0].logprob == pytest.approx(alone(one, f"{PREFIX} river is", " the"), abs=1e-9)
    assert found[1].logprob == pytest.approx(alone(one, f"{PREFIX} riv is", " the"), abs=1e-9)
    # The prompt ends within a word: the whole word is the continuation's.
    (spanning,) = one.loglikelihood([(" is riv", "er")], prefix=PREFIX)
    assert spanning.logprob == pytest.approx(alone(one, f"{PREFIX} is", " river"), abs=1e-9)


def test_more_choices_than_fit_a_row_and_empty_texts() -> None:
    one = model(batch_tokens=16)
    one.net.double()
    pairs = [(" bolan is", f" {first} {second}") for first in WORDS for second in WORDS[:3]]
    for (prompt, more), likelihood in zip(pairs, one.loglikelihood(pairs, prefix=PREFIX), strict=True):
        assert likelihood.logprob == pytest.approx(alone(one, PREFIX + prompt, more), abs=1e-9)
    nothing, first = one.loglikelihood([("", ""), ("", "bolan")])
    assert (nothing.logprob, nothing.tokens) == (0.0, 0)
    assert first.logprob == pytest.approx(alone(one, "", "bolan"), abs=1e-9)
    assert one.loglikelihood([]) == []


@pytest.mark.parametrize("window", [8, 400])
def test_behind_sliding_windows_texts_go_on_from_a_copy_of_the_prefix(window: int) -> None:
    one = model("mistral", sliding_window=window)
    one.net.double()
    requests = [Request(prompt, PREFIX, max_tokens=6) for prompt in PROMPTS[:3]]
    found = one.loglikelihood(PAIRS, prefix=PREFIX)
    # The prefix is read once, and the tokens behind it once for each choice.
    assert one.cost.cached_tokens == (len(PROMPTS) - 1) * len(ids_of(one, PREFIX))
    assert [done.cached_tokens > 0 for done in one.generate(requests)] == [False, True, True]
    for (prompt, more), likelihood in zip(PAIRS, found, strict=True):
        assert likelihood.logprob == pytest.approx(alone(one, PREFIX + prompt, more), abs=1e-9)
    assert [done.text for done in one.generate(requests)] == [greedy(one, request) for request in requests]


def test_texts_alone_are_projected_where_they_are_scored() -> None:
    import torch

    one = model("mistral", sliding_window=8)
    one.net.double()
    projected: list[int] = []
    one.net.lm_head.register_forward_hook(lambda _, given, out: projected.append(given[0].shape[:2].numel()))
    texts = [(ids_of(one, PREFIX + prompt), ids_of(one, PREFIX + prompt + more)) for prompt, more in PAIRS]
    split = [(before, whole[len(before) :]) for before, whole in texts] + [(texts[0][0], [])]
    tally = operations.Tally()
    with torch.inference_mode():
        found = apart.score(one.net, split, batch_tokens=512, tally=tally)
    assert max(projected) < tally.tokens / len(texts)
    assert tally.logits <= sum(projected) < tally.tokens / 4
    assert found.pop() == 0.0
    for (prompt, more), value in zip(PAIRS, found, strict=True):
        assert value == pytest.approx(alone(one, PREFIX + prompt, more), abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "settings"), [("Mamba", {"state_size": 4}), ("Rwkv", {"attention_hidden_size": 32})]
)
def test_networks_without_attention_are_read_one_text_at_a_time(kind: str, settings: dict[str, Any]) -> None:
    import torch
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=320, hidden_size=32, num_hidden_layers=2, bos_token_id=0, eos_token_id=0, **settings
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    torch.nn.init.normal_(net.get_input_embeddings().weight, generator=torch.Generator().manual_seed(1))
    one = LocalModel(net, tokenizer())
    with pytest.warns(UserWarning, match="cannot share a prefix"):
        found = one.loglikelihood(PAIRS[:6], prefix=PREFIX)
    for (prompt, more), likelihood in zip(PAIRS[:6], found, strict=True):
        assert likelihood.logprob == pytest.approx(alone(one, PREFIX + prompt, more), abs=1e-4)
    request = Request(PROMPTS[0], "", max_tokens=8)
    assert one.generate([request])[0].text == greedy(one, request)


def test_networks_that_know_no_positions_go_on_from_a_copy_of_the_prefix() -> None:
    one = model("bloom", kernel="eager")  # its attention leans on the distance in the row
    one.net.double()
    found = one.loglikelihood(PAIRS[:6], prefix=PREFIX)
    assert not one.exact_tree
    assert one.cost.cached_tokens > 0
    for (prompt, more), likelihood in zip(PAIRS[:6], found, strict=True):
        assert likelihood.logprob == pytest.approx(alone(one, PREFIX + prompt, more), abs=1e-5)
    request = Request(PROMPTS[0], PREFIX, max_tokens=6)
    assert one.generate([request])[0].text == greedy(one, request)


@pytest.mark.parametrize("kind", ["qwen3", "llama"])
@pytest.mark.parametrize("branches", [3, 32])
def test_greedy_text_is_that_of_transformers(
    kind: str, branches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few branches and columns: requests wait for others to end, and columns are moved together.
    monkeypatch.setattr(decode, "BRANCHES", branches)
    monkeypatch.setattr(decode, "COLUMNS", 60)
    one = model(kind, batch_tokens=24)
    one.net.double()
    rng = random.Random(3)
    requests = [
        Request(prompt, prefix, max_tokens=rng.randint(1, 16))
        for prompt in PROMPTS
        for prefix in (PREFIX, "")
    ]
    assert [done.text for done in one.generate(requests)] == [greedy(one, request) for request in requests]


def test_sampling_depends_on_the_request_and_its_seed_alone() -> None:
    one = model()
    one.net.double()
    requests = [Request(prompt, PREFIX, 12, 1.0, seed) for prompt in PROMPTS[:4] for seed in (0, 1)]
    texts = [done.text for done in one.generate(requests)]
    assert texts == [one.generate([request])[0].text for request in requests]
    moved = Request(PREFIX + PROMPTS[0], "", 12, 1.0, 0)
    assert one.generate([moved])[0].text == texts[0]
    # Where every token is equally likely, only the draws can tell the texts apart.
    one.net.lm_head.weight.data.zero_()
    assert len({done.text for done in one.generate(requests)}) == len(requests)


def test_tokens_are_drawn_with_their_probabilities() -> None:
    import torch

    logits = torch.tensor([[0.0, 1.0, -1.0, 2.0]])
    draws = [(at + 0.5) / 1000 for at in range(1000)]
    for temperature in (0.5, 1.0, 2.0):
        drawn = [decode.choose(logits, [temperature], [draw])[0] for draw in draws]
        for token, share in enumerate((logits[0] / temperature).softmax(-1).tolist()):
            assert drawn.count(token) / 1000 == pytest.approx(share, abs=0.002)
    assert decode.choose(logits, [0.0], [0.0]) == [3]


def test_text_ends_at_a_stop_at_the_end_of_sequence_or_after_its_tokens() -> None:
    one = model()
    request = Request(PROMPTS[0], PREFIX, 24)
    (whole,) = one.generate([request])
    assert (whole.finish, whole.output_tokens) == ("length", 24)
    stop = whole.text[10:12]
    (cut,) = one.generate([Request(PROMPTS[0], PREFIX, 24, stop=("never", "", stop))])
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish == "stop"
    assert cut.output_tokens < 24
    # A stop that stands in the prompt ends nothing.
    behind = (PREFIX + PROMPTS[0])[-12:]
    assert one.generate([Request(PROMPTS[0], PREFIX, 24, stop=(behind,))])[0].text == whole.text
    ends = ending(one, PROMPTS)
    assert ends
    assert all(done.finish == "stop" and done.output_tokens <= 200 for done in ends)
    assert all("<|" not in done.text for done in ends)


def ending(one: LocalModel, prompts: list[str]) -> list[Completion]:
    import torch

    with torch.no_grad():
        one.net.lm_head.weight[0] *= 3.0  # so that the end of sequence is likely
    return [
        done
        for done in one.generate([Request(prompt, "", 200, 1.0) for prompt in prompts])
        if done.finish == "stop"
    ]


def test_a_text_longer_than_the_window_is_refused() -> None:
    one = model()
    with pytest.raises(UserError, match="window of 1024"):
        one.loglikelihood([("a", " b")], prefix=PREFIX * 12)
    with pytest.raises(UserError, match="window of 1024"):
        one.generate([Request("a", PREFIX * 12)])
    (short,) = one.generate([Request(PREFIX * 8, max_tokens=5000)])
    assert short.input_tokens + short.output_tokens <= one.window


def test_the_prefix_is_paid_once() -> None:
    one = model()
    one.loglikelihood(PAIRS, prefix=PREFIX)
    first, one.cost = one.cost, Cost()
    one.loglikelihood(PAIRS, prefix=PREFIX)
    assert one.cost.flops < first.flops
    assert one.cost.input_tokens == first.input_tokens
    size = len(ids_of(one, PREFIX))
    assert one.cost.cached_tokens - first.cached_tokens == size
    requests = [Request(prompt, PREFIX + "!", 3) for prompt in PROMPTS]
    done = one.generate(requests)
    # What a batch costs does not depend on what was read before it.
    assert one.generate(requests) == done
    assert [answer.cached_tokens for answer in done] == [0] + [size + 1] * (len(PROMPTS) - 1)
    assert all(
        answer.input_tokens == len(ids_of(one, PREFIX + "!" + prompt))
        for answer, prompt in zip(done, PROMPTS, strict=True)
    )


def test_identity_is_the_content(tmp_path: Path) -> None:
    one = model()
    assert isinstance(one, Trainee)
    save(one, tmp_path / "first")
    save(one, tmp_path / "second")
    again = local(path=str(tmp_path / "first"))
    assert again.identity == one.identity == local(path=str(tmp_path / "second"), batch_tokens=64).identity
    for first, second in zip(again.loglikelihood(PAIRS), one.loglikelihood(PAIRS), strict=True):
        assert first.logprob == pytest.approx(second.logprob, rel=2e-6)
    assert model("llama").identity != one.identity
    assert model(bos=False).identity != one.identity
    changed = network()
    changed.lm_head.weight.data[0, 0] += 1e-6
    assert LocalModel(changed, tokenizer()).identity != one.identity
    ended = network()
    ended.generation_config.eos_token_id = [0, 7]  # ends what is written earlier
    assert LocalModel(ended, tokenizer()).identity != one.identity


def lacking(*_: Any, **__: Any) -> None:
    raise ImportError("needs causal_conv1d")


def test_a_folder_without_a_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no config.json"):
        local(path=str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be opened"):
        local(path=str(tmp_path))
    save(model(), tmp_path / "whole")
    with pytest.raises(UserError, match="no adapter_config.json"):
        local(path=str(tmp_path / "whole"), adapter=str(tmp_path))
    weights = tmp_path / "whole" / "model.safetensors"
    for size in (1000, 0):
        weights.write_bytes(weights.read_bytes()[:size])
        with pytest.raises(UserError, match="cannot be opened.*give another folder"):
            local(path=str(tmp_path / "whole"))
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lacking)
    with pytest.raises(UserError, match="needs causal_conv1d.*install what it needs"):
        local(path=str(tmp_path / "whole"))
    with pytest.raises(UserError, match="exists already"):
        save(model(), tmp_path / "whole")
    monkeypatch.setattr("corollary_worlds.embedded.model.FOLDER", tmp_path / "missing")
    with pytest.raises(UserError, match="contains no model"):
        embedded()


def test_a_save_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = model()

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    for owner, step in ((Path, "rename"), (type(one.tokenizer), "save_pretrained")):
        monkeypatch.setattr(owner, step, broken)
        with pytest.raises(OSError, match="full"):
            save(one, tmp_path / "model")
        assert list(tmp_path.iterdir()) == []
