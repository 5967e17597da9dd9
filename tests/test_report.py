"""What the page of a study says: it follows the summary, and the same folder gives the same bytes."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import made_up_study
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_study import ARMS, small_rows, summary_of

from corollary import plugins, store
from corollary.errors import UserError
from corollary.measure.cost import EXAMPLE_PRICES, Measured, Prices, Shape, cost_rows
from corollary.reporting import samples, wording
from corollary.reporting.outline import outline_of
from corollary.reporting.page import write_page
from corollary.reporting.sections import Section
from corollary.reporting.table import Table
from corollary.studies.arms import arm_rows
from corollary.types import Arm, Cost

Row = dict[str, Any]


@given(st.floats(0, 1))
def test_a_rounded_share_is_all_or_nothing_only_if_it_is(share: float) -> None:
    shown = wording.percent(share)
    assert (shown == "0\u00a0%") == (share == 0)
    assert (shown == "100\u00a0%") == (share == 1)


def test_numbers_are_written_for_people() -> None:
    assert wording.questions([1_234, 5_678]) == "1,200 to 5,700 questions"
    assert wording.questions([1_234, "never"]) == "1,200 questions at best, or never"
    assert wording.questions("never") == "never"
    assert wording.questions([1, 1]) == "the first question"
    assert wording.points(-0.004) == "0"
    assert wording.by_points(-0.01) == "−1 point"
    assert wording.quantity(3.21e12) == "3.21\u00a0trillion"
    assert wording.quantity(0.0123, "usd") == "$0.012"


def test_a_dropped_line_is_no_sample(reported: Path) -> None:
    page = (reported / "report.html").read_text(encoding="utf-8")
    assert "Glon are less dangerous than femp." in page
    assert "left-out line" not in page


def test_same_folder_same_bytes(reported: Path) -> None:
    before = (reported / "report.html").read_bytes()
    assert write_page(reported).read_bytes() == before


def shown(folder: Path, summary: Row) -> str:
    """The page of a folder with this summary alone."""
    store.write_json(folder / "summary.json", summary)
    return write_page(folder).read_text(encoding="utf-8")


def test_a_small_study_of_own_documents_has_a_report_too(tmp_path: Path) -> None:
    arms = [Arm("<i>$a_b$", "floor"), Arm("文書", "baseline", tune=True)]
    rows = small_rows(("<i>$a_b$", "none", "own"), ("文書", "lora", "own"))
    text = shown(tmp_path, summary_of(rows, arms))
    assert "Do not decide by this study" in text
    assert "&lt;i&gt;$a_b$" in text
    assert "<i>$a_b$" not in text
    assert "文書" in text
    assert "trained on this kind of puzzle" not in text
    assert "Reproduced?" not in text
    assert "Lampinen" not in text
    assert [path.name for path in tmp_path.iterdir() if path.name != "summary.json"] == ["report.html"]


def test_what_is_unchecked_is_counted_and_not_judged(tmp_path: Path) -> None:
    arms = [Arm("plain", "baseline", tune=True), Arm("ours", "treatment", tune=True)]
    summary = summary_of(small_rows(("plain", "full", "own"), ("ours", "full", "own")), arms)
    part = {"lines": 7_001, "unchecked": 7_001, "precision": None}
    nothing = {"coverage": None, "coverage_several_step": None, "leaked": 17}
    row = {"dataset": "documents", "method": "ours", **part, **nothing, "dropped": part, "written": part}
    line = {"text": "Ann knows Bob.", "label": "unchecked", "strategy": "local", "source": []}
    store.write_jsonl(tmp_path / "augmented" / "documents.ours.s0" / "audit.jsonl", [line])
    text = shown(tmp_path, summary | {"augmentation": [row]})
    assert "7,001" in text
    assert "Ann knows Bob." in text
    assert "Precision" not in text
    assert "Lines generated from" not in text, "no bars of kinds that nobody knows"
    assert "Nothing here can tell whether the lines on documents follow" in text


def test_a_study_whose_arms_have_other_names_has_the_same_page(reported: Path, tmp_path: Path) -> None:
    # Of the same length, so that figures have the same room for them.
    names = {arm.name: "qzkvjxwyfgb"[at] * len(arm.name) for at, arm in enumerate(ARMS)}
    other = made_up_study.rename(Path(shutil.copytree(reported, tmp_path / "demo")), names)
    expected, found = (
        (reported / "report.html").read_text(encoding="utf-8"),
        write_page(other).read_text("utf-8"),
    )
    # Longest first, since some names begin like others.
    for name in sorted(names, key=len, reverse=True):
        found = found.replace(names[name], name)
    assert without_places(found) == without_places(expected)


def without_places(page: str) -> str:
    """The page with no more of its figures than what they say and their colours: letters differ in width, and
    so does where names are put."""

    def said(figure: re.Match[str]) -> str:
        label = re.findall(r'aria-label="([^"]*)"', figure[0])
        return f"{label} {sorted(re.findall(r'var.--[a-z]+', figure[0]))}"

    return re.sub(r"<svg.*?</svg>", said, page, flags=re.DOTALL)


def test_prices_change_the_page_and_nothing_else(reported: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(reported, tmp_path / "demo"))
    before = {path: path.read_bytes() for path in other.rglob("*") if path.is_file()}
    rates = tmp_path / "prices.toml"
    rates.write_text('date = "2031-01-01"\n[base]\ninput = 500\n', encoding="utf-8")
    text = write_page(other, prices=rates).read_text(encoding="utf-8")
    assert "2031-01-01" in text
    assert "2026-11-22" not in text
    changed = [path.name for path, old in before.items() if path.read_bytes() != old]
    assert changed == ["report.html"]
    with pytest.raises(UserError, match="no price file"):
        write_page(other, prices=tmp_path / "missing.toml")
    (other / "costs.jsonl").unlink()
    with pytest.raises(UserError, match=r"costs\.jsonl"):
        write_page(other, prices=EXAMPLE_PRICES)


def test_a_summary_of_another_shape_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the study again"):
        shown(tmp_path, {key: value for key, value in summary_of().items() if key != "tests"})


def test_only_what_came_from_elsewhere_is_said_to_be_tuned_elsewhere(tmp_path: Path) -> None:
    arms = [Arm("plain", "baseline", tune=True, about="tuned here"), Arm("mine", "ablation", tune=True)]
    rows = small_rows(("plain", "full", "local"), ("mine", "full", "local"), ("back", "full", "other"))
    text = shown(tmp_path, summary_of(rows, arms) | {"arms": arm_rows(arms, ["back"])})
    for name, about in {
        "plain": "tuned here",
        "mine": "tuned on the documents and a part of what follows from them",
        "back": "a model tuned elsewhere",
    }.items():
        assert f"{name}</dt><dd>{about}<" in text


@pytest.mark.parametrize(
    ("own", "other", "warns"), [("embedded", "local", True), ("local", "embedded", False)]
)
def test_what_is_open_depends_on_the_model_of_the_study_itself(
    own: str, other: str, warns: bool, tmp_path: Path
) -> None:
    arms = [Arm("fine-tuned", "baseline", tune=True)]
    rows = small_rows(("fine-tuned", "full", own), ("back", "full", other), dataset="semantic")
    summary = summary_of(rows, arms, sections={"semantic": "paper"}) | {"arms": arm_rows(arms, ["back"])}
    text = shown(tmp_path, summary)
    assert ("No public language model was measured" in text) == warns
    assert ("trained on this kind of puzzle" in text) == warns


def test_a_section_that_a_dataset_brings_is_on_the_page_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def section(summary: Row) -> Section:
        table = Table("About it", ("Name", "Found"), (("<u>one</u>", "two"),), words=True)
        return Section("Mine & yours", "An intro.", (table,), ("A note.",), "At the top.", ("Not known.",))

    monkeypatch.setattr(plugins, "available", lambda kind: ["mine"])
    monkeypatch.setattr(plugins, "load", lambda kind, use: section)
    text = shown(tmp_path, summary_of(sections={"d": "mine", "e": "mine"}))
    for said in (
        "Mine &amp; yours</h2>",
        "An intro.",
        "&lt;u&gt;one",
        "A note.",
        "At the top.",
        "Not known.",
    ):
        assert text.count(said) == 1


def test_a_section_that_is_a_file_is_not_run(tmp_path: Path) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text("raise SystemExit('ran')\n", encoding="utf-8")
    sections = {"a": str(evil), "b": f"{evil}:section", "c": "nowhere"}
    text = shown(tmp_path, summary_of(sections=sections))
    assert text.count("files are not run") == 2
    assert "The report section nowhere is left out: no installed package has it." in text


def test_each_mark_has_a_table_of_its_own(tmp_path: Path) -> None:
    arms = [Arm("plain", "baseline", tune=True), Arm("ours", "treatment", tune=True)]
    rows = small_rows(("plain", "full", "own"), ("ours", "full", "own"))
    for at, row in enumerate(rows):
        row["marks"] = {"length": "long" if at % 2 else "short", "topic": ["x", "y"][at % 4 // 2]}
    mark = {"title": "How long is it?", "about": "By words.", "labels": {"short": "Brief", "long": "Lengthy"}}
    text = shown(tmp_path, summary_of(rows, arms, marks={"documents": {"length": mark}}))
    for said in (
        "How long is it?</h3>",
        "By words.",
        ">Brief</th>",
        ">Lengthy</th>",
        "topic</h3>",
        ">y</th>",
    ):
        assert said in text


def test_all_arms_of_a_role_are_shown(tmp_path: Path) -> None:
    arms = [
        Arm("everything", "context"),
        Arm("retrieval", "context"),
        Arm("plain", "baseline", tune=True),
        Arm("first", "treatment", tune=True),
        Arm("second", "treatment", tune=True),
    ]
    rows = small_rows(*((arm.name, "full" if arm.tune else "none", "own") for arm in arms))
    trials = [
        Measured("documents", arm.name, "full" if arm.tune else "none", "own", 0, 4, role=arm.role,
                 rival="everything" if arm.tune else "", context_tokens=0 if arm.tune else 500,
                 question_tokens=9, answer_tokens=2, tune=Cost(flops=1e12 if arm.tune else 0),
                 shape=Shape(1_000, 1_000, 10))
        for arm in arms
    ]  # fmt: skip
    free = shown(tmp_path, summary_of(rows, arms, costs=cost_rows(trials, prices=Prices())))
    assert "Cost and accuracy" not in free, "what costs nothing has no place on a logarithmic axis"
    text = shown(tmp_path, summary_of(rows, arms, costs=cost_rows(trials)))
    heads = "".join(f'<th scope="col">{arm.name}</th>' for arm in arms)
    assert heads in text
    labels = re.findall(r'aria-label="([^"]*)"', text)
    (against,) = (label for label in labels if label.startswith("Cost and accuracy"))
    for name in ("everything,", "everything, cached", "retrieval, cached", "first", "second"):
        assert name in against or f"{name} " in against
    assert sum(label.startswith("Costs of") for label in labels) == 2


def test_control_characters_and_paths_stay_out_of_the_page(tmp_path: Path) -> None:
    arms = [Arm("bad\x1b]0;owned\x07\nname", "baseline", tune=True)]
    rows = small_rows((arms[0].name, "full", "own"), split="\x1b[2Jsplit\x00")
    line = {"text": "a \x1b line", "label": "unchecked", "strategy": "s", "source": []}
    store.write_jsonl(tmp_path / "augmented" / "documents.x.s0" / "audit.jsonl", [line])
    study = {"name": "n", "model": {"use": "local", "options": {"path": "/home/me/secret/qwen"}}}
    store.write_json(tmp_path / "study.json", study)
    text = shown(tmp_path, summary_of(rows, arms))
    assert "bad]0;owned name" in text
    assert not any(unicodedata.category(letter) == "Cc" and letter != "\n" for letter in text)
    assert "model local (…/qwen)" in text
    assert "secret" not in text


def test_an_arm_that_gained_no_lines_or_wrong_ones_is_warned_of(tmp_path: Path) -> None:
    arms = [Arm("plain", "baseline", tune=True), Arm("ours", "treatment", tune=True), Arm("part", "ablation")]
    summary = summary_of(small_rows(("plain", "full", "own"), ("ours", "full", "own")), arms)

    def warned(lines: int, dropped: int, precision: float | None, arm: str = "ours") -> list[str]:
        counts = {"lines": lines, "precision": precision, "coverage": None, "coverage_several_step": None}
        parts = {"dropped": {"lines": dropped}, "written": {"lines": lines + dropped, "precision": None}}
        row = {"dataset": "documents", "method": arm, "leaked": 0, **counts, **parts}
        text = shown(tmp_path, summary | {"augmentation": [row]})
        return re.findall(r"<li>([^<]*documents[^<]*)</li>", text.split("<nav")[0])

    alone = "it was trained on the documents alone."
    assert warned(0, 12, None) == [f"All 12 lines that ours generated from documents were dropped: {alone}"]
    assert warned(0, 0, None) == [f"ours generated nothing from documents: {alone}"]
    assert warned(9, 0, 0.2)[0].startswith("Only 20\u00a0% of the new lines of ours on documents are right")
    assert warned(9, 12, 0.9) == []
    assert "was verified: no audit can read these documents" in warned(9, 12, None)[0]
    # A part of the treatment may have nothing to say about a dataset.
    assert warned(0, 0, None, "part") == []


def test_samples_are_of_the_runs_that_belong_to_the_study(tmp_path: Path) -> None:
    for dataset, seed in (("notes.v2", 0), ("notes.v2", 3), ("notes.v2", 10), ("earlier", 3)):
        line = {"text": f"{dataset} {seed} wrote", "label": "one_step", "strategy": "local", "source": ["d"]}
        store.write_jsonl(tmp_path / "augmented" / f"{dataset}.augmented.s{seed}" / "audit.jsonl", [line])
        data = tmp_path / "datasets" / f"{dataset}.s{seed}"
        store.write_jsonl(data / "documents.jsonl", [{"id": "d", "text": f"{dataset} {seed} told"}])
        question = {"split": "reversal", "prompt": f"{dataset} {seed} asks", "answer": " a"}
        store.write_jsonl(data / "questions.jsonl", [question])
    summary = {
        "augmentation": [{"dataset": "notes.v2", "method": "augmented"}],
        "seeds": [{"dataset": "notes.v2", "seed": 10}, {"dataset": "notes.v2", "seed": 3}],
    }
    outline = outline_of(summary_of())
    lines = samples.augmentations(tmp_path, summary, outline)
    assert {dataset: [(s.text, s.sources) for s in found] for dataset, found in lines.items()} == {
        "notes.v2": [("notes.v2 3 wrote", ("notes.v2 3 told",))]
    }
    asked = samples.asked(tmp_path, summary, outline)
    assert {dataset: [q.prompt for q in found] for dataset, found in asked.items()} == {
        "notes.v2": ["notes.v2 3 asks"]
    }


def test_a_folder_without_a_study_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"summary\.json"):
        write_page(tmp_path)
