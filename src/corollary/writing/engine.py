"""The engine of strategies: it collects their requests, has a model answer them, and asks nothing twice.

A strategy sees a dataset without questions, so no question can reach a generator. The engine hands out
batches of requests and stores each completion as it arrives. The caller decides where batches are generated:
here, in another process or behind an endpoint.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from corollary.completions import Completions
from corollary.documents.split import sentences
from corollary.errors import JobFailed, UserError
from corollary.measure.cost import flops
from corollary.plugins import load, name_of, wants
from corollary.types import DROPPED, Completion, Cost, Dataset, Document, Flow, Request, Spec, Writer
from corollary.writing.prompts import prompts_of

BATCH = 64
"""Requests that a local model generates together: the most that a kill can lose."""

FAILED = Completion("", 0, 0, finish="failed")
"""The empty completion that a strategy receives for a request that failed for good. It is never stored."""

ROOM = 16
"""Tokens that are spared for what a chat template adds to each turn."""


@dataclass(frozen=True)
class Batch:
    """Requests that are generated together: those of task number `task`, from number `start` on."""

    task: int
    start: int
    requests: tuple[Request, ...]


@dataclass(frozen=True)
class Generated:
    """The completion, or the failure, of each request in a batch, and the seconds that the batch took."""

    answers: tuple[Completion | JobFailed, ...]
    seconds: float


Generate = Callable[[Sequence[Batch]], Iterable[tuple[Batch, Generated | JobFailed]]]
"""Generates batches in any order, and yields each as soon as it is done."""


@dataclass(frozen=True)
class Written:
    """The documents of a strategy in order, the cost of its completions, and the number of failed
    requests."""

    documents: tuple[Document, ...]
    cost: Cost
    failed: int = 0


@dataclass
class Task:
    """A running strategy: the requests that it waits for, and their answers so far."""

    dataset: Dataset
    flow: Flow
    requests: list[Request] = field(default_factory=list)
    answers: dict[int, Completion] = field(default_factory=dict)
    too_long: dict[int, Request] = field(default_factory=dict)
    left_out: list[Document] = field(default_factory=list)
    cost: Cost = Cost()
    new: Cost = Cost()
    failed: int = 0
    done: Written | JobFailed | None = None


def start(
    dataset: Dataset,
    strategy: Spec,
    *,
    seed: int,
    model: Writer,
    rows: int = 0,
    other: Dataset | None = None,
    lines: Sequence[Document] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> Task:
    """One strategy over the documents of a dataset, ready to run.

    The strategy gets the parameters in its signature: the model's `window` and `count`, and prompts for the
    model's kind. `rows` is the number of rows to return; `other` is a dataset that shares no fact with this
    one, and `lines` are the rows of another arm. `prompts` maps names to prompt files of your own, which have
    priority.
    """
    offered: dict[str, Any] = {"window": model.window, "count": model.count, "rows": rows}
    if other is not None:
        offered["other"] = replace(other, questions=())
    if lines is not None:
        offered["lines"] = tuple(lines)
    function = load("strategies", strategy.use)
    asked = {name: value for name, value in offered.items() if name in wants("strategies", strategy.use)}
    asked |= prompts_of(function, name_of(strategy.use), model.kind, prompts)
    flow: Flow = function(replace(dataset, questions=()), seed=seed, **asked, **strategy.options)
    task = Task(dataset, flow)
    _advance(task, None, model)
    return task


def run(
    tasks: Sequence[Task],
    *,
    model: Writer,
    store: Completions,
    generate: Generate,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, Written | JobFailed]]:
    """Run strategies to their ends, side by side; yields the number of each with its result.

    `generate` gets the batches that are not stored. A local model's batch is either read from the store as a
    whole or generated as a whole. Other neighbours in a batch can change a logit by a rounding error, but a
    resumed run must write the same bytes. `progress` is called with the requests done and asked so far.
    """
    waiting = dict(enumerate(tasks))
    done = 0
    while True:
        for number, task in list(waiting.items()):
            if task.done is not None:
                del waiting[number]
                yield number, task.done
        if not waiting:
            return
        missing: list[Batch] = []
        asked = done + sum(len(task.requests) for task in waiting.values())
        for number, task in waiting.items():
            for batch in _batches(number, task.requests, size=1 if is_remote(model) else BATCH):
                found = (store.get(model.identity, request) for request in batch.requests)
                answers = tuple(answer for answer in found if answer is not None)
                if len(answers) < len(batch.requests):
                    missing.append(batch)
                else:
                    done += _take(task, batch, Generated(answers, 0.0), model)
        for batch, generated in generate(missing):
            task = tasks[batch.task]
            if isinstance(generated, JobFailed):
                task.done = generated
                continue
            kept = tuple(
                answer if isinstance(answer, JobFailed) else store.put(model.identity, request, answer)
                for request, answer in zip(batch.requests, generated.answers, strict=True)
            )
            done += _take(task, batch, Generated(kept, generated.seconds), model)
            if progress:
                progress(done, asked)
        for task in waiting.values():
            if task.done is None:
                _advance(task, _in_order(task), model)


def here(model: Writer) -> Generate:
    """Generates batches in this process. A model behind an endpoint gets all batches at once, since it limits
    the requests in flight itself."""

    def generate(batches: Sequence[Batch]) -> Iterator[tuple[Batch, Generated | JobFailed]]:
        if is_remote(model):
            streamed = model.generate([batch.requests[0] for batch in batches])
            for batch, answer in zip(batches, streamed, strict=True):
                yield batch, Generated((checked(answer),), 0.0)
            return
        for batch in batches:
            began = time.perf_counter()
            answers = tuple(map(checked, model.generate(batch.requests)))
            yield batch, Generated(answers, time.perf_counter() - began)

    return generate


def checked(answer: Any) -> Completion | JobFailed:
    """The answer of a model, asserted to be one."""
    assert isinstance(answer, Completion | JobFailed), f"a model generates no {type(answer).__name__}"
    return answer


def is_remote(model: Writer) -> bool:
    """Whether a model waits on a network. Then requests share no computation, and a batch has only one."""
    return bool(getattr(model, "remote", False))


def _batches(task: int, requests: Sequence[Request], *, size: int) -> Iterator[Batch]:
    for at in range(0, len(requests), size):
        yield Batch(task, at, tuple(requests[at : at + size]))


def _take(task: Task, batch: Batch, generated: Generated, model: Writer) -> int:
    """Add the answers of a batch to its task, and return their number."""
    part = Cost()
    for at, answer in enumerate(generated.answers, start=batch.start):
        if isinstance(answer, JobFailed):
            task.failed += 1
            answer = FAILED
        task.answers[at] = answer
        part += _cost_of(answer, model)
    task.cost += part
    if generated.seconds:
        task.new += replace(part, seconds=generated.seconds)
    return len(generated.answers)


def _in_order(task: Task) -> list[Completion]:
    """The answers to all that a strategy asked: an empty one for each request that no model could read."""
    given = (task.answers[at] for at in sorted(task.answers))
    size = len(task.answers) + len(task.too_long)
    return [FAILED if at in task.too_long else next(given) for at in range(size)]


def _fits(request: Request, model: Writer, known: dict[str, int]) -> bool:
    """Whether a request fits the model's window; `known` keeps the sizes of prefixes."""
    if is_remote(model):
        return True  # its tokens are not known here, and it refuses by itself
    if request.prefix not in known:
        known[request.prefix] = model.count(request.prefix)
    turns = [turn.content for turn in request.chat or ()]
    texts = [request.prompt, request.begin, *turns]
    # A text has no more tokens than bytes, give or take; counting is for the few that may be too long.
    least = 1 + known[request.prefix] + (0 if request.chat is None else ROOM * (1 + len(turns)))
    if least + sum(len(text.encode()) for text in texts) <= model.window:
        return True
    return least + sum(map(model.count, texts)) <= model.window


