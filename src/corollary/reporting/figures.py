"""The figures, as SVG that lives inside the page.

Each panel is a small drawing, 350 units wide, so that a phone shows it at its own size and a desktop shows
several in a row. The style sheet sets the colours (light, dark, print). Text stays text, and the label of
each panel contains all its numbers for readers who cannot see it.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from corollary.reporting.outline import Outline, Row, chance_of
from corollary.reporting.wording import percent, quantity, questions

WIDTH = 350
COLOURS = (
    "ink", "muted", "rule", "paper", "treatment", "several", "context", "baseline", "control", "bound",
    "added", "wrong",
)  # fmt: skip
"""Names of colours, each a variable in the style sheet."""

OF_ROLE = {
    "floor": "control",
    "context": "context",
    "baseline": "baseline",
    "control": "control",
    "placebo": "wrong",
    "ablation": "treatment",
    "treatment": "treatment",
    "bound": "bound",
    "added": "added",
}
"""The colour of each role: one for each way of using documents, grey for arms that only explain."""

# matplotlib has no CSS variables, so each colour has a unique stand-in that is replaced later.
_STAND_INS = {name: f"#0f0e{place:02x}" for place, name in enumerate(COLOURS, start=16)}

_SETTINGS: Any = {
    "svg.fonttype": "none",
    # Otherwise the ids, and so the bytes of the report, differ from run to run.
    "svg.hashsalt": "corollary",
    # A dollar sign in the name of an arm does not begin a formula.
    "text.parse_math": False,
    "font.size": 11.5,
    "text.color": _STAND_INS["ink"],
    "axes.edgecolor": _STAND_INS["rule"],
    "axes.labelcolor": _STAND_INS["muted"],
    "xtick.color": _STAND_INS["muted"],
    "ytick.color": _STAND_INS["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.major.pad": 7,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}

LINES = (
    ("one_step", "one step", "treatment"),
    ("several_step", "several steps", "several"),
    ("false", "false", "wrong"),
    ("unreadable", "unreadable", "baseline"),
    ("undecided", "undecided", "muted"),
    ("restates", "restates", "control"),
)
"""Kinds of generated lines in an exact audit: the key in summary.json, the word, the colour. The order
separates colours that some readers cannot distinguish."""


@dataclass(frozen=True)
class Panel:
    """One drawing with its title and a note. Its label contains all its numbers."""

    title: str
    svg: Markup
    note: str = ""


@dataclass(frozen=True)
class Point:
    """An arm's cost and accuracy; `hollow` marks one whose documents are cached."""

    name: str
    colour: str
    cost: float
    accuracy: float
    hollow: bool = False


@mpl.rc_context(_SETTINGS)
def accuracy(rows: Sequence[Row], seeds: Sequence[Row], outline: Outline, *, title: str) -> Panel:
    """A row for each arm: mean and 95 % interval, a small dot per seed, and chance as a dashed line.

    `rows` are those of "accuracy" for one dataset, split and tuning, `seeds` those of "seeds".
    """
    rows = outline.sorted(rows)
    figure, axes = _panel(left=118, right=54, height=46 + 19 * len(rows), bottom=26, top=20)
    chance = chance_of(rows)
    if chance is not None:
        axes.axvline(chance, color=_STAND_INS["muted"], linewidth=1, linestyle=(0, (2, 3)), zorder=0)
        above = axes.get_xaxis_transform()
        axes.text(chance, 1.0, "chance", transform=above, size=10, ha="center", va="bottom",
                  color=_STAND_INS["muted"])  # fmt: skip
    for y, row in enumerate(rows):
        colour, value = _STAND_INS[colour_of(row["method"], outline)], row["accuracy"]
        if value is not None:
            axes.hlines(y, row["low"], row["high"], color=colour, linewidth=2.6, alpha=0.5)
            axes.plot([value], [y], "o", color=colour, markersize=6.5, markeredgewidth=0, clip_on=False)
        dots = [s["accuracy"] for s in seeds if (s["method"], s["tuning"]) == (row["method"], row["tuning"])]
        axes.plot(dots, [y + 0.37] * len(dots), "o", color=colour, markersize=2.8, markeredgewidth=0,
                  clip_on=False)  # fmt: skip
        axes.text(1.27, y, percent(value), ha="right", va="center", size=11, clip_on=False)
    axes.set_yticks(range(len(rows)), [_fitting(row["method"]) for row in rows])
    axes.set_ylim(len(rows) - 0.35, -0.65)
    _shares(axes)
    words = [
        f"{row['method']} {percent(row['accuracy'])} ({percent(row['low'])} to {percent(row['high'])})"
        for row in rows
    ]
    spoken = f"Accuracy on {title}, with 95 % intervals: {'; '.join(words)}; chance {percent(chance)}."
    return Panel(title, _svg(figure, spoken))


