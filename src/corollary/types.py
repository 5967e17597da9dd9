"""The nouns of the product: frozen values, standard library only, no behaviour beyond addition.

Every arm of the comparison (plain fine-tuning, in-context, augmented, ...) is one setting of the
fields `augment`, `tune` and `context` of a `Method`; there is no class and no code path per arm.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, runtime_checkable

DROPPED = "dropped"


@dataclass(frozen=True)
class Origin:
    """Where a text was read: a file, and the place in it.

    `file` is a path below the corpus folder, with forward slashes. `page` (of a PDF) and `row` (of a
    table or a JSON file) count from 1. `start` and `end` are offsets in characters of the document's
    text, `end` exclusive; an augmentation has those of the sentence that it was generated from.
    """

    file: str = ""
    page: int | None = None
    row: int | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Document:
    """A text that a model is trained on or shown. An augmentation is a Document with a `source`.

    `source` contains the ids of the documents it was derived from; `strategy` names who wrote it, or is
    `DROPPED` for a line that its strategy left out: it is audited, and never trained on. `spans` are the
    (start, end) offsets of its sentences in `text`, where the reader knows them; None leaves splitting to
    `corollary.documents.split`, and () says that no sentence is to be trained on by itself. `meta` keeps
    the fields of a row that are none of ours.
    """

    id: str
    text: str
    source: tuple[str, ...] = ()
    strategy: str | None = None
    origin: Origin | None = None
    spans: tuple[tuple[int, int], ...] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One held-out item. With `choices` it is scored by likelihood, without by generation.

    A choice or answer is a continuation of `prompt`: its leading space belongs to it. `accept` holds
    further answers that are as right as `answer` (syllogisms may have several). `premises` are ids of
    the documents that prove the answer; `unit` names the smallest group of facts that share a name or
    premise (the unit of the statistics; left empty, questions that share a premise are one); `reserved`
    says that the relation or wording was kept out of the augmentation tasks on which the embedded model
    was trained. `domain` is the prompt without what it asks about ("is called"): where it is given, its
    choices are scored behind it too, which says how much the model likes each of them anyhow.
    """

    id: str
    prompt: str
    answer: str
    choices: tuple[str, ...]
    split: str
    premises: tuple[str, ...]
    unit: str = ""
    accept: tuple[str, ...] = ()
    reserved: bool = False
    domain: str = ""


@dataclass(frozen=True)
class Dataset:
    """Documents to learn from and questions that are held out."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Message:
    """One turn of a chat; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True)
class Request:
    """One generation. `prefix` is the part shared with other requests (it is read once).

    Without `chat` the model continues the text `prefix + prompt`. With `chat`, a tuple of earlier turns
    (system, worked examples) that may be empty, `prefix + prompt` is the content of the last user turn: a
    local model renders all turns with its tokenizer's chat template, an endpoint is sent them as messages.
    `begin` is how the answer starts: a local model continues it, an endpoint is told; it is part of the
    completion's text. `temperature` 0 is greedy; generation ends at `stop`, at the end of sequence, or
    after `max_tokens` tokens.
    """

    prompt: str
    prefix: str = ""
    max_tokens: int = 128
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    begin: str = ""
    chat: tuple[Message, ...] | None = None


@dataclass(frozen=True)
class Completion:
    """What a model wrote, with its own token usage. `finish` says how the text ended: "stop" (at a stop
    text or the end of sequence), "length" (out of tokens) or "filter" (withheld by a provider)."""

    text: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    finish: str = "stop"


@dataclass(frozen=True)
class Likelihood:
    """Sum of natural log-probabilities of a continuation, and its length in tokens and UTF-8 bytes."""

    logprob: float
    tokens: int
    bytes: int


@dataclass(frozen=True)
class Score:
    """A raw measurement of one question: every choice's likelihood (in the order of the question's
    choices), also behind the question's `domain` if it has one, or the generated text and how its
    generation ended. Metrics are derived when reporting."""

    question: str
    likelihoods: tuple[Likelihood, ...] = ()
    text: str | None = None
    finish: str = "stop"
    domain: tuple[Likelihood, ...] = ()


