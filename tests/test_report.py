"""The report: advice that follows the numbers, and a page that works alone, small, dark and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_up_study
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_study import comparison
from playwright.sync_api import Browser, Page, sync_playwright

from corollary import stats, store
from corollary.errors import UserError
from corollary.reporting.page import paper, report, samples, wording

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


def test_the_table_of_orderings_names_what_was_not_reproduced() -> None:
    accuracy = [
        {"dataset": "celebrities", "split": "reversal", "method": method, "tuning": "full"}
        | {"accuracy": value, "chance": 0.25}
        for method, value in {**VALUES, "fine-tuned": 0.4}.items()
        if method != "chance"
    ]
    (line,) = paper.lines({"accuracy": accuracy, "comparisons": []})
    assert line.verdict == "partly"
    assert line.missed == "not: fine-tuned near zero"
    assert line.ours[:2] == ("in-context 95\u00a0% ≈", "augmented 94\u00a0% >")


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
    report(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "the tests of the report need Debian's chromium: apt-get install chromium"
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
    assert "was trained to infer" in text
    assert "No public language model was measured" in text
    assert "torch 2.12.0" in text, "warnings of the study are on the page"
    assert "no readable answer" in text
    assert "2026-11-22" in text, "prices are dated"
    assert "Was it in the prompt?" in text
    assert "false" in page.locator(".label").all_inner_texts()[-2]


def test_an_arm_of_which_every_line_was_dropped_is_warned_of(folder: Path, tmp_path: Path) -> None:
    said = "lines that augmented wrote about family were dropped: it was trained on the documents alone"
    assert said not in report(folder).read_text(encoding="utf-8")
    shutil.copytree(folder, tmp_path / "out")
    summary = store.read_json(tmp_path / "out" / "summary.json")
    (row,) = (r for r in summary["augmentation"] if (r["dataset"], r["method"]) == ("family", "augmented"))
    row["lines"] = 0
    store.write_json(tmp_path / "out" / "summary.json", summary)
    assert f"All 12 {said}" in report(tmp_path / "out").read_text(encoding="utf-8")
    row["dropped"]["lines"] = 0
    store.write_json(tmp_path / "out" / "summary.json", summary)
    assert "augmented wrote nothing about family: it was trained on the documents alone" in report(
        tmp_path / "out"
    ).read_text(encoding="utf-8")


def test_a_dropped_line_is_no_sample(folder: Path) -> None:
    page = report(folder).read_text(encoding="utf-8")
    assert "Glon are less dangerous than femp." in page
    assert "left-out line" not in page


def test_same_folder_same_bytes(folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    assert report(folder).read_bytes() == before


def test_a_small_study_of_own_documents_has_a_report_too(tmp_path: Path) -> None:
    rows = [
        {"dataset": "documents", "split": "deduction", "method": method, "tuning": tuning, "model": "own"}
        | {"seed": 0, "question": f"q{i}", "unit": f"u{i}", "correct": i % 2, "chance": 0.25}
        | {"written": None, "reserved": False}
        for method, tuning in (("<i>$a_b$", "none"), ("fine-tuned", "lora"))
        for i in range(4)
    ]
    store.write_json(tmp_path / "summary.json", stats.summarise(rows))
    text = report(tmp_path).read_text(encoding="utf-8")
    assert "Do not decide on this study" in text
    assert "&lt;i&gt;$a_b$" in text
    assert "<i>$a_b$" not in text
    assert "was trained to infer" not in text
    assert "Reproduced?" not in text


def answers(method: str, model: str) -> list[Row]:
    row: Row = {"dataset": "semantic", "split": "reversal", "method": method, "tuning": "full", "seed": 0}
    row |= {"model": model, "chance": 0.25, "written": None, "reserved": False}
    return [row | {"question": f"q{i}", "unit": f"u{i}", "correct": i % 2} for i in range(4)]


def test_only_what_came_from_elsewhere_is_said_to_be_tuned_elsewhere(tmp_path: Path) -> None:
    names = ("fine-tuned-split", "mine", "back", "oracle")
    rows = [row for name in names for row in answers(name, "embedded")]
    store.write_json(tmp_path / "summary.json", stats.summarise(rows))
    # A name of the list above may be that of a model from elsewhere, where the study has no such method.
    store.write_json(tmp_path / "elsewhere.json", [{"method": "back"}, {"method": "oracle"}])
    text = report(tmp_path).read_text(encoding="utf-8")
    for name, words in {
        "fine-tuned-split": wording.METHODS["fine-tuned-split"],
        "mine": "a method of this study",
        "back": "a model tuned elsewhere",
        "oracle": "a model tuned elsewhere",
    }.items():
        assert f"{name}</dt><dd>{words}<" in text


@pytest.mark.parametrize(
    ("own", "other", "warns"), [("embedded", "local", True), ("local", "embedded", False)]
)
def test_what_is_open_depends_on_the_model_of_the_study_itself(
    own: str, other: str, warns: bool, tmp_path: Path
) -> None:
    rows = [*answers("fine-tuned", own), *answers("back", other)]
    store.write_json(tmp_path / "summary.json", stats.summarise(rows))
    store.write_json(tmp_path / "elsewhere.json", [{"method": "back"}])
    text = report(tmp_path).read_text(encoding="utf-8")
    assert ("No public language model was measured" in text) == warns
    assert ("was trained to infer" in text) == warns


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
    lines = samples.augmentations(tmp_path, summary)
    assert {dataset: [(s.text, s.sources) for s in found] for dataset, found in lines.items()} == {
        "notes.v2": [("notes.v2 3 wrote", ("notes.v2 3 told",))]
    }
    asked = samples.asked(tmp_path, summary)
    assert {dataset: [q.prompt for q in found] for dataset, found in asked.items()} == {
        "notes.v2": ["notes.v2 3 asks"]
    }


def test_a_folder_without_a_study_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"summary\.json"):
        report(tmp_path)