@mpl.rc_context(_SETTINGS)
def cost_against_accuracy(points: Sequence[Point], *, title: str, unit: str) -> Panel:
    """The cost of each arm, on a logarithmic axis, and its accuracy."""
    figure, axes = _panel(left=34, right=14, height=250, bottom=42, top=12)
    costs = [point.cost for point in points]
    reach = max(max(costs) / min(costs), 10)
    axes.set_xscale("log")
    # Room for the name of the most expensive arm, to its right.
    axes.set_xlim(min(costs) / reach**0.08, max(costs) * reach**0.4)
    axes.set_ylim(-0.04, 1.06)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    axes.grid(color=_STAND_INS["rule"], linewidth=0.6)
    _decades(axes, unit)
    axes.set_xlabel("dollars" if unit == "usd" else "floating-point operations", size=11)
    for point in points:
        axes.plot([point.cost], [point.accuracy], "o", color=_STAND_INS[point.colour], markersize=6.5,
                  fillstyle="none" if point.hollow else "full",
                  markeredgewidth=1.6 if point.hollow else 0)  # fmt: skip
    _label(axes, points)
    words = [f"{p.name} {quantity(p.cost, unit)} and {percent(p.accuracy)}" for p in points]
    spoken = f"Cost and accuracy on {title}: {'; '.join(words)}."
    return Panel(title, _svg(figure, spoken))


@mpl.rc_context(_SETTINGS)
def break_even(tuned: Row, contexts: Sequence[Row], *, title: str) -> Panel:
    """The total cost of n questions with the tuned model (a band over seeds) and with documents in the
    prompt, read each time or cached. All rows are of "costs"; the break-even refers to the first of
    `contexts`."""
    unit = tuned["unit"]
    ends = [b for key in ("break_even_queries", "break_even_queries_cached") for b in _bounds(tuned[key])]
    last = 10 ** np.ceil(np.log10(max([1e4, *(10 * end for end in ends)])))
    n = np.logspace(0, np.log10(last), 80)
    figure, axes = _panel(left=50, right=14, height=230, bottom=42, top=10)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for place, context in enumerate(contexts):
        wide = 1.0 if place else 2.0
        for cached in (False, True):
            line = _line(context, n, cached=cached, bound=1)
            axes.plot(n, line, color=_STAND_INS["context"], linewidth=wide,
                      linestyle=(0, (3, 2)) if cached else "-")  # fmt: skip
        if len(contexts) > 1:
            end = _line(context, n, cached=False, bound=1)[-1]
            axes.text(last, end, context["method"], size=10, ha="right", va="bottom",
                      color=_STAND_INS["context"])  # fmt: skip
    low, high = (_line(tuned, n, cached=False, bound=bound) for bound in (0, 1))
    axes.fill_between(n, low, high, color=_STAND_INS["treatment"], alpha=0.25, linewidth=0)
    axes.plot(n, high, color=_STAND_INS["treatment"], linewidth=2)
    for end in ends:
        at = _line(tuned, np.array([float(end)]), cached=False, bound=1)
        axes.plot([end], at, "o", color=_STAND_INS["paper"], markersize=6.5, markeredgewidth=1.6,
                  markeredgecolor=_STAND_INS["ink"])  # fmt: skip
    axes.set_xlim(1, last)
    axes.grid(color=_STAND_INS["rule"], linewidth=0.6)
    decades = int(np.log10(last))
    ticks = [10.0**k for k in range(0, decades + 1, 1 if decades < 5 else 2)]
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    _decades(axes, unit, vertical=True)
    axes.set_xlabel("questions asked", size=11)
    plain, cached_even = (questions(tuned[f"break_even_queries{name}"]) for name in ("", "_cached"))
    note = f"cheaper after {plain}; with caching after {cached_even}".replace("after never", "never")
    spoken = (
        f"Costs of {tuned['method']} and of {contexts[0]['method']} on {title}: the tuned model is {note}."
    )
    return Panel(title, _svg(figure, spoken), note)


