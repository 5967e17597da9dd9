"""Words, names and the index of mentions."""

from __future__ import annotations

import math
import random
import re
import string
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary.documents.names import Mentions, normal, rare_words, same_order, words


@given(st.text(string.ascii_lowercase + string.digits + " .,;'-_\n"))
def test_words_of_plain_lower_case_text(text: str) -> None:
    assert words(text) == re.findall(r"\w+", text.lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [("राम", "रोम"), ("दिन", "दान"), ("ลิง", "ลุง"), ("கை", "கா"), ("café", "cafe")],
)
def test_vowel_signs_and_accents_belong_to_words(one: str, other: str) -> None:
    assert words(one) != words(other)
    assert len(words(one)) == 1
    assert normal(one) != normal(other)


def test_composed_and_decomposed_text_is_the_same() -> None:
    text = "Kafe Çınar, İzmir'de Zoë"
    apart = unicodedata.normalize("NFD", text)
    assert words(apart) == words(text)
    assert words("İzmir")[0].endswith("zmir")
    assert normal(apart) == normal(text)


def test_texts_without_blanks_share_words_where_they_share_characters() -> None:
    peking, tokyo, again = (
        words("北京是中国的首都。"),
        words("東京塔在東京。"),
        words("中国最大的城市不是北京。"),
    )
    assert {"北京", "中国"} <= set(peking) & set(again)
    assert not set(peking) & set(tokyo)
    assert words("P-7泵") == ["p", "7", "泵"]


def test_joiners_inside_a_word_are_not_seen() -> None:
    assert words("می\u200cخواهم") == words("میخواهم")
    assert words("👩\u200d🚀 Zoë") == ["zoë"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" C++", " C"),
        ("C#", "C"),
        ("-5 °C", "5 °C"),
        ("$40", "40"),
        ("$4.50", "€4.50"),
        ("50 %", "50"),
        ("+", ""),
    ],
)
def test_signs_and_units_tell_answers_apart(one: str, other: str) -> None:
    assert normal(one) != normal(other)


def test_case_blanks_and_forms_of_signs_do_not() -> None:
    assert normal("  Straße\u00a0 5\n") == normal("STRASSE 5")
    assert normal("\u22125") == normal("-5")


def test_rare_words_and_same_order() -> None:
    lines = ["ostra feeds belo", "belo feeds kerit", "kerit feeds bolan", "bolan feeds tivol"]
    names = rare_words(lines)
    assert names == {"ostra", "belo", "kerit", "bolan", "tivol"}
    assert same_order("ostra feeds belo", "ostra is before belo", names)
    assert not same_order("ostra feeds belo", "belo is fed by ostra", names)
    assert not same_order("ostra feeds belo", "ostra feeds it", names)


def nearest_by_looking_at_all(mentioned: Sequence[frozenset[str]], index: int, most: int) -> list[int]:
    told = Counter(name for names in mentioned for name in names)
    own = mentioned[index]
    others = [i for i in range(len(mentioned)) if i != index]
    direct = {i for i in others if mentioned[i] & own}
    around = own.union(*(mentioned[i] for i in direct))
    key = {
        i: (2 if i in direct else 1, math.fsum(1 / told[name] for name in mentioned[i] & around), -i)
        for i in others
        if mentioned[i] & around
    }
    return sorted(key, key=lambda i: key[i], reverse=True)[:most]


NAMES = st.frozensets(st.sampled_from("abcdefghijklmnop"), max_size=4)


@given(st.lists(NAMES, min_size=1, max_size=25), st.integers(0, 24), st.integers(0, 12))
def test_nearest_is_what_looking_at_all_texts_gives(
    mentioned: list[frozenset[str]], index: int, most: int
) -> None:
    index %= len(mentioned)
    assert Mentions(mentioned).nearest(index, most) == nearest_by_looking_at_all(mentioned, index, most)


@given(st.lists(NAMES, max_size=25), NAMES)
def test_first_with_two(mentioned: list[frozenset[str]], names: frozenset[str]) -> None:
    index = Mentions(mentioned)
    first = next((i for i, found in enumerate(mentioned) if len(found & names) >= 2), None)
    assert index.first_with_two(names) == first
    assert index.first_with_two({*names, "unknown"}) == first


def test_many_texts_take_little_time_even_when_some_names_are_in_hundreds_of_them() -> None:
    draw = random.Random(0)
    count = 8_000
    mentioned = [
        frozenset({f"n{draw.randrange(count)}" for _ in range(3)} | {f"hub{draw.randrange(20)}"} - {"hub0"})
        if draw.random() < 0.5
        else frozenset(f"n{draw.randrange(count)}" for _ in range(3))
        for _ in range(count)
    ]
    began = time.process_time()
    index = Mentions(mentioned)
    for number in range(count):
        assert len(index.nearest(number, 11)) <= 11
    # Looking at all texts for each takes minutes.
    assert time.process_time() - began < 20
    for number in (0, 17, 7_999):
        assert index.nearest(number, 11) == nearest_by_looking_at_all(mentioned, number, 11)
