"""Syllogisms against every model, learned operators against every map, and mutations of both."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corollary_worlds.datasets.process import RULES, say
from corollary_worlds.reasoner import Knowledge, Statement, logic, process, read, strongest

FORMS = ("all", "some", "no", "some_not")
TERMS = "abcd"


def violations(statement: Statement, regions: int) -> tuple[int, bool]:
    """(mask of regions, whether one of them must be inhabited rather than none) that decides a statement."""
    one, other = TERMS.index(statement.first), TERMS.index(statement.last)
    mask = 0
    for region in range(1, regions):
        inside, beside = region >> one & 1, region >> other & 1
        if inside and (not beside if statement.relation in ("all", "some_not") else beside):
            mask |= 1 << region
    return mask, statement.relation.startswith("some")


def true_in_every_model(premises: Iterable[Statement], *, terms: str) -> set[Statement]:
    """By trying every choice of inhabited regions of the diagram of the terms."""
    regions = 1 << len(terms)

    def hold(statements: Iterable[Statement], among: np.ndarray) -> np.ndarray:
        for mask, some in (violations(s, regions) for s in statements):
            among = among[((among & mask) != 0) == some]
        return among

    left = hold(premises, np.arange(0, 1 << regions, 2))
    candidates = [Statement(form, *pair) for form in FORMS for pair in product(terms, repeat=2)]
    return {c for c in candidates if len(hold([c], left)) == len(left)}


def sets_of_premises(terms: str, most: int) -> st.SearchStrategy[list[Statement]]:
    pairs = st.tuples(st.sampled_from(terms), st.sampled_from(terms))
    one = st.builds(lambda form, pair: Statement(form, *pair), st.sampled_from(FORMS), pairs)
    return st.lists(one, max_size=most)


@given(sets_of_premises("abc", 5))
@settings(max_examples=200, deadline=None)
def test_what_follows_is_what_is_true_in_every_model(premises: list[Statement]) -> None:
    assert logic.follows(premises, terms="abc") == true_in_every_model(premises, terms="abc")


@given(sets_of_premises("abcd", 6))
@settings(max_examples=10, deadline=None)
def test_what_follows_about_four_terms(premises: list[Statement]) -> None:
    assert logic.follows(premises, terms="abcd") == true_in_every_model(premises, terms="abcd")


PREMISES = [
    (Statement(f, *one), Statement(g, *other))
    for f, g in product(FORMS, repeat=2)
    for one in (("a", "b"), ("b", "a"))
    for other in (("b", "c"), ("c", "b"))
]


@pytest.mark.parametrize("premises", PREMISES)
def test_of_two_premises_the_chains_of_the_knowledge_suffice(premises: tuple[Statement, Statement]) -> None:
    entailed = {s for s in true_in_every_model(premises, terms="abc") if {s.first, s.last} == {"a", "c"}}
    assert strongest(premises, "a", "c") == entailed
    knowledge = Knowledge(premises)
    assert {s for s in knowledge.closure() if {s.first, s.last} == {"a", "c"}} == entailed
    assert all(knowledge.judge(s) == "one_step" for s in entailed)
    for premise in premises:  # neither premise can be spared
        assert strongest([premise], "a", "c") == frozenset()


def test_there_are_fifteen_valid_forms_and_the_documentation_lists_them() -> None:
    listed = set()
    for line in (logic.__doc__ or "").splitlines():
        if "->" in line:
            one, other, so, _ = re.split(r", +| +-> +| {2,}", line.strip())
            readings = read(f"{one}. {other}. {so}.")
            assert all(isinstance(r, Statement) for r in readings)
            listed.add(readings)
    valid = set()
    for one, other in PREMISES:
        said = [
            Statement(s.relation, s.first.translate(NAMED), s.last.translate(NAMED)) for s in (one, other)
        ]
        found = [s for s in strongest(said, "x", "y") if (s.first, s.last) == ("x", "y")]
        valid |= {(*said, s) for s in found}
    assert len(valid) == 15
    assert listed == valid


NAMED = str.maketrans("abc", "xmy")


def test_a_changed_premise_is_noticed() -> None:
    """Of every valid pair, flipping "all" or putting "some" or "no" for it changes what follows."""
    for one, other in PREMISES:
        if one.relation == "all" and strongest((one, other), "a", "c"):
            flipped = Statement("all", one.last, one.first)
            assert strongest((flipped, other), "a", "c") != strongest((one, other), "a", "c")


# A process


def example(rules: Sequence[str], names: Sequence[str], words: Sequence[str]) -> Statement:
    # Numbers stand for the names, because a name may occur in several places with other rules.
    steps = [str(n) for n in range(len(names))]
    _, result = say(dict(zip(steps, rules, strict=True)), steps, words)
    (reading,) = read(f"the {' then '.join(names)} of {' '.join(words)} is{result}.")
    assert isinstance(reading, Statement)
    return reading


def by_trying_every_map(
    examples: Sequence[Statement], asked: Statement, operators: Sequence[str] = ("op", "sub")
) -> set[str]:
    """Results of every choice of maps of the operators under which all examples hold."""
    every = list(product(range(3), repeat=3))

    def result(maps: dict[str, tuple[int, ...]], statement: Statement) -> str:
        names, _, words = statement.first.partition(" of ")
        places = words.split()
        for name in names.split(" then "):
            places = [places[place] for place in maps[name]]
        return " ".join(places)

    choices = [dict(zip(operators, maps, strict=True)) for maps in product(every, repeat=len(operators))]
    right = [maps for maps in choices if all(result(maps, e) == e.last for e in examples)]
    return {result(maps, asked) for maps in right}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_an_answer_follows_when_every_choice_of_maps_agrees(data: st.DataObject) -> None:
    rules = data.draw(st.lists(st.sampled_from(sorted(RULES)), min_size=2, max_size=2))
    known = dict(zip(("op", "sub"), rules, strict=True))
    uses = st.lists(st.sampled_from(("op", "sub")), min_size=1, max_size=2)
    words = st.lists(st.sampled_from(("bolan", "kerit", "talun", "dovik")), min_size=3, max_size=3)
    made = st.builds(lambda use, given: example([known[u] for u in use], use, given), uses, words)
    examples, asked = data.draw(st.lists(made, max_size=4)), data.draw(made)
    found = by_trying_every_map(examples, asked)
    assert process.results(examples, asked) == found
    assert process.follows(examples, asked) == (found == {asked.last})
    premises = process.premises(examples, asked)
    assert (premises is not None) == (len(found) == 1)
    if premises is not None:
        assert process.follows(premises, asked)
        for spared in premises:
            assert not process.follows([p for p in premises if p != spared], asked)


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_an_operator_has_the_same_map_wherever_it_stands(data: st.DataObject) -> None:
    """Three operators, any of them in several places; two of them in an example of their own."""
    names = ("op", "sub", "tri")
    known = dict(zip(names, data.draw(st.permutations(sorted(RULES))), strict=False))
    uses = st.lists(st.sampled_from(names), min_size=2, max_size=4)
    words = st.lists(st.sampled_from(("bolan", "kerit", "talun")), min_size=3, max_size=3)
    made = st.builds(lambda use, given: example([known[u] for u in use], use, given), uses, words)
    examples, asked = data.draw(st.lists(made, min_size=2, max_size=4)), data.draw(made)
    examples += [example([known[name]], [name], ["bolan", "kerit", "talun"]) for name in names[1:]]
    assert process.results(examples, asked) == by_trying_every_map(examples, asked, names)


@pytest.mark.parametrize("times", [1, 2, 100])
def test_a_long_line_of_unknown_operators_is_judged_at_once(times: int) -> None:
    names = [f"{a}{b}n" for a in "bdfgk" for b in "aeiou"] * times
    told = [example(["reverse"] * len(names), names, ["bolan", "kerit", "talun"])]
    told += [example(["echo"] * 2, pair, ["bolan", "kerit", "talun"]) for pair in pairwise(names)]
    began = time.process_time()
    for known in ([], told):
        for words in (["dovik", "kerit", "talun"], ["dovik"] * 3):
            assert Knowledge(known).judge(example(["echo"] * len(names), names, words)) == "false"
    assert time.process_time() - began < 5


def test_what_takes_too_many_tries_does_not_follow() -> None:
    """Three equal words come out alike whatever operators do, but for three of them the tries run out."""
    names = ["op", "sub", "tri"]
    for count, judged in ((1, "one_step"), (2, "several_step"), (3, "false")):
        asked = example(["rotate"] * count, names[:count], ["bolan"] * 3)
        assert Knowledge([]).judge(asked) == judged
        assert process.results([], asked) == ({"bolan bolan bolan"} if count < 3 else set())
    told = [example(["rotate"] * 3, names, ["bolan", "kerit", "talun"])]
    asked = example(["rotate"], ["op"], ["bolan"] * 3)
    assert process.results(told, asked) == set()
    known = [example(["rotate"], [name], ["bolan", "kerit", "talun"]) for name in names[1:]]
    assert process.results([*told, *known], asked) == {"bolan bolan bolan"}


def test_a_process_and_its_mutations() -> None:
    rng = random.Random(0)
    words = ["bolan", "kerit", "talun", "dovik", "pemas"]
    rules = {"op": "reverse", "sub": "rotate", "tri": "echo"}
    told = [example([rules[n]], [n], rng.sample(words, 3)) for n in rules for _ in range(2)]
    told.append(example(["reverse", "rotate"], ["op", "sub"], rng.sample(words, 3)))
    knowledge = Knowledge(told)
    for names in permutations(rules, 2):
        given = rng.sample(words, 3)
        right = example([rules[n] for n in names], names, given)
        assert knowledge.judge(right) == ("restates" if right in told else "several_step")
        for result in permutations(words, 3):
            wrong = Statement("becomes", right.first, " ".join(result))
            assert (knowledge.judge(wrong) == "false") == (wrong != right)
        assert len(knowledge.premises(right) or ()) == 2
        # Without every example that speaks of one of the two operators it does not follow.
        rest = [s for s in told if names[0] not in process.operators_of(s)]
        assert not Knowledge(rest).entails(right)
    again = example(["reverse"], ["op"], ["pemas", "dovik", "kerit"])
    assert knowledge.judge(again) == ("restates" if again in told else "one_step")
    against = Statement("becomes", again.first, "pemas dovik kerit")
    assert Knowledge([*told, again, against]).judge(right_of(rules)) == "false"


def right_of(rules: dict[str, str]) -> Statement:
    return example([rules["op"], rules["tri"]], ["op", "tri"], ["kerit", "bolan", "dovik"])


def test_an_operator_that_was_never_shown_is_not_guessed() -> None:
    told = [
        example(["reverse"], ["op"], words) for words in combinations(["bolan", "kerit", "talun", "dovik"], 3)
    ]
    assert Knowledge(told).judge(example(["reverse"], ["new"], ["bolan", "kerit", "talun"])) == "false"
    # Three equal words come out alike whatever the operator does.
    assert Knowledge(told).judge(example(["echo"], ["new"], ["bolan"] * 3)) == "one_step"
