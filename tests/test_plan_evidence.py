"""What a study's evidence rests on: runs, placebos, primary comparisons."""

from __future__ import annotations

from typing import Any

import pytest
import small_studies

from corollary.errors import UserError
from corollary.measure import rows as measured
from corollary.measure.estimates import least_gain
from corollary.studies import results
from corollary.studies.arms import arm_rows, comparing
from corollary.studies.jobs import trial_id
from corollary.studies.plan import Cell, cells, make_dataset, sized, trials, writings
from corollary.studies.presets import study_of
from corollary.types import Dataset, Document, Question, Study

ARMS: dict[str, Any] = {
    "pretrained": {},
    "shown": {"context": "all"},
    "near": {"context": {"use": "linked", "nearest": 3}},
    "plain": {"tune": True},
    "thinking": {"tune": True, "augment": ["local"]},
    "lying": {
        "tune": True, "role": "placebo", "same_size_as": "thinking",
        "augment": [{"use": "falsified", "what": "names"}], "runs": 1,
    },
}  # fmt: skip
TESTS = [
    measured.TestRow(dataset="reversals", split="rephrase", recall=True),
    measured.TestRow(dataset="reversals", split="reversal", recall=False),
]


def study(**changed: Any) -> Study:
    return study_of(small_studies.tables(**{"arms": ARMS, "runs": 3, **changed}), name="s")


def test_each_tuned_arm_runs_as_often_as_the_study_says_with_other_draws() -> None:
    plan = study()
    made = {cell: make_dataset(spec, cell.seed) for cell, spec in cells(plan)}
    (cell,) = made
    rows = {(cell, "local"): [Document("l", "pemas is here.")]}
    ready = trials(plan, made, rows)
    counts = {name: [one.run for one in ready if one.arm == name] for name in ARMS}
    assert counts == {
        "pretrained": [0], "shown": [0], "near": [0], "plain": [0, 1, 2], "thinking": [0, 1, 2], "lying": [],
    }  # fmt: skip
    plain = [one for one in ready if one.arm == "plain"]
    assert plain[0].training_seed == plain[0].seed
    assert len({one.training_seed for one in plain}) == len({trial_id(one) for one in plain}) == 3
    near = next(one for one in ready if one.arm == "near")
    assert all(0 < len(chosen) <= 3 for chosen in near.nearest)
    assert {part.source for part in near.context} == {(document.id,) for document in made[cell].documents}


def test_a_placebo_waits_for_the_lines_that_it_falsifies() -> None:
    plan = study()
    made = {cell: make_dataset(spec, cell.seed) for cell, spec in cells(plan)}
    (cell,) = made
    _, second = writings(plan, made)
    assert [job.strategy.use for job in second] == ["falsified"]
    assert sized(plan, second, {}) == ([], [])
    lines = [Document(f"l{at}", text) for at, text in enumerate(("A.", "B.", "A."))]
    (job,), _ = sized(plan, second, {(cell, "local"): lines})
    assert [line.text for line in job.lines or ()] == ["A.", "B."]
    without = {**ARMS, "lying": {**ARMS["lying"], "same_size_as": ""}}
    with pytest.raises(UserError, match="The arm lying makes its lines from another arm's"):
        writings(study(arms=without), made)


def test_few_comparisons_are_primary_by_role_or_by_name() -> None:
    plan = study()
    rows = arm_rows(plan.arms)
    found = comparing(plan, rows, TESTS)
    by_role = [("thinking", "plain"), ("thinking", "shown"), ("thinking", "lying")]
    assert found.primary == {("reversals", "reversal"): by_role}
    assert found.placebos == [("lying", "thinking", "plain")]
    assert set(by_role) <= set(found.pairs)
    named = study(primary={"reversals": {"reversal": ["near"]}}, margin=0.1)
    found = comparing(named, rows, TESTS)
    assert found.primary == {("reversals", "reversal"): [("thinking", "near")]}
    assert found.margin == 0.1


def asking(*units: str, seed: int, split: str = "reversal") -> list[Question]:
    """Questions of these units, others at each seed."""
    return [Question(f"{split}{seed}{unit}", "p", "a", (), split, (), unit=unit) for unit in units]


def test_power_is_that_of_the_smallest_primary_test_over_all_seeds() -> None:
    plan = study(primary={"reversals": {"reversal": ["plain"], "two-hop": ["plain", "near"]}})

    def gain(*questions: list[Question]) -> tuple[int, float]:
        made = {
            Cell("reversals", seed): Dataset("reversals", (), tuple(asked))
            for seed, asked in enumerate(questions)
        }
        return results.power(plan, made)["reversals"]

    large = [asking(*"abcdefgh", seed=seed) for seed in range(3)]
    small = [asking(*"abc", seed=seed, split="two-hop") for seed in range(3)]
    told = [asking("a", seed=seed, split="rephrase") for seed in range(3)]
    both = [a + b + c for a, b, c in zip(large, small, told, strict=True)]
    assert gain(*both) == (9, least_gain(9, tests=3))
    # Documents that are the same at each seed are one sample.
    assert gain(both[0], both[0]) == (3, least_gain(3, tests=3))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"primary": {"family": {"reversal": ["near"]}}},
            "no dataset of this study in primary named 'family'",
        ),
        ({"primary": {"reversals": {"reversal": ["nearer"]}}}, "did you mean 'near'"),
        ({"primary": {"reversals": ["near"]}}, r"write \[primary.reversals\]"),
        ({"margin": 1.5}, "share 1.5 cannot be the margin"),
        ({"runs": 0}, "runs"),
        ({"free": "yes"}, "free is 'yes': write true or false"),
    ],
)
def test_wrong_plans_of_evidence_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        study(**changed)
