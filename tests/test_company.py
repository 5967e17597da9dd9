"""The example company: every file is read, and no question is given away."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from corollary.datasets.documents import make
from corollary.documents.corpus import read_corpus
from corollary.documents.names import words
from corollary.documents.split import sentences
from corollary.measure.rules import by_rule
from corollary.types import Question

ROOT = Path(__file__).parent.parent
COMPANY = ROOT / "examples" / "company"
SOURCES = sorted((ROOT / "tools" / "company").glob("*.txt"))
DATA = make(seed=0, path=str(COMPANY))
LINES = [sentence.text for document in DATA.documents for sentence in sentences(document)]
TEXTS = {document.id: document.text for document in DATA.documents}
SMALL = {word for text in TEXTS.values() for word in re.findall(r"\b[a-z]\w*", text)}
BLIND = ("longest", "shortest", "named most often", "named least often", "stands first most often",
         "stands last most often", "stands last least often", "its word pairs are told most often",
         "its word pairs are told least often")  # fmt: skip
"""Rules that look at the choices alone, not at the question."""


def of(*splits: str) -> list[Question]:
    return [question for question in DATA.questions if question.split in splits]


def told(text: str) -> str:
    """The words of a text, so that one text within another is a question of `in`."""
    return f" {' '.join(words(text))} "


def names(prompt: str) -> list[str]:
    """The names in a prompt: words that no document has with a small letter."""
    return [word for word in re.findall(r"[A-Z]\w+", prompt) if word.lower() not in SMALL]


def test_every_file_is_read_and_nothing_is_skipped() -> None:
    files = [file for file in read_corpus(COMPANY).files if file.file != "questions.jsonl"]
    assert not [file for file in files if file.why or file.reasons or not file.sentences]
    assert len(files) >= 12
    assert {file.reader for file in files} == {"markdown", "text", "html", "pdf", "docx", "table", "jsonl"}
    assert sum(path.stat().st_size for path in COMPANY.iterdir()) < 300_000


def test_there_are_many_facts_and_none_is_told_twice() -> None:
    assert sum(len(words(line)) >= 4 for line in LINES) >= 200
    assert [line for line, count in Counter(LINES).items() if count > 1] == []


def test_sentences_begin_at_their_beginning_and_have_no_marks_of_a_page() -> None:
    whole = re.compile(r"""(?:- |\d\. )?["A-Z0-9][^<>|#\ufb00-\ufb06]+""")
    assert [line for line in LINES if not whole.fullmatch(line)] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_pdf_and_word_files_have_the_words_of_their_sources(source: Path) -> None:
    made = [text for id, text in TEXTS.items() if re.match(rf"{source.stem}\.(?:pdf|docx)", id)]
    assert words(" ".join(made)) == words(source.read_text("utf-8"))


def test_questions_of_three_kinds_name_the_documents_that_prove_them() -> None:
    assert Counter(question.split for question in DATA.questions) == {
        "rephrase": 20, "reversal": 20, "two-hop": 20,
    }  # fmt: skip
    assert len({question.unit for question in DATA.questions}) == 60
    assert len({question.prompt for question in DATA.questions}) == 60
    for question in DATA.questions:
        assert len(question.premises) == (2 if question.split == "two-hop" else 1)
        assert any(told(question.answer) in told(TEXTS[premise]) for premise in question.premises)
        proof = " ".join(TEXTS[premise] for premise in question.premises)
        assert all(name in proof for name in names(question.prompt))


@pytest.mark.parametrize("question", DATA.questions, ids=lambda question: question.id)
def test_no_document_states_an_answer_as_it_is_asked(question: Question) -> None:
    assert not any(told(question.prompt + question.answer) in told(text) for text in TEXTS.values())


@pytest.mark.parametrize("question", of("reversal"), ids=lambda question: question.id)
def test_a_reversal_is_told_in_the_other_direction_alone(question: Question) -> None:
    for line in LINES:
        for name in names(question.prompt):
            if name in line and told(question.answer) in told(line):
                assert told(line).index(told(question.answer)) < told(line).index(told(name))


@pytest.mark.parametrize("question", of("two-hop"), ids=lambda question: question.id)
def test_no_sentence_joins_the_ends_of_two_hops(question: Question) -> None:
    assert names(question.prompt)
    ends = [line for line in LINES if told(question.answer) in told(line)]
    assert ends
    assert not [line for line in ends if any(told(name) in told(line) for name in names(question.prompt))]


def test_choices_are_peers_and_each_is_right_as_often_as_the_others() -> None:
    right: dict[tuple[str, frozenset[str]], Counter[str]] = defaultdict(Counter)
    for question in DATA.questions:
        assert len(question.choices) == 4
        assert max(map(len, question.choices)) <= 1.4 * min(map(len, question.choices))
        right[question.id.split("-")[0], frozenset(question.choices)][question.answer] += 1
    assert len(right) == 15
    assert all(sorted(answers.values()) == [1] * 4 for answers in right.values())
    for split in ("rephrase", "reversal", "two-hop"):
        places = Counter(question.choices.index(question.answer) for question in of(split))
        assert sorted(places.values()) == [5] * 4


def test_no_rule_that_sees_the_choices_alone_is_above_chance() -> None:
    for (_, rule), row in by_rule([(DATA.documents, DATA.questions, None)]).items():
        if rule in BLIND:
            assert row["accuracy"] == pytest.approx(row["chance"])
