"""The placebo: another arm's lines, made false. What its gain keeps is no inference."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from corollary.documents.split import sentences
from corollary.errors import Unknown
from corollary.types import DROPPED, Dataset, Document, Flow
from corollary.writing.audit import audit_of

WAYS = ("relation", "name", "names")
TRIES = 48
"""False lines that are proposed for each line."""


def write(dataset: Dataset, *, seed: int, lines: Sequence[Document], what: str = "relation") -> Flow:
    """Each line that says something new, in a false form; the number of rows stays. It asks no model.

        relation   the right names in the relation of another line
        name       the right relation with another name in place of one
        names      the names alone, without a relation

    If the dataset has an audit that knows what is false, only lines that it calls false are used, and lines
    that restate a document stay as they are. Without one, every line is changed, and no new line repeats a
    document or one of `lines`. A line that cannot be made false is left out: it has fewer than two names, or
    no other line has as many. A study compares the treatment with this arm, because tuning on false or
    empty lines about the right names helps too (arXiv 2504.20752, 2602.02470).
    """
    if what not in WAYS:
        raise Unknown("way to make lines false (the option 'what' of falsified)", what, WAYS)
    own = [sentence.text for document in dataset.documents for sentence in sentences(document)]
    audit = audit_of(dataset)
    labels = {row.text: row.label for row in audit.label(lines)}
    forms = {text: _Form.of(text, audit.names(text)) for text in [*own, *(line.text for line in lines)]}
    pool = _Pool(forms.values())
    draw = random.Random(f"corollary-falsified-{what}-{seed}")
    new = [line for line in lines if labels[line.text] != "restates"]
    wanted = {line.text: [*islice(pool.proposed(forms[line.text], what, draw), TRIES)] for line in new}
    proposed = [Document(text, text) for text in dict.fromkeys(t for found in wanted.values() for t in found)]
    judged = {row.text: row.label for row in audit.label(proposed)}
    taken = {*own, *(line.text for line in lines)}
    yield from ()
    rows: list[Document] = []
    for number, line in enumerate(lines):
        row = replace(line, id=f"falsified-{number}", strategy="falsified")
        if line.text in wanted:
            # The names alone say nothing, so no audit can call them false.
            good = (
                text
                for text in wanted[line.text]
                if text not in taken and (what == "names" or judged[text] in ("false", "unchecked"))
            )
            text = next(good, None)
            if text is not None:
                taken.add(text)
            why = {} if text is not None else {"reason": "no false form was found"}
            row = replace(row, text=text or line.text, strategy="falsified" if text else DROPPED, meta=why)
        rows.append(row)
    return rows


@dataclass(frozen=True)
class _Form:
    """A text as the names in it, in order of their first mention, and the parts around all mentions. `places`
    has the number of the name at each mention."""

    names: tuple[str, ...]
    parts: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, text: str, names: Sequence[str]) -> _Form:
        found = sorted(names, key=len, reverse=True)
        # Odd parts are mentions.
        one = f"(?:{'|'.join(map(re.escape, found))})"
        parts = re.split(rf"(?<!\w)({one}(?: {one})*)(?!\w)", text) if found else [text]
        said = parts[1::2]
        distinct = tuple(dict.fromkeys(said))
        return cls(distinct, tuple(parts[::2]), tuple(distinct.index(name) for name in said))

    def told(self, names: Sequence[str]) -> str:
        """The text with other names."""
        said = [names[place] for place in self.places]
        return "".join(part + name for part, name in zip(self.parts, [*said, ""], strict=True))


class _Pool:
    """The shapes of texts by their number of names, and the names that stand at each place of each shape."""

    def __init__(self, forms: Iterable[_Form]) -> None:
        self.shapes: dict[int, dict[tuple[tuple[str, ...], tuple[int, ...]], None]] = defaultdict(dict)
        self.names: dict[tuple[Any, int], dict[str, None]] = defaultdict(dict)
        for form in forms:
            size = len(form.names)
            self.shapes[size][form.parts, form.places] = None
            for place, name in enumerate(form.names):
                for kind in (form.parts, size):
                    self.names[kind, place][name] = None

    def proposed(self, form: _Form, what: str, draw: random.Random) -> Iterator[str]:
        """Texts that are false if `form` is true, in random order."""
        size = len(form.names)
        if size < 2:
            return
        if what == "names":
            # Several lines may be about the same names, and each row is wanted once.
            for between in (" ", ", ", " - ", " / "):
                yield f"{between.join(form.names)}."
                yield f"{between.join(reversed(form.names))}."
        elif what == "relation":
            shapes = list(self.shapes[size])
            for parts, places in draw.sample(shapes, len(shapes)):
                if (parts, places) != (form.parts, form.places):
                    yield _Form(form.names, parts, places).told(form.names)
        else:
            # Names that stand at this place of this relation, then of any: a name of another kind is a clue.
            for kind in (form.parts, size):
                for place in draw.sample(range(size), size):
                    near = list(self.names[kind, place])
                    for name in draw.sample(near, min(len(near), TRIES // 4)):
                        if name not in form.names:
                            yield form.told([*form.names[:place], name, *form.names[place + 1 :]])
