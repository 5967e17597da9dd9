"""Arms by their roles, and the arms with which each is compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from corollary.measure.rows import ArmRow, TestRow
from corollary.measure.stats import CHANCE, Comparing, pairs_of
from corollary.plugins import name_of
from corollary.types import Arm, Role, Study

ABOUT: dict[Role, str] = {
    "floor": "the model as it is, without the documents",
    "context": "documents are put into the prompt before each question",
    "baseline": "tuned on the documents as they are",
    "control": "control: tuned on the documents and on text that should not help",
    "placebo": "placebo: tuned on the documents and false lines in place of the true ones",
    "ablation": "tuned on the documents and a part of what follows from them",
    "treatment": "tuned on the documents and what follows from them",
    "bound": "an upper bound, not something that you can have",
}
"""Default descriptions of arms."""


def arm_rows(arms: Sequence[Arm], added: Iterable[str] = ()) -> list[ArmRow]:
    """The rows of "arms" in summary.json; `added` names models that were tuned elsewhere."""
    baselines, contexts = of_role(arms, "baseline"), of_role(arms, "context")
    rivals = [*(b.name for b in baselines[:1]), *(c.name for c in contexts[:1])]
    own = [
        ArmRow(
            name=arm.name,
            role=arm.role,
            about=arm.about or ABOUT[arm.role],
            against=list(against(arms, arm)),
        )
        for arm in arms
    ]
    return own + [
        ArmRow(name=name, role="added", about="a model tuned elsewhere", against=rivals)
        for name in dict.fromkeys(added)
    ]


PRIMARY_TESTS = 6
"""The most tests that are primary if a study names none: each further one weakens all."""


def comparing(study: Study, rows: Sequence[ArmRow], tests: Sequence[TestRow]) -> Comparing:
    """The comparisons of a study; `rows` are its arms with those of added models."""
    arms = study.arms
    # Without a treatment the question is whether documents belong into the prompt.
    leading = next(iter([*of_role(arms, "treatment"), *of_role(arms, "context")]), None)
    name = leading.name if leading else ""
    if study.primary:
        chosen = {
            (d, split): rivals for d, splits in study.primary.items() for split, rivals in splits.items()
        }
    else:
        kinds = [of_role(arms, role)[:1] for role in ("baseline", "context", "placebo")]
        rivals = tuple(arm.name for found in kinds for arm in found if arm.name != name)
        asked = [(test["dataset"], test["split"]) for test in tests if not test["recall"]]
        chosen = dict.fromkeys(asked[:PRIMARY_TESTS], rivals)
    primary = {test: [(name, rival) for rival in rivals] for test, rivals in chosen.items() if name}
    pairs = [*pairs_of(rows), *(pair for found in primary.values() for pair in found)]
    baseline = next((arm.name for arm in of_role(arms, "baseline")), "")
    placebos = [
        (arm.name, arm.same_size_as or name, baseline)
        for arm in of_role(arms, "placebo")
        if baseline and name
    ]
    tuning = name_of(study.tunings[0].use) if study.tunings else ""
    return Comparing([*dict.fromkeys(pairs)], primary, tuning, study.margin, placebos)


def against(arms: Sequence[Arm], arm: Arm) -> tuple[str, ...]:
    """The names of the arms (or "chance") with which an arm is compared."""
    if arm.against is not None:
        return arm.against
    first = {role: next((a.name for a in arms if a.role == role and a is not arm), "") for role in ABOUT}
    baseline, treatment = first["baseline"], first["treatment"]
    read_off = [a.name for a in arms if a.read_off and a.read_off == baseline]
    controls = [a.name for a in arms if a.same_size_as == arm.name and a.role in ("control", "placebo")]
    found: dict[Role, Sequence[str]] = {
        "floor": [CHANCE],
        "context": [CHANCE, baseline],
        "baseline": [baseline] if baseline and arms and _before(arms, baseline, arm) else [CHANCE],
        "control": [baseline],
        "placebo": [baseline],
        "ablation": [baseline],
        "treatment": [CHANCE, baseline, *read_off, *controls, *(a.name for a in of_role(arms, "context"))],
        "bound": [] if arm.read_off else [treatment],
    }
    return tuple(name for name in found[arm.role] if name)


def of_role(arms: Iterable[Arm], *roles: Role) -> list[Arm]:
    """The arms that have one of the roles, in their order."""
    return [arm for arm in arms if arm.role in roles]


def _before(arms: Sequence[Arm], name: str, arm: Arm) -> bool:
    names = [each.name for each in arms]
    return names.index(name) < names.index(arm.name)
