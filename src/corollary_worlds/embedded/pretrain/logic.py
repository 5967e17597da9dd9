"""Training episodes about syllogisms and about processes that turn words into words."""

from __future__ import annotations

import random

from corollary_worlds import logic, tasks
from corollary_worlds.datasets import process
from corollary_worlds.datasets.syllogisms import HEADS
from corollary_worlds.embedded.pretrain.lines import ANSWER, CONSEQUENCE, FACT, Lines, line, prompt, written
from corollary_worlds.names import PRETRAINING, draw_names


def syllogism_episode(rng: random.Random, size: int, *, task: str) -> Lines:
    """`size` pairs of premises, then what follows from them, as plain statements or as answers to a task."""
    names = draw_names(rng, part=PRETRAINING)
    lines: Lines = []
    after: list[Lines] = []
    for _ in range(max(1, size)):
        terms = [next(names) for _ in range(3)]  # the second is the middle term
        premises = list(rng.choice(logic.valid_premises()))
        rng.shuffle(premises)
        follows = logic.entailed(premises, 0, 2)
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
            after.append([*prompt(tasks.LOCAL, text), *written([again, *answers])])
        else:
            lines.append(line(text, FACT))
            head, said_so = rng.choice(answers).split(":")
            after.append([(f"{head}:", FACT), (f"{said_so}\n", ANSWER)])
    rng.shuffle(after)
    return lines + [piece for block in after for piece in block]


def process_episode(rng: random.Random, size: int) -> Lines:
    """Examples of made-up operators on words, then what they make of other words."""
    names = draw_names(rng, part=PRETRAINING)
    rules = process.draw_rules(rng, names, count=rng.randint(1, 4))
    words = [next(names) for _ in range(12)]
    lines: Lines = []
    shown = [name for name in sorted(rules) for _ in range(2)]
    for index in range(len(shown) + size):
        example = index < len(shown)
        count = 1 if example else rng.randint(1, 2)
        chosen = shown[index : index + 1] if example else [rng.choice(sorted(rules)) for _ in range(count)]
        asked, result = process.say(rules, chosen, rng.sample(words, 3))
        lines += [(asked, FACT), (f"{result}.\n", FACT * 3 if example else CONSEQUENCE)]
    return lines
