"""Sentences with offsets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary.documents.split import line_spans, of_blocks, sentences
from corollary.types import Document

# Letters, blanks of all kinds, and what decides where sentences and blocks end.
PIECES = st.sampled_from(
    'A. Dr. 3.5 1. (a) - # ``` ~~~ | . ? ! 。 । " ) bar Öl 北京 ลิง'.split()
    + " |\n|\n\n|\r\n|\t|\u2028|\u00a0|\x00|\ud800".split("|")
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join)


def texts(text: str, *, language: str = "en") -> list[str]:
    return [sentence.text for sentence in sentences(Document("d", text), language=language)]


@given(TEXTS)
def test_each_character_that_is_not_blank_is_in_exactly_one_sentence(text: str) -> None:
    found = sentences(Document("d", text))
    inside = [place for sentence in found for place in range(sentence.start, sentence.end)]
    assert len(set(inside)) == len(inside)
    assert {place for place, character in enumerate(text) if not character.isspace()} <= set(inside)
    assert [sentence.start for sentence in found] == sorted(sentence.start for sentence in found)
    for sentence in found:
        raw = text[sentence.start : sentence.end]
        assert raw == raw.strip() != ""
        # Joining removes or adds blanks and nothing else, and leaves one line.
        assert "".join(raw.split()) == "".join(sentence.text.split())
        assert "\n" not in sentence.text


@given(TEXTS)
def test_line_spans_are_the_stripped_lines(text: str) -> None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert [text[start:end] for start, end in line_spans(text)] == lines


def test_wrapped_text_with_a_table_and_a_heading_has_no_half_sentences() -> None:
    text = (
        "The Ostra pump sends water to\nthe Belo tank, which stands above\nthe Kerit basin.\n\n"
        "| unit | place |\n|------|-------|\n| Ostra pump | hall 3 |\n\n# Maintenance\nCall Mara."
    )
    assert texts(text) == [
        "The Ostra pump sends water to the Belo tank, which stands above the Kerit basin.",
        "| unit | place | |------|-------| | Ostra pump | hall 3 |",
        "# Maintenance",
        "Call Mara.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The valve opens at 3.5 bar and closes.",
        "He moved to St. Gallen in May.",
        "The head is Dr. Amund of crew 3.",
        "See Fig. 3, e.g. the pump of v1.2.3.",
    ],
)
def test_a_dot_within_a_sentence_ends_nothing(text: str) -> None:
    assert texts(f"{text} It is green.") == [text, "It is green."]


@pytest.mark.parametrize(
    "text",
    [
        "Its rim weighs approx. a third of it.",
        "The head is Amund, Dr. rer. nat., of crew 3.",
        "P.S. The pump leaks.",
    ],
)
def test_an_abbreviation_that_the_splitter_does_not_know_cuts_no_sentence(text: str) -> None:
    assert texts(f"It is old. {text} It is green.") == ["It is old.", text, "It is green."]


@pytest.mark.parametrize(
    "expected",
    [
        ["he came.", "she left.", "it rained."],
        ["It has two steps.", "a) open it.", "b) close it."],
        ["The limit is 3 bar.", "pH is 7.", "eBay has one."],
    ],
)
def test_a_small_letter_may_begin_a_sentence(expected: list[str]) -> None:
    assert texts(" ".join(expected)) == expected


def test_offsets_are_those_of_the_text_before_lines_were_joined() -> None:
    text = "\n  The P-7 pump feeds\r\n   tank T-2.  Tank T-2\tleaks.\r\n\r\n"
    found = sentences(Document("d", text))
    assert [sentence.text for sentence in found] == ["The P-7 pump feeds tank T-2.", "Tank T-2 leaks."]
    assert [text[s.start : s.end] for s in found] == [
        "The P-7 pump feeds\r\n   tank T-2.",
        "Tank T-2\tleaks.",
    ]


def test_a_list_marker_stays_with_its_item_and_items_stay_apart() -> None:
    assert texts("1. First item. 2. Second item.") == ["1. First item.", "2. Second item."]
    assert texts("Parts\n- pump P-7\n- valve\n  of steel\n\n(a) One.\n(b) Two.") == [
        "Parts",
        "- pump P-7",
        "- valve of steel",
        "(a) One.",
        "(b) Two.",
    ]


def test_a_number_that_is_wrapped_to_the_start_of_a_line_opens_no_item() -> None:
    assert texts("The year is\n12. Then it ends.") == ["The year is 12.", "Then it ends."]


def test_code_stays_whole_and_a_fence_that_nothing_closes_takes_nothing_with_it() -> None:
    assert texts("```\na. b = 1\n\nc. d\n```\nText. More.") == ["``` a. b = 1 c. d ```", "Text.", "More."]
    assert texts("```\nText.\n\nMore.")[-1] == "More."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京是中国的\n首都。东京是日本的首都。", ["北京是中国的首都。", "东京是日本的首都。"]),
        ("यह एक है। यह दूसरा है।", ["यह एक है।", "यह दूसरा है।"]),
        ("كيف حالك؟ محطة الأمل تغذي.", ["كيف حالك؟", "محطة الأمل تغذي."]),
    ],
)
def test_scripts_with_signs_of_their_own(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_the_language_decides_about_abbreviations() -> None:
    text = "Er kam am 3. Mai. Es war gut."
    assert texts(text, language="de") == ["Er kam am 3. Mai.", "Es war gut."]
    assert len(texts(text)) == 3


def test_spans_of_a_document_are_its_sentences() -> None:
    document = Document("d", "One. Two.\nThree", spans=((0, 9), (10, 15)))
    assert [(s.text, s.start, s.end) for s in sentences(document)] == [("One. Two.", 0, 9), ("Three", 10, 15)]
    assert sentences(Document("d", "One. Two.", spans=())) == []


def test_blocks_become_one_text_in_which_only_paragraphs_have_spans() -> None:
    text, spans = of_blocks([("Title. A", False), ("One. Two.", True), ("x | y", False)], language="en")
    assert text == "Title. A\n\nOne. Two.\n\nx | y"
    assert [text[start:end] for start, end in spans] == ["One.", "Two."]


def test_a_large_text_takes_no_more_than_a_moment_for_each_megabyte() -> None:
    text = json.loads('"' + "The pump feeds\\nDr. Amund. " * 40_000 + '"')
    assert len(texts(text)) == 40_000
