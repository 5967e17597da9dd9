"""Relations of the embedded model's training beyond those of the worlds.

With the worlds' own pairs alone, the local task wrote the nearest practised pair in place of a reserved one
("the spouse of" for "the godparent of"). The model had learned the few pairs that the task asks for, not how
to turn round what plain statements teach. Many pairs leave no such short cut. Nor do more wordings of
comparisons: the task confused a kept one with another relation by its first word ("have always been more"
with "have as members").
"""

from __future__ import annotations

from dataclasses import replace

from corollary_worlds.domains import Fact
from corollary_worlds.relations import RELATIONS, Relation

_ROLES = (
    "teacher pupil", "doctor patient", "lawyer client", "host guest", "landlord tenant", "seller buyer",
    "lender debtor", "master servant", "coach player", "leader follower", "guide visitor", "mentor learner",
    "employer worker", "captain sailor", "guardian ward", "winner loser", "heir donor", "critic author",
    "nurse invalid", "rival rival", "neighbour neighbour", "friend friend", "partner partner", "twin twin",
)  # fmt: skip
_OF = ("is the {n} of", "is {n} to", "stood as {n} to", "became the {n} of", "serves as {n} to")
_LATER = ("is proud to be the {n} of", "is known as the {n} of")  # kept, asked
_DEEDS = (
    ("chase", "chased"), ("carry away", "carried away"), ("clean", "cleaned"), ("guard", "guarded"),
    ("follow", "followed"), ("warm", "warmed"), ("hide", "hidden"), ("fear", "feared"),
    ("admire", "admired"), ("imitate", "imitated"), ("build", "built"), ("attract", "attracted"),
    ("outlive", "outlived"), ("cover up", "covered up"), ("heat", "heated"), ("paint", "painted"),
)  # fmt: skip
_DO = ("{v}", "often {v}", "can {v}", "always {v}", "like to {v}", "love to {v}", "are known to {v}")
_DONE = ("are {v} by", "are often {v} by", "can be {v} by", "are always {v} by", "get {v} by",
         "like to be {v} by", "are known to be {v} by")  # fmt: skip
# No two begin alike: where several did, the likeliest line was always theirs, and the model repeated it.
_VERBS = ("remain", "appear", "stay", "feel", "have become")


def _made(name: str, inverse: str, middles: list[str]) -> Relation:
    texts = tuple(f"{{a}} {middle} {{b}}" for middle in middles)
    return Relation(name, inverse, texts[:-2], texts[-1], texts[-2])


def _breadth() -> dict[str, Relation]:
    made = []
    for pair in _ROLES:
        one, other = pair.split()
        for noun, back in dict.fromkeys(((one, other), (other, one))):
            middles = [template.format(n=noun) for template in (*_OF, *_LATER)]
            made.append(_made(f"{noun}_to", f"{back}_to", middles))
    for verb, passive in _DEEDS:
        to, by = (f"{voice}_{verb.replace(' ', '_')}" for voice in ("do", "done"))
        made.append(_made(to, by, [template.format(v=verb) for template in _DO]))
        made.append(_made(by, to, [template.format(v=passive) for template in _DONE]))
    return {relation.name: relation for relation in made}


def _worded_otherwise() -> dict[str, Relation]:
    """The comparisons of the worlds, with wordings that no dataset has."""
    return {
        name: replace(
            relation, tellings=(*relation.tellings, *(f"{{a}} {verb} {name} than {{b}}" for verb in _VERBS))
        )
        for name, relation in RELATIONS.items()
        if " " in name
    }


BREADTH = _breadth()
ALL = {**RELATIONS, **_worded_otherwise(), **BREADTH}


def invert(fact: Fact) -> Fact:
    """The same fact, stated from its other end."""
    return Fact(ALL[fact.relation].inverse, fact.last, fact.first)
