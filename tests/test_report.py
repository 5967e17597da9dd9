"""The report: advice that follows the numbers, and a page that works alone, small, dark and on paper."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_up_study
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_study import ARMS, comparison, small_rows, summary_of
from playwright.sync_api import Browser, Page, sync_playwright

from corollary import plugins, store
from corollary.errors import UserError
from corollary.measure.cost import EXAMPLE_PRICES, Measured, Prices, Shape, cost_rows
from corollary.reporting import samples, wording
from corollary.reporting.outline import outline_of
from corollary.reporting.page import write_page
from corollary.reporting.sections import Section
from corollary.reporting.tables import Table
from corollary.studies.arms import arm_rows
from corollary.types import Arm, Cost
from corollary_worlds import paper

Row = dict[str, Any]


VALUES = {"pretrained": 0.27, "in-context": 0.95, "fine-tuned": 0.05, "augmented": 0.94, "chance": 0.25}


@pytest.mark.parametrize(
    ("claim", "comparisons", "answer"),
    [
        (("pretrained", "near"), [], "yes"),
        (("fine-tuned", "near"), [], "no"),
        (("in-context", "ceiling"), [], "yes"),
        (("fine-tuned", "floor"), [], "yes"),
        (("pretrained", "floor"), [], "no"),
        (("fine-tuned", "not easy"), [], "yes"),
        (("augmented", "not easy"), [], "no"),
        (("in-context", "above", "fine-tuned"), [comparison("in-context", "fine-tuned", 0.9)], "yes"),
        (("in-context", "above", "fine-tuned"), [], "tendency"),
        (("fine-tuned", "above", "in-context"), [comparison("in-context", "fine-tuned", 0.9)], "no"),
        (("augmented", "at least", "in-context"), [], "yes"),
        (("pretrained", "at least", "in-context"), [], "tendency"),
        (("pretrained", "at least", "in-context"), [comparison("pretrained", "in-context", -0.7)], "no"),
        (("oracle", "above", "fine-tuned"), [], None),
    ],
)
def test_claims_of_the_paper_are_decided_by_numbers(
    claim: tuple[str, ...], comparisons: list[Row], answer: str | None
) -> None:
    assert paper.holds(paper.Claim(*claim), VALUES, comparisons) == answer


def celebrities(accuracies: dict[str, float], **changed: Any) -> Row:
    """The summary of a study of one test."""
    test = {"dataset": "celebrities", "split": "reversal"}
    rows = [
        {**test, "method": arm, "tuning": "full", "model": "local", "accuracy": value, "chance": 0.25}
        | {"no_answer": 0.0}
        for arm, value in accuracies.items()
    ]
    sections = {"celebrities": "paper"}
    return summary_of(tests=[{**test, "recall": False}], accuracy=rows, sections=sections, **changed)


MEASURED = {method: value for method, value in VALUES.items() if method != "chance"}


def test_the_table_of_orderings_names_what_was_not_reproduced() -> None:
    section = paper.section(celebrities({**MEASURED, "fine-tuned": 0.4}))
    assert section
    ((_, _, ours, verdict),) = section.tables[0].rows
    assert verdict == "partly (not: fine-tuned near zero)"
    assert ours.startswith("in-context 95\u00a0% ≈ augmented 94\u00a0% > fine-tuned 40\u00a0% >")


def test_the_arms_of_the_paper_are_found_by_role() -> None:
    names = {"pretrained": "a", "in-context": "b", "fine-tuned": "c", "augmented": "d"}
    arms = [Arm(names[arm.name], arm.role) for arm in ARMS if arm.name in names]
    section = paper.section(celebrities({names[arm]: value for arm, value in MEASURED.items()}, arms=arms))
    assert section
    ((_, _, ours, verdict),) = section.tables[0].rows
    assert verdict == "yes"
    assert ours.startswith("b 95\u00a0% ≈ d 94\u00a0% >")


def test_where_nothing_of_the_paper_can_be_decided_it_has_no_table() -> None:
    section = paper.section(celebrities({"oracle": 0.9}))
    assert section
    assert section.tables == ()
    # A dataset of the same name that does not bring this section is another one.
    section = paper.section(celebrities(MEASURED) | {"sections": {"other": "paper"}})
    assert section
    assert section.tables == ()


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up study with its report."""
    path = made_up_study.write(tmp_path_factory.mktemp("study") / "demo")
    write_page(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:  # in CI nothing may be skipped (conftest.py)
        pytest.skip("the tests of the page need Debian's chromium: apt-get install chromium")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=options) as running,
    ):
        yield running


