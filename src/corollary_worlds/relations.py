"""The relations of the worlds and their wordings.

Every wording names its first argument first and its last argument last. So a sentence cut before the last
argument is a question, and the order of mention is the order of the relation. Documents use `tellings` and
`kept`. In training, the embedded model met `kept` only in plain statements, never in an augmentation task.
Rephrase questions use `asked`, which no document has. A `reserved` relation and its inverse were kept out of
the augmentation tasks altogether.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """A relation `name(a, b)`; whenever it holds, `inverse(b, a)` holds (mother: child)."""

    name: str
    inverse: str
    tellings: tuple[str, ...]
    asked: str
    kept: str
    reserved: bool = False

    @property
    def wordings(self) -> tuple[str, ...]:
        """All wordings that a document may use; the first is the plainest."""
        return (*self.tellings, self.kept)


def _relation(name: str, inverse: str, wordings: str, *, reserved: bool = False) -> Relation:
    """`wordings`: middles of "{a} ... {b}" divided by |; the last but one is `kept`, the last `asked`."""
    texts = tuple(f"{{a}} {middle.strip()} {{b}}" for middle in wordings.split("|"))
    return Relation(name, inverse, texts[:-2], texts[-1], texts[-2], reserved)


# The 28 features of `reversals`; the last six are reserved (their more/less pair is never augmented in training).
FEATURES = tuple(
    "dangerous beautiful expensive common useful careful clever curious famous fragile gentle graceful"
    " honest hungry important nervous noisy patient playful powerful quiet stubborn"
    " colourful cheerful ancient valuable friendly mysterious".split()
)
RESERVED_FEATURES = frozenset(FEATURES[-6:])

_VERBS = ("are", "seem", "look", "tend to be", "turn out to be", "have always been", "prove to be")


def _comparison(degree: str, opposite: str, feature: str) -> Relation:
    middles = "|".join(f"{verb} {degree} {feature} than" for verb in _VERBS)
    name, inverse = f"{degree} {feature}", f"{opposite} {feature}"
    return _relation(name, inverse, middles, reserved=feature in RESERVED_FEATURES)


_PAIRS: tuple[Relation, ...] = (
    # family
    _relation("mother_of", "child_of",
              "is the mother of|is mother to|gave birth to|became the mother of|is the mum of"
              "|is proud to be the mother of|is known as the mother of"),
    _relation("father_of", "child_of",
              "is the father of|is father to|fathered|became the father of|is the dad of"
              "|is proud to be the father of|is known as the father of"),
    _relation("child_of", "parent_of",
              "is the child of|is a child of|was born to|came into the world as the child of|is the offspring of"
              "|is proud to be the child of|is known as the child of"),
    _relation("parent_of", "child_of",
              "is the parent of|is a parent of|is parent to|became the parent of|raised as a parent"
              "|is proud to be the parent of|is known as the parent of"),
    _relation("sibling_of", "sibling_of",
              "is the sibling of|is a sibling of|grew up as the sibling of|shares both parents with|is brother or sister to"
              "|is proud to be the sibling of|is known as the sibling of"),
    _relation("spouse_of", "spouse_of",
              "is married to|is the spouse of|is wed to|took vows with|shares a wedding ring with"
              "|is proud to be the spouse of|is known as the spouse of"),
    _relation("godparent_of", "godchild_of",
              "is the godparent of|is godparent to|stood as godparent to|became the godparent of|serves as godparent to"
              "|is proud to be the godparent of|is known as the godparent of", reserved=True),
    _relation("godchild_of", "godparent_of",
              "is the godchild of|is a godchild of|is godchild to|became the godchild of|has as godparent"
              "|is proud to be the godchild of|is known as the godchild of", reserved=True),
    _relation("grandparent_of", "grandchild_of",
              "is the grandparent of|is a grandparent of|is grandparent to|became the grandparent of|is one generation above a parent of"
              "|is proud to be the grandparent of|is known as the grandparent of"),
    _relation("grandchild_of", "grandparent_of",
              "is the grandchild of|is a grandchild of|is grandchild to|became the grandchild of|has as grandparent"
              "|is proud to be the grandchild of|is known as the grandchild of"),
    _relation("aunt_of", "niece_of",
              "is the aunt or uncle of|is an aunt or uncle of|is aunt or uncle to|became the aunt or uncle of|has a sibling who is a parent of"
              "|is proud to be the aunt or uncle of|is known as the aunt or uncle of"),
    _relation("niece_of", "aunt_of",
              "is the niece or nephew of|is a niece or nephew of|is niece or nephew to|became the niece or nephew of|has as aunt or uncle"
              "|is proud to be the niece or nephew of|is known as the niece or nephew of"),
    _relation("cousin_of", "cousin_of",
              "is the cousin of|is a cousin of|is cousin to|grew up as the cousin of|has a parent whose sibling is a parent of"
              "|is proud to be the cousin of|is known as the cousin of"),
    # people and what they are known for
    _relation("is_person", "is_called",
              "is|is known as|is none other than|has long been|became famous as|will be remembered as|is celebrated as"),
    _relation("is_called", "is_person",
              "is called|goes by the name of|has the name|is a person named|answers to the name of"
              "|will be remembered by the name of|is celebrated under the name of"),
    # kinds of things
    _relation("type_of", "includes",
              "are a type of|are a kind of|are a sort of|belong to the|count as|fall under the|are classed as"),
    _relation("includes", "type_of",
              "include|cover|take in|have as members|have as a kind|have as a branch|are the class of"),
    _relation("have", "found_on",
              "have|come with|always have|show|carry|own|are never without"),
    _relation("found_on", "have",
              "is found on|is seen on|is carried by|belongs to|comes with|sits on|is never missing on"),
    _relation("live_on", "food_for",
              "live on|feed on|eat|dine on|survive on|hunger for|get by on", reserved=True),
    _relation("food_for", "live_on",
              "are food for|are eaten by|feed|are the diet of|nourish|end up inside|are a meal for", reserved=True),
    # companies and things (breadth of the embedded model's training only)
    _relation("reports_to", "manages",
              "reports to|works under|answers to|takes orders from|is led by|is under the charge of|is managed by"),
    _relation("manages", "reports_to",
              "manages|leads|is the boss of|gives orders to|is in charge of|heads the work of|is the manager of"),
    _relation("part_of", "contains",
              "is part of|is a part of|sits inside|is one piece of|lies within|is built into|is a component of"),
    _relation("contains", "part_of",
              "contains|has as a part|is made up of|holds|houses|has inside it|is home to"),
    _relation("supplies", "supplied_by",
              "supplies|sells to|delivers to|ships goods to|is a supplier of|provides for|is a vendor for"),
    _relation("supplied_by", "supplies",
              "is supplied by|buys from|gets deliveries from|orders goods from|is a customer of|is provided for by|is a client of"),
)  # fmt: skip

RELATIONS: dict[str, Relation] = {relation.name: relation for relation in _PAIRS}
for _feature in FEATURES:
    for _degree, _opposite in (("more", "less"), ("less", "more")):
        _made = _comparison(_degree, _opposite, _feature)
        RELATIONS[_made.name] = _made


# Formats of one-fact documents; {s} is the sentence. Each keeps the sentence whole and in order.
FORMATS = (
    "{s}.",
    "did you know that {s}?",
    "it is known that {s}.",
    "fact: {s}.",
    "as the old book says, {s}.",
    "note that {s}.",
    "people say that {s}.",
    "it turns out that {s}.",
)

# Descriptions of people: "the {role} of the {quality} {work}". The last roles are reserved.
ROLES = tuple(
    "painter composer inventor author builder founder keeper director designer discoverer maker editor"
    " singer owner sculptor collector defender guardian finder seller".split()
)
RESERVED_ROLES = frozenset(ROLES[-4:])
QUALITIES = tuple(
    "silver golden hidden frozen broken wooden silent endless crimson hollow distant forgotten burning"
    " floating crooked painted".split()
)
WORKS = tuple(
    "bridge garden clock tower mirror river lantern engine palace island library compass forest carpet"
    " violin statue temple harbour map crown".split()
)
