"""A study whose arms all have other names: roles decide everything that is said of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import small_studies
from command_lines import Capture, printed

from corollary import store
from corollary.studies.presets import study_of


def tables() -> dict[str, object]:
    lines = str(small_studies.model_folder().parent / "lines.py")
    reworded = {"use": "paraphrase", "max_tokens": 24}
    treatment = {"use": lines, "width": 30}
    return {
        "nothing": {},
        "handbook": {"context": "all"},
        "lookup": {"context": {"use": "nearest", "k": 2}},
        "cramming": {"tune": True},
        "best-cramming": {"tune": True, "role": "bound", "read_off": "cramming"},
        "chatter": {"tune": True, "role": "control", "same_size_as": "thinking", "augment": [reworded]},
        "half-thinking": {"tune": True, "role": "ablation", "augment": [lines]},
        "thinking": {"tune": True, "augment": [treatment]},
        "all-knowing": {"tune": True, "role": "bound", "augment": ["oracle"]},
    }


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("other-names") / "out"
    small_studies.run(out, study_of(small_studies.tables(arms=tables()), name="renamed"))
    return out


def test_statistics_compare_by_role(out: Path) -> None:
    summary = small_studies.summary(out)
    roles = {arm["name"]: arm["role"] for arm in summary["arms"]}
    assert roles == {
        "nothing": "floor",
        "handbook": "context",
        "lookup": "context",
        "cramming": "baseline",
        "best-cramming": "bound",
        "chatter": "control",
        "half-thinking": "ablation",
        "thinking": "treatment",
        "all-knowing": "bound",
    }
    pairs = {(row["a"], row["b"]) for row in summary["comparisons"]}
    assert {
        ("thinking", rival)
        for rival in ("chance", "cramming", "best-cramming", "chatter", "handbook", "lookup")
    } == {pair for pair in pairs if pair[0] == "thinking"}
    assert {("handbook", "cramming"), ("chatter", "cramming"), ("all-knowing", "thinking")} <= pairs
    assert {row["method"] for row in summary["augmentation"]} == {"chatter", "half-thinking", "thinking"}


def test_costs_are_counted_against_the_documents_in_the_prompt(out: Path, capsys: Capture) -> None:
    costs = {row["method"]: row for row in small_studies.summary(out)["costs"]}
    assert set(costs) == {name for name in tables() if name != "best-cramming"}
    assert costs["thinking"]["augment_tokens"] > 0 == costs["cramming"]["augment_tokens"]
    assert costs["handbook"]["query_tokens"] > costs["cramming"]["query_tokens"]
    broken_even = {name for name, row in costs.items() if row["break_even_queries"] is not None}
    assert {"cramming", "thinking"} <= broken_even
    assert not {"nothing", "handbook", "lookup"} & broken_even
    text = printed(capsys, "costs", out)
    assert all(name in text for name in costs)


def test_the_report_and_the_advice_speak_of_these_arms(out: Path, capsys: Capture) -> None:
    from corollary import StudyResult

    printed(capsys, "report", out)
    page = (out / "report.html").read_text("utf-8")
    assert all(name in page for name in tables())
    words = set(
        re.findall(r"[a-z]+(?:-[a-z]+)*", re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL))
    )
    # The others are names of strategies, or common words of the field.
    assert not {"fine-tuned", "fine-tuned-best", "augmented-local"} & words
    advice = StudyResult(out).advice
    assert advice.do
    assert "thinking" in f"{advice.do} {advice.why} {advice.but}"


def test_the_arms_that_one_could_use_answer(out: Path, capsys: Capture) -> None:
    question = store.read_jsonl(out / "datasets" / "reversals.s0" / "questions.jsonl")[0]
    text = printed(capsys, "ask", out, question["prompt"])
    shown = [
        line.split()[0] for line in text.splitlines() if line.split()[:1] and line.split()[0] in tables()
    ]
    assert shown == ["nothing", "handbook", "lookup", "cramming", "thinking"]
