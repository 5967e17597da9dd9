"""Text to token ids, always jointly, and back.

A text is tokenised together with everything before it, and cut at a token boundary afterwards. Pieces that
are tokenised apart may differ from what the model reads, and then scores are silently wrong. A text begins as
the tokenizer itself begins one: many tokenizers name a BOS that their model never saw. In a text, the name of
a special token is text, so no document can end a row or forge a turn of a chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corollary.errors import UserError

TAIL = 64
"""A long prefix is tokenised once. At least this many of its last characters are tokenised with each text."""


def start(tokenizer: Any) -> list[int]:
    """The ids that the tokenizer itself puts before a text: a BOS, or nothing."""
    bare = _ids(tokenizer, ["x"])[0]
    whole: list[int] = tokenizer("x", verbose=False)["input_ids"]
    at = next((at for at in range(len(whole)) if whole[at : at + len(bare)] == bare), 0)
    return whole[:at]


def joint(
    tokenizer: Any,
    prefix: str,
    rests: Sequence[str],
    *,
    first: Sequence[int] | None = None,
    special: bool = False,
) -> list[list[int]]:
    """Token ids of `prefix + rest` for every rest, each after the ids `first`. By default these are the ids
    with which the tokenizer begins a text. With `special`, names of special tokens are read as these
    tokens."""
    if not rests:
        return []
    begin = start(tokenizer) if first is None else list(first)
    head, tail = _cut(tokenizer, prefix, special) if len(rests) > 2 else ([], prefix)
    return [begin + head + ids for ids in _ids(tokenizer, [tail + rest for rest in rests], special)]


def pairs_apart(
    tokenizer: Any, prefix: str, pairs: Sequence[tuple[str, str]]
) -> list[tuple[list[int], list[int]]]:
    """Token ids of the context (`prefix` and the pair's prompt) and of the continuation, of every pair.

    Both come from one tokenisation of the whole text. A token across the boundary belongs to the
    continuation. The context is never empty: without a BOS it is an EOS. Raises `UserError` when the
    tokenizer has neither.
    """
    texts = list(dict.fromkeys(text for prompt, more in pairs for text in (prompt, prompt + more)))
    found = dict(zip(texts, joint(tokenizer, prefix, texts), strict=True))
    split = []
    for prompt, more in pairs:
        whole = found[prompt + more]
        cut = common(found[prompt], whole)
        if cut == 0:
            if tokenizer.eos_token_id is None:
                raise UserError(
                    "The tokenizer has neither BOS nor EOS, which scoring a text from its start needs: add"
                    " one."
                )
            whole, cut = [tokenizer.eos_token_id, *whole], 1
        split.append((whole[:cut], whole[cut:]))
    return split


def training_rows(tokenizer: Any, texts: Sequence[str], *, window: int) -> list[list[int]]:
    """Token ids of every text, from the BOS (if the tokenizer adds one) to EOS.

    A text of more than `window` tokens becomes several rows, of which only the last has the EOS. A row of
    only an EOS is left out. Raises `UserError` when the tokenizer has no EOS: the tuned model would never
    stop.
    """
    if tokenizer.eos_token_id is None:
        raise UserError("A model tuned without an EOS token would never stop: add one to the tokenizer.")
    first = start(tokenizer)
    size = max(1, window - len(first))
    rows = []
    for ids in joint(tokenizer, "", texts, first=first):
        rest = [*ids[len(first) :], tokenizer.eos_token_id]
        parts = [rest[at : at + size] for at in range(0, len(rest), size)]
        # An EOS without a text would teach the model to generate nothing.
        rows += [first + part for part in parts if part != [tokenizer.eos_token_id]]
    # A single token has no context to be predicted from.
    return [row for row in rows if len(row) > 1]


def written(tokenizer: Any, before: Sequence[int], new: Sequence[int]) -> str:
    """The text of the tokens `new`, which follow those of `before`.

    They are decoded together with the last tokens before them, as many decoders strip the space at the
    beginning of a text.
    """
    near = list(before[-4:])
    known = tokenizer.decode(near, skip_special_tokens=True)
    whole: str = tokenizer.decode([*near, *new], skip_special_tokens=True)
    return whole[common(known, whole) :]


def common(first: Sequence[object], second: Sequence[object]) -> int:
    """The length of the common beginning of two rows of tokens (or two texts)."""
    shorter = min(len(first), len(second))
    if first[:shorter] == second[:shorter]:
        return shorter
    return next(at for at in range(shorter) if first[at] != second[at])


def _ids(tokenizer: Any, texts: Sequence[str], special: bool = False) -> list[list[int]]:
    encoded = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=not special,
        return_attention_mask=False,
        verbose=False,  # the model checks the length itself, with a message that says what to do
    )
    ids: list[list[int]] = encoded["input_ids"]
    return ids


def _cut(tokenizer: Any, prefix: str, special: bool) -> tuple[list[int], str]:
    """The ids of the prefix without its end, and that end as text.

    The cut is at a space or line break where the two sides, tokenised apart, give the tokens of the whole.
    Then the following text cannot change the tokens before the cut. Without such a place nothing is cut off.
    """
    spaces = [at for at in range(max(0, len(prefix) - 4 * TAIL), len(prefix) - TAIL) if prefix[at].isspace()]
    cuts = [at + after for at in spaces[::-1][:4] for after in (0, 1)]
    if not cuts:
        return [], prefix
    halves = [side for at in cuts for side in (prefix[:at], prefix[at:])]
    whole, *sides = _ids(tokenizer, [prefix, *halves], special)
    for at, head, tail in zip(cuts, sides[::2], sides[1::2], strict=True):
        if head + tail == whole:
            return head, prefix[at:]
    return [], prefix
