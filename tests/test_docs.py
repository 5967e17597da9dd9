"""What the documentation says runs: Python blocks are run, commands exist, rows of data are read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from corollary.commands import list_
from corollary.datasets.documents import make
from corollary.studies.presets import read_study

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COROLLARY = Path(sys.executable).with_name("corollary")


def blocks(text: str, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a language: the line on which each one's content begins, and its content."""
    fence = re.compile(rf"^```{language}[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, found.start(1)) + 1, found[1]) for found in fence.finditer(text)]


def run_python(page: Path) -> None:
    """Run the Python blocks of a page one after the other; names live on from block to block."""
    names: dict[str, object] = {"__name__": "__main__"}
    for line, source in blocks(page.read_text("utf-8"), "python"):
        # Empty lines in front, so that a traceback names the page's own line.
        exec(compile("\n" * (line - 1) + source, str(page), "exec"), names)


def commands(text: str) -> set[tuple[str, str]]:
    """The (program, first word) of every command with which a line of a console block begins."""
    lines = (line for _, block in blocks(text, "console") for line in block.splitlines())
    found = (re.match(r"\$ (?:\.venv/bin/)?(make|corollary)\s+([\w-]+)", line) for line in lines)
    return {(match[1], match[2]) for match in found if match}


def flags(text: str) -> set[tuple[str, str]]:
    """The (command, flag) of every flag of a corollary command in a console block."""
    lines = (line for _, block in blocks(text, "console") for line in block.splitlines())
    found = (re.match(r"\$ (?:\.venv/bin/)?corollary\s+([\w-]+)(.*)", line) for line in lines)
    return {(match[1], flag) for match in found if match for flag in re.findall(r"(--[\w-]+)", match[2])}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_python(page)


def test_the_questions_of_the_tutorial_are_read(tmp_path: Path) -> None:
    ((_, questions),) = blocks((ROOT / "docs" / "tutorial.md").read_text("utf-8"), "jsonl")
    shutil.copytree(ROOT / "examples" / "company", tmp_path, dirs_exist_ok=True)
    own = make(seed=0, path=str(tmp_path)).questions
    (tmp_path / "questions.jsonl").write_text(questions)
    data = make(seed=0, path=str(tmp_path))
    known = {document.id for document in data.documents}
    assert len(own) == 60
    assert [bool(question.choices) for question in data.questions] == [True, False]
    for question in (*own, *data.questions):
        assert known.issuperset(question.premises)
        assert question.answer.startswith(" ")


def test_the_study_of_the_tutorial_is_one(tmp_path: Path) -> None:
    ((_, study),) = blocks((ROOT / "docs" / "tutorial.md").read_text("utf-8"), "toml")
    (tmp_path / "mine.toml").write_text(study)
    planned = read_study(str(tmp_path / "mine.toml"))
    assert planned.generator is not None
    assert [spec.use for spec in planned.checks] == ["judge"]
    assert [arm.role for arm in planned.arms].count("context") == 3


def test_commands_exist() -> None:
    words = set.union(*(commands(page.read_text("utf-8")) for page in PAGES))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {word for program, word in words if program == "make"} <= targets
    for word in sorted(word for program, word in words if program == "corollary"):
        run = subprocess.run([COROLLARY, word, "--help"], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


def test_flags_exist() -> None:
    written = set.union(*(flags(page.read_text("utf-8")) for page in PAGES))
    assert ("evaluate", "--context") in written
    options = {f"--{plugin_option.name.replace('_', '-')}" for kind in ("datasets", "tunings")
             for plugin in list_(kind) for plugin_option in plugin.options}  # fmt: skip
    for command in sorted({command for command, _ in written}):
        text = subprocess.run([COROLLARY, command, "--help"], capture_output=True, text=True).stdout
        known = set(re.findall(r"--[\w-]+", text)) | (options if command in ("make", "tune") else set())
        assert {flag for name, flag in written if name == command} <= known


def test_a_page_whose_block_is_wrong_is_noticed_at_its_own_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n```python\nx = 1\n```\n\nand\n\n```python\nassert x == 1\nassert x == 2\n```\n"
    )
    with pytest.raises(AssertionError) as caught:
        run_python(page)
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == (str(page), 11)


def test_commands_are_found_in_console_blocks_alone() -> None:
    console = "```console\n$ make demo\nmake no\n$ .venv/bin/corollary study x\n$ ls\n```\n"
    text = console + "```python\n$ make x\n```\n"
    assert commands(text) == {("make", "demo"), ("corollary", "study")}
