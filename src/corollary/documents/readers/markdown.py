"""Markdown: a file is one document; its sentences come from paragraphs and list items."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

from corollary.documents.decoding import decode
from corollary.documents.readers import Found, LeftOut, Remark
from corollary.documents.split import paragraph_spans
from corollary.types import Document, Origin

SUFFIXES = (".md", ".markdown", ".mdown")

# A line "---" opens front matter only if a field follows; otherwise it is a rule.
_FRONT = re.compile(r"---[ \t]*\n(?=[\w-]+[ \t]*:)(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_OF_IMAGES = frozenset(("image", "softbreak", "link_open", "link_close"))
_LEFT_OUT = {
    "heading_open": "headings",
    "table_open": "tables",
    "fence": "code blocks",
    "code_block": "code blocks",
    "html_block": "HTML blocks",
}


def read(path: Path, *, name: str = "", language: str = "en") -> Iterator[Found]:
    """The file as one document with the spans of its sentences.

    Its text is that of the file, markup included, but quotation marks (>) inside a paragraph become spaces.
    Front matter, headings, tables, code and HTML blocks have no spans and are counted. Raises `UserError` if
    the file is not text.
    """
    text, remark = decode(path.read_bytes())
    if remark:
        yield Remark(remark)
    if not text.strip():
        return
    front = _FRONT.match(text)
    skipped = text.count("\n", 0, front.end()) if front else 0
    left_out = Counter({"front matter": 1} if front else {})
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse("\n".join(lines[skipped:]))
    left_out.update(_LEFT_OUT[token.type] for token in tokens if token.type in _LEFT_OUT)
    paragraphs: list[tuple[int, int, int]] = []
    for before, token in itertools.pairwise(tokens):
        if before.type != "paragraph_open":
            continue
        if all(child.type in _OF_IMAGES for child in token.children or ()):
            left_out["images"] += 1
            continue
        assert token.map is not None, "markdown-it gives every paragraph its lines"
        first = skipped + token.map[0]
        contents = token.content.split("\n")
        starts = [_start(lines[first + i], content) for i, content in enumerate(contents)]
        for number, start in enumerate(starts[1:], start=first + 1):
            lines[number] = " " * start + lines[number][start:]
        paragraphs.append((first, starts[0], first + len(contents) - 1))
    offsets = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
    text = "\n".join(lines)
    spans: list[tuple[int, int]] = []
    for first, start, last in paragraphs:
        spans += paragraph_spans(text, offsets[first] + start, offsets[last + 1] - 1, language)
    name = name or path.name
    yield Document(name, text, origin=Origin(name), spans=tuple(spans))
    yield from (LeftOut(what, count) for what, count in left_out.items())


def _start(line: str, content: str) -> int:
    """The offset at which the content of a line begins, after the marks of lists and quotations."""
    bare = line.rstrip()
    return len(bare) - len(content.rstrip()) if bare.endswith(content.rstrip()) else 0
