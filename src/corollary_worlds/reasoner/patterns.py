"""The wordings that the reasoner understands: words between two names -> relation.

They come from the English and not from the generators' table, so that each checks the other: where the two
understand a wording differently, the tests of the datasets fail. Kinship is a grammar (noun x frame). It also
reads mixtures that no generator makes, such as "became the sibling of".
"""

from __future__ import annotations

_KIN = {
    "mother": "mother_of",
    "mum": "mother_of",
    "father": "father_of",
    "dad": "father_of",
    "child": "child_of",
    "offspring": "child_of",
    "son": "child_of",
    "daughter": "child_of",
    "parent": "parent_of",
    "sibling": "sibling_of",
    "brother or sister": "sibling_of",
    "brother": "sibling_of",
    "sister": "sibling_of",
    "spouse": "spouse_of",
    "godparent": "godparent_of",
    "godchild": "godchild_of",
    "grandparent": "grandparent_of",
    "grandchild": "grandchild_of",
    "aunt or uncle": "aunt_of",
    "niece or nephew": "niece_of",
    "cousin": "cousin_of",
}

# {n} is a noun of kinship; "{a} <frame> {b}" says that a is b's <noun>.
_KIN_FRAMES = (
    "is the {n} of",
    "is a {n} of",
    "is an {n} of",
    "is {n} to",
    "became the {n} of",
    "stood as {n} to",
    "serves as {n} to",
    "grew up as the {n} of",
    "came into the world as the {n} of",
    "raised as a {n}",
    "is proud to be the {n} of",
    "is known as the {n} of",
)

# "{a} has as <noun> {b}" says that b is a's <noun>.
_KIN_TURNED = {
    "godparent": "godchild_of",
    "grandparent": "grandchild_of",
    "aunt or uncle": "niece_of",
    "parent": "child_of",
}

_OTHERS = {
    "mother_of": "gave birth to",
    "father_of": "fathered",
    "child_of": "was born to",
    "sibling_of": "shares both parents with",
    "spouse_of": "is married to; is wed to; took vows with; shares a wedding ring with",
    "grandparent_of": "is one generation above a parent of",
    "aunt_of": "has a sibling who is a parent of",
    "cousin_of": "has a parent whose sibling is a parent of",
    "type_of": "are a type of; are a kind of; are a sort of; are classed as; belong to the; count as;"
    " fall under the",
    "includes": "include; cover; take in; have as members; have as a kind; have as a branch;"
    " are the class of",
    "have": "have; always have; come with; show; carry; own; are never without",
    "found_on": "is found on; is seen on; is carried by; is never missing on; belongs to; comes with;"
    " sits on",
    "live_on": "live on; feed on; eat; dine on; survive on; hunger for; get by on",
    "food_for": "are food for; are eaten by; are the diet of; are a meal for; feed; nourish; end up inside",
    "reports_to": "reports to; works under; answers to; takes orders from; is led by; is managed by;"
    " is under the charge of",
    "manages": "manages; leads; is the boss of; is the manager of; is in charge of; gives orders to;"
    " heads the work of",
    "part_of": "is part of; is a part of; is a component of; is one piece of; is built into; lies within;"
    " sits inside",
    "contains": "contains; holds; houses; has as a part; has inside it; is made up of; is home to",
    "supplies": "supplies; sells to; delivers to; ships goods to; provides for; is a supplier of;"
    " is a vendor for",
    "supplied_by": "is supplied by; is provided for by; is a customer of; is a client of; buys from;"
    " gets deliveries from; orders goods from",
}

# Between a person and a description ("the painter of the golden bridge"). The first kind says that both
# are the same, in either order; the second names the one who is described.
SAME_PERSON = frozenset(
    "is; is known as; is none other than; has long been; became famous as; will be remembered as;"
    " is celebrated as".split("; ")
)
NAMED = frozenset(
    "is called; goes by the name of; has the name; is a person named; answers to the name of;"
    " will be remembered by the name of; is celebrated under the name of".split("; ")
)

# Before "more careful than" or "less careful than".
COMPARING = frozenset(
    "are; seem; look; tend to be; turn out to be; have always been; prove to be; remain; appear;"
    " stay; feel; have become".split("; ")
)


def _relations() -> dict[str, str]:
    table = {frame.format(n=noun): name for noun, name in _KIN.items() for frame in _KIN_FRAMES}
    table |= {f"has as {noun}": name for noun, name in _KIN_TURNED.items()}
    for name, wordings in _OTHERS.items():
        table |= dict.fromkeys(wordings.split("; "), name)
    return table


RELATION_OF = _relations()
"""Words between two names -> the relation of the first name to the last."""

# Further words that are no part of a name: else "perhaps bolan" would be somebody.
_NO_NAMES = (
    "the a an of to in on by for with from than more less then so and or not never only all some no every"
    " are is was were be been it they he she who what which that this there nothing nobody"
    " if when because but maybe perhaps probably possibly hardly also however therefore once"
)

KIN = _KIN
"""Nouns of kinship -> the relation of who is called so to the other."""

NO_NAMES = frozenset(_NO_NAMES.split())
"""Words that are in no name, however it is read."""

FUNCTION_WORDS = frozenset(
    word
    for wording in (*RELATION_OF, *SAME_PERSON, *NAMED, *COMPARING, _NO_NAMES)
    for word in wording.split()
)
"""Words that no name contains: where names end and wordings begin is decided by these alone."""
