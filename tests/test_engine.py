"""The engine around a strategy: what it asks the model, what it keeps, what of it is trained on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import small_studies

from corollary import commands, store
from corollary.completions import Completions
from corollary.errors import JobFailed, UserError
from corollary.types import DROPPED, Completion, Dataset, Document, Question, Request, Spec
from corollary.writing import engine
from corollary.writing.audit import audit_of, usable
from corollary.writing.engine import Written

TREE = Dataset(
    "tree",
    (
        Document("d0", "bolan is the mother of kerit."),
        Document("d1", "sumak is the sibling of bolan."),
    ),
    (),
    audit="reasoner",
)
STRATEGY = """
from corollary.types import DROPPED, Document, Request

def write(dataset, *, seed, max_tokens: int = 8, temperature: float = 0.0):
    answers = yield [Request("say", max_tokens=max_tokens, temperature=temperature)]
    return [
        Document("a", "kerit is the child of bolan.", ("d0",), DROPPED),
        Document("b", dataset.documents[0].text, ("d0",), "scripted"),
        Document("c", "kerit is the child of bolan.", ("d0",), "scripted"),
        Document("d", answers[0].text, ("d1",), DROPPED),
        Document("e", answers[0].text, ("d1",), DROPPED),
    ]
"""


class Scripted:
    """A model that always says the same, and counts how often it is asked."""

    identity, kind, window = "scripted", "worlds", 1000

    def __init__(self) -> None:
        self.asked = 0

    def count(self, text: str) -> int:
        return len(text.split())

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += len(requests)
        return [Completion("sumak is the aunt or uncle of kerit.", 1, 8) for _ in requests]


def augment(
    dataset: Dataset, strategy: Spec, *, model: Scripted, store: Path, other: Dataset | None = None
) -> Written:
    """What one strategy brings."""
    task = engine.start(dataset, strategy, seed=0, model=model, other=other)
    with Completions(store) as completions:
        ((_, brought),) = engine.run([task], model=model, store=completions, generate=engine.here(model))
    assert isinstance(brought, Written), brought
    return brought


@pytest.fixture
def strategy(tmp_path: Path) -> str:
    (tmp_path / "scripted.py").write_text(STRATEGY)
    return str(tmp_path / "scripted.py")


SPY = """
from corollary.types import Document, Request

def write(dataset, *, seed, other=None):
    seen = (*dataset.questions, *(other.questions if other else ()))
    yield [Request(str(seen))]
    return [Document("seen", str(seen))]
