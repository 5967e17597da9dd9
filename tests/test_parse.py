"""Parsers: what stands around an answer goes, what an answer says stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary.types import Completion
from corollary.writing.parse import Argument, Ending, Pair, argument, lines, pairs


def written(completion: Completion) -> list[str]:
    """The lines of a completion as the embedded model was taught to write them."""
    found = [line.strip() for line in completion.text.splitlines()]
    return [line for line in (found[:-1] if completion.finish == "length" else found) if line]


def reply(text: str, finish: str = "stop") -> Completion:
    return Completion(text, 1, 1, 0, finish)


A, B = "Ilona is employed by Marek.", "Ilona works for Marek."


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}",
        f"1. {A}\n2. {B}",
        f"1) {A}\n\n2) {B}\n",
        f"- {A}\n- {B}",
        f"• {A}\n• {B}",
        f"* **{A}**\n* **{B}**",
        f'"{A}"\n“{B}”',
        f'1. "{A}"\n2. "{B}"',
        f"Sure, here are two rephrasings:\n\n1. {A}\n2. {B}",
        f"Sure!\n{A}\n{B}",
        f"Sure! {A}\n{B}",
        f"Here is the sentence: {A}\n{B}",
        f"```\n{A}\n{B}\n```",
        f"### Rephrasings\n{A}\n{B}\n\nLet me know if you need more!",
        f"In other words:\n1. {A}\nTurned round:\n1. {B}",
        f"<think>\nThe user wants two lines.\nMarek ...\n</think>\n\n{A}\n{B}",
        f"Marek employs her.</think>{A}\r\n{B}",
    ],
)
def test_what_chat_models_put_around_lines_is_dropped(text: str) -> None:
    found = lines(reply(text))
    assert (found.items, found.ending) == ((A, B), Ending.COMPLETE)


@pytest.mark.parametrize(
    "line",
    [
        "3. Mai 1990 ist der Tag des Umbaus.",
        "-5 °C is the temperature in hall 2.",
        "1731 is the year in which the mill was built.",
        "2**3 is 8, and 2**4 is 16.",
        '"Odry" is what "Varn" was called.',
        "I cannot swim, says Marek.",
        "Of course Marek employs Ilona.",
        "Here are the springs of the Odry.",
        "C# and C++ are languages.",
        "St. Gallen lies in the east.",
    ],
)
def test_a_line_that_only_looks_like_decoration_stays_whole(line: str) -> None:
    assert lines(reply(f"{line}\n{A}")).items == (line, A)


def test_a_begun_line_keeps_its_start() -> None:
    line = "1. FC Varn is the club of Jan Kolb."
    assert lines(reply(line), begin="1. FC Varn").items == (line,)
    assert lines(reply(line)).items == ("FC Varn is the club of Jan Kolb.",)


@pytest.mark.parametrize(
    ("text", "finish", "items", "ending"),
    [
        (f"{A}\n{B}", "length", (A,), Ending.CUT),
        (A, "length", (), Ending.CUT),
        ("<think>Hm, the user", "length", (), Ending.CUT),
        (A, "filter", (), Ending.REFUSED),
        ("I'm sorry, but I can't assist with that.", "stop", (), Ending.REFUSED),
        ("I cannot help with this request.\nPlease ask for something else.", "stop", (), Ending.REFUSED),
        ("", "stop", (), Ending.EMPTY),
        (" \n```\n```\nHere are the lines:\n", "stop", (), Ending.EMPTY),
    ],
)
def test_a_reply_says_how_it_ended(text: str, finish: str, items: tuple[str, ...], ending: Ending) -> None:
    found = lines(reply(text, finish))
    assert (found.items, found.ending) == (items, ending)


PIECES = st.sampled_from(
    ["bolan is kerit.", "1. a", "- b", '"q"', "a:", "x; so y", "; so ", " ", "\n", "\x0c", "\r\n"]
)


@given(st.lists(PIECES).map("".join), st.sampled_from(["stop", "length"]))
def test_lines_that_are_not_tidied_are_those_of_the_first_parser(text: str, finish: str) -> None:
    completion = reply(text, finish)
    assert list(lines(completion, tidy=False).items) == written(completion)
    told = [(*line.rpartition("; so ")[::2],) for line in written(completion)]
    found = argument(completion, so="; so ", tidy=False)
    assert [(item.premises, item.conclusion) for item in found.items] == [
        (tuple(premises.split(";")), conclusion) for premises, conclusion in told
    ]


@given(st.text(), st.sampled_from(["stop", "length", "filter"]))
def test_no_reply_breaks_a_parser(text: str, finish: str) -> None:
    completion = reply(text, finish)
    for found in (lines(completion), pairs(completion), argument(completion)):
        assert (found.ending is Ending.COMPLETE) <= bool(found.items)
    assert all(line.strip() for line in lines(completion).items)


@pytest.mark.parametrize(
    "text",
    [
        "Q: Who employs Ilona?\nA: Marek\nQ: Whom does Marek employ?\nA: Ilona",
        "Here are two pairs:\n\nQ1: Who employs Ilona?\nA1: Marek\n\nQ2: Whom does Marek employ?\nA2: Ilona",
        "**Question 1:** Who employs Ilona?\n**Answer:** Marek\n"
        "**Question 2:** Whom does Marek employ?\n**Answer:** Ilona",
        "1. Who employs Ilona?\nMarek\n2. Whom does Marek employ?\nIlona",
        "1. Q: Who employs Ilona? A: Marek\n2. Q: Whom does Marek employ? A: Ilona",
        "- Who employs Ilona? Marek\n- Whom does Marek employ? Ilona",
    ],
)
def test_pairs_are_found_in_each_common_form(text: str) -> None:
    assert pairs(reply(text)).items == (
        Pair("Who employs Ilona?", "Marek"),
        Pair("Whom does Marek employ?", "Ilona"),
    )


def test_pairs_keep_long_answers_and_drop_questions_without_one() -> None:
    found = pairs(reply("Q: Who is A. Smith?\nA: The mayor.\nShe is from Varn.\nQ: And then?"))
    assert found.items == (Pair("Who is A. Smith?", "The mayor. She is from Varn."),)
    cut = pairs(reply("Q: Who employs Ilona?\nA: Mar", "length"))
    assert (cut.items, cut.ending) == ((), Ending.CUT)
    assert pairs(reply("法国的首都是哪里？\n巴黎")).items == (Pair("法国的首都是哪里？", "巴黎"),)
    prose = pairs(reply("I do not know."))
    assert (prose.items, prose.ending) == ((), Ending.EMPTY)


@pytest.mark.parametrize("arrow", ["=>", " => ", "->", "→", " ⇒ ", "==>"])
def test_arguments_have_premises_and_a_conclusion(arrow: str) -> None:
    found = argument(
        reply(f"1. Petra is a child of Marek; Marek is a child of Jo.{arrow}Jo is old.\n2. Jo is old.")
    )
    assert found.items == (
        Argument(("Petra is a child of Marek", "Marek is a child of Jo."), "Jo is old."),
        Argument((), "Jo is old."),
    )


def test_an_argument_without_a_conclusion_is_none() -> None:
    assert argument(reply("Petra is a child of Marek =>")).ending is Ending.EMPTY
