"""A study in a folder: what runs again and what does not, what a kill costs, and what the model is asked."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_studies
from small_studies import TUNED, results

from corollary import completions, store
from corollary.plugins import bind
from corollary.studies import jobs
from corollary.studies.added import finished_trials
from corollary.studies.plan import Cell, cells_of_arms
from corollary.studies.presets import study_of
from corollary.types import Document, Question, Spec, Trial

COROLLARY = Path(sys.executable).with_name("corollary")


def test_every_arm_is_in_the_results_and_the_best_checkpoint_is_none_of_its_own(finished: Path) -> None:
    rows = store.read_jsonl(finished / "results.jsonl")
    questions = store.read_jsonl(finished / "datasets" / "reversals.s0" / "questions.jsonl")
    methods = ["pretrained", "in-context", *TUNED, "fine-tuned-best"]
    assert sorted((row["method"], row["question"]) for row in rows) == sorted(
        (method, question["id"]) for method in methods for question in questions
    )
    assert {len(row["logprobs"]) for row in rows if row["method"] == "in-context"} == {2}, "orders"
    assert not list((finished / "trials").glob("*fine-tuned-best*"))
    written = {row["method"]: row["written"] is None for row in rows}
    assert [method for method, unknown in written.items() if not unknown] == sorted(
        ["paraphrase", "augmented-local", "augmented", "oracle"]
    )


def test_a_second_run_does_nothing(again: Path) -> None:
    before = results(again)
    files = {path: path.stat().st_mtime_ns for path in (again / "trials").rglob("*.json")}
    seen = small_studies.run(again)
    assert (seen.tried, seen.wrote) == ([], [])
    assert results(again) == before
    assert {path: path.stat().st_mtime_ns for path in (again / "trials").rglob("*.json")} == files


def test_processes_write_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    small_studies.run(tmp_path / "out", runner="processes")
    assert results(tmp_path / "out") == results(finished)


def test_a_renamed_arm_runs_nothing(again: Path) -> None:
    tables = small_studies.tables()
    tables["arms"] = {name.replace("oracle", "all-that-follows"): arm for name, arm in tables["arms"].items()}
    seen = small_studies.run(again, study_of(tables, name="small"))
    assert (seen.tried, seen.wrote) == ([], [])
    names = {row["method"] for row in store.read_jsonl(again / "results.jsonl")}
    assert "all-that-follows" in names
    assert "oracle" not in names


def test_a_changed_option_of_the_tuning_runs_the_tuned_arms_again(again: Path) -> None:
    plan = small_studies.plan(tunings={"full": {"tokens": 1000, "batch_tokens": 500}})
    seen = small_studies.run(again, plan)
    assert sorted(seen.tried) == sorted((method, "full") for method in TUNED)
    assert seen.wrote == []


def test_a_changed_option_of_a_strategy_runs_again_what_uses_it_so(again: Path) -> None:
    tables = small_studies.tables()
    (use,) = tables["arms"]["augmented-local"]["augment"]
    tables["arms"]["augmented-local"]["augment"] = [{"use": use, "width": 20}]
    seen = small_studies.run(again, study_of(tables, name="small"))
    assert seen.tried == [("augmented-local", "full")]
    assert seen.wrote == ["lines"], "the other arm's use of the strategy, with its own options, is kept"


def test_a_changed_order_count_runs_the_arm_that_shows_documents(again: Path) -> None:
    assert small_studies.run(again, small_studies.plan(orders=3)).tried == [("in-context", "none")]


def test_rows_that_do_not_belong_to_their_note_are_written_again(again: Path) -> None:
    # As after a kill between the two files of another run.
    (rows,) = (again / "augmented").glob("reversals.oracle*/documents.jsonl")
    rows.write_text("".join(rows.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    assert small_studies.run(again).wrote == ["oracle"]


def test_no_question_reaches_a_generator(tmp_path: Path) -> None:
    (tmp_path / "marked.py").write_text(small_studies.DATASET)
    use = f"{tmp_path / 'marked.py'}:marked"
    plan = small_studies.plan(datasets={"marked": {"use": use, "word": "xylophoque"}})
    small_studies.run(tmp_path / "out", plan)
    questions = store.read_jsonl(tmp_path / "out" / "datasets" / "marked.s0" / "questions.jsonl")
    assert all(
        "xylophoque" in json.dumps([q[key] for key in ("prompt", "answer", "choices")]) for q in questions
    )
    documents = store.read_jsonl(tmp_path / "out" / "datasets" / "marked.s0" / "documents.jsonl")
    asked = small_studies.asked(tmp_path / "out")
    assert all(document["text"] in asked for document in documents), "the model was asked"
    assert "xylophoque" not in asked


def test_withheld_facts_leave_the_training_rows(again: Path) -> None:
    told = [
        row["text"]
        for row in store.read_jsonl(again / "augmented" / "reversals.oracle.s0" / "documents.jsonl")
    ]
    # The random model writes nothing that can be read: let the oracle's rows stand for its own.
    plan = small_studies.plan(
        arms={"augmented": {"tune": True, "augment": [str(_oracle(again.parent))]}}, withhold=0.5
    )
    small_studies.run(again, plan)
    tried = finished_trials(plan, again, Cell("reversals", 0))
    trained = {document.text for document in tried[0].trial.documents}
    assert 0 < len(trained & set(told)) < len(told)
    answers = {
        row["written"] for row in store.read_jsonl(again / "results.jsonl") if row["split"] == "reversal"
    }
    assert answers == {True, False}


def _oracle(folder: Path) -> Path:
    path = folder / "mine.py"
    path.write_text(
        "from corollary_worlds.strategies import oracle\n"
        "def write(dataset, *, seed):\n    return (yield from oracle.write(dataset, seed=seed))\n"
    )
    return path


def test_tuned_arms_train_alike_and_only_who_reads_documents_pays_for_them(finished: Path) -> None:
    costs = {row["method"]: row for row in store.read_jsonl(finished / "costs.jsonl")}
    notes = [store.read_json(path)["notes"] for path in finished.glob("trials/*.full.*/result.json")]
    assert [note["steps"] for note in notes] == [3] * len(TUNED)
    assert {note["dtype"] for note in notes} <= {"float32", "bfloat16"}
    # In steps of 500 tokens a row of some 40 is much; in the demo's it is under 1 %.
    trained = [costs[method]["tune"]["train_tokens"] for method in TUNED]
    assert trained == pytest.approx([1500] * len(TUNED), rel=0.05)
    model = bind("models", Spec("local", {"path": str(small_studies.model_folder())}))()
    told = store.read_jsonl(finished / "datasets" / "reversals.s0" / "documents.jsonl")
    read = {method: row["context_tokens"] for method, row in costs.items()}
    assert read == dict.fromkeys(costs, 0) | {"in-context": sum(model.count(d["text"]) for d in told)}
    wrote = {method for method, row in costs.items() if row["augment"]["output_tokens"]}
    assert wrote == {"paraphrase", "augmented-local", "augmented"}


def test_documents_are_read_in_each_of_the_orders(finished: Path) -> None:
    rows = store.read_jsonl(finished / "results.jsonl")
    answers = {(row["method"], row["question"]): row["logprobs"] for row in rows}
    for question in {question for _, question in answers}:
        one, other = answers["in-context", question]
        assert one != other, "two orders"
        assert answers["pretrained", question][0] not in (one, other), "the documents were read"


# Where a kill comes: the name of a function, and in its how many-th call. One after the other they die
# in a dataset's file, in a tuning, between the two files of a trial, in what a strategy asks (twice), in
# a trial's file, in a later tuning, and in the audit.
KILLS = [
    ("os.fsync", 2),
    ("torch.optim.AdamW.step", 2),
    ("os.fsync", 5),
    ("corollary.completions.Completions.put", 3),
    ("corollary.completions.Completions.put", 9),
    ("os.fsync", 9),
    ("torch.optim.AdamW.step", 5),
    ("os.fsync", 8),
]


def test_a_kill_at_any_moment_costs_only_what_was_not_finished(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for kill in KILLS:
        kept = set(out.glob("trials/*/result.json"))
        assert in_a_child(killed_at, *kill, out) == signal.SIGKILL, kill
        assert kept <= set(out.glob("trials/*/result.json"))
    small_studies.run(out)
    assert results(out) == results(finished)


def in_a_child(work: Callable[..., object], *given: object) -> int:
    """The signal that ended a child process that did this, 0 for none. Forked, since that is quick: the
    study runs in the child's own thread alone."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    try:
        work(*given)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def killed_at(where: str, call: int, out: Path) -> None:
    """Run the small study; die in the `call`-th call of a function, as `kill -9` would have it."""
    import torch

    owner: Any = {"os": os, "torch": torch.optim.AdamW, "corollary": completions.Completions}[
        where.partition(".")[0]
    ]
    name = where.rpartition(".")[2]
    true, calls = getattr(owner, name), iter(range(1, call + 1))

    def deadly(*given: Any, **named: Any) -> Any:
        if next(calls, call) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return true(*given, **named)

    setattr(owner, name, deadly)
    small_studies.run(out)


