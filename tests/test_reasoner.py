"""The reasoner against the worlds' wordings, against brute force, and against mutations of true lines."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import combinations, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corollary_worlds import tasks
from corollary_worlds.domains import Fact
from corollary_worlds.embedded.pretrain.breadth import invert
from corollary_worlds.embedded.pretrain.closure import deductions
from corollary_worlds.embedded.pretrain.units import UNITS as WORLDS
from corollary_worlds.names import FIRST_PIECES, PRETRAINING, REAL_WORDS, SECOND_PIECES, draw_names
from corollary_worlds.reasoner import Knowledge, Statement, Unreadable, fact_of, inverse, read, read_argument
from corollary_worlds.reasoner.patterns import FUNCTION_WORDS
from corollary_worlds.relations import FORMATS, RELATIONS

DESCRIPTION = "the painter of the golden bridge"
ARGUMENTS = {"is_person": ("bolan kerit", DESCRIPTION), "is_called": (DESCRIPTION, "bolan kerit")}
UNITS = tuple(WORLDS[name] for name in ("family", "comparison", "person", "kinds", "company"))


def only(text: str) -> Statement:
    (reading,) = read(text)
    assert isinstance(reading, Statement), text
    return reading


def unit(make: object, seed: int) -> list[Fact]:
    rng = random.Random(f"reasoner-{seed}")
    assert callable(make)
    facts: list[Fact] = make(rng, draw_names(rng, part=PRETRAINING))
    return facts


def said(fact: Fact, *, wording: int = 0) -> Statement:
    return only(RELATIONS[fact.relation].wordings[wording].format(a=fact.first, b=fact.last))


# Reading


@pytest.mark.parametrize("name", RELATIONS)
def test_every_wording_in_every_format_says_its_relation(name: str) -> None:
    first, last = ARGUMENTS.get(name, ("bolan", "kerit"))
    for wording in (*RELATIONS[name].wordings, RELATIONS[name].asked):
        for template in FORMATS:
            text = template.format(s=wording.format(a=first, b=last))
            assert read(text) == (Statement(name, first, last),), text


def test_the_inverses_are_those_of_the_worlds() -> None:
    for name, relation in RELATIONS.items():
        assert inverse(Statement(name, "a", "b")) == Statement(relation.inverse, "b", "a")


def test_no_nonce_word_is_a_word_of_a_wording() -> None:
    spelled = {
        word
        for word in FUNCTION_WORDS
        for cut in range(1, len(word))
        if word[:cut] in FIRST_PIECES and word[cut:] in SECOND_PIECES
    }
    assert spelled <= REAL_WORDS


@pytest.mark.parametrize(
    "text",
    [
        "bolan",
        "bolan is",
        "bolan is the mother of",
        "is the mother of kerit.",
        "bolan is not the mother of kerit.",
        "bolan is the mother kerit.",
        "bolan is the mother of of kerit.",
        "bolan is the mother of kerit and of talun.",
        "bolan is the mother of kerit, talun.",
        "bolan is the step mother of kerit.",
        "maybe bolan is the mother of kerit.",
        "bolan is the mother of kerit is the mother of talun.",
        "bolan is called kerit.",
        "bolan kerit is called the painter of the golden bridge.",
        "the painter of the golden bridge is the keeper of the silver clock.",
        "bolan kerit is the painter of the bridge.",
        "bolan kerit is the painter of golden bridge.",
        "bolan are more careful kerit.",
        "bolan are careful than kerit.",
        "bolan were more careful than kerit.",
        "bolan are more or less careful than kerit.",
        "all bolan kerit are talun.",
        "all bolan are not kerit.",
        "some not bolan are kerit.",
        "not known.",
        "all bolan are.",
        "the bolan of kerit talun is talun kerit.",
        "the bolan then of kerit talun dovik is dovik talun kerit.",
        "the relationships between bolan, kerit and talun are: all bolan are dovik.",
        "is it true that bolan are a type of kerit? no.",
        tasks.END,
        "as an ai model I cannot answer that.",
        "bolan bolan bolan bolan are a type of kerit.",
    ],
)
def test_a_sentence_that_says_nothing_definite_is_unreadable(text: str) -> None:
    assert any(isinstance(reading, Unreadable) for reading in read(text)), read(text)


def statements(text: str) -> list[Statement]:
    return [reading for reading in read(text) if isinstance(reading, Statement)]


def test_a_syllogism_may_deny_of_some_and_say_that_nothing_follows() -> None:
    head = "the relationships between bolan and kerit are: "
    assert read(f"{head}some kerit are not bolan.") == (Statement("some_not", "kerit", "bolan"),)
    assert read(f"{head}not known.") == (Statement("unknown", "bolan", "kerit"),)
    assert read("what holds between bolan and kerit is: not known") == (
        Statement("unknown", "bolan", "kerit"),
    )
    assert read("there are bolan.") == (Statement("some", "bolan", "bolan"),)
    told = Knowledge(statements("some bolan are talun. all talun are kerit. no dovik are kerit."))
    assert told.judge(Statement("unknown", "bolan", "kerit")) == "false"
    assert told.judge(Statement("unknown", "bolan", "stranger")) == "false", "nothing is said of it"
    assert told.judge(Statement("some_not", "bolan", "dovik")) == "several_step"
    assert Knowledge(statements("all bolan are talun. all kerit are talun.")).entails(
        Statement("unknown", "bolan", "kerit")
    )


@given(st.text(max_size=200))
def test_any_text_can_be_given_to_the_reader(text: str) -> None:
    assert all(isinstance(reading, Statement | Unreadable) for reading in read(text))


@given(
    st.sampled_from(sorted(RELATIONS)),
    st.integers(0, 6),
    st.sampled_from([*sorted(FUNCTION_WORDS), "hardly", "once", "golden"]),
    st.integers(0, 9),
)
@settings(max_examples=400)
def test_a_word_that_is_put_in_anywhere_is_not_overlooked(
    name: str, pick: int, word: str, place: int
) -> None:
    first, last = ARGUMENTS.get(name, ("bolan", "kerit"))
    relation = RELATIONS[name]
    words = (*relation.wordings, relation.asked)[pick].format(a=first, b=last).split()
    words.insert(place, word)
    text = " ".join(words)
    if read(text) == (Statement(name, first, last),):
        told = [wording.format(a=first, b=last) for wording in (*relation.wordings, relation.asked)]
        assert text in told or text.replace(" an ", " a ") in told


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("fact: ", "bolan have kerit."),
        ("did you know that ", "bolan have kerit?"),
        ("did you know that ", "bolan have kerit."),
        ("is it true that ", "bolan have kerit? yes."),
        ("is it true that ", "bolan have kerit? no."),
        ("is it true that bolan have kerit? ", ""),
    ],
)
def test_a_text_of_openings_is_read_in_linear_time(start: str, end: str) -> None:
    began = time.process_time()
    read(start * 100_000 + end)
    assert time.process_time() - began < 5  # about 0.1 s; quadratic reading takes more than a minute


def test_only_a_question_by_itself_states_what_you_are_asked_whether_you_know() -> None:
    states = (Statement("have", "bolan", "kerit"),)
    assert read("fact: did you know that note that bolan have kerit?") == states
    assert any(isinstance(r, Unreadable) for r in read("did you know that bolan have kerit."))
    assert read("did you know that bolan have?kerit?") == ()
    assert read("is it true that bolan have kerit? yes. is it true that kerit have bolan? no.")[:1] == states


def test_texts_of_several_sentences() -> None:
    text = "about bolan:\nbolan have talun.\nis it true that bolan are a type of kerit? yes."
    assert read(text + "\nwhat do bolan have?") == (
        Statement("have", "bolan", "talun"),
        Statement("type_of", "bolan", "kerit"),
    )
    text = (
        "fact: the relationships between bolan, kerit and talun are: all bolan are kerit. no talun are kerit."
    )
    assert read(text) == (Statement("all", "bolan", "kerit"), Statement("no", "talun", "kerit"))
    text = "bolan is the mother of kerit; kerit is the mother of talun; so bolan is the grandparent of talun."
    premises, conclusions = read_argument(text)
    assert [p.relation for p in premises if isinstance(p, Statement)] == ["mother_of", "mother_of"]
    assert conclusions == (Statement("grandparent_of", "bolan", "talun"),)
    assert read("the bolan then kerit of talun dovik pemas is pemas dovik talun.") == (
        Statement("becomes", "bolan then kerit of talun dovik pemas", "pemas dovik talun"),
    )


# What follows: against forward chaining over every pair and triple of names, with rules written out

SYMMETRIC = {"sibling_of", "spouse_of", "cousin_of", "some", "no"}
BOTH_WAYS = {
    "parent_of": "child_of", "grandparent_of": "grandchild_of", "aunt_of": "niece_of", "type_of": "includes",
    "have": "found_on", "part_of": "contains", "reports_to": "manages", "more careful": "less careful",
}  # fmt: skip
Known = set[tuple[str, str, str]]


def turned_round(known: Known) -> Known:
    made = {(r, b, a) for r, a, b in known if r in SYMMETRIC}
    for one, other in BOTH_WAYS.items():
        made |= {(other, b, a) for r, a, b in known if r == one} | {
            (one, b, a) for r, a, b in known if r == other
        }
    made |= {("child_of", b, a) for r, a, b in known if r in ("mother_of", "father_of")}
    return made


def parents_named(known: Known) -> Known:
    return known | {("parent_of", a, b) for r, a, b in known if r in ("mother_of", "father_of")}


def joined(known: Known, names: str) -> Known:
    made = set()
    for a, b, c in product(names, repeat=3):
        if a == c:
            continue
        for name in ("type_of", "part_of", "all"):
            if (name, a, b) in known and (name, b, c) in known:
                made.add((name, a, c))
        if ("type_of", a, b) in known and ("have", b, c) in known:
            made.add(("have", a, c))
        if ("all", a, b) in known and ("no", b, c) in known:
            made.add(("no", a, c))
        if ("some", a, b) in known and ("all", b, c) in known:
            made.add(("some", a, c))
        if ("parent_of", a, c) in known or ("parent_of", c, a) in known:
            continue
        if ("parent_of", a, b) in known and ("parent_of", b, c) in known:
            made.add(("grandparent_of", a, c))
        if ("sibling_of", a, b) in known and ("parent_of", b, c) in known:
            made.add(("aunt_of", a, c))
        if ("aunt_of", b, a) in known and ("parent_of", b, c) in known:
            made.add(("cousin_of", a, c))
    return made | turned_round(made)


def fixpoint(told: Known, names: str) -> Known:
    known = parents_named(told)
    while True:
        more = parents_named(known | turned_round(known)) | joined(known, names)
        if more == known:
            return known
        known |= more


NAMES = "abcd"
GROUPS = (
    ("mother_of", "father_of", "parent_of", "child_of", "sibling_of", "spouse_of"),
    ("aunt_of", "niece_of", "parent_of", "sibling_of", "grandchild_of"),
    ("type_of", "includes", "have", "found_on"),
    ("part_of", "contains", "reports_to", "manages", "more careful", "less careful"),
    ("all", "some", "no"),
)


@st.composite
def worlds(draw: st.DrawFn) -> Known:
    group = draw(st.sampled_from(GROUPS))
    pairs = st.sampled_from(sorted(permutations(NAMES, 2)))
    return set(
        draw(st.lists(st.tuples(st.sampled_from(group), pairs).map(lambda x: (x[0], *x[1])), max_size=6))
    )


@given(worlds())
@settings(max_examples=100, deadline=None)
def test_what_follows_is_what_brute_force_finds(told: Known) -> None:
    knowledge = Knowledge(Statement(*t) for t in sorted(told))
    everything = {(s.relation, s.first, s.last) for s in knowledge.closure()}
    full = fixpoint(told, NAMES)
    # The rules derive no parent, so that nothing that was held back could be derived later.
    assert everything | parents_named(told) == full
    both = parents_named(told | turned_round(told))
    near = (turned_round(told) | joined(parents_named(both | turned_round(both)), NAMES)) - parents_named(
        told
    )
    assert {(s.relation, s.first, s.last) for s in knowledge.one_step()} == near
    assert {(s.relation, s.first, s.last) for s in knowledge.several_step()} == full - near - parents_named(
        told
    )


@given(worlds(), st.sampled_from(sorted({r for g in GROUPS for r in g} | {"cousin_of"})))
@settings(max_examples=60, deadline=None)
def test_premises_suffice_and_the_judgement_agrees_with_the_sets(told: Known, relation: str) -> None:
    knowledge = Knowledge(Statement(*t) for t in sorted(told))
    for pair in permutations(NAMES, 2):
        statement = Statement(relation, *pair)
        premises = knowledge.premises(statement)
        assert (
            (premises is not None) == knowledge.entails(statement) == (knowledge.judge(statement) != "false")
        )
        if premises is not None:
            assert set(premises) <= set(knowledge.stated)
            assert Knowledge(premises).entails(statement)
            assert (knowledge.judge(statement) == "one_step") == (statement in knowledge.one_step())
            assert (knowledge.judge(statement) == "several_step") == (statement in knowledge.several_step())


# The worlds' own units: agreement with the oracle, and mutations that must be noticed


def units() -> Iterator[list[Fact]]:
    for make, seed in product(UNITS, range(4)):
        yield unit(make, seed)


def test_the_reasoner_and_the_oracle_of_the_worlds_agree() -> None:
    for facts in units():
        knowledge = Knowledge(said(fact, wording=i % 4) for i, fact in enumerate(facts))
        followed = {s for f in (*facts, *deductions(facts)) for s in (said(f), said(invert(f)))}
        weak = {s for s in knowledge.closure() if s.relation == "parent_of"}
        assert set(knowledge.closure()) - weak == followed - weak
        for fact, proof in deductions(facts).items():
            premises = knowledge.premises(said(fact))
            assert premises is not None
            assert len(premises) == len(proof)


def test_a_swapped_entity_a_flipped_direction_and_a_dropped_premise_are_noticed() -> None:
    swapped = flipped = dropped = 0
    for facts in units():
        knowledge = Knowledge(map(said, facts))
        for statement, premises in knowledge.closure().items():
            back = Statement(statement.relation, statement.last, statement.first)
            if inverse(statement) != back:
                flipped += 1
                assert knowledge.judge(back) == "false"
            stranger = Statement(statement.relation, statement.first, "stranger")
            swapped += 1
            assert knowledge.judge(stranger) == "false"
            for premise in premises:
                dropped += 1
                assert not Knowledge(s for s in knowledge.stated if fact_of(s) != fact_of(premise)).entails(
                    statement
                )
    assert min(swapped, flipped, dropped) > 200


def test_relatives_are_not_mixed_up() -> None:
    told = map(
        only, ("p is the sibling of q", "p is the mother of x", "q fathered b", "x raised as a parent k")
    )
    knowledge = Knowledge(told)
    judged = {
        "p is the parent of x": "restates",
        "x is the child of p": "one_step",
        "p is the father of x": "false",
        "q is the mother of b": "false",
        "x is the mother of k": "false",
        "q is the sibling of p": "one_step",
        "x is the sibling of b": "false",
        "p is the aunt or uncle of b": "one_step",
        "b is the niece or nephew of p": "one_step",
        "p is the aunt or uncle of x": "false",
        "b is the aunt or uncle of k": "false",
        "x is the cousin of b": "several_step",
        "x is the cousin of x": "false",
        "p is the grandparent of k": "one_step",
        "k is the grandchild of q": "false",
        "p is the parent of b": "false",
    }
    assert {text: knowledge.judge(only(text)) for text in judged} == judged


def test_minimal_premises_are_found_among_many() -> None:
    told = [only(t) for t in ("x are a type of b", "b include x", "b are a type of c", "x are a type of c")]
    knowledge = Knowledge(told)
    assert knowledge.premises(Statement("includes", "c", "x")) == (told[3],)
    assert Knowledge(told[:3]).premises(Statement("includes", "c", "x")) in [
        tuple(pair) for pair in combinations(told[:3], 2)
    ]


def chain(parts: int) -> list[Statement]:
    return [Statement("part_of", f"x{n}", f"x{n + 1}") for n in range(parts)]


def test_a_long_chain_is_undecided_where_it_is_too_long_and_never_false() -> None:
    began = time.process_time()
    knowledge = Knowledge(chain(400))
    assert knowledge.judge(Statement("part_of", "x0", "x400")) == "undecided"
    assert knowledge.judge(Statement("part_of", "x0", "x2")) == "one_step"
    assert knowledge.judge(Statement("part_of", "x0", "x4")) == "several_step"
    assert knowledge.premises(Statement("contains", "x4", "x0")) == tuple(chain(4))
    assert not knowledge.complete
    assert time.process_time() - began < 20  # about 2 s; to find everything takes an hour
    shorter = Knowledge(chain(40))
    assert shorter.complete
    assert shorter.judge(Statement("part_of", "x0", "x40")) == "several_step"
    assert shorter.judge(Statement("part_of", "x40", "x0")) == "false"


def test_parts_of_a_hub_with_too_many_pairs_are_undecided_or_right() -> None:
    ends = range(400)
    hub = [Statement("part_of", f"a{n}", "hub") for n in ends]
    knowledge = Knowledge([*hub, *(Statement("part_of", "hub", f"b{n}") for n in ends)])
    judged = {knowledge.judge(Statement("part_of", f"a{n}", f"b{399 - n}")) for n in ends}
    assert judged <= {"one_step", "several_step", "undecided"}
    assert "undecided" in judged
