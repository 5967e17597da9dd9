"""What the terminal shows: tables in its width, progress that can be followed, and nothing harmful."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_up_study import small_rows, summary_of

from corollary import show, store
from corollary.commands import Evaluation, Plugin, StudyResult
from corollary.documents.corpus import read_corpus
from corollary.errors import UserError
from corollary.measure.cost import Measured, Shape, cost_rows
from corollary.plugins import Option
from corollary.studies.answers import Answer
from corollary.types import Arm, Cost, Likelihood, Question, Result, Score, Spec, Study, Trial

ARMS = [Arm("a-rather-long-baseline", "baseline", tune=True), Arm("ours", "treatment", tune=True)]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def trial(arm: str, *, split: str = "reversal") -> tuple[Trial, Result]:
    """A trial of one question, rightly answered."""
    question = Question("q", "A is", " b", (" b", " c"), split, ())
    score = Score("q", (Likelihood(-1.0, 1, 1), Likelihood(-2.0, 1, 1)))
    one = Trial("family", arm, 0, Spec("m"), None, (), (), ((),), (question,))
    return one, Result("id", ((score,),))


def test_a_study_ends_with_what_to_do_why_and_where_to_read_on(tmp_path: Path, capsys: Capture) -> None:
    rows = small_rows(*((arm.name, "full", "own") for arm in ARMS))
    store.write_json(tmp_path / "summary.json", summary_of(rows, ARMS))
    found = StudyResult(tmp_path)
    show.result("study", found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Report: {tmp_path / 'report.html'}"
    assert lines[-5:-2] == found.advice.sentences
    assert "documents: right answers" in lines
    assert "  ours                    full         50 %" in lines


def test_false_lines_and_what_was_not_written_are_on_the_terminal_too(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, reported: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show.result("study", StudyResult(reported))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines()[:-1])) <= 80
    assert "What false lines keep of the treatment's gain" in shown
    assert "best rule without a model" in shown
    assert "Where an augmentation states the answer, augmented reaches" in shown


def test_a_model_that_was_evaluated_alone_has_a_table_too(capsys: Capture) -> None:
    accuracy = summary_of(small_rows(("pretrained", "none", "own")), ARMS)["accuracy"]
    show.result("evaluate", Evaluation([], accuracy, Path("out")))
    table, last = capsys.readouterr().out.rstrip().rsplit("\n", 1)
    assert last == "out"
    assert table.splitlines()[-1] == "  pretrained  none         50 %"


def costs(flops: float) -> list[Measured]:
    shape = Shape(1_000, 1_000, 10)
    return [
        Measured("documents", a.name, "full", "own", 0, 4, tune=Cost(flops=flops), shape=shape) for a in ARMS
    ]


@pytest.mark.parametrize("width", [60, 80, 132])
def test_nothing_is_broken_within_a_word(
    width: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    options = tuple(Option(f"option_number_{n}", int, n) for n in range(20))
    show.result("list", [Plugin("tunings", "mine", "Words that explain what it does " * 9, options)])
    show.result("costs", cost_rows(costs(1.23e12)))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    words = shown.split()
    for word in (*(f"--option-number-{n}={n}" for n in range(20)), "a-rather-long-baseline", "trillion"):
        assert word in words
    path = "/".join(["a-long-folder"] * 20)
    show.line(f"Report: {path}")
    assert path in capsys.readouterr().out.split()


def test_a_file_gets_whole_lines(capsys: Capture) -> None:
    show.line("word " * 100)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_a_model_answers_cannot_move_the_cursor(capsys: Capture) -> None:
    bad = "\x1b]0;owned\x07\x1b[2Jyes\r\x9b1A"
    show.result("ask", [Answer("family", 0, f"ours{bad}", "full", bad, ((bad, 0.5),), bad)])
    show.line(bad)
    with show.comparison() as tell:
        tell("try", 1, 1, trial(f"ours{bad}", split=bad))
    shown = capsys.readouterr().out
    assert shown.count("yes") == 7
    assert not set(shown) & set("\x1b\x07\r\x9b")


def test_without_a_terminal_each_trial_says_how_many_are_done(capsys: Capture) -> None:
    study = Study("s", (Spec("d"),), tuple(ARMS), (Spec("full"),), (0,), Spec("m"))
    with show.comparison() as tell:
        tell("plan", 0, 0, (study, Path("out"), 60.0, {"family": (12, 0.41), "few": (3, 1.7)}))
        tell("write", 0, 0, None)
        tell("try", 3, 150, None)
        tell("try", 4, 150, trial("ours"))
        tell("try", 5, 150, trial("other"))
    plan, power, none, _, first, second = capsys.readouterr().out.splitlines()
    assert "1 dataset, 2 arms, 1 seed, into out" in plan
    assert power == "family: 12 units, only gains of 41 points or more can show."
    assert none == "few: 3 units, so few that no gain can show."
    assert first.endswith("reversal 100 (50)  (4 of 150)")
    assert second.endswith("(5 of 150)")


def test_without_a_terminal_a_long_command_says_every_twentieth(capsys: Capture) -> None:
    with show.bar("Generating") as tell:
        for done in range(1_001):
            tell(done, 1_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"Generating: {n * 50:,} of 1,000 ({n * 5} %)" for n in range(1, 21)]
    with show.bar("Asking") as tell:
        tell(0, 0)
        tell(1, 3)
        tell(3, 3)
    assert capsys.readouterr().err.splitlines() == ["Asking: 1 of 3 (33 %)", "Asking: 3 of 3 (100 %)"]


def test_a_terminal_has_a_bar_for_each_stage_that_has_work_in_the_order_of_work(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with show.comparison() as tell:
        tell("make", 2, 2, None)
        tell("try", 4, 20, None)
        tell("write", 1, 6, None)
    last = capsys.readouterr().out.split("Making datasets")[-1]
    assert last.index("2/2") < last.index("Generating augmentations") < last.index("1/6")
    assert last.index("1/6") < last.index("Tuning and answering") < last.index("4/20")
    with show.comparison() as tell:
        tell("write", 0, 0, None)
        tell("try", 0, 5, None)
    shown = capsys.readouterr().out
    assert "Tuning and answering" in shown
    assert "Generating" not in shown


def test_questions_beside_documents_say_what_their_premises_are_worth(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The pump leaks. The valve is shut.")
    row = {"prompt": "What leaks is", "answer": " the pump", "premises": ["a.txt"]}
    asked = [row, {**row, "prompt": "What is shut is"}, {**row, "premises": ["b.pdf"]}]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)))
    text = show.files(read_corpus(tmp_path))
    assert "1 premise without a document, such as 'b.pdf'" in text
    assert "2 units: " in text
    apart = [{**row, "unit": "pump"}, {**row, "unit": "valve"}]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, apart)))
    assert show.files(read_corpus(tmp_path)).endswith("questions.jsonl: 2 questions")


def test_the_questions_beside_documents_are_counted_with_what_was_changed_in_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Kerit lies upstream of Bolan.")
    row = {"prompt": "Bolan lies below", "answer": "Kerit", "choices": ["Kerit", "Tivol"], "level": 3}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row) + "\n")
    text = show.files(read_corpus(tmp_path))
    assert "questions.jsonl: 1 question\n" in text
    assert "level" in text, "a field that is not used is named"
    (tmp_path / "questions.jsonl").write_text(json.dumps(row | {"answer": "Merak"}) + "\n")
    with pytest.raises(UserError, match="questions.jsonl, line 1"):
        show.files(read_corpus(tmp_path))