@pytest.fixture
def page(folder: Path, browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        opened = context.new_page()
        opened.goto((folder / "report.html").as_uri())
        yield opened


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Nor does anything hide its end behind a scroll bar of its own, or outside the screen.
    beyond = page.evaluate("""
        [...document.querySelectorAll('main *, header *')]
          .filter(e => !e.closest('svg') && !e.closest('thead'))
          .filter(e => e.getBoundingClientRect().right > 390.5 || e.scrollWidth > e.clientWidth + 1
                       && getComputedStyle(e).overflowX != 'visible')
          .map(e => e.outerHTML.slice(0, 80))
    """)
    assert beyond == []
    text = page.evaluate("""
        Math.min(...[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height))
    """)
    assert text >= 9, "figures are read at their own size"


def test_no_request_leaves_and_nothing_runs(folder: Path, browser: Browser) -> None:
    with browser.new_context() as context:
        opened = context.new_page()
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto((folder / "report.html").as_uri())
        unfold(opened)
        opened.wait_for_load_state("networkidle")
        assert [url for url in asked if not url.startswith("data:")] == [(folder / "report.html").as_uri()]
        assert opened.evaluate("document.scripts.length") == 0


def test_what_a_model_wrote_is_shown_as_text(page: Page) -> None:
    assert page.get_by_text("not bold").first.inner_text().count(made_up_study.HOSTILE) == 1
    assert page.evaluate("[...document.querySelectorAll('b')].every(b => b.textContent != 'not bold')")


def test_every_figure_has_a_text_alternative_with_its_numbers(page: Page) -> None:
    figures = page.locator("svg")
    assert figures.count() > 20
    labels = figures.evaluate_all("all => all.map(svg => svg.getAttribute('aria-label') || '')")
    assert all(any(letter.isdigit() for letter in label) for label in labels)
    assert page.get_by_role("img").count() == figures.count()
    assert page.locator("figure figcaption").count() == figures.count()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert any("in-context" in label and "chance 25" in label for label in labels)


CONTRAST = """
    () => {
      const rgb = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
      const light = text => {
        const [r, g, b] = rgb(text).map(v => v / 255)
          .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const paper = light(getComputedStyle(document.body).backgroundColor);
      const contrast = text => {
        const [low, high] = [light(text), paper].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
      };
      const texts = [...document.querySelectorAll('svg text')].map(t => getComputedStyle(t).fill);
      const prose = [...document.querySelectorAll('p, td, th, dt, li, figcaption, caption, summary')]
        .map(t => getComputedStyle(t).color);
      return {paper, contrast: Math.min(...[...new Set([...texts, ...prose])].map(contrast))};
    }
"""


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_figures_and_text_can_be_read_in_light_and_dark(page: Page, scheme: Any, dark: bool) -> None:
    page.emulate_media(color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    assert (found["paper"] < 0.1) == dark
    assert found["contrast"] >= 4.5


def test_paper_is_white_and_nothing_on_it_is_folded(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    found = page.evaluate(CONTRAST)
    assert found["paper"] == 1
    assert found["contrast"] >= 4.5
    heights = page.evaluate(
        "[...document.querySelectorAll('details table')].map(t => t.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) > 20


def test_the_page_says_what_a_reader_must_know(page: Page) -> None:
    text = page.locator("body").inner_text()
    assert text.index("Augment your documents") < text.index("At a glance")
    assert "trained on this kind of puzzle" in text
    assert "No public language model was measured" in text
    assert "torch 2.12.0" in text, "warnings of the study are on the page"
    assert "no readable answer" in text
    assert "2026-11-22" in text, "prices are dated"
    assert "Was it in the prompt?" in text
    assert "false" in page.locator(".label").all_inner_texts()[-2]


def test_a_dropped_line_is_no_sample(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Glon are less dangerous than femp." in page
    assert "left-out line" not in page


def test_same_folder_same_bytes(folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    assert write_page(folder).read_bytes() == before


def shown(folder: Path, summary: Row) -> str:
    """The page of a folder with this summary alone."""
    store.write_json(folder / "summary.json", summary)
    return write_page(folder).read_text(encoding="utf-8")


def test_a_small_study_of_own_documents_has_a_report_too(tmp_path: Path) -> None:
    arms = [Arm("<i>$a_b$", "floor"), Arm("文書", "baseline", tune=True)]
    rows = small_rows(("<i>$a_b$", "none", "own"), ("文書", "lora", "own"))
    text = shown(tmp_path, summary_of(rows, arms))
    assert "Do not decide on this study" in text
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


def test_a_study_whose_arms_have_other_names_has_the_same_page(folder: Path, tmp_path: Path) -> None:
    # Of the same length, so that figures have the same room for them.
    names = {arm.name: "qzkvjxwyfg"[at] * len(arm.name) for at, arm in enumerate(ARMS)}
    other = made_up_study.rename(Path(shutil.copytree(folder, tmp_path / "demo")), names)
    expected, found = (
        (folder / "report.html").read_text(encoding="utf-8"),
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


def test_prices_change_the_page_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "demo"))
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
    assert "Over 1 test of inference ours reaches 100\u00a0% (Lengthy) and 0\u00a0% (Brief)." in text


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
    assert warned(9, 12, 0.9) == warned(9, 12, None) == []
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
