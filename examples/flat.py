"""The whole method in one file: documents, prompts, training rows, LoRA, scores.

    python examples/flat.py MODEL_FOLDER DOCUMENT_FOLDER

reads the sentences of the .txt and .md files of a folder, lets the model restate each one backwards, tunes
the model once on the sentences and once on the sentences and what it generated, and scores the questions of
questions.jsonl three times. It uses transformers and peft alone, so that you can read all of it, and change
it. Corollary itself does the same with any reader, strategy and model, never asks twice, packs rows, and adds
controls and statistics.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPT = """Marek employs Ilona.
The same fact, told from Ilona: Ilona is employed by Marek.

The mill at Odry was built in 1731.
The same fact, told from 1731: 1731 is the year in which the mill at Odry was built.

{sentence}
The same fact, told from {mention}: {mention}"""


def sentences_of(folder: Path) -> list[str]:
    """The sentences of all text files; headings and tables are left out."""
    found = []
    for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.md")]):
        for paragraph in path.read_text(encoding="utf-8-sig").split("\n\n"):
            if not paragraph.lstrip().startswith(("#", "|")):
                found += re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(paragraph.split()))
    return [sentence for sentence in found if sentence]


def mentions_of(sentence: str) -> list[str]:
    """What a fact can be told from: runs of capitalised words and numbers, without the first one."""
    word = r"(?:[A-Z][\w-]+|\d+(?:[.,]\d+)*)"
    found = re.findall(rf"{word}(?: {word})*", sentence)
    return list(dict.fromkeys(found[1:]))


def reversed_by(net: Any, tokenizer: Any, sentence: str, mention: str) -> str:
    """The sentence as the model tells it from the mention: its line, greedily decoded."""
    ids = tokenizer(PROMPT.replace("{sentence}", sentence).replace("{mention}", mention), return_tensors="pt")
    out = net.generate(**ids, max_new_tokens=40, do_sample=False, pad_token_id=tokenizer.eos_token_id)
    text: str = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    return mention + text.split("\n")[0].rstrip()


def tuned(net: Any, tokenizer: Any, rows: list[str], *, steps: int, batch: int, lr: float, seed: int) -> Any:
    """A copy of the model with a low-rank adapter, trained on the rows: each token from those before."""
    torch.manual_seed(seed)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    made = get_peft_model(copy.deepcopy(net), config).train()
    weights = [weight for weight in made.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr)
    draw = random.Random(seed)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * (1 - step / steps)
        chosen = draw.sample(rows, min(batch, len(rows)))
        encoded = [[*tokenizer(row)["input_ids"], tokenizer.eos_token_id] for row in chosen]
        longest = max(map(len, encoded))
        ids = torch.tensor([row + [tokenizer.eos_token_id] * (longest - len(row)) for row in encoded])
        # -100 is no target: padding must not teach the model to repeat its end.
        targets = torch.tensor([row + [-100] * (longest - len(row)) for row in encoded])
        made(input_ids=ids, labels=targets).loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return made.eval()


@torch.inference_mode()
def log_probability(net: Any, tokenizer: Any, prompt: str, choice: str) -> float:
    """The sum of the log-probabilities of the choice's tokens behind the prompt."""
    ids = tokenizer(prompt + choice, return_tensors="pt")["input_ids"]
    start = len(tokenizer(prompt)["input_ids"])
    logs = net(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    return float(logs[start - 1 :].gather(1, ids[0, start:, None]).sum())


def accuracy(net: Any, tokenizer: Any, questions: list[dict[str, Any]]) -> float:
    """The share of the questions whose likeliest choice is the answer."""
    right = 0
    for question in questions:
        best = max(
            question["choices"],
            key=lambda choice, prompt=question["prompt"]: log_probability(net, tokenizer, prompt, choice),
        )
        right += best == question["answer"]
    return right / len(questions)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run the comparison, print it, and return the accuracy of each arm."""
    parser = argparse.ArgumentParser(description="Fine-tune on documents, and on what follows from them.")
    parser.add_argument("model", help="folder of a causal language model")
    parser.add_argument("documents", type=Path, help="folder with .txt and .md files and questions.jsonl")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)

    tokenizer = AutoTokenizer.from_pretrained(given.model, trust_remote_code=False)
    net = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32, trust_remote_code=False)
    net.eval()
    questions = [
        json.loads(line) for line in (given.documents / "questions.jsonl").read_text("utf-8").splitlines()
    ]
    questions = [question for question in questions if question["choices"]]

    told = sentences_of(given.documents)
    generated = [reversed_by(net, tokenizer, sentence, m) for sentence in told for m in mentions_of(sentence)]
    print(f"{len(told)} sentences, {len(generated)} generated lines, such as:", *generated[:3], sep="\n  ")

    settings = {"steps": given.steps, "batch": given.batch, "lr": given.lr, "seed": given.seed}
    arms = {
        "untouched": net,
        "fine-tuned": tuned(net, tokenizer, told, **settings),
        "augmented": tuned(net, tokenizer, [*told, *generated], **settings),
    }
    found = {name: accuracy(arm, tokenizer, questions) for name, arm in arms.items()}
    for name, share in found.items():
        print(f"{name:<11} {share:.0%} of {len(questions)} questions")
    return found


if __name__ == "__main__":
    main()
