"""The nouns of the product: frozen values, standard library only, no behaviour beyond addition."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, runtime_checkable

DROPPED = "dropped"

RUN = 1_000_003
"""The distance between the training seeds of two runs, larger than that of two seeds of a study."""


@dataclass(frozen=True)
class Origin:
    """The file that a text comes from, and the place in it.

    `file` is a path below the corpus folder, with forward slashes. `page` (of a PDF) and `row` (of a table
    or a JSON file) count from 1. `start` and `end` are character offsets in the document's text, `end`
    exclusive. An augmentation has the offsets of the sentence that it was generated from.
    """

    file: str = ""
    page: int | None = None
    row: int | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Document:
    """A text that a model is trained on or shown. An augmentation is a Document with a `source`.

    `source` contains the ids of the documents that it was generated from. `strategy` names the strategy
    that generated it. `DROPPED` marks a line that its strategy left out: it is audited, never trained on.
    `spans` are the (start, end) offsets of the sentences in `text`. With None,
    `corollary.documents.split` finds them; with (), no sentence becomes a training row.
    `meta` contains the other fields of the row that the document was read from.
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

    A choice or answer continues `prompt`, so its leading space belongs to it. `accept` contains other right
    answers (syllogisms may have several). `premises` are the ids of the documents that prove the answer.
    `unit` groups questions that share facts, so that they are not counted as independent evidence.
    Questions without a `unit` form one if they share a premise. `marks` are labels by which the statistics
    break results down; the dataset describes them. `domain` is the prompt without its subject ("is called").
    If it is given, the choices are also scored after it, for the secondary metric. `distant` are
    further wrong choices, which share no fact with the prompt: the answer among these is a metric of its own,
    easier than among `choices`.
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
    distant: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """A heading, one sentence about a mark of questions, and a label for each of its values."""

    title: str
    about: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """Documents to learn from and held-out questions.

    A dataset plug-in may set the other fields. `recall` names the splits that ask only for what the documents
    state. `audit` is an audit plug-in that decides whether a generated line follows. `marks` describes the
    marks of the questions. `section` is a report section plug-in. `model` is the default model. `other_seed`
    is a seed at which the plug-in makes documents that share no fact with these, or None. `made` is the
    plug-in with its options.
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
    """One generation. `prefix` is the part that it shares with other requests; a local model reads it once.

    Without `chat` the model continues the text `prefix + prompt`. `chat` is a tuple of earlier turns (system,
    worked examples), which may be empty. Then `prefix + prompt` is the content of the last user turn: a local
    model renders the turns with its chat template, and an endpoint receives them as messages.

    `begin` is the start of the answer, and part of the completion's text. A local model continues it; an
    endpoint is asked to begin with it. `temperature` 0 is greedy. Generation ends at `stop`, at the end of
    sequence, or after `max_tokens` tokens.
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
    """A generated text and the tokens that it took. `finish` says how the text ended: "stop" (at a stop text
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
    """A raw measurement of one question; metrics are derived when reporting.

    `likelihoods` has one entry per choice, in the question's order, then one per distant choice; `domain` has
    one per choice, after the question's `domain`. A question that is answered freely has the generated
    `text`, and `finish` says how it ended.
    """

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


Role = Literal["floor", "context", "baseline", "control", "placebo", "ablation", "treatment", "bound"]
"""What an arm is for. Statistics, costs, advice and figures read roles, never names.

    floor      the model without the documents
    context    the documents in the prompt
    baseline   tuned on the documents alone; all other arms are compared with the first one
    control    tuned on the documents and text that should not help: rules out another explanation
    placebo    tuned on the documents and false lines in place of the treatment's: a gain that is no inference
    ablation   a part of the treatment
    treatment  tuned on the documents and what follows from them; the first one decides the advice
    bound      an upper bound that you cannot reach in practice
"""


@dataclass(frozen=True)
class Arm:
    """One arm of a comparison, as data.

    `augment` are the strategies whose documents are added to the training documents. `tune` says whether the
    model is tuned at all. `context` is a context plug-in, which puts documents before each question, or
    "none". `against` names the arms that it is compared with, or "chance"; None leaves that to its role.

    `same_size_as` names an arm: this one gets as many added rows as that one. `read_off` names an arm: this
    one reports the checkpoint of that arm that does best on the test, and has no trials of its own. `whole`
    are the datasets whose documents stay unsplit in training. `only` and `tunings` limit the datasets and
    tunings with which the arm runs (empty: all). `runs` replaces the study's number of training runs (0: the
    study's). `about` describes it in the report.
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
    runs: int = 0
    about: str = ""


