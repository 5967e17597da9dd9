"""An exact reasoner that reads text: it turns documents and generated lines into statements with proofs.

It imports neither the worlds nor the datasets, so it cannot know how documents are made. It proves what the
*text* says: that an answer follows, that no wrong choice does, that a generated line is true. `patterns` has
the wordings, `reading` turns text into statements, `knowledge` draws the conclusions; `logic` decides
syllogisms and `process` learned operators.
"""

from corollary_worlds.reasoner.knowledge import Judgement, Knowledge
from corollary_worlds.reasoner.logic import strongest
from corollary_worlds.reasoner.reading import read, read_argument
from corollary_worlds.reasoner.statements import Reading, Statement, Unreadable, fact_of, inverse, weaker

__all__ = [
    "Judgement",
    "Knowledge",
    "Reading",
    "Statement",
    "Unreadable",
    "fact_of",
    "inverse",
    "read",
    "read_argument",
    "strongest",
    "weaker",
]
