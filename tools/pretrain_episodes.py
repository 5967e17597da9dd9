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
FACT, TASK, CONSEQUENCE, ANSWER, DEGREE = 0.1, 0.05, 1.0, 2.0, 6.0
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
_UNITS["chain"] = lambda rng, names: _chain(rng, names)
_SHARES = {"pair": 0.05, "versus": 0.02, "chain": 0.10, "comparison": 0.28, "person": 0.1, "family": 0.27,
           "kinds": 0.17, "company": 0.02, "syllogism": 0.05, "process": 0.03}  # fmt: skip
_SIMPLE = {"pair": 0.02, "versus": 0.03, "chain": 0.5, "comparison": 0.05, "family": 0.25, "kinds": 0.15}
_NAMED = tuple(name for name in RELATIONS if " " not in name and not name.startswith("is_"))


def _chain(rng: random.Random, names: Iterator[str]) -> list[Fact]:
    """Two facts that share a name and compose: the smallest world with a deduction."""
    one, other, third = next(names), next(names), next(names)
    first, second = rng.choice(
        (
            ("sibling_of", "parent"),
            ("parent", "parent"),
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


def consequence(rng: random.Random, fact: Fact, *, asked: float = 0.25, plainest: float = 0.3) -> Lines:
    """A plain statement of what follows, in any wording, cut before what can be predicted."""
    relation = RELATIONS[fact.relation]
    draw = rng.random()
    if draw < asked:
        wording = relation.asked
    elif draw < asked + plainest:
        wording = relation.wordings[0]
    else:
        wording = rng.choice(relation.wordings)
    if " " in fact.relation:
        return _comparison(wording.format(a=fact.first, b=fact.last) + ".", fact, before=FACT)
    head = wording.removesuffix(" {b}").format(a=fact.first)
    return [(head, FACT), (f" {fact.last}.\n", ANSWER)]


def _comparison(line: str, fact: Fact, *, before: float) -> Lines:
    """A comparison: the one word that says "more" or "less" decides it, so it weighs most. At equal
    weights turning it round was not learned in 24 M tokens, neither alone nor in context."""
    head, tail = line.split(f" {fact.relation} ")
    degree, feature = fact.relation.split()
    return [(head, before), (f" {degree}", DEGREE), (f" {feature} {tail}\n", CONSEQUENCE)]


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


def draw_facts(rng: random.Random, domain: str, size: int, *, part: str = PRETRAINING) -> list[Fact]:
    """About `size` facts of whole units (a unit may lose a few), in random order."""
    names = draw_names(rng, part=part)
    facts: list[Fact] = []
    while len(facts) < size:
        unit = _UNITS[domain](rng, names)
        facts += unit
    if domain != "chain" and (len(facts) > size + 3 or rng.random() < 0.3):
        start = rng.randrange(max(1, len(facts) - size))
        facts = facts[start : start + size]
    rng.shuffle(facts)
    return facts


def fact_episode(
    rng: random.Random, domain: str, size: int, *, budget: int, task: str, simple: float = 0.0
) -> Lines:
    """Documents, then plain consequences or global tasks. `budget` bounds the lines that follow."""
    facts = draw_facts(rng, domain, size)
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
    # Comparisons that stand alone are only turned round: "less" for what stood last behind "more" is then
    # a look-up; learned together with the forward direction it is an exclusive or, and was not learned.
    forward = {"versus": 0.0, "comparison": 0.6}.get(domain, 0.25)
    pool: list[Fact] = [fact if rng.random() < forward else closure.invert(fact) for fact in facts]
    follow = [fact if rng.random() < 0.5 else closure.invert(fact) for fact in deduced]
    rng.shuffle(pool)
    rng.shuffle(follow)
    if domain == "chain":
        pool = []
    some = pool[: budget if not follow else (budget + 1) // 2] + follow[: budget // 2 if pool else budget]
    rng.shuffle(some)
    return lines + [
        piece
        for fact in some
        for piece in consequence(rng, fact, asked=0.25 * (1 - simple), plainest=max(0.3, simple))
    ]


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


def episode(rng: random.Random, *, facts: int, budget: int, simple: float = 0.0) -> Lines:
    """One episode of a random domain and task; at most `facts` facts (log-uniform), `budget` lines after."""
    shares = _SIMPLE if rng.random() < simple else _SHARES
    domain = rng.choices(list(shares), list(shares.values()))[0]
    if domain in ("versus", "chain"):
        facts = min(facts, 4 if domain == "versus" else 8)
    size = max(2 if domain == "chain" else 1, round(facts ** rng.uniform(0.25, 1.0)))
    links = domain in ("family", "kinds", "chain")  # worlds in which facts compose
    task = rng.choices(("plain", "global", "local"), (0.4, 0.45, 0.15) if links else (0.7, 0.05, 0.25))[0]
    if domain == "syllogism":
        task = "local" if rng.random() < 0.4 else "plain"
        return syllogism_episode(rng, max(1, size // 3), task=task)
    if domain == "process":
        return process_episode(rng, min(size, 20))
    if task == "local":
        return local_episode(rng, domain if domain != "chain" else "comparison")
    return fact_episode(rng, domain, size, budget=budget, task=task, simple=simple)
