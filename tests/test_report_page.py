"""The page in a browser: it works alone, and it can be read on a phone, in the dark and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_up_study
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

Row = dict[str, Any]


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
def page(reported: Path, browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        opened = context.new_page()
        opened.goto((reported / "report.html").as_uri())
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


def test_no_request_leaves_and_nothing_runs(reported: Path, browser: Browser) -> None:
    with browser.new_context() as context:
        opened = context.new_page()
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto((reported / "report.html").as_uri())
        unfold(opened)
        opened.wait_for_load_state("networkidle")
        assert [url for url in asked if not url.startswith("data:")] == [(reported / "report.html").as_uri()]
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
    assert text.index("primary tests") < text.index("The gain is inference on") < text.index("At a glance")
    glance = page.locator("#glance").inner_text()
    for said in ("Written and not written", "arXiv 2604.01430", "What false lines keep", "Best rule"):
        assert said in glance
    assert "Exploratory: paired differences" in (page.locator("body").text_content() or "")
    assert "trained on this kind of puzzle" in text
    assert "No public language model was measured" in text
    assert "torch 2.12.0" in text, "warnings of the study are on the page"
    assert "no readable answer" in text
    assert "2026-11-22" in text, "prices are dated"
    assert "Was it in the prompt?" in text
    assert "false" in page.locator(".label").all_inner_texts()[-2]
