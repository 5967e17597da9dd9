"""Numbers and names in words, for the report and the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

_TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def clean(text: str) -> str:
    """The text without control characters other than line breaks, and without what turns the direction of
    writing: in a terminal or a page they can do harm."""
    return "".join(
        letter
        for letter in text
        if letter == "\n" or not (unicodedata.category(letter) in ("Cc", "Cs") or letter in _TURNING)
    )


def cleaned(value: Any) -> Any:
    """A JSON value with every text clean and on one line; for names, not for documents."""
    if isinstance(value, str):
        return " ".join(clean(value.replace("\t", " ")).split("\n"))
    if isinstance(value, Mapping):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value


def percent(share: float | None) -> str:
    """A share as a whole percentage, with a non-breaking space; a dash for None."""
    if share is None:
        return "–"
    # Rounding must not turn "some" into "none" or "all".
    if 0 < share < 0.005:
        return "<1\u00a0%"
    if 0.995 <= share < 1:
        return ">99\u00a0%"
    return f"{round(100 * share)}\u00a0%".replace("-", "−")


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, always with its sign."""
    if difference is None:
        return "–"
    whole = round(100 * difference)
    return "0" if whole == 0 else f"{'+' if whole > 0 else '−'}{abs(whole)}"


def by_points(difference: float) -> str:
    """A difference with its unit: "+50 points", "−1 point"."""
    shown = points(difference)
    return f"{shown} point{'' if shown[1:] == '1' else 's'}"


def answered(answer: str, margin: float) -> str:
    """What a comparison shows, in words: "better", "within 5 points" (not lower by more), "not known",
    "worse"."""
    return {"within": f"within {100 * margin:.0f} points", "unknown": "not known"}.get(answer, answer)


def p_value(p: float, *, floor: bool = False) -> str:
    """A p value as text. At its `floor`, the least that so few units can give, it is "at most" that."""
    if p < 0.001:
        return "<0.001"
    return f"{'at most ' if floor else ''}{p:.3f}"


def quantity(value: float | None, unit: str | None = None) -> str:
    """A readable number: dollars with their sign, operations and tokens with million, billion, ..."""
    if value is None:
        return "–"
    if unit == "usd":
        return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.2g}"
    for size, name in ((1e18, "quintillion"), (1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion")):
        if value >= size:
            return f"{value / size:.3g}\u00a0{name}"
    if value >= 1e6:
        return f"{value / 1e6:.3g}\u00a0million"
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.2g}"


def questions(bounds: list[Any] | str | None) -> str:
    """A break-even range from summary.json in words: "1,200 to 1,500 questions", "never", ..."""
    if bounds is None:
        return "not known"
    if isinstance(bounds, str):
        return bounds
    low, high = bounds
    if high == "never":
        return f"{_rounded(low)} questions at best, or never"
    shown = _rounded(low), _rounded(high)
    if shown[0] == shown[1]:
        return "the first question" if high == 1 else f"about {shown[1]} questions"
    return f"{shown[0]} to {shown[1]} questions"


def listing(names: Sequence[str]) -> str:
    """Names as a list in words: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural with s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rounded(number: int) -> str:
    """Two significant digits: more would claim what a break-even cannot know."""
    return quantity(float(f"{number:.2g}"))