"""


def test_a_strategy_is_handed_no_question(tmp_path: Path) -> None:
    (tmp_path / "spy.py").write_text(SPY)
    asked = replace(TREE, questions=(Question("q", "bolan is the", " kerit", (), "reversal", ()),))
    spy = Spec(str(tmp_path / "spy.py"))
    written = augment(asked, spy, model=Scripted(), store=tmp_path / "c.db", other=asked)
    assert [row.text for row in written.documents] == ["()"]


def test_of_lines_that_are_alike_the_one_that_may_be_trained_on_stays(strategy: str, tmp_path: Path) -> None:
    written = augment(TREE, Spec(strategy), model=Scripted(), store=tmp_path / "c.db")
    assert [(row.id, row.strategy) for row in written.documents] == [("c", "scripted"), ("d", DROPPED)]


@pytest.mark.parametrize("options", [{"temperature": -0.5}, {"max_tokens": 0}, {"max_tokens": -3}])
def test_no_model_is_asked_for_less_than_a_token_or_below_zero(
    strategy: str, options: dict[str, float], tmp_path: Path
) -> None:
    model = Scripted()
    with pytest.raises(UserError, match="change its max_tokens or temperature"):
        augment(TREE, Spec(strategy, options), model=model, store=tmp_path / "c.db")
    assert model.asked == 0


def test_what_is_in_the_store_is_not_asked_again(strategy: str, tmp_path: Path) -> None:
    model = Scripted()
    rows = [augment(TREE, Spec(strategy), model=model, store=tmp_path / "c.db") for _ in range(2)]
    assert model.asked == 1
    assert rows[0].documents == rows[1].documents


def test_an_answer_that_was_in_the_store_stays_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(
        "from corollary.types import Document, Request\n"
        "def write(dataset, *, seed):\n"
        "    answers = yield [Request('old'), Request('new')]\n"
        "    return [Document(str(at), answer.text) for at, answer in enumerate(answers)]\n"
    )
    with Completions(tmp_path / "c.db") as completions:
        completions.put("scripted", Request("old"), Completion("bolan is the parent of kerit.", 1, 8))
    rows = [
        augment(TREE, Spec(str(tmp_path / "two.py")), model=Scripted(), store=tmp_path / "c.db")
        for _ in range(2)
    ]
    assert rows[0].documents == rows[1].documents, "also when part of a batch is asked again with the rest"


def test_a_sentence_of_a_longer_document_is_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text(
        "from corollary.types import Document\n"
        "def write(dataset, *, seed):\n"
        "    yield []\n"
        "    return [Document(str(at), text) for at, text in enumerate(('One.', 'Two.', 'Three.'))]\n"
    )
    told = Dataset("told", (Document("d", "One.\n  Two.\n"),), ())
    written = augment(told, Spec(str(tmp_path / "again.py")), model=Scripted(), store=tmp_path / "c")
    assert [row.text for row in written.documents] == ["Three."]


LINES = (
    Document("c", "kerit is the child of bolan.", ("d0",), "scripted"),
    Document("d", "kerit is married to sumak.", ("d1",), DROPPED),
    Document("e", "bolan is the parent of: sumak or kerit?", ("d1",), "scripted"),
)
QUESTION = Question("q", "bolan is the parent of", " kerit", (" kerit", " sumak"), "rephrase", ("d0",), "u")


def test_what_a_strategy_dropped_or_took_from_a_question_is_audited_and_not_trained_on() -> None:
    asked = replace(TREE, questions=(QUESTION,))
    lines = usable(asked, LINES, audit_of(asked), withhold=0.0, seed=0)
    assert [line.id for line in lines.used] == ["c"]
    assert (lines.all, lines.leaked) == (LINES, 1)


def test_nothing_that_rests_on_a_withheld_fact_is_trained_on() -> None:
    assert not usable(TREE, LINES, audit_of(TREE), withhold=1.0, seed=0).used
    assert usable(TREE, LINES, audit_of(TREE), withhold=0.0, seed=0).used


@pytest.mark.parametrize(("strategy_of_lines", "kept"), [("DROPPED", 0), ("'dropper'", 2)])
def test_augmenting_says_when_nothing_of_what_was_written_is_left(
    strategy_of_lines: str, kept: int, tmp_path: Path
) -> None:
    (tmp_path / "dropper.py").write_text(
        "from corollary.types import DROPPED, Document\n"
        "def write(dataset, *, seed):\n"
        "    yield []\n"
        f"    return [Document(text, text, ('d0',), {strategy_of_lines}) for text in ('A.', 'B.')]\n"
    )
    store.write_jsonl(tmp_path / "data" / "documents.jsonl", TREE.documents)
    refused = pytest.raises(UserError, match=r"All 2 generated lines were rejected .*grounded=no")
    with contextlib.nullcontext() if kept else refused:
        commands.augment(
            tmp_path / "data",
            tmp_path / "out",
            strategy=[str(tmp_path / "dropper.py")],
            model=small_studies.model_folder(),
        )
    assert len(store.read_jsonl(tmp_path / "out" / "documents.jsonl")) == kept


class Remote(Scripted):
    """A model behind a network: it answers one by one, and a request fails for good while it is `down`."""

    remote = True

    def __init__(self, *, down: bool) -> None:
        super().__init__()
        self.down = down

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion | JobFailed]:  # type: ignore[override]
        for request in requests:
            self.asked += 1
            if self.down and "sumak" in request.prompt:
                yield JobFailed("the endpoint answered 503")
            else:
                yield Completion(f"so: {request.prompt}", 1, 8)


PER_SENTENCE = """
from corollary.types import Document, Request

def write(dataset, *, seed):
    answers = yield [Request(document.text) for document in dataset.documents]
    texts = [answer.text for answer in answers]
    return [Document(f"r{at}", text, ("d0",), "each") for at, text in enumerate(texts) if text]
"""


def test_a_request_that_fails_costs_itself_alone_and_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "each.py"
    path.write_text(PER_SENTENCE)

    def run(model: Remote) -> Written:
        with Completions(tmp_path / "c.db") as store:
            task = engine.start(TREE, Spec(str(path)), seed=0, model=model)
            ((_, written),) = engine.run([task], model=model, store=store, generate=engine.here(model))
        assert isinstance(written, Written)
        return written

    first = run(Remote(down=True))
    assert [document.text for document in first.documents] == ["so: bolan is the mother of kerit."]
    assert first.failed == 1
    again = Remote(down=False)
    second = run(again)
    assert again.asked == 1, "the answer that came is stored, the failure is not"
    assert second.failed == 0
    assert len(second.documents) == 2


def test_answers_of_a_remote_model_are_stored_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "each.py"
    path.write_text(PER_SENTENCE)

    class Dying(Remote):
        def generate(self, requests: Sequence[Request]) -> Iterator[Completion | JobFailed]:  # type: ignore[override]
            yield Completion("so: one", 1, 8)
            raise RuntimeError("the process dies here")

    with Completions(tmp_path / "c.db") as store:
        model = Dying(down=False)
        task = engine.start(TREE, Spec(str(path)), seed=0, model=model)
        with pytest.raises(RuntimeError, match="dies here"):
            list(engine.run([task], model=model, store=store, generate=engine.here(model)))
        assert len(store) == 1
