"""The audit on lines whose worth is known, and what counts as a leak."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from corollary.types import DROPPED, Document, Question
from corollary.writing.checks.leaks import remove_leaks
from corollary_worlds.reasoner import Statement
from corollary_worlds.verify import (
    audit,
    knowledge_of,
    summarise,
    withheld_facts,
    withhold,
    written,
)

TOLD = (
    Document("d0", "pemas is the mother of bolan."),
    Document("d1", "did you know that kerit is a sibling of pemas?"),
    Document("d2", "kerit fathered talun."),
    Document("d3", "fact: pemas stood as godparent to talun."),
    Document("d4", "people say that pemas gave birth to bolan."),
)
WORTH = {
    "bolan is the child of pemas.": "one_step",
    "pemas became the mother of bolan.": "restates",
    "pemas is a parent of bolan.": "restates",
    "pemas is a sibling of kerit": "one_step",
    "kerit is the sibling of pemas; so kerit is an aunt or uncle of bolan.": "one_step",
    "pemas is the mother of bolan; kerit fathered talun; so bolan is a cousin of talun.": "several_step",
    "talun is the godchild of pemas.": "one_step",
    "bolan is the mother of pemas.": "false",
    "bolan is the child of kerit.": "false",
    "talun is the sibling of pemas; so bolan is the child of pemas.": "false",
    "bolan is the child of": "unreadable",
    "bolan is the child of pemas. and so on": "unreadable",
    "bolan is the child of pemas. kerit is the child of pemas.": "false",
    "what follows?": "unreadable",
    "": "unreadable",
}
LINES = [Document(f"l{i}", text, ("d0",), "local") for i, text in enumerate(WORTH)]


def is_reserved(statement: Statement) -> bool:
    return statement.relation.startswith("god")


def test_each_line_is_worth_what_it_says() -> None:
    rows = audit(TOLD, LINES)
    assert {row.text: row.label for row in rows} == WORTH
    by_text = {row.text: row for row in rows}
    aunt = by_text["kerit is the sibling of pemas; so kerit is an aunt or uncle of bolan."]
    assert aunt.statement == Statement("aunt_of", "kerit", "bolan")
    assert (aunt.source, aunt.strategy) == (("d0",), "local")
    assert by_text["bolan is the child of"].statement is None


def test_a_line_counts_once_however_often_it_was_written() -> None:
    again = [Document("more", LINES[0].text, ("d4",), "global")]
    assert audit(TOLD, [*LINES, *again]) == audit(TOLD, LINES)


def test_the_summary_counts_shares_and_splits() -> None:
    knowledge = knowledge_of(TOLD)
    summary = summarise(audit(TOLD, LINES, reserved=is_reserved), knowledge, reserved=is_reserved, leaked=2)
    counts = {
        "lines": 15,
        "restates": 2,
        "one_step": 4,
        "several_step": 1,
        "false": 4,
        "undecided": 0,
        "unreadable": 4,
    }
    assert {key: summary[key] for key in counts} == counts
    assert summary["precision"] == 5 / 13
    assert summary["leaked"] == 2
    # One rule away: three facts turned round and the godchild, two aunts both ways; two of them missing.
    near = knowledge.one_step()
    assert len(near) == 4 + 4
    assert summary["coverage"] == 4 / 8
    assert summary["coverage_several_step"] == 1 / 2
    assert summary["reserved"] == {
        "lines": 1, "restates": 0, "one_step": 1, "several_step": 0, "false": 0,
        "undecided": 0, "unreadable": 0,
        "precision": 1.0, "coverage": 1.0, "coverage_several_step": None,
    }  # fmt: skip
    seen = summary["seen"]
    assert isinstance(seen, dict)
    assert (seen["lines"], seen["precision"], seen["coverage"]) == (14, 4 / 12, 3 / 7)


def test_no_lines_and_only_restatements_have_no_precision() -> None:
    for lines in ([], [Document("x", "pemas is the mum of bolan.")]):
        summary = summarise(audit(TOLD, lines), knowledge_of(TOLD))
        assert summary["precision"] is None
        assert summary["coverage"] == 0


def test_about_documents_that_cannot_be_read_no_line_is_right_or_wrong() -> None:
    prose = [Document("d0", "It rained all day, and nobody went out.")]
    summary = summarise(audit(prose, [Document("x", "pemas is the mum of bolan.")]), knowledge_of(prose))
    parts = [summary[key] for key in ("seen", "reserved", "dropped", "written")]
    assert [part["precision"] for part in (summary, *parts) if isinstance(part, dict)] == [None] * 5


def test_where_too_much_follows_a_line_is_undecided_and_not_wrong() -> None:
    names = [f"q{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "klmnrst"]
    chain = [
        Document(f"d{n}", f"{one} is part of {other}.") for n, (one, other) in enumerate(pairwise(names))
    ]
    far = f"{names[0]} is part of {names[-1]}"
    lines = {
        f"{names[2]} is part of {names[4]}.": "one_step",
        f"{far}.": "undecided",
        f"{far}; so {names[1]} contains {names[0]}.": "undecided",
        f"{far}; so it is.": "unreadable",
    }
    knowledge = knowledge_of(chain)
    rows = audit(chain, [Document(text, text) for text in lines], knowledge=knowledge)
    assert {row.text: row.label for row in rows} == lines
    summary = summarise(rows, knowledge)
    assert (summary["undecided"], summary["false"], summary["precision"]) == (2, 0, 1 / 2)
    assert (summary["coverage"], summary["coverage_several_step"]) == (None, None)


def test_dropped_lines_are_counted_apart_and_cover_nothing() -> None:
    aunt = "kerit is the aunt or uncle of bolan."
    dropped = [
        Document("x", "talun is the child of kerit.", ("d2",), DROPPED),
        Document("y", "talun is the mother of kerit.", ("d2",), DROPPED),
    ]
    summary = summarise(
        audit(TOLD, [Document("a", aunt, ("d0", "d1"), "linked"), *dropped]), knowledge_of(TOLD)
    )
    assert (summary["lines"], summary["precision"], summary["coverage"]) == (1, 1.0, 1 / 8)
    kinds = {"restates": 0, "several_step": 0, "undecided": 0, "unreadable": 0}
    assert summary["dropped"] == {"lines": 2, "one_step": 1, "false": 1, "precision": 1 / 2} | kinds
    assert summary["written"] == {"lines": 3, "one_step": 2, "false": 1, "precision": 2 / 3} | kinds


def test_a_kept_wording_of_the_line_or_of_its_source_is_reserved() -> None:
    rows = audit(TOLD, LINES, kept=lambda text: "people say" in text)
    assert not any(row.reserved for row in rows)
    lines = [Document("x", LINES[0].text, ("d4",)), Document("y", "people say that bolan was born to pemas.")]
    assert all(row.reserved for row in audit(TOLD, lines, kept=lambda text: "people say" in text))


def test_what_was_written_about_a_reserved_fact_is_reserved_whatever_it_says() -> None:
    lines = [
        Document("x", "talun is married to pemas.", ("d3",)),
        Document("y", "talun is married to kerit.", ("d2",)),
    ]
    rows = audit(TOLD, lines, reserved=is_reserved)
    assert [(row.label, row.reserved) for row in rows] == [("false", True), ("false", False)]


# Leaks


def question(
    prompt: str, answer: str, *wrong: str, id: str = "q-1", accept: tuple[str, ...] = ()
) -> Question:
    return Question(id, prompt, answer, (answer, *wrong), "reversal", (), accept=accept)


CHILD = question("bolan is the child of", " pemas", " kerit", " talun")


@pytest.mark.parametrize(
    "text",
    [
        "bolan is the child of pemas.",
        "bolan is the child of kerit.",
        "kerit is a sibling of pemas; so bolan is the child of pemas.",
        "bolan is the child of",
        "bolan is the child of pemas.\nkerit is the father of talun.",
        "bolan was born to pemas or dovik.",
        "talun, kerit and pemas.",
    ],
)
def test_an_inference_in_any_words_is_no_leak(text: str) -> None:
    document = Document("x", text, ("d0",), "local")
    assert remove_leaks([CHILD], [document]) == ([document], 0)


@pytest.mark.parametrize(
    "text",
    [
        "bolan is the child of: pemas, kerit or talun?",
        "bolan is the child of\n(a) talun (b) pemas",
        "bolan is the child of\n- kerit\n- talun",
        "Bolan is the  child of kerit / pemas",
        "a. kerit b. pemas: bolan is the child of",
        "answer to q-1: pemas",
        "who bore Bolan?  pemas.",
    ],
)
def test_what_only_a_question_can_have_said_is_a_leak(text: str) -> None:
    asking = question("who bore bolan?", " pemas", id="q-2")
    clean = Document("clean", "bolan is the child of pemas.")
    leak = Document("x", text, ("d0",), "local")
    assert remove_leaks([CHILD, asking], [leak, clean]) == ([clean], 1)


def test_the_number_of_a_question_is_no_leak_and_no_part_of_a_longer_word_is() -> None:
    clean = [
        Document("a", "Version 12.10 follows, in section 2.1."),
        Document("b", "see reversals-reversal-31 or faq-1"),
    ]
    leak = Document("c", "(Reversals-reversal-3): pemas")
    asked = [question("bolan is", " pemas", id=id) for id in ("2.1", "q-1", "reversals-reversal-3")]
    assert remove_leaks(asked, [*clean, leak]) == (clean, 1)


def test_a_question_is_written_when_its_answer_is_stated_in_any_words() -> None:
    lines = [Document("x", "kerit is a sibling of pemas; so bolan was born to pemas.")]
    assert written([CHILD], lines) == {"q-1"}
    assert written([CHILD], [Document("x", "bolan was born to kerit.")]) == set()
    assert written([CHILD], [Document("x", "pemas is the parent of bolan.")]) == set()
    parent = question("pemas is the parent of", " bolan", " talun")
    assert written([parent], [Document("x", "pemas gave birth to bolan.")]) == {"q-1"}
    comparison = question("bolan are", " less careful than kerit", " more careful than kerit")
    assert written([comparison], [Document("x", "bolan seem less careful than kerit.")]) == {"q-1"}
    assert written([comparison], [Document("x", "bolan seem more careful than kerit.")]) == set()
    logic = question(
        "the relationships between bolan and kerit are:",
        " no bolan are kerit",
        accept=(" no kerit are bolan",),
    )
    line = Document("x", "the relationships between kerit and bolan are: no kerit are bolan.")
    assert written([logic], [line]) == {"q-1"}
    process = Question("q-1", "the op then sub of bolan kerit talun is", " talun talun bolan", (), "seen", ())
    assert written([process], [Document("x", process.prompt + process.answer + ".")]) == {"q-1"}
    own = Question("q-1", "The first chapter was printed in", " Antwerp", (), "own", ())
    assert written([own], [Document("x", "It says: the first chapter was printed in\nAntwerp.")]) == set()
    assert written([own], [Document("x", "It says: the first  chapter was printed in Antwerp.")]) == {"q-1"}
    ants = Question("q-1", own.prompt, " Ant", (), "own", ())
    assert written([ants], [Document("x", "The first chapter was printed in Antwerp.")]) == set()
    assert written([ants], [Document("x", "The first chapter was printed in Ant, then sold.")]) == {"q-1"}


# Withholding


def test_a_withheld_fact_takes_along_all_that_rests_on_it() -> None:
    fact = Statement("parent_of", "pemas", "bolan")
    left = {line.text for line in withhold(LINES, TOLD, {fact})}
    assert left == {"pemas is a sibling of kerit", "talun is the godchild of pemas."}
    # Of a false line its source decides.
    wrong = Document("x", "bolan is the mother of pemas.", ("d2",))
    assert withhold([wrong], TOLD, {fact}) == [wrong]
    assert withhold([wrong], TOLD, {Statement("parent_of", "kerit", "talun")}) == []


def test_the_share_is_of_facts_and_the_draw_is_the_same_for_a_seed() -> None:
    names = [f"{a}{b}" for a in ("bo", "ke", "ta", "do") for b in ("lan", "rit", "lun", "vik", "mas")]
    pairs = random.Random(0).sample([(a, b) for a in names for b in names if a < b], 50)
    documents = [
        Document(f"{i}{w}", f"{a} {w} {b}.")
        for i, (a, b) in enumerate(pairs)
        for w in ("is married to", "is wed to")
    ]
    facts = withheld_facts(documents, share=0.2, seed=1)
    assert len(facts) == 10
    assert facts == withheld_facts(documents[::-1], share=0.2, seed=1)
    assert facts != withheld_facts(documents, share=0.2, seed=2)
    assert withheld_facts(documents, share=0, seed=1) == frozenset()


def test_a_share_of_the_relations_takes_all_their_facts_from_whichever_end_they_are_stated() -> None:
    texts = ["ann is the mother of bob.", "cid is the child of dan.", "eve is married to fay.",
             "gus is the sibling of hal.", "ina is the godchild of jon."]  # fmt: skip
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    drawn = [
        {fact.relation for fact in withheld_facts(documents, share=0.5, by="relation", seed=seed)}
        for seed in range(20)
    ]
    assert {len(relations) for relations in drawn} == {2}  # of four: a mother is a parent
    assert len(set().union(*drawn)) == 4
    for seed, relations in enumerate(drawn):
        facts = withheld_facts(documents, share=0.5, by="relation", seed=seed)
        assert len(facts) == 2 + ("parent_of" in relations)


def test_where_no_spaces_stand_between_words_an_answer_is_found_all_the_same() -> None:
    asked = Question("frage-1", "法国的首都是", "巴黎", ("巴黎", "柏林"), "reversal", ())
    told = Document("m", "因此法国的首都是巴黎。", ("d",), "local")
    assert written([asked], [told]) == {"frage-1"}
    leaking = Document("n", "请看frage-1的答案", ("d",), "local")
    assert remove_leaks([asked], [told, leaking]) == ([told], 1)
