"""Endless training episodes of the embedded model: facts, then what follows from them.

An episode is a list of (text, loss weight), concatenated. Facts are unpredictable, so they weigh little.
What follows from them weighs 1 or, where a single name is the answer, more. The subject of a plain
consequence is unpredictable too and weighs little. Only names of the pre-training part occur. Reserved
relations and `kept` wordings occur in facts and plain consequences, never as the focus or result of a task.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from corollary_worlds import tasks
from corollary_worlds.domains import Fact
from corollary_worlds.embedded.pretrain import closure
from corollary_worlds.embedded.pretrain.breadth import ALL, invert
from corollary_worlds.embedded.pretrain.lines import (
    ANSWER,
    CONSEQUENCE,
    DECISIVE,
    DEDUCED,
    FACT,
    Lines,
    line,
    prompt,
    written,
)
from corollary_worlds.embedded.pretrain.logic import process_episode, syllogism_episode
from corollary_worlds.embedded.pretrain.units import (
    COMPOSED,
    CONTRASTS,
    RESERVED,
    draw_facts,
    draw_relation,
    is_reserved,
)
from corollary_worlds.names import PRETRAINING, draw_names
from corollary_worlds.relations import FORMATS

_SHARES = {"pair": 0.08, "statement": 0.10, "chain": 0.02, "versus": 0.01, "contrast": 0.04,
           "comparison": 0.07, "person": 0.18, "family": 0.16, "lineage": 0.07, "kinds": 0.13,
           "rank": 0.05, "company": 0.01, "syllogism": 0.06, "process": 0.02}  # fmt: skip
_SIMPLE = {"pair": 0.02, "versus": 0.02, "contrast": 0.12, "chain": 0.06, "kin": 0.18, "comparison": 0.1,
           "family": 0.3, "kinds": 0.2}  # fmt: skip
# How often a fact is asked in the direction of its document, else 0.25.
_FORWARD = {"versus": 0.5, "contrast": 0.5, "comparison": 0.5}


def tell(rng: random.Random, fact: Fact, *, simple: float = 0.0) -> tuple[str, bool]:
    """A document about a fact, and whether its wording is one that tasks never show.

    `simple` is the share of plainest wordings in the barest format. Turning made-up names round in context
    starts with these. With all wordings and formats from the beginning, 21 M tokens did not teach it, while
    forward questions were at 96 %.
    """
    wordings = ALL[fact.relation].wordings
    if rng.random() < simple:
        return f"{wordings[0].format(a=fact.first, b=fact.last)}.", False
    pick = rng.randrange(len(wordings))
    sentence = wordings[pick].format(a=fact.first, b=fact.last)
    template = "{s}." if rng.random() < 0.5 else rng.choice(FORMATS)
    return template.format(s=sentence), pick == len(wordings) - 1


def consequence(
    rng: random.Random,
    fact: Fact,
    *,
    asked: float = 0.25,
    plainest: float = 0.3,
    answer: float = ANSWER,
    both: bool = False,
) -> Lines:
    """A plain statement of what follows, in any wording, cut before what can be predicted. `both`: its
    subject is "more" than one thing and "less" than another."""
    relation = ALL[fact.relation]
    draw = rng.random()
    if draw < asked:
        wording = relation.asked
    elif draw < asked + plainest:
        wording = relation.wordings[0]
    else:
        wording = rng.choice(relation.wordings)
    if " " in fact.relation:
        return _comparison(wording.format(a=fact.first, b=fact.last) + ".", fact, before=FACT, both=both)
    head = wording.removesuffix(" {b}").format(a=fact.first)
    return [(head, FACT), (f" {fact.last}.\n", answer)]


def _comparison(sentence: str, fact: Fact, *, before: float, both: bool = False) -> Lines:
    """A comparison. The one word that decides it weighs most: at equal weights, 24 M tokens did not teach
    turning it round. This word is the degree or, where `both` are true of the subject, the feature after it.
    The other of the two is a toss-up and weighs little."""
    head, tail = sentence.split(f" {fact.relation} ")
    degree, feature = fact.relation.split()
    at_degree, at_feature = (CONSEQUENCE, DECISIVE) if both else (DECISIVE, CONSEQUENCE)
    return [
        (head, before),
        (f" {degree}", at_degree),
        (f" {feature}", at_feature),
        (f" {tail}\n", CONSEQUENCE),
    ]


def _task_wordings(rng: random.Random, fact: Fact, count: int) -> list[str]:
    """Distinct sentences in wordings that tasks may show; the plainest is among them half of the time."""
    tellings = ALL[fact.relation].tellings
    return [
        t.format(a=fact.first, b=fact.last) + "." for t in rng.sample(tellings, min(count, len(tellings)))
    ]


def local_block(rng: random.Random, fact: Fact, text: str) -> Lines:
    """The local task on a document: the same in two other wordings, then turned round in two."""
    same, turned = _task_wordings(rng, fact, 2), _task_wordings(rng, invert(fact), 2)
    if " " not in fact.relation:
        return [*prompt(tasks.LOCAL, text), *written([*same, *turned])]
    pairs = [*((sentence, fact) for sentence in same), *((sentence, invert(fact)) for sentence in turned)]
    pieces = [piece for sentence, said in pairs for piece in _comparison(sentence, said, before=CONSEQUENCE)]
    return [*prompt(tasks.LOCAL, text), *pieces, line(tasks.END, CONSEQUENCE)]


def paraphrase_block(rng: random.Random, fact: Fact, text: str) -> Lines:
    """The task that asks for other words alone, with four lines."""
    lines = _task_wordings(rng, fact, 4)
    return [*prompt(tasks.PARAPHRASE, text), *written(lines)]


def global_block(
    rng: random.Random,
    focus: int,
    facts: Sequence[Fact],
    texts: Sequence[str],
    deduced: dict[Fact, tuple[int, ...]],
) -> Lines:
    """Everything that follows from the focus with other facts, fewest premises first, both ways round."""
    found = [
        (len(proof), proof, fact) for fact, proof in deduced.items() if focus in proof and len(proof) <= 3
    ]
    lines = []
    for _, proof, fact in sorted(found, key=lambda item: item[:2]):
        others = [facts[index] for index in proof if index != focus]
        premises = "; ".join(ALL[o.relation].tellings[0].format(a=o.first, b=o.last) for o in others)
        both = [fact] if fact.relation == "cousin_of" else [fact, invert(fact)]
        lines += [f"{premises}{tasks.SO}{_task_wordings(rng, told, 1)[0]}" for told in both]
    return [*prompt(tasks.GLOBAL, texts[focus]), *written(lines[:10])]


def fact_episode(
    rng: random.Random, domain: str, size: int, *, budget: int, task: str, simple: float = 0.0
) -> Lines:
    """Documents, then plain consequences or global tasks. `budget` bounds the lines that follow."""
    facts = draw_facts(rng, domain, size, grouped=0.4)
    told = [tell(rng, fact, simple=simple) for fact in facts]
    texts = [text for text, _ in told]
    lines: Lines = [line(text, FACT) for text in texts]
    deduced = closure.deductions(facts)
    if task == "global":
        focuses = [i for i, fact in enumerate(facts) if not is_reserved(fact) and not told[i][1]]
        linked = [i for i in focuses if any(i in proof for proof in deduced.values())]
        rng.shuffle(focuses)
        picks = linked if linked and rng.random() < 0.85 else focuses
        for focus in rng.sample(picks, min(len(picks), max(1, budget // 4))):
            lines += global_block(rng, focus, facts, texts, deduced)
        return lines
    pool: list[Fact] = [fact if rng.random() < _FORWARD.get(domain, 0.25) else invert(fact) for fact in facts]
    near = [
        fact for fact, proof in deduced.items() if len(proof) == 2 or (len(proof) == 3 and rng.random() < 0.3)
    ]
    follow = [fact if rng.random() < 0.5 else invert(fact) for fact in near]
    composed = frozenset(follow)
    degrees: dict[str, set[str]] = {}
    views = [view for fact in facts for view in (fact, invert(fact))]
    for view in views if domain in ("comparison", *CONTRASTS) else ():
        degrees.setdefault(view.first, set()).add(view.relation.split()[0])
    if domain == "contrast":  # asked about what is both more and less
        pool = [view for view in views if len(degrees[view.first]) == 2] or pool
    elif domain in CONTRASTS:  # asked about the kind alone: of the other one the opposite would be right
        pool = [fact if domain == "first" else invert(fact) for fact in facts]
    rng.shuffle(pool)
    rng.shuffle(follow)
    if domain in COMPOSED:
        pool = []
    some = follow[: budget if domain in COMPOSED else budget * 2 // 3]
    some += pool[: budget - len(some)]
    rng.shuffle(some)
    return lines + [
        piece
        for fact in some
        for piece in consequence(
            rng,
            fact,
            asked=0.25 * (1 - simple),
            plainest=max(0.3, simple),
            answer=DEDUCED if fact in composed else ANSWER,
            both=len(degrees.get(fact.first, ())) == 2,
        )
    ]


def statement_episode(rng: random.Random) -> Lines:
    """One statement, then the same from either end, as plain statements. The model learns whole lines, so it
    can say reserved relations too, though no task asks for them."""
    relation = rng.choice(RESERVED) if rng.random() < 0.4 else draw_relation(rng)
    names = draw_names(rng, part=PRETRAINING)
    fact = Fact(relation, next(names), next(names))
    lines: Lines = [line(tell(rng, fact)[0], FACT)]
    for _ in range(rng.randint(2, 5)):
        said = rng.choice((fact, invert(fact)))
        lines.append(line(tell(rng, said, simple=0.3)[0], CONSEQUENCE))
    return lines


def local_episode(rng: random.Random, domain: str) -> Lines:
    """One sentence and what follows from it alone."""
    while True:
        fact = draw_facts(rng, domain, 1)[0]
        text, kept = tell(rng, fact)
        if not kept and not is_reserved(fact):
            block = local_block if rng.random() < 0.7 else paraphrase_block
            return block(rng, fact, text)


def episode(
    rng: random.Random, *, facts: int, budget: int, simple: float = 0.0, focus: Sequence[str] = ()
) -> Lines:
    """One episode of a random domain and task: at most `facts` facts (log-uniform), then `budget` lines.

    Where `focus` names domains, three in four episodes are about one of them: a world with plain consequences
    or, with "local " before the name, local tasks. `simple` is the share of episodes in the plainest wordings
    alone."""
    plainest = rng.random() < simple
    if focus and rng.random() < 0.75:
        domain = rng.choice(focus)
        if domain.startswith("local "):
            return local_episode(rng, domain.removeprefix("local "))
        size = rng.randint(2, 4) if domain in CONTRASTS else round(facts ** rng.uniform(0.5, 1.0))
        return fact_episode(
            rng, domain, size, budget=budget, task="plain", simple=1.0 if plainest else simple
        )
    shares = _SIMPLE if plainest else _SHARES
    domain = rng.choices(list(shares), list(shares.values()))[0]
    if domain == "statement":
        return statement_episode(rng)
    if plainest:
        facts = min(facts, {"comparison": 4, "contrast": 4, "kin": 8}.get(domain, facts))
    size = max(2 if domain in COMPOSED else 1, round(facts ** rng.uniform(0.5, 1.0)))
    links = domain in ("family", "kinds", *COMPOSED)  # worlds in which facts compose
    weights = (0.85, 0.1, 0.05) if plainest else (0.6, 0.28, 0.12) if links else (0.7, 0.05, 0.25)
    task = rng.choices(("plain", "global", "local"), weights)[0]
    if domain == "syllogism":
        task = "local" if rng.random() < 0.4 else "plain"
        return syllogism_episode(rng, max(1, size // 3), task=task)
    if domain == "process":
        return process_episode(rng, min(size, 20))
    if task == "local":
        return local_episode(
            rng, domain if domain not in (*COMPOSED, "contrast") else rng.choice(("comparison", "pair"))
        )
    return fact_episode(rng, domain, size, budget=budget, task=task, simple=simple)
