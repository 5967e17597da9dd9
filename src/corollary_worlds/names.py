"""Made-up words, cut into disjoint parts by hash.

A word is two syllables: an onset and vowel, then a consonant, vowel and consonant ("bo" + "lan").
180 first and 595 second pieces make 107,100 words. The tokenizer of the embedded model is trained on
the *pieces*, never on whole words. Trained on text of the worlds, it would make each training name a single
token and each reserved name several: copying would work in training and fail in every evaluation.
"""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterator

from corollary.errors import UserError

VOWELS = "aeiou"
ONSETS = (*"bdfghjklmnprstvwyz", *"bl br dr fl fr gl gr kl kr pl pr sk sl sm sn st sw tr".split())
MIDDLES = tuple("bdfghjklmnprstvwz")
CODAS = tuple("klmnrst")
FIRST_PIECES = tuple(onset + vowel for onset in ONSETS for vowel in VOWELS)
SECOND_PIECES = tuple(middle + vowel + coda for middle in MIDDLES for vowel in VOWELS for coda in CODAS)

PRETRAINING, DEVELOPMENT, REPORTING = "pretraining", "development", "reporting"
_SHARES = ((60, PRETRAINING), (80, DEVELOPMENT), (100, REPORTING))

# Real words that the pieces can spell: the wordings use some, and readers would take others for words.
REAL_WORDS = frozenset(
    "baker banal basil basin baton begin bigot bison canal cabin civil color demon devil fatal felon final"
    " habit human humor label legal level limit local medal melon metal model moral motel naval novel panel"
    " pedal petal pilot pivot radar rebel rigor rival robin robot salon satin sedan solar sonar sugar talon"
    " defen remem tenor token total travel tutor valet vapor vigil viral visit vital vomit wagon woman women"
    " broken frozen gives maker never river takes tower".split()
)

MANY = 10_000
"""Words from which on those of a part are counted, which takes a moment: few datasets need so many."""


def part_of(word: str) -> str:
    """The part of the name space a word belongs to: "pretraining", "development" or "reporting"."""
    bucket = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % 100
    return next(part for bound, part in _SHARES if bucket < bound)


def part_for_seed(seed: int) -> str:
    """The part for a seed: "reporting" for 0 to 31, "development" for 100 to 131.

    Raises: UserError for any other seed, so that no dataset can share a word with pre-training.
    """
    if 0 <= seed <= 31:
        return REPORTING
    if 100 <= seed <= 131:
        return DEVELOPMENT
    raise UserError(f"Seed {seed} is not allowed: give 0 to 31 (reporting) or 100 to 131 (development).")


def draw_names(rng: random.Random, *, part: str) -> Iterator[str]:
    """Distinct words of one part of the name space, until there are no more.

    Raises: UserError when all have been drawn.
    """
    seen: set[str] = set()
    while len(seen) < MANY or len(seen) < count_of(part):
        word = rng.choice(FIRST_PIECES) + rng.choice(SECOND_PIECES)
        if word not in seen and word not in REAL_WORDS and part_of(word) == part:
            seen.add(word)
            yield word
    raise UserError(f"A seed has {len(seen)} made-up names and no more: make the dataset smaller.")


@functools.cache
def count_of(part: str) -> int:
    """The number of words in a part of the name space."""
    words = {first + second for first in FIRST_PIECES for second in SECOND_PIECES} - REAL_WORDS
    return sum(part_of(word) == part for word in words)
