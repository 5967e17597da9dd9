"""The command line as a person meets it: what works reads well, what does not is one sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import small_studies
from command_lines import COROLLARY, Capture, printed, refused

from corollary import store
from corollary.cli import STOPPED
from corollary.commands import folder_of, plan

COMMANDS = "read make augment tune evaluate study report costs ask list demo".split()


def test_documents_of_ones_own_are_not_written_over(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "documents.jsonl").write_text('{"id": "a", "text": "Mine."}\n')
    assert "documents.jsonl of your own" in refused(
        capsys, "make", "family", "--trees", "2", "--out", tmp_path
    )
    assert (tmp_path / "documents.jsonl").read_text() == '{"id": "a", "text": "Mine."}\n'


def test_a_real_mistake_ends_the_process_with_2_and_no_traceback() -> None:
    done = subprocess.run([COROLLARY, "make", "reversal"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "There is no dataset named 'reversal': did you mean 'reversals'?\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_reads_well(command: str, capsys: Capture) -> None:
    text = printed(capsys, command, "--help")
    assert f"corollary {command}" in text.split("\n\n", 1)[1], "an example"
    first = text.split("\n\n")[1].strip()
    assert first.endswith("."), first
    assert len(first) < 70, "one line in the list of commands"
    assert f"\n  {command} " in printed(capsys)


def test_the_list_has_every_plugin_and_imports_no_model(capsys: Capture) -> None:
    text = printed(capsys, "list")
    for name in ("reversals", "linked", "embedded", "lora", "processes", "--facts=100", " max_tokens=none"):
        assert name in text
    assert "reversals" not in printed(capsys, "list", "models")
    script = "import sys; from corollary.cli import run; run(['list']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_every_source_has_a_folder_of_its_own(place: Path) -> None:
    shutil.copytree("made", "made.s1")
    shutil.copy("small.toml", "made.s1.toml")
    folders = {"demo": "demo", "made.s1.toml": "made.s1", "made": "made.study", "made.s1/.": "made.s1.study"}
    assert {name: str(folder_of(name, plan(name), None)) for name in folders} == {
        name: f"out/{folder}" for name, folder in folders.items()
    }


def test_whoever_stops_reading_is_left_in_peace() -> None:
    command = f"{COROLLARY} list | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("datasets\n", "")
    assert done.returncode in (0, 1)


def test_a_study_tells_what_it_does_and_what_came_out(studied: Path) -> None:
    lines = (studied / "printed.txt").read_text().splitlines()
    assert re.match(
        r"small: 1 dataset, 4 arms, 1 seed, into .*out: about a minute .*estimate", " ".join(lines)
    )
    head = lines.index("dataset      arm               tuning  seed  right answers in % (chance)")
    assert re.match(
        r"reversals    pretrained        none       0  rephrase \d+ \(50\)  reversal \d+ \(50\)",
        lines[head + 1],
    )
    assert any(line.startswith("generated reversals.s0 lines: 4 rows (1 of 1)") for line in lines)
    assert ["arm", "tuning", "rephrase", "reversal"] in [line.split() for line in lines]
    assert lines[-1] == f"Report: {studied / 'out' / 'report.html'}"
    assert (studied / "out" / "report.html").is_file()
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_a_second_run_shows_the_same_and_runs_nothing(place: Path, studied: Path, capsys: Capture) -> None:
    text = printed(capsys, "study", "small.toml", "--out", "out", "--runner", "in_process")
    assert "pretrained        none       0" not in text, "no trial ran"
    table = text[text.index("  arm  ") :].split("\n\n")[0]
    assert "best rule without a model" in table
    assert table in (studied / "printed.txt").read_text()


def test_a_changed_setting_runs_again_what_it_changes(place: Path, capsys: Capture) -> None:
    text = printed(
        capsys, "study", "small.toml", "--out", "out", "--runner", "in_process", "--set", "full.tokens=500"
    )
    ran = re.findall(r"^reversals +(\S+) +(\S+) +0  ", text, re.MULTILINE)
    assert ran == [("fine-tuned", "full"), ("augmented", "full")]


def test_a_model_tuned_by_hand_comes_back_into_the_study(place: Path, capsys: Capture) -> None:
    model = str(small_studies.model_folder())
    few = ("--tokens", "500", "--batch-tokens", "250")
    printed(capsys, "make", "reversals", "--facts", "4", "--tellings", "1", "--out", "data")
    use = f"{small_studies.model_folder().parent / 'lines.py'}"
    printed(capsys, "augment", "data", "--out", "more", "--model", model, "--strategy", use)
    assert len(store.read_jsonl(place / "more" / "documents.jsonl")) == 4
    assert len(store.read_jsonl(place / "more" / "audit.jsonl")) == 4
    tuned = ("tune", "data", "--augmented", "more", "--model", model, "--out", "mine", *few)
    printed(capsys, *tuned)
    fit = store.read_json(place / "mine" / "fit.json")
    assert (fit["steps"], fit["rows"], len(fit["losses"])) == (2, 8, 2)
    printed(capsys, *tuned)
    assert "mine exists already" in refused(capsys, *tuned, "--seed", "1")
    printed(capsys, "tune", "data", "--tuning", "lora", "--model", model, "--out", "adapter", *few)
    text = printed(capsys, "evaluate", "data", "--model", "adapter", "--context", "all", "--out", "shown")
    assert "all-documents" in text
    assert len(store.read_jsonl(place / "shown" / "results.jsonl")) == 12  # four facts, asked in three ways
    printed(capsys, "evaluate", "out", "--as", "by-hand", "--model", "mine")
    adapted = ("--as", "adapted", "--model", model, "--adapter", "adapter", "--seed", "0")
    printed(capsys, "evaluate", "out", *adapted)
    text = printed(capsys, "study", "small.toml", "--out", "out", "--runner", "in_process")
    assert re.search(r"by-hand +full +\d+ % +\d+ %\n", text)
    assert re.search(r"adapted +lora +\d+ % +\d+ %\n", text)
    assert "by-hand" in (place / "out" / "report.html").read_text()


def test_a_folder_of_documents_is_studied(place: Path, capsys: Capture) -> None:
    printed(capsys, "make", "reversals", "--facts", "4", "--tellings", "1", "--out", "data")
    command = ["study", "data", "--out", "of-data", "--runner", "in_process", "--seeds", "0", "--model"]
    few = ["--set", "lora.tokens=500"]
    text = printed(capsys, *command, str(small_studies.model_folder()), *few)
    assert re.search(r"^  augmented +lora ", text, re.MULTILINE)
    (place / "data" / "questions.jsonl").unlink()
    assert "has documents but no questions" in refused(capsys, *command, str(small_studies.model_folder()))


def test_the_arms_answer_side_by_side(place: Path, capsys: Capture) -> None:
    question = store.read_jsonl(place / "out" / "datasets" / "reversals.s0" / "questions.jsonl")[0]
    text = printed(capsys, "ask", "out", question["prompt"])
    lines = text.splitlines()
    assert lines[0] == "Documents of reversals, seed 0"
    arms = ["pretrained", "in-context", "fine-tuned", "augmented"]
    # A long answer goes on in the next line.
    rows = [line for line in lines if line.split()[:1] and line.split()[0] in arms]
    assert [row.split()[0] for row in rows] == arms
    assert all(re.search(r" \d+ %$", row) for row in rows)
    assert lines[-1] == f"right: {question['answer'].strip()}"
    kept = {path: path.stat().st_mtime_ns for path in (place / "out" / "models").rglob("*.safetensors")}
    assert len(kept) == 2
    assert printed(capsys, "ask", "out", question["prompt"]) == text, "the models were saved as they were"
    assert {
        path: path.stat().st_mtime_ns for path in (place / "out" / "models").rglob("*.safetensors")
    } == kept
    free = printed(capsys, "ask", "out", "a sentence of my own", "--arm", "fine-tuned")
    assert "right:" not in free


def test_costs_and_report_of_a_study(place: Path, capsys: Capture) -> None:
    assert re.search(r"reversals +augmented +full +\d", printed(capsys, "costs", "out"))
    prices = Path(small_studies.__file__).parent.parent / "src" / "corollary" / "measure" / "prices.toml"
    text = printed(capsys, "costs", "out", "--prices", prices)
    assert re.search(r"reversals +augmented +full .*(\d|never)", text)
    assert printed(capsys, "report", "out") == "out/report.html\n"


def test_ctrl_c_ends_with_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(small_studies.toml(seeds=json.dumps(list(range(20)))))
    command = [COROLLARY, "study", "small.toml", "--out", "out", "--runner", "in_process"]
    running = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (kept := set((tmp_path / "out").glob("trials/*/result.json"))):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert (running.returncode, err) == (130, f"{STOPPED}\n")
    results = set((tmp_path / "out").glob("trials/*/result.json"))
    assert kept <= results
    assert len(results) < 80, "it was stopped"
    assert all(store.read_json(path)["trial"] for path in results)
    assert not list((tmp_path / "out").rglob("*.part"))


def test_ctrl_c_in_a_terminal_reaches_workers_that_are_just_starting(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(small_studies.toml(seeds="[0, 1]"))
    command = [COROLLARY, "study", "small.toml", "--out", "out"]
    # A terminal sends it to all processes of the group at once.
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    while len(children.read_text().split()) < 2:  # the first only looks after the others
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert (running.returncode, err) == (130, f"{STOPPED}\n")