@dataclass(frozen=True)
class Cost:
    """Tokens, floating-point operations and seconds of one stage. Costs add."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    train_tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Spec:
    """A plug-in by name (or `file.py:function`) and the knobs it is called with."""

    use: str
    knobs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """One arm. `augment`: strategies whose documents are added to the training documents; `tune`:
    whether to tune at all; `context`: what is put before each question: "none" or "all"; `whole`:
    datasets whose documents are trained on unsplit (elsewhere each sentence is an example); `tunings`:
    the only ways of tuning it runs with (empty: all of the study)."""

    name: str
    augment: tuple[Spec, ...] = ()
    tune: bool = False
    context: str = "none"
    whole: tuple[str, ...] = ()
    tunings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A whole comparison: every dataset x seed x method x tuning, on one model.

    `limits` maps the name of a method or tuning to the only datasets on which it runs. `tunings` are
    knobs of the tuning plug-ins; the same budget of tokens holds for every tuned arm. `withhold` is the
    share of the facts of which the augmented arms are told no inference.
    """

    name: str
    datasets: tuple[Spec, ...]
    methods: tuple[Method, ...]
    tunings: tuple[Spec, ...]
    seeds: tuple[int, ...]
    model: Spec = Spec("embedded")
    limits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    orders: int = 3
    checkpoints: int = 8
    withhold: float = 0.0


@dataclass(frozen=True)
class Trial:
    """One cell of a study, self-contained: all that a worker needs to run it.

    `documents` are trained on when `tune` is set; `context` are put before every question, once per
    order (each order is a permutation of range(len(context))). `checkpoints` > 0 also scores the
    questions at that many evenly spaced points of the tuning run.
    """

    dataset: str
    method: str
    seed: int
    model: Spec
    tune: Spec | None
    documents: tuple[Document, ...]
    context: tuple[Document, ...]
    orders: tuple[tuple[int, ...], ...]
    questions: tuple[Question, ...]
    checkpoints: int = 0


@dataclass(frozen=True)
class Result:
    """What a trial measured; a failure is a result with `error`. `scores` has one tuple per document
    order (one in all without context); `checkpoints` maps a step to its scores."""

    trial: str
    scores: tuple[tuple[Score, ...], ...] = ()
    checkpoints: tuple[tuple[int, tuple[Score, ...]], ...] = ()
    cost: Cost = Cost()
    losses: tuple[float, ...] = ()
    error: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Writer(Protocol):
    """A model that generates. `identity` is a hash of its content (weights and tokenizer; of an endpoint
    the model's name and settings), never a path or an address. `kind` names the prompt files that it
    understands ("chat", "base", or one that a plug-in brings)."""

    @property
    def identity(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def window(self) -> int:
        """Context window in tokens."""
        ...

    def count(self, text: str) -> int:
        """Number of tokens of `text`."""
        ...

    def generate(self, requests: Sequence[Request]) -> Iterable[Completion]:
        """One completion for each request, in order; they may come one by one, as they are done."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """A model that scores: it gives the likelihood of a text."""

    @property
    def identity(self) -> str: ...

    @property
    def window(self) -> int: ...

    def count(self, text: str) -> int: ...

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        """Score each (prompt, continuation) behind the shared `prefix`."""
        ...


@runtime_checkable
class Trainee(Writer, Scorer, Protocol):
    """A model whose weights can be tuned here: `net` is a PyTorch network with its `tokenizer`."""

    @property
    def net(self) -> Any: ...

    @property
    def tokenizer(self) -> Any: ...


Model = Writer | Scorer
"""Any model. What it can do is which of the three protocols it has: see `isinstance`."""


Flow = Generator[list[Request], list[Completion], list[Document]]
"""The type of a strategy: it yields requests, is sent completions, and returns documents."""
