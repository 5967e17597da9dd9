"""Train the byte-level BPE of the embedded model.

    python -m corollary_worlds.embedded.pretrain.tokenizer FOLDER

It is trained on the syllables of the made-up words and on the words of the wordings, never on made-up words.
So every made-up word, reserved or not, is exactly two tokens, and every word of a wording is one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from corollary_worlds import relations, tasks
from corollary_worlds.names import FIRST_PIECES, MIDDLES, SECOND_PIECES, VOWELS

EXTRA = (
    "the relationships between and are all some no then of is so it follows fact did you know nothing more"
)
BOS, PAD = "<|endoftext|>", "<|pad|>"


def english_words() -> list[str]:
    """Every word and mark that the wordings use."""
    texts = [EXTRA, tasks.LOCAL, tasks.PARAPHRASE, tasks.GLOBAL, tasks.SO, tasks.END, *relations.FORMATS]
    texts += [*relations.ROLES, *relations.QUALITIES, *relations.WORKS]
    for relation in relations.RELATIONS.values():
        texts += [*relation.wordings, relation.asked]
    bare = (re.sub(r"\{[abs]\}", "", text) for text in texts)
    return sorted({word for text in bare for word in re.findall(r"[a-z]+", text)})


def corpus() -> list[str]:
    """Pieces first and heavily weighted, so that their merges come before those of the words.

    The syllables without a coda come first: otherwise a vowel would merge with the coda after it, across
    the boundary between the two pieces of a word.
    """
    syllables = [onset + vowel for onset in MIDDLES for vowel in VOWELS]
    lines = [syllable for syllable in [*syllables, *FIRST_PIECES] for _ in range(3000)]
    lines += [f" {piece}" for piece in FIRST_PIECES for _ in range(400)]
    lines += [piece for piece in SECOND_PIECES for _ in range(100)]
    return lines + [f" {word}" for word in english_words()]


def train(folder: Path) -> PreTrainedTokenizerFast:
    """The trained tokenizer, saved to `folder` too."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    # A name after a line break must be the same tokens as after a space, or copying across lines fails.
    tokenizer.normalizer = normalizers.Replace(tokenizers.Regex(r"\n(?=\S)"), "\n ")
    # The corpus spells its own spaces.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace("\n ", "\n"), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=[tokenizers.AddedToken(BOS, special=True), tokenizers.AddedToken(PAD, special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=1,
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS, pad_token=PAD, model_max_length=4096
    )
    wrapped.save_pretrained(folder)
    return wrapped


if __name__ == "__main__":
    made = train(Path(sys.argv[1]))
    print(f"{len(made)} pieces; e.g. {made.tokenize('bolan is the mother of kerit.')}")
