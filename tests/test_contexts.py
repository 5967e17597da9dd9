"""Which documents are put before a question: all of them in random orders, or the nearest to each."""

from __future__ import annotations

import pytest

from corollary.asking.contexts.all import choose as choose_all
from corollary.asking.contexts.linked import choose as choose_linked
from corollary.asking.contexts.nearest import choose as choose_nearest
from corollary.asking.scoring import evaluate
from corollary.errors import UserError
from corollary.types import Document, Likelihood, Question

TEXTS = (
    "The Orvel pump feeds the north basin.",
    "The Delph valve closes the south basin.",
    "The mill at Odry was built in 1931.",
    "The gauge at Corran reports to Lydd.",
)
DOCUMENTS = [Document(f"d{at}", text) for at, text in enumerate(TEXTS)]


def test_all_documents_are_shown_in_as_many_orders_as_wanted_and_the_same_for_a_seed() -> None:
    shown = choose_all(DOCUMENTS, ["a", "b"], seed=3, orders=4)
    assert [sorted(order) for order in shown.orders] == [[0, 1, 2, 3]] * 4
    assert len(set(shown.orders)) > 1
    assert shown == choose_all(DOCUMENTS, ["other"], seed=3, orders=4)
    assert shown != choose_all(DOCUMENTS, ["a", "b"], seed=4, orders=4)


def test_the_nearest_documents_share_rare_words_with_the_question() -> None:
    shown = choose_nearest(
        DOCUMENTS, ["Odry has a mill", "the north basin", "nothing alike"], seed=0, orders=3, k=2
    )
    assert shown.nearest[0][0] == 2
    assert shown.nearest[1][0] == 0
    assert len(shown.nearest[1]) == 2, "both basins"
    assert shown.nearest[2] == (), "a document that shares no word is not shown"


def test_scripts_without_spaces_are_matched_too() -> None:
    documents = [Document("a", "北盆地由泵供水。"), Document("b", "磨坊建于一九三一年。")]
    assert choose_nearest(documents, ["磨坊"], seed=0, orders=1, k=1).nearest == ((1,),)


def test_k_must_be_one_or_more() -> None:
    with pytest.raises(UserError, match="'k' of the context nearest is 0: give 1 or more"):
        choose_nearest(DOCUMENTS, ["a"], seed=0, orders=1, k=0)


class Recorder:
    """A model that likes what its prefix mentions."""

    def __init__(self) -> None:
        self.prefixes: list[str] = []

    def loglikelihood(self, pairs: list[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        self.prefixes.append(prefix)
        return [Likelihood(float(choice.strip() in prefix), 1, len(choice)) for _, choice in pairs]


def test_each_question_is_asked_behind_its_own_documents_and_equal_ones_together() -> None:
    questions = [Question(f"q{at}", f"prompt {at}", " Odry", (" Odry", " Lydd"), "s", ()) for at in range(3)]
    model = Recorder()
    (scores,) = evaluate(model, questions, context=DOCUMENTS, nearest=[(2,), (3,), (2,)])
    assert model.prefixes == [f"{TEXTS[2]}\n", f"{TEXTS[3]}\n"]
    assert [score.question for score in scores] == ["q0", "q1", "q2"]
    best = [max(range(2), key=lambda i: score.likelihoods[i].logprob) for score in scores]
    assert best == [0, 1, 0]


def test_the_sentences_that_linked_would_show_reach_through_one_other() -> None:
    texts = ["Ann is the mother of Bo. Bo likes tea.", "Cy is the father of Ann.", "Dee runs a mill at Odry."]
    documents = [Document(f"d{at}", text) for at, text in enumerate(texts)]
    shown = choose_linked(documents, ["The grandchild of Cy is", "Nobody here"], seed=0, orders=3, nearest=2)
    assert [part.text for part in shown.documents][:2] == ["Ann is the mother of Bo.", "Bo likes tea."]
    assert [part.source for part in shown.documents] == [("d0",), ("d0",), ("d1",), ("d2",)]
    assert shown.nearest == ((2, 0), ()), "first what mentions Cy, then what mentions Ann"
    with pytest.raises(UserError, match="'nearest' of the context linked is 0"):
        choose_linked(documents, ["a"], seed=0, orders=1, nearest=0)