def _advance(task: Task, answers: list[Completion] | None, model: Writer) -> None:
    """Let a strategy go on: to its next requests, or to its end."""
    try:
        asked = next(task.flow) if answers is None else task.flow.send(answers)
    except StopIteration as stop:
        task.done = _finished(task, stop.value)
        return
    except UserError:
        raise
    except Exception:  # the other strategies go on
        task.done = JobFailed(traceback.format_exc(limit=-8))
        return
    if any(request.max_tokens < 1 or request.temperature < 0 for request in asked):
        raise UserError(
            "A strategy asks for fewer than one token or a temperature below 0: change its max_tokens or"
            " temperature."
        )
    sizes: dict[str, int] = {}
    # One sentence that is too long costs itself alone.
    task.too_long = {at: each for at, each in enumerate(asked) if not _fits(each, model, sizes)}
    for each in task.too_long.values():
        text, window = " ".join(each.prompt.split())[-200:], model.window
        reason = f"its prompt does not fit the model's window of {window} tokens"
        name = f"too-long-{len(task.left_out)}"
        task.left_out.append(Document(name, text, (), DROPPED, meta={"reason": reason}))
    task.requests = [each for at, each in enumerate(asked) if at not in task.too_long]
    task.answers = {}


def _finished(task: Task, documents: list[Document]) -> Written:
    """The result of a strategy, without exact repetitions of a line, a document or a document's sentence.

    The cost includes completions from the store; their seconds are estimated from those of new completions,
    token for token.
    """
    own = task.dataset.documents
    seen = {text for d in own for text in (d.text, *(sentence.text for sentence in sentences(d)))}
    kept = []
    # Of two lines that are alike the one that may be trained on stays.
    for document in sorted([*documents, *task.left_out], key=lambda document: document.strategy == DROPPED):
        if document.text not in seen:
            seen.add(document.text)
            kept.append(document)
    share = task.cost.output_tokens / task.new.output_tokens if task.new.output_tokens else 0.0
    return Written(tuple(kept), replace(task.cost, seconds=task.new.seconds * share), task.failed)


def _cost_of(answer: Completion, model: Writer) -> Cost:
    shape = getattr(model, "shape", None)  # not known of a model behind an endpoint
    read = answer.input_tokens - answer.cached_tokens + answer.output_tokens
    work = flops(shape, read, context=answer.cached_tokens, logits=answer.output_tokens) if shape else 0.0
    return Cost(answer.input_tokens, answer.cached_tokens, answer.output_tokens, flops=work)