@mpl.rc_context(_SETTINGS)
def lines(rows: Sequence[Row], *, title: str) -> Panel:
    """The shares of each kind of generated lines; `rows` are those of "augmentation" for one dataset, from an
    exact audit."""
    figure, axes = _panel(left=118, right=28, height=32 + 24 * len(rows), bottom=26, top=6)
    words = []
    for y, row in enumerate(rows):
        total, start = max(sum(row.get(key, 0) for key, _, _ in LINES), 1), 0.0
        for key, _, colour in LINES:
            share = row.get(key, 0) / total
            axes.barh(y, share, left=start, height=0.62, color=_STAND_INS[colour], linewidth=0)
            start += share
        shares = ", ".join(
            f"{percent(row.get(key, 0) / total)} {word}" for key, word, _ in LINES if key in row
        )
        words.append(f"{row['method']}, {total:,} lines: {shares}")
    axes.set_yticks(range(len(rows)), [_fitting(row["method"]) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _shares(axes)
    spoken = f"Lines generated from {title}. {'; '.join(words)}."
    return Panel(title, _svg(figure, spoken))


def colour_of(arm: str, outline: Outline) -> str:
    """The colour of an arm."""
    return OF_ROLE.get(outline.roles.get(arm, ""), "added")


def _panel(*, left: int, right: int, height: int, bottom: int, top: int) -> tuple[Figure, Axes]:
    """An empty panel with margins in units of the drawing."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    inner = (WIDTH - left - right) / WIDTH, (height - bottom - top) / height
    return figure, figure.add_axes((left / WIDTH, bottom / height, *inner))


def _svg(figure: Figure, words: str) -> Markup:
    out = io.StringIO()
    with warnings.catch_warnings():
        # The browser draws the letters, so it does not matter if a font here lacks some.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    inside = text[text.index("<g ") : text.rindex("</svg>")]
    for name, colour in _STAND_INS.items():
        inside = inside.replace(colour, f"var(--{name})")
    inside = re.sub(r"font-family: [^;\"]*;? ?", "", inside)
    # Ids must be unique in a page. But groups are numbered from 1 in every drawing, and the ids of elements
    # that are referred to depend only on their content.
    inside = re.sub(r' id="(?:[a-z]+|matplotlib\.axis|legend|[a-zA-Z0-9]+)_\d+"', "", inside)
    inside = re.sub(r"\s*\n\s*", "\n", inside)
    mark = f"f{zlib.crc32(words.encode()):08x}"
    inside = re.sub(r'(id="|href="#|url\(#)([a-z][0-9a-f]{10})\b', rf"\g<1>{mark}-\2", inside)
    height = figure.get_size_inches()[1] * 72
    head = (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-label="{escape(words)}">'
    )
    return Markup(f"{head}{inside}</svg>")


def _fitting(name: str) -> str:
    """The name of an arm, cut to the margin of a panel."""
    return name if len(name) <= 17 else f"{name[:16]}…"


def _shares(axes: Axes) -> None:
    """A horizontal axis from 0 to 100 %."""
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axes.grid(axis="x", color=_STAND_INS["rule"], linewidth=0.6)
    axes.set_axisbelow(True)


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Put a name beside each point, as near as possible without covering a point or another name. A thin line
    ties it to its point if it is on another level."""
    places = [axes.transData.transform((point.cost, point.accuracy)) for point in points]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in places]
    top = axes.figure.bbox.height
    levels = (0, 13, -13, 20, -20, 27, -27, 34, -34, 41, -41)
    for point, (x, y) in sorted(zip(points, places, strict=True), key=lambda found: -found[1][1]):
        name, colour = point.name, "muted" if point.colour == "control" else point.colour
        wide = 7 * len(name)  # a little more than most browsers' fonts need
        options = [
            (shift, level, Bbox.from_bounds(x + shift - (wide if shift < 0 else 0), y + level - 6, wide, 12))
            for level in levels
            for shift in (9, -9)
        ]
        inside = [o for o in options if o[2].x0 >= 0 and o[2].x1 <= WIDTH and o[2].y1 <= top] or options
        free = (option for option in inside if not option[2].count_overlaps(taken))
        shift, level, box = next(free, inside[0])
        taken.append(box)
        tie = {"arrowstyle": "-", "color": _STAND_INS[colour], "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            name,
            (point.cost, point.accuracy),
            xytext=(shift, level),
            textcoords="offset points",
            size=10.5,
            ha="left" if shift > 0 else "right",
            va="center",
            color=_STAND_INS[colour],
            arrowprops=tie if level else None,
            annotation_clip=False,
        )


def _line(row: Row, n: np.ndarray[Any, Any], *, cached: bool, bound: int) -> np.ndarray[Any, Any]:
    name = "_cached" if cached else ""
    return np.asarray(row[f"once{name}"][bound] + n * row[f"per_query{name}"][bound])


def _bounds(found: list[Any] | str | None) -> list[int]:
    return sorted({bound for bound in found if bound != "never"}) if isinstance(found, list) else []


def _decades(axes: Axes, unit: str, *, vertical: bool = False) -> None:
    """Set a few ticks at powers of ten, with readable labels."""
    axes.minorticks_off()
    low, high = axes.get_ylim() if vertical else axes.get_xlim()
    exponents = range(int(np.ceil(np.log10(low))), int(np.floor(np.log10(high))) + 1)
    step = max(1, -(-len(exponents) // 5))
    ticks = [10.0**k for k in exponents[::step]]
    if len(ticks) < 2:
        ticks = [low * (high / low) ** part for part in (0.15, 0.85)]
    set_ticks = axes.set_yticks if vertical else axes.set_xticks
    set_ticks(ticks, [f"${_short(tick)}" if unit == "usd" else _short(tick) for tick in ticks])
    if vertical:
        axes.set_ylim(low, high)
    else:
        axes.set_xlim(low, high)


def _short(value: float) -> str:
    """1, 100, 10k, 1M, and powers of ten beyond."""
    if value >= 1e9:
        exponent = int(np.floor(np.log10(value) + 1e-9))
        digits = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        factor = value / 10**exponent
        return f"10{digits}" if abs(factor - 1) < 0.01 else f"{factor:.1f}·10{digits}"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.0e}"
