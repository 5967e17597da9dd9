"""From facts to documents and questions: what the controlled datasets share."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from corollary.documents.split import line_spans
from corollary.errors import UserError
from corollary.types import Dataset, Document, Mark, Question
from corollary_worlds.domains import Fact
from corollary_worlds.names import MANY, count_of, draw_names, part_for_seed
from corollary_worlds.relations import FORMATS, RELATIONS

MOST = 1_000_000
"""Documents, or units, of a dataset: more would fill the memory before anybody noticed a slip of the keys."""

RESERVED = Mark(
    "Had the model practised it?",
    "Relations and wordings that were kept out of the tasks on which the embedded model learned to augment,"
    " and those that it practised.",
    {"yes": "Kept out", "no": "Practised"},
)

WORDING = Mark(
    "In which words is it asked?",
    "Each inference is asked in a wording that augmentations may have, and in one that neither the documents"
    " nor the augmentations have.",
    {"usual": "A usual wording", "new": "A new wording"},
)


def marks_of(*, reserved: bool, wording: str = "") -> dict[str, str]:
    """The marks of a question: whether its relation or wording was kept out of those tasks, and its
    wording."""
    return {"reserved": "yes" if reserved else "no", **({"wording": wording} if wording else {})}


def dataset_of(
    name: str,
    seed: int,
    documents: Sequence[Document],
    questions: Sequence[Question],
    *,
    recall: tuple[str, ...] = ("rephrase",),
) -> Dataset:
    """A controlled dataset: one sentence a line, with what the benchmark offers beside it."""
    return Dataset(
        name,
        tuple(replace(document, spans=line_spans(document.text)) for document in documents),
        tuple(questions),
        recall=recall,
        audit="reasoner",
        marks={"reserved": RESERVED, "wording": WORDING},
        section="paper",
        model="embedded",
        other_seed=other_seed(seed),
    )


def other_seed(seed: int) -> int:
    """The seed of documents that share no fact: of the same part of the name space, half the part away."""
    base = seed - seed % 100
    return base + (seed - base + 16) % 32


def seeded(name: str, seed: int) -> tuple[random.Random, Iterator[str]]:
    """The random generator and the stream of names of a dataset at a seed."""
    rng = random.Random(f"corollary-{name}-{seed}")
    return rng, draw_names(rng, part=part_for_seed(seed))


def tell(rng: random.Random, fact: Fact, *, tellings: int, formats: Sequence[str] = FORMATS) -> list[str]:
    """`tellings` distinct texts of one fact, each a wording of its relation in one of the formats."""
    wordings = RELATIONS[fact.relation].wordings
    pairs = [(wording, template) for wording in wordings for template in formats]
    chosen = (
        rng.sample(pairs, tellings)
        if tellings <= len(pairs)
        else [rng.choice(pairs) for _ in range(tellings)]
    )
    return [template.format(s=wording.format(a=fact.first, b=fact.last)) for wording, template in chosen]


def tell_evenly(
    rng: random.Random, facts: Sequence[Fact], group: Callable[[Fact], str], *, tellings: int
) -> list[list[str]]:
    """`tellings` texts of each fact. In each group every wording and every format occurs equally often, give
    or take one. All relations of the facts have equally many wordings.

    This is for opposite relations that share their wordings. Where chance puts "less" more often with one
    verb, tuning on few documents takes the verb for the degree, and answers by it.
    """
    decks: dict[str, Iterator[tuple[int, str]]] = {}
    told = []
    for fact in facts:
        wordings = RELATIONS[fact.relation].wordings
        if group(fact) not in decks:
            decks[group(fact)] = _dealt(rng, len(wordings))
        deck = decks[group(fact)]
        told.append(
            [
                template.format(s=wordings[number].format(a=fact.first, b=fact.last))
                for number, template in itertools.islice(deck, tellings)
            ]
        )
    return told


def _dealt(rng: random.Random, wordings: int) -> Iterator[tuple[int, str]]:
    """All pairs of a wording and a format, again and again: wordings and formats take turns, and no pair
    repeats before all others have come."""
    numbers, templates = rng.sample(range(wordings), wordings), rng.sample(FORMATS, len(FORMATS))
    around = math.lcm(wordings, len(templates))
    for at in itertools.count():
        # In step, the two meet in one of every `gcd` pairs only, so each round starts one format later.
        shift = at // around % math.gcd(wordings, len(templates))
        yield numbers[at % wordings], templates[(at + shift) % len(templates)]


def documents_of(
    rng: random.Random,
    facts: Sequence[Fact],
    *,
    tellings: int,
    name: str,
    group: Callable[[Fact], str] | None = None,
    formats: Sequence[str] = FORMATS,
) -> tuple[tuple[Document, ...], dict[Fact, tuple[str, ...]]]:
    """One-fact documents in random order, and the ids of the documents that state each fact. Within each
    `group` of facts their forms occur equally often (`tell_evenly`)."""
    at_least(1, tellings=tellings)
    at_most(MOST // len(facts), tellings=tellings)
    texts = (
        [tell(rng, fact, tellings=tellings, formats=formats) for fact in facts]
        if group is None
        else tell_evenly(rng, facts, group, tellings=tellings)
    )
    told = [(fact, text) for fact, forms in zip(facts, texts, strict=True) for text in forms]
    rng.shuffle(told)
    documents = tuple(Document(f"{name}-d{i}", text) for i, (_, text) in enumerate(told))
    ids: dict[Fact, tuple[str, ...]] = {}
    for document, (fact, _) in zip(documents, told, strict=True):
        ids[fact] = (*ids.get(fact, ()), document.id)
    return documents, ids


def ask(fact: Fact, *, rephrased: bool = False) -> tuple[str, str]:
    """(prompt, answer) of a fact: a sentence cut before its last argument, in the plainest wording or, if
    `rephrased`, in the wording that no document has. The leading space belongs to the answer."""
    relation = RELATIONS[fact.relation]
    wording = relation.asked if rephrased else relation.wordings[0]
    return wording.removesuffix(" {b}").format(a=fact.first), f" {fact.last}"


def questions(
    rng: random.Random,
    fact: Fact,
    wrong: Sequence[str],
    *,
    id: str,
    split: str,
    premises: Sequence[str],
    unit: str,
    reserved: bool = False,
    domain: bool = False,
    distant: Sequence[str] = (),
) -> list[Question]:
    """Multiple-choice questions about the last argument of a fact; `wrong` and `distant` are other last
    arguments. An inference is asked twice: in the plainest wording, and in the one that no document has. The
    split `rephrase` is asked in the latter alone."""
    found = []
    for wording in ("new",) if split == "rephrase" else ("usual", "new"):
        prompt, answer = ask(fact, rephrased=wording == "new")
        bare = ask(Fact(fact.relation, "", ""), rephrased=wording == "new")[0].strip() if domain else ""
        choices = [answer, *(f" {other}" for other in wrong)]
        rng.shuffle(choices)
        far = tuple(f" {other}" for other in distant)
        found.append(
            Question(
                id if wording == "usual" or split == "rephrase" else f"{id}-new", prompt, answer,
                tuple(choices), split, tuple(premises), unit, (),
                marks_of(reserved=reserved, wording=wording), bare, far,
            )
        )  # fmt: skip
    return found


def distances(facts: Sequence[Fact]) -> dict[str, dict[str, int]]:
    """The number of facts in a row that link each two names."""
    links: dict[str, set[str]] = {}
    for fact in facts:
        links.setdefault(fact.first, set()).add(fact.last)
        links.setdefault(fact.last, set()).add(fact.first)
    found: dict[str, dict[str, int]] = {}
    for start in links:
        steps, edge = {start: 0}, [start]
        while edge:
            # In the order of first mention, so that results never depend on the order of a set.
            edge = list(dict.fromkeys(n for at in edge for n in sorted(links[at]) if n not in steps))
            steps |= dict.fromkeys(edge, max(steps.values()) + 1)
        found[start] = steps
    return found


def scaled(size: int, scale: float, *, option: str, least: int = 1, seed: int = 0, names: int = 0) -> int:
    """A size times `scale`, never below `least`. Each unit of it takes `names` made-up names.

    Raises: UserError, which names the `option` of the size, when it is too small, or when there would be
    more than `MOST` units or more names than a seed has. The count comes first: drawing names takes time.
    """
    at_least(least, **{option: size})
    if not (0 < scale < math.inf):
        raise UserError(f"The option 'scale' is {scale}: give a finite number above 0.")
    wanted = max(least, round(size * scale)) if size <= MOST and size * scale <= MOST else MOST + 1
    most, why = MOST, "a dataset is no larger"
    if wanted * names > MANY:
        there = count_of(part_for_seed(seed))
        most, why = there // names, f"a seed has {there} made-up names"
    if wanted > most:
        most = math.floor(min(MOST, most / scale))
        raise UserError(f"The option '{option}' is {size}: give {most} at most, because {why}.")
    return wanted


def at_least(least: int, **options: int) -> None:
    """Raises: UserError, which names the first option that is below `least`."""
    for option, value in options.items():
        if value < least:
            raise UserError(f"The option '{option}' is {value}: give {least} or more.")


def at_most(most: int, **options: int) -> None:
    """Raises: UserError, which names the first option that is above `most`."""
    for option, value in options.items():
        if value > most:
            raise UserError(f"The option '{option}' is {value}: give {most} at most.")
