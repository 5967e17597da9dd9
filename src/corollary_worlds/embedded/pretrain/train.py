"""Train the embedded base model from scratch.

    python -m corollary_worlds.embedded.pretrain.train FOLDER --tokens 40

There is one option: `--tokens`, in millions. The curriculum goes from one or two facts in 128 tokens to 104
facts in 1,280 tokens. Learning rates are constant, with a linear decay over the last 30 %. The script
checkpoints every two minutes and continues from the last checkpoint when you start it again. A smaller
`--tokens` brings the decay forward. It uses the CPU or one GPU. `log.jsonl` has the curves.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from corollary_worlds.domains import Fact
from corollary_worlds.embedded.pretrain import closure, episodes
from corollary_worlds.embedded.pretrain.breadth import invert
from corollary_worlds.embedded.pretrain.tokenizer import train as train_tokenizer
from corollary_worlds.embedded.pretrain.units import draw_facts
from corollary_worlds.names import DEVELOPMENT
from corollary_worlds.relations import RELATIONS

# Each stage: until which share of the tokens, tokens a row, most facts an episode, share of the plainest
# wordings, focus. Three in four episodes have the focus: with 5 % of the tokens it was not learned.
CURRICULUM: tuple[tuple[float, int, int, float, tuple[str, ...]], ...] = (
    (0.05, 128, 2, 0.9, ()),
    (0.10, 128, 4, 0.9, ()),
    (0.55, 128, 6, 0.85, ()),
    (0.60, 256, 12, 0.85, ()),
    (0.64, 256, 20, 0.5, ()),
    (0.67, 128, 6, 0.8, ("first",)),
    (0.69, 128, 6, 0.8, ("second", "second", "first")),
    (0.71, 128, 6, 0.8, ("contrast", "contrast", "first", "second")),
    (0.76, 256, 12, 0.9, ("kin", "lineage", "rank")),
    (0.80, 512, 33, 0.6, ("kin", "lineage", "lineage", "rank")),
    (0.82, 128, 6, 0.3, ("local comparison", "comparison", "local pair", "person")),
    (0.84, 512, 40, 0.3, ()),
    (0.90, 896, 72, 0.2, ()),
    (1.01, 1280, 104, 0.12, ()),
)
LAYERS = 6
BATCH_TOKENS, MUON_RATE, ADAM_RATE, DECAY = 4096, 0.02, 0.003, 0.3


def build(tokenizer: Any) -> Qwen3ForCausalLM:
    """The network with its first weights, the same at every call."""
    torch.manual_seed(0)
    config = Qwen3Config(  # type: ignore[call-arg]
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=256, num_hidden_layers=LAYERS, intermediate_size=512,
        num_attention_heads=4, num_key_value_heads=4, head_dim=64, attn_implementation="sdpa",
        max_position_embeddings=4096, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=False, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config)
    for layer in model.model.layers:  # zero output projections: each block starts as the identity
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


def optimizers(model: Qwen3ForCausalLM) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for everything else."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in inside]
    muon = torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, momentum=0.95)
    return muon, torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)


def fill_row(
    rng: random.Random, tokenizer: Any, length: int, facts: int, simple: float, focus: tuple[str, ...]
) -> tuple[list[int], list[float]]:
    """Episodes one after another until the row is full; the last one is cut."""
    ids: list[int] = []
    weights: list[float] = []
    while len(ids) < length + 1:
        lines = episodes.episode(
            rng, facts=facts, budget=max(2, min(48, length // 20)), simple=simple, focus=focus
        )
        if not lines:
            continue
        ids.append(tokenizer.bos_token_id)
        weights.append(0.02)
        encoded = tokenizer._tokenizer.encode_batch([text for text, _ in lines], add_special_tokens=False)
        for piece, (_, weight) in zip(encoded, lines, strict=True):
            ids += piece.ids
            weights += [weight] * len(piece.ids)
    return ids[: length + 1], weights[: length + 1]


def batch(
    step: int, tokenizer: Any, length: int, facts: int, simple: float, focus: tuple[str, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and loss weights, rows x (length + 1). A stage with a focus has half as many tokens a step,
    because it needs many steps more than many tokens."""
    rng = random.Random(f"corollary-pretrain-{step}")
    size = max(6, BATCH_TOKENS // (2 if focus else 1) // length)
    rows = [fill_row(rng, tokenizer, length, facts, simple, focus) for _ in range(size)]
    return torch.tensor([ids for ids, _ in rows]), torch.tensor([weights for _, weights in rows])


def questions(
    rng: random.Random, domain: str, size: int
) -> tuple[str, list[tuple[str, str, list[str], int]]]:
    """Documents about development names, and (kind, prompt, choices, right) about them."""
    facts = draw_facts(rng, domain, size, part=DEVELOPMENT)
    context = "".join(f"{episodes.tell(rng, fact)[0]}\n" for fact in facts)
    deduced = closure.deductions(facts)
    asked = [("reversal", invert(f)) for f in facts] + [
        (f"deduction{len(proof)}", invert(f)) for f, proof in deduced.items()
    ]
    rng.shuffle(asked)
    made = []
    asked += [("forward", fact) for fact in facts]
    kinds = {kind: [fact for what, fact in asked if what == kind] for kind, _ in asked}
    for kind, fact in [(kind, fact) for kind, some in kinds.items() for fact in some[:3]]:
        prompt, answer = _cut(fact)
        if domain == "comparison":
            degree, feature = fact.relation.split()
            other = "less" if degree == "more" else "more"
            prompt, choices = (
                f"{fact.first} are",
                [f" {d} {feature} than {fact.last}" for d in (degree, other)],
            )
        else:
            pool = sorted({f.last for _, f in asked if domain == "chain" or f.relation == fact.relation})
            views = [view for known in (*facts, *deduced) for view in (known, invert(known))]
            true = {f.last for f in views if (f.first, f.relation) == (fact.first, fact.relation)}
            wrong = [name for name in pool if name not in true and name != fact.first]
            if len(wrong) < 3:
                continue
            choices = [answer, *(f" {name}" for name in rng.sample(wrong, 3))]
        made.append((kind, prompt, choices, 0))
    return context, made


def _cut(fact: Fact) -> tuple[str, str]:
    sentence = RELATIONS[fact.relation].wordings[0].format(a=fact.first, b=fact.last)
    return sentence[: -len(fact.last) - 1], f" {fact.last}"


@torch.no_grad()
def evaluate(model: Qwen3ForCausalLM, tokenizer: Any, size: int, *, worlds: int = 6) -> dict[str, float]:
    """In-context accuracy on development names by domain and kind of question."""
    tally: dict[str, list[float]] = {}
    for domain in ("chain", "comparison", "person", "family", "kinds"):
        rng = random.Random(f"evaluate-{domain}-{size}")
        for _ in range(worlds):
            context, asked = questions(rng, domain, size)
            for kind, prompt, choices, right in asked:
                stem = tokenizer(context + prompt)["input_ids"]
                rows = [tokenizer(context + prompt + choice)["input_ids"] for choice in choices]
                width = max(map(len, rows))
                ids = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows]).to(
                    model.device
                )
                logits = model(ids, logits_to_keep=width - len(stem) + 1).logits.float().log_softmax(-1)
                totals = []
                for index, row in enumerate(rows):
                    tail = torch.tensor(row[len(stem) :], device=model.device)
                    totals.append(logits[index, : len(tail)].gather(-1, tail[:, None]).sum().item())
                tally.setdefault(f"{domain}/{kind}", []).append(
                    float(max(range(len(totals)), key=totals.__getitem__) == right)
                )
    return {name: round(sum(hits) / len(hits), 3) for name, hits in sorted(tally.items())}