@pytest.mark.slow
def test_the_demo_killed_at_random_moments_gives_the_same_bytes(tmp_path: Path) -> None:
    command = [str(COROLLARY), "study", "demo", "--seeds", "0"]
    began = time.monotonic()
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    moments = random.Random(0)
    for _ in range(10):
        running = subprocess.Popen([*command, "--out", str(tmp_path / "torn")], stdout=subprocess.DEVNULL)
        # Short enough for ten: a kill costs little, so the sum of these is nearly what the study takes.
        time.sleep(moments.uniform(0.02, 0.12) * took)
        assert running.poll() is None, "it was finished before it could be killed"
        running.kill()
        running.wait()
    subprocess.run([*command, "--out", str(tmp_path / "torn")], check=True, stdout=subprocess.DEVNULL)
    assert results(tmp_path / "torn") == results(tmp_path / "whole")


def test_an_arm_may_be_kept_to_one_way_of_tuning() -> None:
    kept = small_studies.tables(tunings={"full": {}, "lora": {}})
    kept["arms"]["oracle"] = {"tune": True, "augment": ["oracle"], "tunings": ["full"]}
    found = cells_of_arms(study_of(kept, name="k"))
    tried = {(arm.name, tuning.use) for _, arm, tuning, _ in found if tuning}
    assert ("oracle", "full") in tried
    assert ("oracle", "lora") not in tried
    assert {("augmented", "full"), ("augmented", "lora")} <= tried


