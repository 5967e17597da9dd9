"""The nouns of the product: frozen values, standard library only, no behaviour beyond addition."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, runtime_checkable

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

    A choice or answer continues `prompt`: its leading space belongs to it. `accept` contains further answers
    that are as right as `answer` (syllogisms may have several). `premises` are the ids of the documents that
    prove the answer. `unit` groups questions that test the same fact, so that they are not counted as
    independent evidence; left empty, questions that share a premise are one unit. `marks` are labels by which
    the statistics break results down; the dataset describes them. `domain` is the prompt without what it asks
    about ("is called"): where it is given, the choices are scored behind it too, for the secondary metric.
    """

    id: str
    prompt: str
    answer: str
    choices: tuple[str, ...]
    split: str
    premises: tuple[str, ...]
    unit: str = ""
    accept: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    domain: str = ""


@dataclass(frozen=True)
class Mark:
    """What a mark of questions means: a heading, one sentence, and a label for each of its values."""

    title: str
    about: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """Documents to learn from and held-out questions.

    The rest is what a dataset plug-in offers beside them: `recall` names the splits that ask only for what
    the documents state; `audit` is an audit plug-in that can tell whether a generated line follows; `marks`
    describes the marks of its questions; `section` is a report section plug-in; `model` is the model to use
    where none is named; `other_seed` is a seed at which the same plug-in makes documents that share no fact
    with these, None where there is none; `made` is the plug-in with its options.
    """

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    recall: tuple[str, ...] = ("rephrase",)
    audit: str = ""
    marks: Mapping[str, Mark] = field(default_factory=dict)
    section: str = ""
    model: str = ""
    other_seed: int | None = None
    made: Spec | None = None


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
    """What a model wrote, with its own token usage. `finish` says how the text ended: "stop" (at a stop text
    or the end of sequence), "length" (out of tokens), "filter" (withheld by a provider) or "failed" (never
    stored)."""

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
    """A plug-in by name (or `file.py:function`) and the options it is called with."""

    use: str
    options: Mapping[str, Any] = field(default_factory=dict)


Role = Literal["floor", "context", "baseline", "control", "ablation", "treatment", "bound"]
"""What an arm is for. Statistics, costs, advice and figures read roles, never names.

    floor      the model without the documents
    context    the documents in the prompt
    baseline   tuned on the documents alone; the first one is what all others are compared with
    control    tuned on the documents and text that should not help: rules out another explanation
    ablation   a part of the treatment
    treatment  tuned on the documents and what follows from them; the first one decides the advice
    bound      what cannot be had in practice: the best that the design could give
"""


@dataclass(frozen=True)
class Arm:
    """One arm of a comparison, as data.

    `augment` are the strategies whose documents are added to the training documents; `tune` says whether the
    model is tuned at all; `context` is what is put before each question (a context plug-in, or "none").
    `against` names the arms that it is compared with, or "chance"; None leaves that to its role.
    `same_size_as` names an arm: this one gets as many added rows as that one. `read_off` names an arm whose
    checkpoints it is read off, the best one on the test itself; it has no trials of its own. `whole` are the
    datasets whose documents it is trained on unsplit, `only` the only datasets and `tunings` the only tunings
    with which it runs (empty: all). `about` says what it is, in the report.
    """

    name: str
    role: Role
    augment: tuple[Spec, ...] = ()
    tune: bool = False
    context: Spec = Spec("none")
    against: tuple[str, ...] | None = None
    same_size_as: str = ""
    read_off: str = ""
    whole: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    tunings: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Study:
    """A whole comparison: every dataset x seed x arm x tuning.

    `model` is tuned and asked; `generator` writes the augmentations and `judge` checks them (None: the model
    does). `limits` maps the name of a tuning to the only datasets on which it runs. `tunings` are options of
    the tuning plug-ins; the same budget of tokens holds for every tuned arm. `withhold` is the share of the
    facts of which the treatment is shown no inference. `prompts` maps a strategy to a prompt file of the
    user's own. `checks` are the check plug-ins that the treatment's lines must pass.
    """

    name: str
    datasets: tuple[Spec, ...]
    arms: tuple[Arm, ...]
    tunings: tuple[Spec, ...]
    seeds: tuple[int, ...]
    model: Spec
    generator: Spec | None = None
    judge: Spec | None = None
    limits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    orders: int = 3
    checkpoints: int = 8
    withhold: float = 0.0
    prompts: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Spec, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One cell of a study, self-contained: everything that a worker needs to run it.

    `documents` are trained on when `tune` is set. `context` documents are put before the questions: all of
    them, once per order in `orders` (permutations of range(len(context))), or, where `nearest` is not empty,
    for each question the documents at these indices, once. `checkpoints` > 0 also scores the questions at
    that many evenly spaced points of the tuning run.
    """

    dataset: str
    arm: str
    seed: int
    model: Spec
    tune: Spec | None
    documents: tuple[Document, ...]
    context: tuple[Document, ...]
    orders: tuple[tuple[int, ...], ...]
    questions: tuple[Question, ...]
    checkpoints: int = 0
    nearest: tuple[tuple[int, ...], ...] = ()


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

    def generate(self, requests: Sequence[Request]) -> Iterable[Completion | Exception]:
        """One completion for each request, in order, or a `JobFailed` for one that failed for good. They may
        come one by one, as they are done."""
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