def save(folder: Path, model: Any, opts: tuple[Any, Any], step: int, tokens: int) -> None:
    """Write checkpoint.pt, from which the same command continues."""
    state = {
        "model": model.state_dict(),
        "optimizers": [o.state_dict() for o in opts],
        "step": step,
        "tokens": tokens,
    }
    torch.save(state, folder / "checkpoint.tmp")
    (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")


def export(folder: Path, model: Qwen3ForCausalLM, tokenizer: Any) -> None:
    """Save the model with its tokenizer in `folder`/model."""
    target = folder / "model"
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def main() -> None:
    """Train, or continue a training that was stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=float, default=40.0, help="millions of training tokens")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    folder: Path = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model" / "tokenizer.json").exists():
        train_tokenizer(folder / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = build(tokenizer)
    model.to(device)
    opts = optimizers(model)
    step = seen = 0
    if (folder / "checkpoint.pt").exists():
        state = torch.load(folder / "checkpoint.pt", map_location=device)
        missing, _ = model.load_state_dict(state["model"], strict=False)
        if not missing:  # else the checkpoint had fewer layers; the new ones start as the identity
            for opt, saved in zip(opts, state["optimizers"], strict=True):
                opt.load_state_dict(saved)
        step, seen = state["step"], state["tokens"]
        print(f"going on at step {step}, {seen / 1e6:.1f} M tokens", file=sys.stderr)
    # Compiling saves a fifth of the time; one graph a row length, so shapes are static.
    forward = torch.compile(model, dynamic=False) if args.compile else model
    total, started, saved_at, first = args.tokens * 1e6, time.time(), time.time(), seen
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    while seen < total and not stopped:
        share = seen / total
        _, length, facts, simple, focus = next(stage for stage in CURRICULUM if share < stage[0])
        ids, weights = (tensor.to(device) for tensor in batch(step, tokenizer, length, facts, simple, focus))
        factor = min(1.0, (step + 1) / 50) * min(1.0, (1 - share) / DECAY)
        for opt, rate in zip(opts, (MUON_RATE, ADAM_RATE), strict=True):
            for group in opt.param_groups:
                group["lr"] = rate * max(factor, 0.01)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = forward(ids[:, :-1], use_cache=False).logits
        losses = functional.cross_entropy(
            logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
        )
        flat = weights[:, 1:].flatten()
        loss = (losses * flat).sum() / flat.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + ids[:, 1:].numel()
        row: dict[str, Any] = {}
        if step % 20 == 0:
            strong = flat >= 1
            rate = (seen - first) / (time.time() - started)
            row = {"step": step, "tokens": seen, "length": length, "facts": facts, "rate": round(rate)}
            row |= {"loss": round(loss.item(), 4), "follows": round(losses[strong].mean().item(), 4)}
        if step % 400 == 0 or seen >= total:
            row["accuracy"] = {size: evaluate(model, tokenizer, size) for size in sorted({6, max(6, facts)})}
        if row:
            with (folder / "log.jsonl").open("a") as log:
                print(json.dumps(row), file=log)
            print(json.dumps(row), flush=True)
        if time.time() - saved_at > 120 or seen >= total:
            save(folder, model, opts, step, seen)
            saved_at = time.time()
    if stopped:
        save(folder, model, opts, step, seen)
    export(folder, model, tokenizer)


if __name__ == "__main__":
    main()
