"""Endless training episodes of the embedded model: facts, then what follows from them.

An episode is a list of (text, loss weight), concatenated. Facts are unpredictable, so they weigh
little; what follows from them weighs 1 or, where a single name is the answer, more. Which fact a
plain consequence is about is unpredictable too: its subject weighs little. Only names of the
pre-training part occur. Reserved relations and `kept`
wordings occur in facts and plain consequences, never as the focus or the result of a task.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from corollary.worlds import closure, domains, logic, tasks, transform
from corollary.worlds.domains import Fact
from corollary.worlds.names import PRETRAINING, draw_names
from corollary.worlds.relations import FORMATS, RELATIONS

Lines = list[tuple[str, float]]
FACT, TASK, CONSEQUENCE, ANSWER, DEDUCED, DECISIVE = 0.1, 0.05, 1.0, 2.0, 3.0, 6.0
TASKS = {
    "local": tasks.LOCAL,
    "paraphrase": tasks.PARAPHRASE,
    "global": tasks.GLOBAL,
    "so": tasks.SO,
    "end": tasks.END,
}

_UNITS: dict[str, Callable[[random.Random, Iterator[str]], list[Fact]]] = {
    "comparison": domains.comparison,
    "person": lambda rng, names: domains.person(
        rng, names, order=rng.choice(("name", "description", "both"))
    ),
    "family": domains.family,
    "kinds": lambda rng, names: domains.kinds(rng, names, chain=rng.randint(2, 5), leaves=rng.randint(1, 3)),
    "company": domains.company,
}
_UNITS["pair"] = lambda rng, names: [Fact(rng.choice(_NAMED), next(names), next(names))]
_UNITS["versus"] = lambda rng, names: domains.comparison(rng, names)[:1]
_UNITS["contrast"] = lambda rng, names: _contrast(rng, names, turned=0.5)
_UNITS["first"] = lambda rng, names: _contrast(rng, names, turned=0.0)
_UNITS["second"] = lambda rng, names: _contrast(rng, names, turned=1.0)
_UNITS["kin"] = lambda rng, names: _kin(rng, names)
_UNITS["chain"] = lambda rng, names: _chain(rng, names)
_SHARES = {"pair": 0.03, "statement": 0.05, "chain": 0.04, "versus": 0.01, "contrast": 0.05,
           "comparison": 0.07, "person": 0.17, "family": 0.29, "kinds": 0.24, "company": 0.01,
           "syllogism": 0.02, "process": 0.02}  # fmt: skip
_SIMPLE = {"pair": 0.02, "versus": 0.02, "contrast": 0.12, "chain": 0.06, "kin": 0.18, "comparison": 0.1,
           "family": 0.3, "kinds": 0.2}  # fmt: skip
_CONTRASTS = ("first", "second", "contrast")
_COMPOSED = ("chain", "kin")  # worlds in which only deductions are asked
# How often a fact is asked the way it was told, else 0.25.
_FORWARD = {"versus": 0.5, "contrast": 0.5, "comparison": 0.5}
_NAMED = tuple(name for name in RELATIONS if " " not in name and not name.startswith("is_"))
_RESERVED = tuple(name for name in _NAMED if RELATIONS[name].reserved)


def _contrast(rng: random.Random, names: Iterator[str], *, turned: float) -> list[Fact]:
    """Comparisons of one kind that is more of some things and less of others: which of them "less" is
    about takes the degree and the place of the kind. `turned` is how often the kind stands last; where it
    always stands first, or always last, the degree is enough: these are learned first."""
    kind = next(names)
    degrees = ["more", "less", *(rng.choice(("more", "less")) for _ in range(rng.choice((0, 0, 1, 2))))]
    same = next(names) if rng.random() < 0.5 else None
    facts = []
    for degree, feature in zip(degrees, rng.sample(domains.FEATURES, len(degrees)), strict=True):
        fact = Fact(f"{degree} {feature}", kind, same or next(names))
        facts.append(closure.invert(fact) if rng.random() < turned else fact)
    return facts


def _chain(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """Two facts that share a name and compose: the smallest world with a deduction."""
    one, other, third = next(names), next(names), next(names)
    first, second = rng.choice(
        (
            *(("sibling_of", "parent"), ("parent", "parent")) * 2,
            ("type_of", "type_of"),
            ("type_of", "have"),
            ("part_of", "part_of"),
        )
    )
    told = [
        rng.choice(("mother_of", "father_of")) if relation == "parent" else relation
        for relation in (first, second)
    ]
    facts = [Fact(told[0], one, other), Fact(told[1], other, third)]
    if first == "sibling_of" and rng.random() < 0.5:
        facts[0] = Fact(first, other, one)
    return facts


def _kin(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """Two siblings, a child of each, and a grandchild: the smallest world in which who is whose parent,
    aunt and grandparent can be confused."""
    one, other, child, niece, grandchild = (next(names) for _ in range(5))
    siblings = Fact("sibling_of", *rng.sample((one, other), 2))
    born = ((one, child), (other, niece), (child, grandchild))
    return [siblings, *(Fact(rng.choice(("mother_of", "father_of")), *pair) for pair in born)]


def is_reserved(fact: Fact) -> bool:
    if fact.relation == "is_person":
        return domains.role_is_reserved(fact.last)
    if fact.relation == "is_called":
        return domains.role_is_reserved(fact.first)
    return RELATIONS[fact.relation].reserved


def tell(rng: random.Random, fact: Fact, *, simple: float = 0.0) -> tuple[str, bool]:
    """A document about a fact, and whether its wording is one that tasks never show.

    `simple` is the share of plainest wordings in the barest format. Turning nonce names round in
    context starts with these: with all wordings and formats from the beginning it was not learned
    in 21 M tokens, while forward questions were at 96 %.
    """
    wordings = RELATIONS[fact.relation].wordings
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
    """A plain statement of what follows, in any wording, cut before what can be predicted. `both`: of
    its subject both "more" and "less" are true, each of something else."""
    relation = RELATIONS[fact.relation]
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


def _comparison(line: str, fact: Fact, *, before: float, both: bool = False) -> Lines:
    """A comparison. The one word that decides it weighs most: at equal weights turning it round was not
    learned in 24 M tokens. It is the degree or, where `both` are true of the subject, the feature behind
    it; the other one of the two is a toss and weighs little."""
    head, tail = line.split(f" {fact.relation} ")
    degree, feature = fact.relation.split()
    at_degree, at_feature = (CONSEQUENCE, DECISIVE) if both else (DECISIVE, CONSEQUENCE)
    return [
        (head, before),
        (f" {degree}", at_degree),
        (f" {feature}", at_feature),
        (f" {tail}\n", CONSEQUENCE),
    ]


def _line(text: str, weight: float) -> tuple[str, float]:
    return f"{text}\n", weight


def _task_wordings(rng: random.Random, fact: Fact, count: int) -> list[str]:
    """Distinct sentences in wordings that tasks may show; the plainest is among them half of the time."""
    tellings = RELATIONS[fact.relation].tellings
    return [
        t.format(a=fact.first, b=fact.last) + "." for t in rng.sample(tellings, min(count, len(tellings)))
    ]


def local_block(rng: random.Random, fact: Fact, text: str) -> Lines:
    same, turned = _task_wordings(rng, fact, 2), _task_wordings(rng, closure.invert(fact), 2)
    if " " not in fact.relation:
        return [*_prompt(tasks.LOCAL, text), *_written([*same, *turned])]
    pairs = [*((line, fact) for line in same), *((line, closure.invert(fact)) for line in turned)]
    pieces = [piece for line, said in pairs for piece in _comparison(line, said, before=CONSEQUENCE)]
    return [*_prompt(tasks.LOCAL, text), *pieces, _line(tasks.END, CONSEQUENCE)]


def paraphrase_block(rng: random.Random, fact: Fact, text: str) -> Lines:
    lines = _task_wordings(rng, fact, 4)
    return [*_prompt(tasks.PARAPHRASE, text), *_written(lines)]


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
        premises = "; ".join(RELATIONS[o.relation].tellings[0].format(a=o.first, b=o.last) for o in others)
        both = [fact] if fact.relation == "cousin_of" else [fact, closure.invert(fact)]
        lines += [f"{premises}{tasks.SO}{_task_wordings(rng, told, 1)[0]}" for told in both]
    return [*_prompt(tasks.GLOBAL, texts[focus]), *_written(lines[:10])]


def _prompt(template: str, text: str) -> Lines:
    return [(template.format(text=text), TASK)]


def _written(lines: Sequence[str]) -> Lines:
    return [_line(line, CONSEQUENCE) for line in (*lines, tasks.END)]


def draw_facts(
    rng: random.Random, domain: str, size: int, *, part: str = PRETRAINING, grouped: float = 0.0
) -> list[Fact]:
    """About `size` facts of whole units (a unit may lose a few), in random order; with the chance `grouped`
    unit by unit, as documents of many sentences tell them."""
    names = draw_names(rng, part=part)
    facts: list[Fact] = []
    while len(facts) < size:
        unit = _UNITS[domain](rng, names)
        facts += rng.sample(unit, len(unit))
    if domain not in _COMPOSED and (len(facts) > size + 3 or rng.random() < 0.3):
        start = rng.randrange(max(1, len(facts) - size))
        facts = facts[start : start + size]
    if rng.random() < grouped:
        return facts
    rng.shuffle(facts)
    return facts


def fact_episode(
    rng: random.Random, domain: str, size: int, *, budget: int, task: str, simple: float = 0.0
) -> Lines:
    """Documents, then plain consequences or global tasks. `budget` bounds the lines that follow."""
    facts = draw_facts(rng, domain, size, grouped=0.4)
    told = [tell(rng, fact, simple=simple) for fact in facts]
    texts = [text for text, _ in told]
    lines: Lines = [_line(text, FACT) for text in texts]
    deduced = closure.deductions(facts)
    if task == "global":
        focuses = [i for i, fact in enumerate(facts) if not is_reserved(fact) and not told[i][1]]
        linked = [i for i in focuses if any(i in proof for proof in deduced.values())]
        rng.shuffle(focuses)
        picks = linked if linked and rng.random() < 0.85 else focuses
        for focus in rng.sample(picks, min(len(picks), max(1, budget // 4))):
            lines += global_block(rng, focus, facts, texts, deduced)
        return lines
    pool: list[Fact] = [
        fact if rng.random() < _FORWARD.get(domain, 0.25) else closure.invert(fact) for fact in facts
    ]
    near = [
        fact for fact, proof in deduced.items() if len(proof) == 2 or (len(proof) == 3 and rng.random() < 0.3)
    ]
    follow = [fact if rng.random() < 0.5 else closure.invert(fact) for fact in near]
    composed = frozenset(follow)
    degrees: dict[str, set[str]] = {}
    views = [view for fact in facts for view in (fact, closure.invert(fact))]
    for view in views if domain in ("comparison", *_CONTRASTS) else ():
        degrees.setdefault(view.first, set()).add(view.relation.split()[0])
    if domain == "contrast":  # asked about what is both more and less
        pool = [view for view in views if len(degrees[view.first]) == 2] or pool
    elif domain in _CONTRASTS:  # asked about the kind alone: of the other one the opposite would be right
        pool = [fact if domain == "first" else closure.invert(fact) for fact in facts]
    rng.shuffle(pool)
    rng.shuffle(follow)
    if domain in _COMPOSED:
        pool = []
    some = follow[: budget if domain in _COMPOSED else budget * 2 // 3]
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
    """One statement, then the same from either end, as plain statements: whole lines are learned, so that
    reserved relations too are something to say, though no task asks for them."""
    relation = rng.choice(_RESERVED if rng.random() < 0.4 else _NAMED)
    names = draw_names(rng, part=PRETRAINING)
    fact = Fact(relation, next(names), next(names))
    lines: Lines = [_line(tell(rng, fact)[0], FACT)]
    for _ in range(rng.randint(2, 5)):
        said = rng.choice((fact, closure.invert(fact)))
        lines.append(_line(tell(rng, said, simple=0.3)[0], CONSEQUENCE))
    return lines


def local_episode(rng: random.Random, domain: str) -> Lines:
    """One sentence and what follows from it alone."""
    while True:
        fact = draw_facts(rng, domain, 1)[0]
        text, kept = tell(rng, fact)
        if not kept and not is_reserved(fact):
            block = local_block if rng.random() < 0.7 else paraphrase_block
            return block(rng, fact, text)


_HEAD = "the relationships between {x} are: {s}."
HEADS = tuple(
    before + _HEAD for before in ("", "fact: ", "it is known that ", "note that ", "people say that ")
)


def syllogism_episode(rng: random.Random, size: int, *, task: str) -> Lines:
    names = draw_names(rng, part=PRETRAINING)
    lines: Lines = []
    after: list[Lines] = []
    for _ in range(max(1, size)):
        terms, premises, follows = logic.syllogism(rng, names)
        order = rng.sample(terms, 3)
        said = [logic.say(premise, terms) for premise in premises]
        head = rng.choice(HEADS)
        text = head.format(x=f"{order[0]}, {order[1]} and {order[2]}", s=". ".join(said))
        pair = rng.sample((terms[0], terms[2]), 2)
        answers = [
            f"the relationships between {pair[0]} and {pair[1]} are: {logic.say(f, terms)}." for f in follows
        ]
        reserved = any(premise[0] == "some" for premise in premises) or head == HEADS[-1]
        if task == "local" and reserved:
            continue
        if task == "local":
            again = HEADS[0].format(x=f"{order[1]}, {order[2]} and {order[0]}", s=". ".join(reversed(said)))
            after.append([*_prompt(tasks.LOCAL, text), *_written([again, *answers])])
        else:
            lines.append(_line(text, FACT))
            head, said_so = rng.choice(answers).split(":")
            after.append([(f"{head}:", FACT), (f"{said_so}\n", ANSWER)])
    rng.shuffle(after)
    return lines + [line for block in after for line in block]


def process_episode(rng: random.Random, size: int) -> Lines:
    names = draw_names(rng, part=PRETRAINING)
    rules = transform.operators(rng, names, count=rng.randint(1, 4))
    words = [next(names) for _ in range(12)]
    lines: Lines = []
    for index in range(2 * len(rules) + size):
        count = 1 if index < 2 * len(rules) else rng.randint(1, 2)
        chosen = (
            [sorted(rules)[index // 2]]
            if index < 2 * len(rules)
            else [rng.choice(sorted(rules)) for _ in range(count)]
        )
        given = rng.sample(words, 3)
        result = transform.apply([rules[name] for name in chosen], given)
        weight = FACT * 3 if index < 2 * len(rules) else CONSEQUENCE
        lines += [(transform.say(chosen, given), FACT), (f" {' '.join(result)}.\n", weight)]
    return lines


def episode(
    rng: random.Random, *, facts: int, budget: int, simple: float = 0.0, focus: Sequence[str] = ()
) -> Lines:
    """One episode of a random domain and task; at most `facts` facts (log-uniform), `budget` lines after.
    Three in four episodes are the plainest worlds of one of the domains `focus`, where it names some."""
    if focus and rng.random() < 0.75:
        return fact_episode(
            rng, rng.choice(focus), rng.randint(2, 4), budget=budget, task="plain", simple=1.0
        )
    plainest = rng.random() < simple
    shares = _SIMPLE if plainest else _SHARES
    domain = rng.choices(list(shares), list(shares.values()))[0]
    if domain == "statement":
        return statement_episode(rng)
    if plainest:
        facts = min(facts, {"comparison": 4, "contrast": 4, "kin": 8}.get(domain, facts))
    size = max(2 if domain in _COMPOSED else 1, round(facts ** rng.uniform(0.5, 1.0)))
    links = domain in ("family", "kinds", *_COMPOSED)  # worlds in which facts compose
    weights = (0.85, 0.1, 0.05) if plainest else (0.6, 0.28, 0.12) if links else (0.7, 0.05, 0.25)
    task = rng.choices(("plain", "global", "local"), weights)[0]
    if domain == "syllogism":
        task = "local" if rng.random() < 0.4 else "plain"
        return syllogism_episode(rng, max(1, size // 3), task=task)
    if domain == "process":
        return process_episode(rng, min(size, 20))
    if task == "local":
        return local_episode(
            rng, domain if domain not in (*_COMPOSED, "contrast") else rng.choice(("comparison", "pair"))
        )
    return fact_episode(rng, domain, size, budget=budget, task=task, simple=simple)
