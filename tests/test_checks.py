"""Checks: what each lets through, what it rejects, and the reason that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from corollary.errors import UserError
from corollary.types import Dataset, Document, Likelihood, Origin, Question
from corollary.writing import prompts
from corollary.writing.checks import grounded, judge, leaks
from corollary.writing.prompts import find, read_prompt

FOLDERS = [Path(prompts.__file__).parent / "prompts"]
RIVERS = Dataset(
    "rivers",
    tuple(Document(f"d{i}", f"tarn{chr(97 + i)} lies upstream of veld{chr(97 + i)}.") for i in range(26)),
    (),
)
FIRM = Dataset(
    "firm",
    (
        Document("a", "Marek employs Ilona.", origin=Origin("a.txt")),
        Document("b", "Ilona is the mother of Petra."),
        Document("c", "The mill at Odry was built by Jan Kolb in 1,731 days."),
    ),
    (),
)


def reasons(dataset: Dataset, *lines: tuple[str, str], relation: bool = True) -> list[str | None]:
    made = [Document(str(i), text, (source,), "local") for i, (source, text) in enumerate(lines)]
    return grounded.check(dataset, made, relation=relation)


def test_a_relation_that_no_document_has_is_rejected() -> None:
    found = reasons(
        RIVERS,
        ("d0", "tarna is a part of velda."),
        ("d0", "velda lies downstream of tarna."),
        ("d0", "velda has tarna upstream."),
        ("d0", "velda has tarnb upstream."),
    )
    assert found[:3] == ["says 'part', where its source says 'lies upstream'", None, None]
    assert found[3] == "mentions 1 of 2 names of its sentence"
    assert reasons(RIVERS, ("d0", "tarna is a part of velda."), relation=False) == [None]


@pytest.mark.parametrize(
    ("source", "line", "passes"),
    [
        ("a", "Ilona is employed by Marek.", True),
        ("a", "Ilona is the mother of Marek.", True),  # false, but of words that documents use: for a judge
        ("a", "Ilona dislikes Marek.", False),
        ("b", "Petra is the child of Ilona.", True),
        ("b", "Petra is part of Ilona.", False),
        ("c", "Jan Kolb built the mill at Odry in 1,731 days.", True),
        ("c", "Jan Kolb built the mill at Odry in 1,713 days.", False),
        ("c", "Jan Kolb is the builder of the mill at Odry.", True),
        ("a", "Petra Marek.", False),
    ],
)
def test_lines_are_grounded_in_names_numbers_and_words(source: str, line: str, passes: bool) -> None:
    assert (reasons(FIRM, (source, line)) == [None]) == passes


@pytest.mark.parametrize(
    ("sources", "line", "passes"),
    [
        (("b", "d"), "Vera is the aunt of Petra.", True),  # of two sentences one relation follows
        (("both",), "Vera is the aunt of Petra.", True),
        (("a", "b"), "Marek owns Petra.", False),
    ],
)
def test_a_line_from_several_sentences_may_use_a_relation_that_follows(
    sources: tuple[str, ...], line: str, passes: bool
) -> None:
    more = (
        Document("d", "Vera is the sister of Ilona."),
        Document("both", "Vera is the sister of Ilona. Ilona is the mother of Petra."),
    )
    firm = replace(FIRM, documents=(*FIRM.documents, *more))
    assert reasons(firm, ("b", "Ilona is the aunt of Petra.")) != [None]
    assert (grounded.check(firm, [Document("0", line, sources, "linked")]) == [None]) == passes


class Judge:
    """Likes the yes of statements that it was told, as much as it was told."""

    identity, window = "judge", 400

    def __init__(self, gains: dict[str, float]) -> None:
        self.gains, self.asked = gains, list[str]()

    def count(self, text: str) -> int:
        return len(text.split())

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        self.asked = [prefix + prompt for prompt, _ in pairs]
        gains = [
            next((g for s, g in self.gains.items() if f"Statement: {s}\n" in prompt), 0.0)
            for prompt, _ in pairs
        ]
        return [
            Likelihood(g if said == " yes" else 0.0, 1, 4) for g, (_, said) in zip(gains, pairs, strict=True)
        ]


def test_the_judge_rejects_what_it_does_not_believe() -> None:
    scorer = Judge({"Good.": 0.5, "Bad.": -0.5, "Broken.": float("nan")})
    lines = [
        Document("1", "Good.", ("b", "a")),
        Document("2", "Bad.", ("a",), origin=Origin("a.txt", start=0, end=20)),
        Document("3", "Broken.", ("a",)),
    ]
    prompt = find("judge", "base", folders=FOLDERS)
    found = judge.check(FIRM, lines, scorer=scorer, prompt=prompt)
    assert found[0] is None
    assert [reason and "yes over no" in reason for reason in found[1:]] == [True, True]
    assert "-0.50" in str(found[1])
    assert "Text: Ilona is the mother of Petra. Marek employs Ilona.\nStatement: Good.\n" in scorer.asked[0]
    assert "Text: Marek employs Ilona.\nStatement: Bad.\n" in scorer.asked[2]
    assert all("Marek is employed by Ilona." in asked for asked in scorer.asked), "with its worked examples"
    assert judge.check(FIRM, lines[:1], scorer=scorer, prompt=prompt, margin=0.6) != [None]
    assert judge.check(FIRM, [], scorer=scorer, prompt=prompt) == []


def test_the_judge_reads_the_sentence_and_says_what_is_too_long() -> None:
    text = "Marek employs Ilona. " + "It rained. " * 400
    data = Dataset("long", (Document("a", text, origin=Origin("a.txt")),), ())
    lines = [
        Document("1", "Good.", ("a",), origin=Origin("a.txt", start=0, end=20)),
        Document("2", "Good.", ("a",)),
    ]
    prompt = find("judge", "base", folders=FOLDERS)
    scorer = Judge({"Good.": 1.0})
    short, long = judge.check(data, lines, scorer=scorer, prompt=prompt)
    assert short is None
    assert "too long for the judge" in str(long)
    assert all("rained" not in asked for asked in scorer.asked)


def test_a_judge_s_prompt_has_no_turns(tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_text("---\n# system\nJudge.\n# user\n{text} {statement}\n")
    with pytest.raises(UserError, match="has turns"):
        judge.check(FIRM, [], scorer=Judge({}), prompt=read_prompt(path, kind="chat"))


def test_leaks_have_reasons_and_inferences_are_none() -> None:
    asked = (
        Question("faq-1", "bolan is the child of", " pemas", (" pemas", " kerit"), "reversal", ()),
        Question("q-2", "who bore bolan?", " pemas", (), "reversal", ()),
    )
    texts = {
        "bolan is the child of pemas.": None,
        "bolan is the child of: pemas or kerit?": "lists the choices of a held-out question",
        "Who bore  Bolan? pemas.": "asks a held-out question",
        "See FAQ-1.": "contains the id of a held-out question",
        "See FAQ-12.": None,
    }
    lines = [Document(str(i), text) for i, text in enumerate(texts)]
    assert leaks.check(Dataset("d", (), asked), lines) == list(texts.values())
    assert leaks.remove_leaks(asked, iter(lines)) == ([lines[0], lines[4]], 3)
