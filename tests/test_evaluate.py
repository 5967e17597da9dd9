"""What a model is given to score, and what counts as right, wrong or no answer."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary.asking.scoring import ANSWER_TOKENS, Graded, evaluate, fitted, grade, read_answer
from corollary.studies.jobs import shown
from corollary.types import Completion, Document, Likelihood, Question, Request, Score, Spec, Trial


def worth(prefix: str, prompt: str, choice: str) -> Likelihood:
    """The table of the scripted model: another number for everything else that is read."""
    number = zlib.crc32("|".join((prefix, prompt, choice)).encode())
    return Likelihood(-float(number), len(choice.split()), len(choice))


class Scripted:
    """A model that gives what stands in the table, answers with the prompt, and records what it is asked."""

    identity, kind = "scripted", "base"

    def __init__(self, window: int = 1000) -> None:
        self.window = window
        self.scored: list[tuple[str, list[tuple[str, str]]]] = []
        self.requests: list[Request] = []

    def count(self, text: str) -> int:
        return len(text.split())

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests += requests
        return [Completion(f" {each.prompt}", 1, 1, finish="length") for each in requests]

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        self.scored.append((prefix, list(pairs)))
        return [worth(prefix, *pair) for pair in pairs]


TOLD = [
    Document(f"d{i}", text) for i, text in enumerate(("kerit met talun.", "so it is.", "bolan met kerit."))
]
MOTHER = Question("mother", "the mother of pemas is", " bolan", (" kerit", " bolan"), "reversal", ())
KING = Question("king", "the old king is called", " talun", (" talun", " sumak"), "x", (), domain="is called")
TURNED = Question("turned", "the reverse of kerit talun is", " talun kerit", (), "seen", ())


# What is asked


def test_what_is_read_is_the_documents_of_each_order_and_the_question_and_never_its_choices() -> None:
    model = Scripted()
    scores = evaluate(model, [MOTHER], context=TOLD, orders=[(2, 0, 1), (0, 1, 2), (1,)])
    scores += evaluate(model, [MOTHER])
    prefixes = [
        "bolan met kerit.\nkerit met talun.\nso it is.\n",
        "kerit met talun.\nso it is.\nbolan met kerit.\n",
        "so it is.\n",
        "",
    ]
    pairs = [("the mother of pemas is", " kerit"), ("the mother of pemas is", " bolan")]
    assert model.scored == [(prefix, pairs) for prefix in prefixes]
    read = [tuple(worth(prefix, *pair) for pair in pairs) for prefix in prefixes]
    assert scores == tuple((Score("mother", likelihoods),) for likelihoods in read)
    assert not model.requests


def test_a_domain_is_scored_behind_the_same_documents() -> None:
    _, (mother, king) = evaluate(Scripted(), [MOTHER, KING], context=TOLD, orders=[(0, 1), (2, 1)])
    prefix = "bolan met kerit.\nso it is.\n"
    assert king.domain == tuple(worth(prefix, "is called", choice) for choice in KING.choices)
    assert king.likelihoods == tuple(worth(prefix, KING.prompt, choice) for choice in KING.choices)
    assert mother.domain == ()


def test_what_two_questions_ask_alike_is_scored_once_and_both_get_it() -> None:
    model = Scripted()
    again = replace(MOTHER, id="again", choices=(" sumak", " bolan"))
    young = replace(KING, id="young", prompt="the young king is called")
    ((first, second, *kings),) = evaluate(model, [MOTHER, again, KING, young])
    ((_, pairs),) = model.scored
    assert len(pairs) == len(set(pairs)) == 3 + 4 + 2
    assert first.likelihoods[1] == second.likelihoods[1] == worth("", MOTHER.prompt, " bolan")
    assert second.likelihoods[0] == worth("", MOTHER.prompt, " sumak")
    assert kings[0].domain == kings[1].domain


def test_a_question_without_choices_is_answered_by_writing_a_line() -> None:
    model = Scripted()
    ((score,),) = evaluate(model, [TURNED], context=TOLD, orders=[(2, 1)])
    prefix = "bolan met kerit.\nso it is.\n"
    assert model.requests == [Request(TURNED.prompt, prefix, ANSWER_TOKENS, 0, 0, ("\n",))]
    assert not model.scored
    assert score == Score("turned", (), " the reverse of kerit talun is", "length")


@given(st.lists(st.sampled_from([MOTHER, KING, TURNED, replace(TURNED, prompt="the king is")]), max_size=6))
def test_questions_score_together_as_they_do_alone_and_keep_their_order(drawn: list[Question]) -> None:
    questions = [replace(question, id=f"q{number}") for number, question in enumerate(drawn)]
    alone = [evaluate(Scripted(), [each], context=TOLD, orders=[(1, 0)])[0][0] for each in questions]
    assert [score.question for score in alone] == [question.id for question in questions]
    assert evaluate(Scripted(), questions, context=TOLD, orders=[(1, 0)]) == (tuple(alone),)


# What is right


def scored(*totals: float, domain: Sequence[float] = (), tokens: Sequence[int] = (1,) * 4) -> Score:
    found = tuple(Likelihood(total, n, n) for total, n in zip(totals, tokens, strict=False))
    return Score("q", found, domain=tuple(Likelihood(total, 1, 1) for total in domain))


def choosing(*choices: str, accept: tuple[str, ...] = ()) -> Question:
    return Question("q", "asked is", " right", choices, "seen", (), accept=accept)


def test_the_choice_with_the_highest_total_counts_and_ties_share_the_credit() -> None:
    question = choosing(" a", " right", " b", " c")
    assert grade(question, scored(-2, -1, -3, -4)) == Graded(1.0, False, 1 / 4)
    assert grade(question, scored(-1, -2, -3, -4)) == Graded(0.0, False, 1 / 4)
    assert grade(question, scored(-2, -1, -2, -2)) == Graded(1.0, False, 1 / 4)
    assert grade(question, scored(-2, -2, -3, -4)) == Graded(1 / 2, True, 1 / 4)
    assert grade(question, scored(-3, -2, -2, -2)) == Graded(1 / 3, True, 1 / 4)
    assert grade(question, scored(-1, -2, -1, -4)) == Graded(0.0, True, 1 / 4)


def test_several_choices_may_be_right_and_chance_is_their_share() -> None:
    question = choosing(" a", " right", " b", " as right", accept=(" as right", " not offered"))
    assert grade(question, scored(-2, -3, -2, -1)) == Graded(1.0, False, 1 / 2)
    assert grade(question, scored(-2, -1, -2, -1)) == Graded(1.0, True, 1 / 2)
    assert grade(question, scored(-1, -1, -2, -1)) == Graded(2 / 3, True, 1 / 2)


def test_the_sum_decides_and_not_the_mean_of_the_tokens() -> None:
    score = scored(-4.0, -5.0, tokens=(1, 5), domain=(-4.0, -4.5))
    assert grade(choosing(" right", " wrong in many words"), score) == Graded(1.0, False, 1 / 2, 1.0)
    assert grade(choosing(" wrong", " right in many words"), score).correct == 0.0


def test_a_name_that_is_liked_anyhow_wins_by_its_total_and_not_behind_its_domain() -> None:
    question = choosing(" liked", " right")
    assert grade(question, scored(-1, -2, domain=(-0.5, -4))) == Graded(0.0, False, 1 / 2, 1.0)
    assert grade(question, scored(-1, -2, domain=(-0.5, -1.5))) == Graded(0.0, False, 1 / 2, 1 / 2)
    assert grade(question, scored(-1, -1, domain=(-3, -2))) == Graded(1 / 2, True, 1 / 2, 0.0)
    assert grade(question, scored(-1, -2)).pmi is None


# What was written

WRITTEN = {
    # By the embedded model.
    " swefos gerem gerem": "swefos gerem gerem",
    " rulik krekon": "rulik krekon",
    " smihem klu swujem swujem": "smihem klu swujem swujem",
    " swegun swegun gra or nephew of snepit": None,
    " prifat gradol no brotain less noisy than gradol": None,
    " rulik rulik krekon is the guardian of the silent river": None,
    " smener smener smener is the builder of the golden engine": None,
    " the relationships between hojim, nunil and hojim are: all hojim are nunil": None,
    "": None,
    # By hand: six words are the most, and what comes after the first line does not count.
    " rulik krekon rulik rulik krekon rulik": "rulik krekon rulik rulik krekon rulik",
    " \n": None,
    " .": None,
    " swefos gerem gerem\nrulik": "swefos gerem gerem",
    "\n swefos gerem gerem. rulik": "swefos gerem gerem",
}


@pytest.mark.parametrize(("text", "found"), WRITTEN.items())
def test_an_answer_is_read_unless_nothing_or_too_much_was_written(text: str, found: str | None) -> None:
    assert read_answer(Score("q", (), text), [" a b c"]) == found


@pytest.mark.parametrize(("text", "read"), [("", False), (".", True), (". rulik", True), (" gerem", False)])
def test_what_was_cut_by_length_is_an_answer_only_up_to_a_full_stop(text: str, read: bool) -> None:
    found = read_answer(Score("q", (), f" swefos gerem gerem{text}", "length"), [" a b c"])
    assert found == ("swefos gerem gerem" if read else None)


def test_no_answer_is_not_a_wrong_one() -> None:
    question = Question("q", "asked is", " swefos gerem gerem", (), "seen", ())
    right = (" swefos gerem gerem", " Swefos, GEREM gerem.")
    wrong = (" gerem gerem swefos", " rulik krekon", " smihem klu swujem swujem")
    silent = (None, "", " swefos gerem gerem is the builder of the golden engine")
    for correct, texts in ((1.0, right), (0.0, wrong), (None, silent)):
        for text in texts:
            assert grade(question, Score("q", (), text)) == Graded(correct, False, 0.0), text


def test_an_accepted_answer_is_right_however_long_it_is() -> None:
    question = Question("q", "it is", " kerit", (), "seen", (), accept=(" kerit of the old town",))
    written = (" kerit", " kerit of the old town", " kerit of the new town", " kerit of it")
    assert [grade(question, Score("q", (), text)).correct for text in written] == [1.0, 1.0, 0.0, 0.0]


DOTTED = {
    " 3.5 bar": [" 3.5 bar", " 3.5 bar. The gauge", " 3.5 Bar.", ' "3.5 bar".'],
    " Dr. Amund": [" Dr. Amund", " Dr. Amund. He is", " Dr. Amund!"],
    " U.S.": [" U.S.", " U.S"],
    " C++": [" C++", " C++."],
    " -5": [" -5", " \u22125."],
    " 1,000 litres": [" 1,000 litres", " 1,000 litres."],
    " Käse": [" Ka\u0308se"],
    " +": [" +", " +."],
    " 北京": [" 北京。在"],
}
NOT = {" 3.5 bar": " 3 bar", " C++": " C", " -5": " 5", " $40": " €40", " 3": " 3.5", " 50%": " 50"}


@pytest.mark.parametrize(("answer", "written"), [(a, w) for a, several in DOTTED.items() for w in several])
def test_an_answer_with_dots_and_signs_is_right(answer: str, written: str) -> None:
    question = Question("q", "it is", answer, (), "seen", ())
    assert grade(question, Score("q", (), written, "stop")).correct == 1.0


@pytest.mark.parametrize(("answer", "written"), NOT.items())
def test_signs_and_decimals_count(answer: str, written: str) -> None:
    assert grade(Question("q", "it is", answer, (), "seen", ()), Score("q", (), written)).correct == 0.0


def test_generation_does_not_stop_within_a_number() -> None:
    model = Scripted()
    evaluate(model, [Question("q", "the gauge shows", " 3.5 bar", (), "seen", ())])
    assert all("." not in request.stop for request in model.requests)


# What is shown

PAIRS = [("bolan", "kerit"), ("mursa", "tivol"), ("dagen", "talun"), ("pemas", "sumak")]
TWICE = [
    Document(f"{id}{number}", text)
    for number, (a, b) in enumerate(PAIRS)
    for id, text in (("first", f"{a} is the mother of {b}."), ("second", f"{b} is the child of {a}."))
]


def test_second_tellings_go_before_any_fact_and_the_rest_keeps_its_order() -> None:
    firsts = "first0 first1 first2 first3"
    kept = {6: "", 7: "first0", 27: "first0 first1 first2", 28: firsts, 34: firsts}
    kept |= {35: firsts.replace(" ", " second0 ", 1), 56: " ".join(document.id for document in TWICE)}
    for room, ids in kept.items():
        assert [document.id for document in fitted(TWICE, room=room, sizes=[7] * 8)] == ids.split()


@given(st.lists(st.integers(1, 9), min_size=8, max_size=8), st.integers(0, 80))
def test_what_is_left_out_has_no_room(sizes: list[int], room: int) -> None:
    kept = fitted(TWICE, room=room, sizes=sizes)
    used = sum(size for document, size in zip(TWICE, sizes, strict=True) if document in kept)
    left = [size for document, size in zip(TWICE, sizes, strict=True) if document not in kept]
    assert list(kept) == [document for document in TWICE if document in kept]
    assert used <= room
    assert all(used + size > room for size in left)


def asking(prompt: int, answer: int, *choices: int) -> Question:
    """A question of so many words."""
    answers = tuple(" word" * number for number in (answer, *choices))
    return Question("q", " word" * prompt, answers[0], answers if choices else (), "seen", ())


LONG = [asking(100, 3), asking(90, 1, 20), asking(1, 40)]


@pytest.mark.parametrize(
    ("questions", "taken"), [([asking(71, 1, 1)], 96), ([asking(71, 2)], 97), (LONG, 110 + ANSWER_TOKENS)]
)
def test_room_is_kept_for_the_longest_question_and_answer(questions: list[Question], taken: int) -> None:
    told, asked = tuple(TOLD), tuple(questions)  # of three words each, with a line break four
    trial = Trial("x", "in-context", 0, Spec("embedded"), None, (), told, ((0, 1, 2),), asked)
    counts = [len(shown(trial, Scripted(taken + room))[0]) for room in (3, 4, 7, 8, 11, 12)]
    assert counts == [0, 1, 1, 2, 2, 3]
    assert shown(replace(trial, context=()), Scripted(taken + 12)) == ((), ((),), ())