def test_the_documents_leave_room_for_the_longest_question() -> None:
    model = bind("models", Spec("local", {"path": str(small_studies.model_folder())}))()
    documents = tuple(Document(f"d{i}", f"bolan{i} is the mother of kerit{i}.") for i in range(400))
    long = "the child of bolan is " * 30
    short = Question("r", "kerit is", " tivol", (" kerit", " tivol"), "rephrase", ("d0",), domain=long * 2)
    questions = (Question("q", long, " kerit", (" kerit", " tivol"), "rephrase", ("d0",)), short)
    spec = Spec("local", {"path": str(small_studies.model_folder())})
    trial = Trial("t", "in-context", 0, spec, None, (), documents, (tuple(range(400)),), questions)
    kept, _, _ = jobs.shown(trial, model)
    assert kept
    assert len(kept) < 400
    assert len(jobs.run_trial(trial).scores) == 1, "what is kept fits with the question behind it"


def test_the_control_of_an_arm_without_rows_has_none_and_without_an_arm_no_limit(tmp_path: Path) -> None:
    few = {"max_tokens": 8}
    control = {"tune": True, "role": "control", "augment": [{"use": "paraphrase", **few}]}
    # Of what a random model writes, linking keeps no line.
    linked = {"tune": True, "augment": [{"use": "linked", **few}]}
    for name, arms, asks in (
        ("both", {"paraphrase": control | {"same_size_as": "augmented"}, "augmented": linked}, False),
        ("alone", {"paraphrase": control}, True),
    ):
        small_studies.run(tmp_path / name, small_studies.plan(arms=arms))
        costs = {row["method"]: row["augment"] for row in store.read_jsonl(tmp_path / name / "costs.jsonl")}
        assert bool(costs["paraphrase"]["output_tokens"]) is asks


def test_a_plain_script_runs_a_study_in_processes_and_itself_once(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(small_studies.toml())
    (tmp_path / "plain.py").write_text(
        "import corollary\nprint('once')\n"
        "print(len(corollary.study('small.toml', 'out', runner='processes').summary['accuracy']))\n"
    )
    done = subprocess.run([sys.executable, "plain.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["once", "8"], done.stderr
