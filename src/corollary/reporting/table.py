"""A table of text, which the page renders as HTML and the terminal as text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rich.table
from rich.align import Align
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from corollary.reporting.wording import cleaned

GAP = 2


@dataclass(frozen=True)
class Table:
    """Text in rows. The first `names` columns name a row. The others contain numbers, aligned to the right,
    or with `words` text."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    words: bool = False

    def text(self, width: int | None = None) -> str:
        """The table in `width` columns of a terminal (None: as wide as it is), without its caption.

        Columns that do not fit follow in a second block, after the names again. Words are never broken, so a
        long word may make a line longer.
        """
        head = [cleaned(cell) for cell in self.head]
        body = [[cleaned(cell) for cell in row] for row in self.rows]
        wide = [_column_width(head, body, at) + GAP for at in range(len(head))]
        names, numbers = list(range(self.names)), list(range(self.names, len(head)))
        room = 10**6 if width is None else width
        # An arm's answer may be long: the widest name column shrinks, down to its longest word.
        widest = max(names, key=lambda at: wide[at])
        words = [head[widest], *(word for row in body for word in row[widest].split())]
        others = sum(wide[at] for at in names if at != widest) + max((wide[at] for at in numbers), default=0)
        wide[widest] = max(min(wide[widest], room - others), GAP + max(map(cell_len, words)))
        blocks: list[list[int]] = [[]]
        left = free = room - sum(wide[at] for at in names)
        for at in numbers:
            if wide[at] > left and blocks[-1]:
                blocks.append([])
                left = free
            blocks[-1].append(at)
            left -= wide[at]
        return "\n\n".join(_grid(head, body, wide, [*names, *block], self.names) for block in blocks)

    def markdown(self) -> str:
        """The table in Markdown, without its caption."""
        lines = [
            self.head,
            [":---" if at < self.names or self.words else "---:" for at in range(len(self.head))],
        ]
        cells = ([cleaned(cell).replace("|", "\\|") for cell in line] for line in (*lines, *self.rows))
        return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _column_width(head: Sequence[str], body: Sequence[Sequence[str]], at: int) -> int:
    """The width of the widest cell or of the heading's longest word; headings may have several lines."""
    return max([*(cell_len(row[at]) for row in body), *(cell_len(word) for word in head[at].split(" "))])


def _grid(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    wide: Sequence[int],
    columns: Sequence[int],
    names: int,
) -> str:
    grid = rich.table.Table(box=None, padding=(0, 0, 0, GAP), show_edge=False)
    for at in columns:
        justify: Any = "left" if at < names else "right"
        grid.add_column(
            Align(Text(head[at]), justify, vertical="bottom"), width=wide[at] - GAP, justify=justify
        )
    for row in body:
        grid.add_row(*(Text(row[at]) for at in columns))
    console = Console(file=io.StringIO(), width=sum(wide[at] for at in columns), color_system=None)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().replace("\u00a0", " ").splitlines())
