"""Strategies without a model: what they ask, what they make of answers, and what they leave out."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from corollary.documents.names import rare_words, words
from corollary.errors import UserError
from corollary.types import DROPPED, Completion, Dataset, Document, Flow, Request
from corollary.writing.prompts import find
from corollary.writing.strategies import linked as linked_strategy
from corollary.writing.strategies.linked import write as write_linked
from corollary.writing.strategies.local import write as write_local
from corollary.writing.strategies.paraphrase import write as write_paraphrase
from corollary_worlds import tasks
from corollary_worlds.strategies.foreign import write as write_foreign
from corollary_worlds.strategies.oracle import write as oracle

LOCAL, LINKED = find("local", "worlds"), find("linked", "worlds")
local = functools.partial(write_local, prompt=LOCAL)
linked = functools.partial(write_linked, prompt=LINKED)
paraphrase = functools.partial(write_paraphrase, prompt=find("paraphrase", "worlds"))
foreign = functools.partial(write_foreign, local_prompt=LOCAL, linked_prompt=LINKED)

# Enough sentences about others that only names are rare words.
OTHERS = [
    f"bor{chr(97 + number)}n {middle} lam{chr(97 + number)}k."
    for number, middle in enumerate(
        ["is the mother of", "is the father of", "is the sibling of", "is the child of", "is married to"] * 5
    )
]
TREE = Dataset(
    "tree",
    tuple(
        Document(f"d{number}", text)
        for number, text in enumerate(
            (
                "bolan is the mother of kerit.",
                "kerit is the father of tivol.",
                "sumak is the sibling of bolan.",
                "dorel is married to pinat.",
                *OTHERS,
            )
        )
    ),
    (),
)


def answered(flow: Flow, answer: Callable[[Request], str]) -> list[Document]:
    """What a strategy returns when every request of it is answered so."""
    requests = next(flow)
    while True:
        try:
            requests = flow.send([Completion(answer(request), 1, 1) for request in requests])
        except StopIteration as end:
            return list(end.value)


def asked(flow: Flow) -> list[Request]:
    return next(flow)


def texts(rows: Sequence[Document], strategy: str) -> list[str]:
    return [row.text for row in rows if row.strategy == strategy]


def link(dataset: Dataset = TREE, **options: object) -> Flow:
    return linked(dataset, seed=0, window=4096, count=len, **options)  # type: ignore[arg-type]


def test_local_asks_about_each_sentence_alone_and_drops_lines_about_others() -> None:
    requests = asked(local(TREE, seed=0))
    assert len(requests) == len(TREE.documents)
    for request, document in zip(requests, TREE.documents, strict=True):
        assert (request.prefix, request.prompt) == ("", tasks.LOCAL.format(text=document.text))
    rows = answered(
        local(TREE, seed=0), lambda request: "kerit is the child of bolan.\ndorel is the child of bolan.\n"
    )
    assert [(row.text, row.source) for row in rows if row.strategy == "local"] == [
        ("kerit is the child of bolan.", ("d0",))
    ]
    assert len(texts(rows, DROPPED)) == 2 * len(TREE.documents) - 1, "what was dropped is audited too"
    every = answered(local(TREE, seed=0, grounded=False), lambda request: "dorel is the child of bolan.\n")
    assert texts(every, "local") == ["dorel is the child of bolan."] * len(TREE.documents)


def test_linked_shows_the_nearest_sentences_and_the_paper_s_form_all() -> None:
    first = asked(link(nearest=3))[0]
    shown = first.prefix.splitlines()
    assert shown == [document.text for document in TREE.documents[:3]], "whom no name links stays out"
    assert all(request.prefix.count("\n") == len(TREE.documents) for request in asked(link(nearest=0)))


@pytest.mark.parametrize("nearest", [0, 12])
def test_linked_leaves_out_the_farthest_of_what_does_not_fit(nearest: int) -> None:
    def count(text: str) -> int:
        return len(text.split())

    def prompts(window: int) -> list[Request]:
        return asked(linked(told, seed=0, window=window, count=count, max_tokens=200, nearest=nearest))

    filler = " ".join(f"x{number}" for number in range(150))
    told = Dataset(
        "long", tuple(Document(f"d{i}", f"bolan{i} leads bolan{i + 1}: {filler}.") for i in range(12)), ()
    )
    whole = prompts(4096)
    assert prompts(3000) == whole
    cut = prompts(1000)
    for request, full, document in zip(cut, whole, told.documents, strict=True):
        assert count(request.prefix + request.prompt) + request.max_tokens <= 1000
        assert document.text in request.prefix
        assert set(request.prefix.splitlines()) <= set(full.prefix.splitlines())
    near = {document.text for document in told.documents[4:7]}
    assert near < set(cut[5].prefix.splitlines()) < set(whole[5].prefix.splitlines()), "the nearest stay"
    assert all(request.prefix == "" for request in prompts(400)), "and nothing where there is no room at all"


def test_what_is_not_drawn_is_asked_once_for_all_seeds() -> None:
    linking = functools.partial(linked, window=4096, count=len)
    for strategy in (local, paraphrase, linking):
        sure, drawn = (
            [asked(strategy(TREE, seed=seed, temperature=heat)) for seed in (0, 3)] for heat in (0.0, 0.5)
        )
        assert sure[0] == sure[1]
        assert drawn[0] != drawn[1]


def test_each_sentence_is_cut_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[str] = []

    def counted(text: str) -> list[str]:
        cut.append(text)
        return words(text)

    monkeypatch.setattr(linked_strategy, "words", counted)
    line = "kerit is the father of tivol; so bolan is the grandparent of tivol."
    answered(link(), lambda request: f"{line}\n" * 5)
    assert all(cut.count(document.text) == 1 for document in TREE.documents)


def test_linked_keeps_the_conclusion_and_drops_what_no_document_tells() -> None:
    lines = (
        "kerit is the father of tivol; so bolan is the grandparent of tivol.",
        "pinat is the mother of bolan; so pinat is the grandparent of kerit.",
        "dorel is married to pinat; so dorel is the aunt or uncle of pinat.",
    )
    rows = answered(
        link(), lambda request: "\n".join(lines) if "bolan is the mother" in request.prompt else ""
    )
    assert [(row.text, row.source) for row in rows if row.strategy == "linked"] == [
        ("bolan is the grandparent of tivol.", ("d0", "d1"))
    ], "the premises are named as sources, and only the conclusion is trained on"
    assert texts(rows, DROPPED) == [line.split(tasks.SO)[1] for line in lines[1:]]


def test_foreign_lines_are_about_the_other_documents_and_none_was_dropped() -> None:
    other = Dataset("other", (Document("o0", "rasel is the mother of munik."),), ())
    flow = foreign(TREE, seed=0, other=other, window=4096, count=len)
    rows = answered(flow, lambda request: "munik is the child of rasel.\nbolan sleeps.\n")
    assert {row.text for row in rows} == {"munik is the child of rasel."}
    assert all(row.strategy == "foreign" and row.source == () for row in rows)


def test_the_control_turns_nothing_round() -> None:
    answer = "bolan gave birth to kerit.\nkerit is the child of bolan.\n"
    rows = answered(paraphrase(TREE, seed=0, rows=1), lambda request: answer)
    assert [row.text for row in rows] == ["bolan gave birth to kerit."]


@pytest.mark.parametrize(("rows", "spread"), [(3, [0, 9, 19]), (29, range(29)), (0, range(29))])
def test_few_rows_of_the_control_are_about_documents_from_first_to_last(
    rows: int, spread: Sequence[int]
) -> None:
    def other_words(request: Request) -> str:
        return request.prompt.split("\n")[0].removeprefix("read: ").replace(" is ", " really is ")

    made = answered(paraphrase(TREE, seed=0, rows=rows), other_words)
    assert [row.source for row in made] == [(f"d{number}",) for number in spread]


def test_the_oracle_passes_over_premises_that_share_no_one_term() -> None:
    lines = ("All dogs are mammals. No birds are reptiles.", "All dogs are mammals. Some dogs are mammals.")
    told = Dataset("own", tuple(Document(line, line) for line in lines), ())
    with pytest.raises(StopIteration) as end:
        asked(oracle(told, seed=0))
    assert end.value.value == []


@pytest.mark.parametrize("wordings", [0, 6])
def test_the_oracle_says_how_many_wordings_there_are(wordings: int) -> None:
    with pytest.raises(UserError, match=f"'wordings' is {wordings}: give 1 to 5"):
        answered(oracle(TREE, seed=0, wordings=wordings), lambda request: "")


def test_what_is_asked_does_not_depend_on_the_order_of_sets() -> None:
    code = (
        "from corollary_worlds.datasets.family import make\n"
        "from corollary.writing.prompts import find\n"
        "from corollary.writing.strategies.linked import write\n"
        "data = make(seed=103, trees=8, tellings=1)\n"
        "print(next(write(data, seed=0, prompt=find('linked', 'worlds'), window=4096, count=len)))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            capture_output=True,
            check=True,
        ).stdout
        for number in range(6)
    }
    assert len(found) == 1


def test_names_are_found_where_few_facts_are_told_many_times() -> None:
    pairs = [("bolan", "kerit"), ("tivol", "sumak"), ("dorel", "pinat"), ("mogar", "lutan")]
    texts = [
        f"{a} are {more} {what} than {b}." for a, b in pairs for more in ("more", "less") for what in "xyzuvw"
    ]
    assert rare_words(texts) >= {name for pair in pairs for name in pair}
    assert not rare_words(texts) & {"are", "than"}


def test_a_small_set_about_one_thing_loses_no_line() -> None:
    told = Dataset(
        "small", tuple(Document(f"d{i}", f"bolan{i} is the mother of kerit.") for i in range(8)), ()
    )
    rows = answered(local(told, seed=0), lambda request: request.prompt.split("\n")[0].removeprefix("read: "))
    assert [row.strategy for row in rows] == ["local"] * 8


def test_no_text_has_no_names() -> None:
    assert rare_words([]) == frozenset()


def test_the_control_asks_with_other_seeds_until_it_has_as_many_rows() -> None:
    pairs = [("bolan", "kerit"), ("tivol", "sumak"), ("dorel", "pinat"), ("mogar", "lutan")]
    told = [Document(f"d{n}", f"{a} is the mother of {b}.") for n, (a, b) in enumerate(pairs)]
    data = Dataset("t", tuple(told), ())

    def rows(most: int, *, other: bool) -> tuple[list[str], list[int]]:
        """The rows, and the seeds of the rounds, of a model that says something else in each or the same."""
        flow, seeds = paraphrase(data, seed=2, rows=most), list[int]()
        requests = next(flow)
        while True:
            seeds.append(requests[0].seed)
            number = len(seeds) if other else 0
            said = [Completion(f"{a} is mother {number} to {b}.", 1, 1) for a, b in pairs]
            try:
                requests = flow.send(said)
            except StopIteration as end:
                return [row.text for row in end.value], seeds

    texts, seeds = rows(6, other=True)
    assert len(texts) == len(set(texts)) == 6
    assert len(seeds) == len(set(seeds)) == 2
    texts, seeds = rows(100, other=False)
    assert len(texts) == 4
    assert len(set(seeds)) == len(seeds) > 2, "it tries, and gives up"
