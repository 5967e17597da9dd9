"""Strategies without words: what they ask, what they make of answers, what they leave out and why."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from corollary.errors import UserError
from corollary.types import DROPPED, Completion, Dataset, Document, Flow, Message, Origin, Request
from corollary.writing import prompts
from corollary.writing.focus import focuses, mentions
from corollary.writing.prompts import Prompt, find
from corollary.writing.strategies import linked, local, paraphrase, qa

FOLDERS = [
    Path(prompts.__file__).parent / "prompts",
    Path(__file__).parents[1] / "src/corollary_worlds/prompts",
]
FACTS = (
    "Marek Novak employs Ilona.",
    "Ilona is the mother of Petra Dahl.",
    "The mill at Odry was built in 1731.",
)
PROSE = Dataset(
    "prose",
    (
        Document("plant.md", f"{FACTS[0]}\n  {FACTS[1]}\n", origin=Origin("plant.md", page=2)),
        Document("notes.csv:3", FACTS[2], origin=Origin("notes.csv", row=3)),
    ),
    (),
)


def prompt(name: str, kind: str) -> Prompt:
    return find(name, kind, folders=FOLDERS)


def run(flow: Flow, answer: Callable[[Request], str | Completion]) -> tuple[list[Request], list[Document]]:
    """All requests of a flow, and the documents that it makes of these answers."""
    every: list[Request] = []
    requests = next(flow)
    while True:
        every += requests
        answers = [answer(request) for request in requests]
        try:
            requests = flow.send([Completion(a, 1, 1) if isinstance(a, str) else a for a in answers])
        except StopIteration as end:
            return every, list(end.value)


def content(request: Request) -> str:
    return request.prefix + request.prompt


# The embedded model's own form: requests and documents are what they were before prompts were files.


def made_up() -> Dataset:
    rng = random.Random(5)
    names = [a + b for a in ("bo", "ke", "ti", "su", "do", "pi") for b in ("lan", "rit", "vol", "mak")]
    wordings = [
        "is the mother of",
        "is married to",
        "is the sibling of",
        "gave birth to",
        "are more brave than",
    ]
    lines = [
        f"{' '.join((a, rng.choice(wordings), b))}." for a, b in (rng.sample(names, 2) for _ in range(60))
    ]
    return Dataset("made-up", tuple(Document(f"d{i}", line) for i, line in enumerate(lines)), ())


def babble(request: Request) -> Completion:
    """Lines of every sort: fair, turned round, about others, decorated, cut off."""
    rng = random.Random(hashlib.sha256(repr((content(request), request.seed)).encode()).hexdigest())
    first, *middle, last = content(request).rpartition("read: ")[2].split("\n")[0].removesuffix(".").split()
    near = [line.removesuffix(".") for line in request.prefix.splitlines()] or ["bolan is kerit"]
    other = rng.choice(near)
    lines = [
        f"{first} really {' '.join(middle)} {last}.",
        f"  {last} {' '.join(middle)} {first}. ",
        f"1. - {other}:",
        f"{first} {' '.join(middle)} {last}; {other}; so {other.split()[-1]} is kin to {first}.",
        f"{other}; so {other.split()[0]} is kin to {last}.",
        "bolan sleeps.",
        "",
    ]
    return Completion("\n".join(rng.sample(lines, 5)), 1, 1, 0, rng.choice(["stop", "length"]))


def fingerprint(flow: Flow) -> tuple[int, int, str]:
    requests, documents = run(flow, babble)
    plain = [
        (r.prompt, r.prefix, r.max_tokens, r.temperature, r.seed, r.stop, r.begin, r.chat) for r in requests
    ]
    rows = [(d.id, d.text, d.source, d.strategy) for d in documents]
    assert all(d.origin is None and d.spans is None for d in documents)
    return len(requests), len(rows), hashlib.sha256(repr((plain, rows)).encode()).hexdigest()[:16]


def test_the_embedded_model_is_asked_and_read_as_before() -> None:
    data = made_up()
    found = {
        "local": fingerprint(local.write(data, seed=2, prompt=prompt("local", "worlds"))),
        "paraphrase": fingerprint(
            paraphrase.write(data, seed=2, prompt=prompt("paraphrase", "worlds"), rows=99)
        ),
        **{
            f"linked {nearest}": fingerprint(
                linked.write(
                    data, seed=2, prompt=prompt("linked", "worlds"), window=700, count=len, nearest=nearest
                )
            )
            for nearest in (0, 12)
        },
    }
    assert found == GOLDEN


# From the strategies of version 0.1.0, which had the prompts in their code.
GOLDEN = {
    "local": (60, 226, "7cbefdebfd177769"),
    "paraphrase": (120, 99, "32ffdd023d1f8663"),
    "linked 0": (60, 225, "1ec2ebd19b5b5b03"),
    "linked 12": (60, 222, "600ec05a5081b095"),
}


@pytest.mark.parametrize("kind", ["base", "chat"])
def test_local_rephrases_and_turns_each_fact_round(kind: str) -> None:
    def answer(request: Request) -> str:
        if not request.begin:
            fact = next(fact for fact in FACTS if fact in request.prompt)
            return "In brief, " + fact
        return {
            "Ilona": "Ilona is employed by Marek Novak.\nAnd so on.",
            "Petra Dahl": "Petra Dahl is the child of Ilona.",
            "Odry": "Odry is where the mill was built in 1731.",
            "1731": "1731 is the year in which the mill at Odry was built.",
        }[request.begin]

    flow = local.write(PROSE, seed=0, prompt=prompt("local", kind), reverse_prompt=prompt("reverse", kind))
    requests, rows = run(flow, answer)
    assert [request.begin for request in requests] == ["", "", "", "Ilona", "Petra Dahl", "Odry", "1731"]
    assert all((request.chat is not None) == (kind == "chat") for request in requests)
    assert [(row.text, row.strategy, row.source) for row in rows[3:]] == [
        ("Ilona is employed by Marek Novak.", "local", ("plant.md",)),
        ("Petra Dahl is the child of Ilona.", "local", ("plant.md",)),
        ("Odry is where the mill was built in 1731.", "local", ("notes.csv:3",)),
        ("1731 is the year in which the mill at Odry was built.", "local", ("notes.csv:3",)),
    ]
    assert len({row.id for row in rows}) == 7


def test_each_row_points_to_its_file_and_sentence() -> None:
    _, rows = run(local.write(PROSE, seed=0, prompt=prompt("local", "base")), lambda r: "So: " + FACTS[1])
    places = [row.origin for row in rows]
    assert [place and (place.file, place.page, place.row) for place in places] == [
        ("plant.md", 2, None), ("plant.md", 2, None), ("notes.csv", None, 3)
    ]  # fmt: skip
    texts = {document.id: document.text for document in PROSE.documents}
    assert [
        texts[row.source[0]][place.start : place.end]
        for row, place in zip(rows, places, strict=True)
        if place
    ] == list(FACTS)


def test_sentences_that_a_reader_noted_are_asked_about_and_no_others() -> None:
    text = "# Pumps\nPump P-7 feeds\ntank T-2. It hums."
    noted = Document("a", text, origin=Origin("a.md"), spans=((8, 32), (33, 41)))
    assert [focus.text for focus in focuses([noted])] == ["Pump P-7 feeds tank T-2.", "It hums."]
    assert focuses([Document("b", text, spans=())]) == []
    place = focuses([noted])[0].origin
    assert place == Origin("a.md", start=8, end=32)


def test_reversals_that_invent_are_dropped_with_a_reason() -> None:
    answers = {
        "Ilona": "Ilona is part of Marek Novak.",
        "Petra Dahl": "Petra was nice.",
        "1731": "1713 is the year in which the mill at Odry was built.",
    }
    flow = local.write(
        PROSE, seed=0, prompt=prompt("local", "chat"), reverse_prompt=prompt("reverse", "chat")
    )
    _, rows = run(flow, lambda request: answers.get(request.begin, ""))
    assert [row.strategy for row in rows] == [DROPPED] * 3
    assert [row.meta["reason"] for row in rows] == [
        "says 'part', where its source says 'employs'",
        "mentions 1 of 2 names of its sentence",
        "mentions the number 1713, which its source does not",
    ]
    lenient = local.write(
        PROSE, seed=0, prompt=prompt("local", "chat"), reverse_prompt=prompt("reverse", "chat"),
        grounded=False, relation=False, reversals=1,
    )  # fmt: skip
    _, rows = run(lenient, lambda request: answers.get(request.begin, ""))
    assert {row.strategy for row in rows} == {"local"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Marek employs Ilona.", ["Marek", "Ilona"]),
        ("The mill at Odry was built in 1731.", ["Odry", "1731"]),
        ("In 1731 Jan Kolb built the mill.", ["1731", "Jan Kolb"]),
        ("The council meets in Hall Nine on 12 May 1998.", ["Hall Nine", "12 May 1998"]),
        ("Pump P-7 feeds tank T-2 at 3.5 bar.", ["Pump P-7", "T-2", "3.5"]),
        ("Dr. Amund lives in St. Gallen, near Lake Boden.", ["Dr. Amund", "St. Gallen", "Lake Boden"]),
        ("It costs $40 or 50 % of C++.", ["$40", "50 %", "C++"]),
        ("bolan is the mother of kerit.", ["bolan", "kerit"]),
        ("北京是中国的首都。", []),
    ],
)
def test_the_mentions_of_a_sentence(text: str, found: list[str]) -> None:
    assert mentions(text, {"marek", "bolan", "kerit", "pump"}) == found


def test_qa_keeps_a_question_and_its_answer_in_one_row() -> None:
    def answer(request: Request) -> str:
        if FACTS[0] in request.prompt:
            return "Q: Who employs Ilona?\nA: Marek Novak\nQ: Who is she?\nA: Ilona, by Marek Novak"
        if FACTS[2] in request.prompt:
            return "Q: When was the mill at Odry built?\nA: in 1713"
        return "I'm sorry, but I can't help with that."

    requests, rows = run(qa.write(PROSE, seed=0, prompt=prompt("qa", "chat")), answer)
    assert len(requests) == 3
    good, vague, wrong = rows
    assert (good.text, good.strategy) == ("Who employs Ilona?\nMarek Novak", "qa")
    assert good.spans == ((0, len(good.text)),), "splitting the row would teach nothing"
    assert [focus.text for focus in focuses([good])] == ["Who employs Ilona? Marek Novak"]
    assert (vague.strategy, vague.meta["reason"]) == (DROPPED, "asks about no name of its sentence")
    assert "1713" in wrong.meta["reason"]


def test_linked_keeps_the_conclusion_and_names_its_premises() -> None:
    line = f"{FACTS[0]}; {FACTS[1]} => Marek Novak employs the mother of Petra Dahl."
    flow = linked.write(PROSE, seed=0, prompt=prompt("linked", "chat"), window=4096, count=len)
    requests, rows = run(
        flow, lambda r: f"Sure, here is what follows:\n1. {line}" if FACTS[0] in r.prompt else ""
    )
    assert all(request.prefix.startswith("Facts:\n") for request in requests)
    assert FACTS[1] in requests[0].prefix
    assert [(row.text, row.source, row.strategy) for row in rows] == [
        ("Marek Novak employs the mother of Petra Dahl.", ("plant.md",), "linked")
    ]
    bare = linked.write(PROSE, seed=0, prompt=prompt("linked", "chat"), window=4096, count=len)
    _, rows = run(bare, lambda request: "Ilona is tall.")
    assert {row.meta["reason"] for row in rows} == {"cites no premise"}


@pytest.mark.parametrize("kind", ["base", "chat"])
@pytest.mark.parametrize("nearest", [0, 12])
def test_linked_fits_the_window_worked_examples_included(kind: str, nearest: int) -> None:
    def count(text: str) -> int:
        return len(text.split())

    filler = " ".join(f"x{number}" for number in range(60))
    told = Dataset(
        "long", tuple(Document(f"d{i}", f"Pump{i} feeds Pump{i + 1}: {filler}.") for i in range(12)), ()
    )
    own = prompt("linked", kind)
    for window in (900, 1200, 4096):
        flow = linked.write(
            told, seed=0, prompt=own, window=window, count=count, max_tokens=200, nearest=nearest
        )
        requests, _ = run(flow, lambda request: "")
        for request, document in zip(requests, told.documents, strict=True):
            turns = " ".join(message.content for message in request.chat or ())
            assert count(f"{turns} {content(request)}") + request.max_tokens <= window
            assert document.text in request.prefix
    shown = {request.prefix for request in requests}
    assert len(shown) == 1 if nearest == 0 else len(shown) > 1


def test_the_control_keeps_the_order_of_mention() -> None:
    def answer(request: Request) -> str:
        return (
            "1. Marek Novak gives work to Ilona.\n2. Ilona works for Marek Novak."
            if FACTS[0] in content(request)
            else ""
        )

    _, rows = run(paraphrase.write(PROSE, seed=0, prompt=prompt("paraphrase", "chat")), answer)
    assert [row.text for row in rows] == ["Marek Novak gives work to Ilona."]


def test_a_prompt_of_another_form_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="its strategy needs 'argument'"):
        next(linked.write(PROSE, seed=0, prompt=prompt("qa", "base"), window=4096, count=len))


def test_a_user_s_prompt_is_asked_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "mine.txt"
    own.write_text("max_tokens = 7\n---\n# system\nAntworte kurz.\n# user\nAnders gesagt: {text}\n")
    given = find("local", "chat", {"local": str(own)}, folders=FOLDERS)
    request = next(local.write(PROSE, seed=3, prompt=given, temperature=0.5))[0]
    assert request == Request(
        f"Anders gesagt: {FACTS[0]}", "", 7, 0.5, 3, (), "", (Message("system", "Antworte kurz."),)
    )
