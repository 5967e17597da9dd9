"""What a study comes to before anything is run, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import small_studies

import corollary_worlds.exact as exact
from corollary import commands, store
from corollary.errors import UserError
from corollary.studies import results
from corollary.studies.estimate import Speeds, expected_seconds, work_of
from corollary.studies.plan import Cell, cells, make_dataset, sized, training_rows, with_units, writings
from corollary.studies.presets import preset_names, read_study, study_of
from corollary.types import Dataset, Document, Likelihood, Question, Result, Score, Spec, Study, Trial
from corollary.writing.audit import audit_of, over_seeds, usable
from corollary_worlds.reasoner import Statement

STUDIES = sorted((Path(__file__).parent.parent / "docs" / "studies").glob("*.toml"))
PROSE = Dataset("prose", (Document("d0", "It rained all day."), Document("d1", "Nobody went out.")), ())


def question(id: str, *premises: str, unit: str = "") -> Question:
    return Question(id, "a", " b", (" b", " c"), "reversal", premises, unit)


def test_questions_without_a_unit_are_one_where_they_share_a_premise() -> None:
    asked = [
        question("q0", "d0"),
        question("q1", "d1", "d2"),
        question("q2", "d3"),
        question("q3", "d3", "d2"),
    ]
    asked += [question("q4"), question("d0"), question("q5", "d0", unit="mine")]
    assert [q.unit for q in with_units(asked)] == ["q0", "q1", "q1", "q1", "q4", "d0", "mine"]


def folder_of(place: Path, questions: list[Question]) -> Path:
    store.write_jsonl(place / "documents.jsonl", PROSE.documents)
    store.write_jsonl(place / "questions.jsonl", questions)
    return place


def of_folder(folder: Path) -> Study:
    return commands.plan(folder, model="embedded", seeds=[0, 1])


def test_a_folder_is_one_sample_with_units_and_without_arms_that_need_others(tmp_path: Path) -> None:
    plan = of_folder(folder_of(tmp_path, [question("q0", "d0"), question("q1", "d1")]))
    names = [arm.name for arm in plan.arms]
    assert "fine-tuned" in names
    assert not {"foreign", "fine-tuned-split"} & set(names)
    assert not any(arm.whole or arm.only for arm in plan.arms)
    made = {Cell("x", seed): make_dataset(plan.datasets[0], seed) for seed in plan.seeds}
    assert len(made) > 1
    asked = {cell: dataset.questions for cell, dataset in made.items()}
    assert results.repeated(asked) == {"x"}
    assert all([q.unit for q in dataset.questions] == ["q0", "q1"] for dataset in made.values())
    controlled = {Cell("r", s): make_dataset(Spec("reversals", {"facts": 4}), s).questions for s in (0, 1)}
    assert not results.repeated(controlled)
    assert not results.repeated({Cell("x", 0): asked[Cell("x", 0)]})


def test_foreign_documents_must_be_others(tmp_path: Path) -> None:
    tables = small_studies.tables(
        datasets={"documents": {"path": str(folder_of(tmp_path, [question("q0", "d0")]))}},
        arms={"foreign": {"role": "control", "augment": ["foreign"], "tune": True}},
    )
    plan = study_of(tables, name="s")
    made = {Cell("documents", seed): make_dataset(plan.datasets[0], seed) for seed in plan.seeds}
    with pytest.raises(UserError, match="same documents at every seed"):
        writings(plan, made)


def test_a_control_waits_for_the_arm_whose_size_it_has() -> None:
    control = {"augment": ["paraphrase"], "tune": True, "role": "control", "same_size_as": "augmented"}
    augmented = {"augment": ["local", "linked"], "tune": True}
    plan = study_of(small_studies.tables(arms={"paraphrase": control, "augmented": augmented}), name="s")
    made = {cell: make_dataset(spec, cell.seed) for cell, spec in cells(plan)}
    (cell,) = made
    _, controls = writings(plan, made)
    lines = [Document(f"l{number}", text) for number, text in enumerate(("A.", "B.", "A."))]
    assert sized(plan, controls, {(cell, "local"): lines}) == ([], []), "linked is not written yet"
    (job,), empty = sized(plan, controls, {(cell, "local"): lines, (cell, "linked"): lines[:1]})
    assert (job.rows, empty) == (2, [])
    assert sized(plan, controls, {(cell, "local"): [], (cell, "linked"): []}) == ([], controls)
    alone = replace(plan, arms=(replace(plan.arms[0], same_size_as=""),))
    (first,), second = writings(alone, made)
    assert (first.key, first.rows, second) == (controls[0].key, 0, []), "it waits for nothing"


def test_two_strategies_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "local.py").write_text("def write(dataset, *, seed):\n    yield []\n    return []\n")
    own = {"augment": [str(tmp_path / "local.py")], "tune": True}
    arms = {"augmented": {"augment": ["local"], "tune": True}, "own": own}
    with pytest.raises(UserError, match="strategy local twice: give one of the functions another name"):
        study_of(small_studies.tables(arms=arms), name="s")


@pytest.mark.parametrize("name", ["a/b", ".hidden"])
def test_names_that_no_folder_can_have_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of an arm"):
        study_of(small_studies.tables(arms={name: {}}), name="s")
    with pytest.raises(UserError, match="cannot be the name of a dataset"):
        study_of(small_studies.tables(datasets={"documents": {"path": "x", "name": name}}), name="s")


def test_of_documents_that_cannot_be_read_nothing_can_be_withheld() -> None:
    for asked, words in (
        (PROSE, "The documents of prose cannot be read as facts, so none can be withheld"),
        (replace(PROSE, audit="reasoner"), "The documents of prose state too few facts to withhold 20%"),
    ):
        with pytest.raises(UserError, match=words):
            usable(asked, PROSE.documents, audit_of(asked), withhold=0.2, seed=0)


@pytest.mark.parametrize(
    ("shown", "known"),
    [(["d0", "d1"], [True, True, True]), (["d0"], [True, False, False]), ([], [False] * 3)],
)
def test_where_documents_were_left_out_it_is_said(shown: list[str], known: list[bool]) -> None:
    asked = (question("q0", "d0"), question("q1", "d0", "d1"), question("q2"))
    trial = Trial("prose", "in-context", 0, Spec("embedded"), None, (), PROSE.documents, ((0, 1),), asked)
    scores = tuple(Score(q.id, (Likelihood(-1.0, 1, 1), Likelihood(-2.0, 1, 1))) for q in asked)
    one = results.Tried(trial, Result("id", scores=(scores,), notes={"shown": shown}))
    assert [row["premises_shown"] for row in results.rows("s", one)] == known
    warned = results.cut([one, replace(one, trial=replace(trial, seed=1))])
    assert warned == (
        []
        if len(shown) == 2
        else [
            f"in-context on prose was shown {len(shown)} of 2 documents: no more fit into the model's window."
        ]
    )
    without = results.Tried(replace(trial, context=()), Result("id", scores=(scores,)))
    assert [row["premises_shown"] for row in results.rows("s", without)] == [True] * 3


def test_the_presets_are_what_is_promised() -> None:
    promised = ("demo", "laptop", "paper")
    assert {*promised} <= {*preset_names()}
    demo, laptop, paper = map(read_study, promised)
    for plan in (demo, laptop, paper):
        used = {spec.use for spec in plan.datasets}
        every = {"reversals", "celebrities", "family", "semantic", "syllogisms", "process"}
        assert used == ({"family", "reversals"} if plan is demo else every)
        assert plan.orders >= 3
        assert plan.runs >= 3
        assert {use.use for use in plan.tunings} == ({"full"} if plan is demo else {"full", "lora"})
        roles = [arm.role for arm in plan.arms]
        assert (roles.count("placebo"), roles.count("context")) == (3, 2)
        # Whatever is tested is tested against the baseline, the documents in the prompt and false lines.
        kinds = {arm.name: arm.role for arm in plan.arms}
        for rivals in (rivals for splits in plan.primary.values() for rivals in splits.values()):
            tested = [kinds[rival] for rival in rivals]
            assert tested in (
                ["baseline", "context", "placebo"],
                ["baseline", "control", "context", "placebo"],
            )
    assert (demo.seeds, laptop.seeds) == ((0, 1, 2), tuple(range(10)))
    for cell, spec in cells(demo):
        made = make_dataset(spec, cell.seed)
        assert len(made.questions) >= 48, cell
        assert len({question.unit for question in made.questions}) >= 3, cell
    # Of one core, on the embedded model: with bfloat16 in hardware, and in float32.
    fast, slow = Speeds(5_000, 20_000, 1_150), Speeds(1_300, 6_000, 600)
    assert expected_seconds(work_of(demo), fast, workers=2) < 8 * 60
    assert expected_seconds(work_of(demo), slow, workers=2) < 15 * 60
    assert 15 * 60 < expected_seconds(work_of(laptop), fast, workers=2) < 10 * 3600


@pytest.mark.parametrize("page", STUDIES, ids=lambda page: page.stem)
def test_the_studies_of_the_docs_can_be_read(page: Path) -> None:
    assert read_study(str(page)).datasets


def test_no_job_of_writing_holds_a_question() -> None:
    tables = small_studies.tables()
    tables["arms"]["foreign"] = {"role": "control", "augment": ["foreign"], "tune": True}
    plan = study_of(tables, name="s")
    made = {cell: make_dataset(spec, cell.seed) for cell, spec in cells(plan)}
    assert all(dataset.questions for dataset in made.values())
    jobs = [job for round in writings(plan, made) for job in round]
    assert {job.strategy.use for job in jobs} >= {"foreign", "paraphrase", "oracle"}
    assert all(job.dataset.questions == () for job in jobs)
    assert [job.other.questions for job in jobs if job.other] == [()]


def test_documents_are_split_unless_they_are_to_stay_whole_and_no_row_stands_twice() -> None:
    two = Dataset("x", (Document("d0", "A.\n\nB. C."), Document("d1", "A.")), ())
    more = [Document("m", "A."), Document("n", "D.")]
    rows = [(row.id, row.text) for row in training_rows(two, more)]
    assert rows == [("d0.0", "A."), ("d0.1", "B. C."), ("n", "D.")]
    assert [row.text for row in training_rows(two, more, whole=True)] == ["A.\n\nB. C.", "A.", "D."]


def test_the_best_checkpoint_is_chosen_split_by_split_the_last_included() -> None:
    asked = [Question(f"{s}{n}", "p", " a", (" a", " b"), s, ()) for s in ("one", "two") for n in range(2)]
    sides = {"+": (-1.0, -2.0), "-": (-2.0, -1.0)}

    def at(marks: str) -> tuple[Score, ...]:
        return tuple(
            Score(q.id, tuple(Likelihood(value, 1, 1) for value in sides[mark]))
            for mark, q in zip(marks, asked, strict=True)
        )

    result = Result("t", scores=(at("+--+"),), checkpoints=((1, at("++--")), (2, at("----"))))
    assert results.best_scores(asked, result) == at("++-+")


def test_over_seeds_counts_are_added_and_shares_averaged() -> None:
    one = {"lines": 3, "precision": 1.0, "coverage": None, "seen": {"lines": 1, "precision": 0.5}}
    two = {"lines": 5, "precision": 0.5, "coverage": None, "seen": {"lines": 2, "precision": None}}
    seen = {"lines": 3, "precision": 0.5}
    assert over_seeds([one, two]) == {"lines": 8, "precision": 0.75, "coverage": None, "seen": seen}


def test_what_was_kept_out_of_the_tasks_is_known() -> None:
    told = {
        Statement("godparent_of", "a", "b"): True,
        Statement("mother_of", "a", "b"): False,
        Statement("some", "a", "b"): True,
        Statement("all", "a", "b"): False,
        Statement("is_person", "a b", "the finder of the golden bridge"): True,
        Statement("is_called", "the painter of the golden bridge", "a b"): False,
        Statement("more colourful", "a", "b"): True,
        Statement("less careful", "a", "b"): False,
    }
    assert {statement: exact.reserved(statement) for statement in told} == told
    assert exact.kept("bolan have always been more careful than kerit.")
    assert not exact.kept("bolan are more careful than kerit.")
    assert exact.kept("People say that the relationships between a, b and c are: all a are b.")


def test_empty_columns_of_a_table_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    empty = dict.fromkeys(("unit", "accept", "marks", "domain"))
    row = {"id": "q", "prompt": "p", "answer": " a", "choices": [" a", " b"], "split": "s", "premises": []}
    store.write_jsonl(tmp_path / "documents.jsonl", [{"id": "d", "text": "A.", "source": None}])
    store.write_jsonl(tmp_path / "questions.jsonl", [row | empty])
    made = make_dataset(Spec("documents", {"path": str(tmp_path)}), 0)
    assert [(document.id, document.text) for document in made.documents] == [("d", "A.")]
    assert made.questions == (Question("q", "p", " a", (" a", " b"), "s", (), "q"),)