@dataclass(frozen=True)
class Study:
    """A whole comparison: every dataset x seed x arm x tuning.

    `model` is tuned and asked. `generator` generates the augmentations and `judge` checks them (None: the
    model does). `limits` maps the name of a tuning to the only datasets on which it runs. Every tuned arm has
    the token budget that `tunings` sets. `withhold` is a share of the facts, or of the relations by
    `withhold_by`: inferences from these are not trained on. `prompts` maps a strategy to a prompt file of
    your own. `checks` are the check plug-ins that the treatment's lines must pass. Each tuned arm is trained
    `runs` times on the same rows, with other random draws: two runs may differ by several points.

    `primary` names by dataset and split the arms with which the treatment is compared; only these comparisons
    are tested and decide the advice. An empty mapping leaves that to roles. `margin` is the difference in
    accuracy (a share) that counts as small. With `free`, questions with choices are also answered freely, and
    graded by exact match.
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
    withhold_by: Literal["fact", "relation"] = "fact"
    prompts: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Spec, ...] = ()
    runs: int = 1
    primary: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    margin: float = 0.05
    free: bool = False


@dataclass(frozen=True)
class Trial:
    """One cell of a study, self-contained: everything that a worker needs to run it.

    The model is trained on `documents` when `tune` is set. The `context` documents come before the questions:
    all of them, once per order in `orders` (permutations of range(len(context))). If `nearest` is not empty,
    it has the indices of each question's own documents instead, shown once. `checkpoints` > 0 also scores the
    questions at that many evenly spaced points of the tuning run. `run` counts the training runs on the same
    rows from 0. With `free`, questions with choices are also answered freely.
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
    run: int = 0
    free: bool = False

    @property
    def training_seed(self) -> int:
        """The seed of the random draws in training; that of the first run is the trial's own."""
        return self.seed + RUN * self.run


@dataclass(frozen=True)
class Result:
    """The measurements of a trial; a failure is a result with `error`. `scores` has one tuple per order of
    the documents (one without context). `checkpoints` pairs a step with its scores."""

    trial: str
    scores: tuple[tuple[Score, ...], ...] = ()
    checkpoints: tuple[tuple[int, tuple[Score, ...]], ...] = ()
    cost: Cost = Cost()
    losses: tuple[float, ...] = ()
    error: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


class _Reader(Protocol):
    """What every model has. `identity` is a hash of the weights and
    the tokenizer, or of an endpoint's model name and settings. It contains no path or address."""

    @property
    def identity(self) -> str: ...

    @property
    def window(self) -> int:
        """Context window in tokens."""
        ...

    def count(self, text: str) -> int:
        """Number of tokens of `text`."""
        ...


@runtime_checkable
class Writer(_Reader, Protocol):
    """A model that generates. `kind` names the prompt files that it understands ("chat", "base", or a
    plug-in's own)."""

    @property
    def kind(self) -> str: ...

    def generate(self, requests: Sequence[Request]) -> Iterable[Completion | Exception]:
        """One completion for each request, in order, or a `JobFailed` for one that failed for good. A model
        may yield each as soon as it is done."""
        ...


@runtime_checkable
class Scorer(_Reader, Protocol):
    """A model that computes the likelihood of a text."""

    def loglikelihood(self, pairs: Sequence[tuple[str, str]], *, prefix: str = "") -> list[Likelihood]:
        """One likelihood for each (prompt, continuation), after the shared `prefix`."""
        ...


@runtime_checkable
class Trainee(Writer, Scorer, Protocol):
    """A model whose weights can be tuned here: `net` is a PyTorch network with its `tokenizer`."""

    @property
    def net(self) -> Any: ...

    @property
    def tokenizer(self) -> Any: ...


Model = Writer | Scorer
"""Any model. `isinstance` with the three protocols says what it can do."""


Flow = Generator[list[Request], list[Completion], list[Document]]
"""The type of a strategy: it yields requests, is sent completions, and returns documents."""
