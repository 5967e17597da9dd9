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

from corollary import store
from corollary.cli import STOPPED, run
from corollary.cli.arguments import folder_of
from corollary.commands import make, plan

COROLLARY = str(Path(sys.executable).with_name("corollary"))
COMMANDS = "make augment tune evaluate study report costs ask list demo".split()

Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture, *arguments: str | Path) -> str:
    """What a command that works prints: lines for any reader, none of a terminal's codes."""
    code = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "\x1b" not in out + err
    assert "\r" not in out + err
    return out


def refused(capsys: Capture, *arguments: str | Path) -> str:
    """The one sentence that a command says when it does not work."""
    code = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert code == 2, out + err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err.rstrip()


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that the command line ran, with what it printed beside it. Not to be changed."""
    place = tmp_path_factory.mktemp("cli")
    (place / "small.toml").write_text(small_studies.toml())
    command = [COROLLARY, "study", str(place / "small.toml"), "--out", str(place / "out"), "--runner", "here"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (place / "printed.txt").write_text(done.stdout)
    return place


@pytest.fixture
def place(studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: a copy of the study, its file, and things that are not what they seem."""
    shutil.copytree(studied / "out", tmp_path / "out")
    shutil.copy(studied / "small.toml", tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.toml").write_text("seeds = [0\n")
    (tmp_path / "notes.txt").write_text("Not a study.")
    (tmp_path / "torn").mkdir()
    make("reversals", tmp_path / "made", facts=6)
    (tmp_path / "torn" / "config.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    return tmp_path


BAD = {
    "make reversal": "no dataset named 'reversal': did you mean 'reversals'",
    "make nowhere.py:mine": "There is no file nowhere.py",
    "make reversals --fact 4": "no knob of the dataset reversals named 'fact': did you mean 'facts'",
    "make reversals --facts many": "'facts' of the dataset reversals must be a whole number",
    "make reversals --facts 4 --set facts=5": "'facts' is given twice",
    "make reversals family": "Name one dataset, not 2",
    "make reversals --seed 77": "seed 77 is not allowed: use 0 to 31",
    "make celebrities --from empty": "give --from the folder that holds the published reversal-curse files",
    "make reversals --scale inf": "'scale' of the dataset reversals must be a number: 'inf' is not",
    "make reversals --set seed=1": "no knob of the dataset reversals named 'seed'",
    "make reversals --dataset family": "no knob of the dataset reversals named 'dataset'",
    "make process --examples 0": "'examples' is 0: give 1 or more",
    "make process --operators 50": "'operators' is 50: give 2 to",
    "make semantic --properties 0": "'properties' is 0: give 1 or more",
    "make semantic --middles -1": "'middles' is -1: give 1 or more",
    "make reversals --facts 4 --out=": "folder to write to has no name",
    "make reversals --facts 4 --out made": "made holds a dataset with other settings",
    "make": "Missing argument 'DATASET'",
    "stdy demo": "No such command 'stdy'",
    "study dmeo": "no preset named 'dmeo': did you mean 'demo'",
    "study nowhere.toml": "There is no file nowhere.toml",
    "study no/where": "There is no file or folder no/where",
    "study broken.toml": "broken.toml is not a TOML file .*line",
    "study empty": "empty holds no documents.jsonl: name a folder that `corollary make` wrote",
    "study notes.txt": "no preset named 'notes.txt'",
    "study small.toml --set reversals.fact=4": "no knob of the dataset reversals named 'fact'",
    "study small.toml --set reversal.facts=4": "no dataset or tuning of this study named 'reversal'",
    "study small.toml --set facts=4": "does not say whose knob it is",
    "study small.toml --seeds x": "'x' are no seeds",
    "study small.toml --runner ther": "no runner named 'ther': did you mean 'here'",
    "study small.toml --model empty": "empty is not a causal language model .*no config.json",
    "study small.toml --model torn": "torn cannot be opened as a model",
    "study small.toml --model embeded": "no model named 'embeded': did you mean 'embedded'",
    "study small.toml --withhold 2": "The share 2.0 cannot be withheld",
    "study small.toml --set full.lr=nan": "'lr' of the tuning full must be a number: 'nan' is not",
    "study small.toml --set model.device=cuda:99": "cannot be moved to the device 'cuda:99' .*: give another",
    "study small.toml --set model.device=gpu": "cannot be moved to the device 'gpu' .*: give another",
    "augment made --out made": "made holds documents of your own",
    "augment empty --out x": "empty holds no documents.jsonl",
    "augment nowhere --out x": "There is no folder nowhere",
    "tune empty --out x": "empty holds no documents.jsonl",
    "tune made --out x --set model=x": "no knob of the tuning full named 'model'",
    "tune made --out x --progress yes": "no knob of the tuning full named 'progress'",
    "tune made --out x --tuning lora --rank 0": "rank of lora is 0 .*: give a rank of 1 or more",
    "evaluate empty --out x": "empty holds no documents.jsonl",
    "evaluate empty --as mine": "empty is not the folder of a study",
    "evaluate out --model empty": "say with --as",
    "evaluate out --as mine --model empty": "empty is not a causal language model",
    "evaluate out --as mine --model empty --adapter empty": "empty is not a causal language model",
    "evaluate out --as augmented --model embedded": "has a method augmented of its own",
    "report empty": "empty holds no summary.json",
    "costs empty": "empty holds no costs.jsonl",
    "costs out --prices notes.txt": "notes.txt is not TOML",
    "ask empty femp": "empty is not the folder of a study",
    "ask out femp --method oracel": "no finished method of this study named 'oracel'",
    "ask out femp --seed 7": "has no seed 7",
    "list dataset": "no kind of plug-in named 'dataset': did you mean 'datasets'",
}


@pytest.mark.parametrize("command", BAD)
def test_what_the_user_can_mend_is_one_sentence(command: str, place: Path, capsys: Capture) -> None:
    before = sorted(place.rglob("*"))
    assert re.search(BAD[command], refused(capsys, *command.split()))
    assert sorted(place.rglob("*")) == before, "nothing is written, nothing is lost"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[methods.mine]\ntune = "yes"\n', "tune = 'yes': write true or false"),
        ("[methods.mine]\naugment = 3\n", "augments with 3: write a list"),
        (
            '[methods.mine]\naugment = ["locale"]\ntune = true\n',
            "no strategy named 'locale': did you mean 'local'",
        ),
        ('[methods.mine]\naugment = ["local"]\n', "augments but does not tune"),
        ('[methods.mine]\ncontext = "some"\n', 'use "none" or "all"'),
        ("[methods.mine]\ntuned = true\n", "no key of the method mine named 'tuned': did you mean 'tune'"),
        (
            "[methods.mine]\n[limits]\nmine = ['famly']\n",
            "in limits.mine named 'famly': did you mean 'family'",
        ),
        ("[methods.mine]\n[tuning.full]\n", "no key of a study named 'tuning': did you mean 'tunings'"),
        ("[methods.mine]\ntune = true\n", "tunes but names no tuning"),
        (
            "[methods.mine]\ntune = true\ntunings = ['ful']\n[tunings.full]\n",
            "in methods.mine.tunings named 'ful': did you mean 'full'",
        ),
        ("[methods.mine]\n[datasets.twice]\nuse = 'family'\n", "two of the dataset family"),
        ("", "says nothing of methods"),
    ],
)
def test_a_study_file_is_checked_before_anything_runs(
    text: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "mine.toml").write_text(f"seeds = [0]\n[datasets.family]\ntrees = 2\n{text}")
    assert words in refused(capsys, "study", tmp_path / "mine.toml", "--out", tmp_path / "out")
    (tmp_path / "mine.toml").write_text(f"seeds = 3\n[datasets.family]\n{text or '[methods.mine]'}")
    refused(capsys, "study", tmp_path / "mine.toml", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("documents", "questions", "words"),
    [
        ('{"id": "a", "text": "A."}\n{"id": "a"', "", "documents.jsonl, line 2, is not JSON"),
        (
            '{"id": "a", "txt": "A."}',
            "",
            "Row 1 of data/documents.jsonl is not a document (Document has no txt)",
        ),
        ('{"id": "a"}', "", "Row 1 of data/documents.jsonl is not a document (it lacks text)"),
        ('["a"]', "", "Row 1 of data/documents.jsonl is not a document (Document is an object"),
        ('{"id": "a", "text": 3}', "", "Row 1 of data/documents.jsonl is not a document"),
        ('{"id": "a", "text": "A."}\n' * 2, "", "have the id 'a': give each its own"),
        ("", "", "documents.jsonl is empty"),
        ('{"id": "a", "text": "A."}', '{"id": "q"}', "Row 1 of data/questions.jsonl is not a question"),
        (
            '{"id": "a", "text": "A."}',
            '{"id": "q", "prompt": "p", "answer": " a", "choices": [" b"], "split": "s", "premises": []}',
            "its answer is not among its choices",
        ),
    ],
)
def test_a_folder_of_data_is_checked(
    documents: str,
    questions: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "documents.jsonl").write_text(documents)
    (tmp_path / "data" / "questions.jsonl").write_text(questions)
    assert words in refused(capsys, "augment", "data", "--out", "more")
    assert not (tmp_path / "more").exists()


def test_documents_of_ones_own_are_not_written_over(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "documents.jsonl").write_text('{"id": "a", "text": "Mine."}\n')
    assert "documents of your own" in refused(capsys, "make", "family", "--trees", "2", "--out", tmp_path)
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
    for name in ("reversals", "linked", "embedded", "lora", "processes", "--facts=100", " max_tokens=96"):
        assert name in text
    assert "reversals" not in printed(capsys, "list", "models")
    script = "import sys; from corollary.cli import run; run(['list']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_every_source_has_a_folder_of_its_own(place: Path) -> None:
    shutil.copytree("made", "made.s1")
    shutil.copy("small.toml", "made.s1.toml")
    folders = {"demo": "demo", "made.s1.toml": "made.s1", "made": "made.study", "made.s1/.": "made.s1.study"}
    assert {name: str(folder_of(name, plan(name))) for name in folders} == {
        name: f"out/{folder}" for name, folder in folders.items()
    }


def test_whoever_stops_reading_is_left_in_peace() -> None:
    command = f"{COROLLARY} list | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("datasets\n", "")
    assert done.returncode in (0, 1)


def test_a_study_tells_what_it_does_and_what_came_out(studied: Path) -> None:
    lines = (studied / "printed.txt").read_text().splitlines()
    assert re.match(r"small: 1 datasets, 4 methods, 1 seeds, into .*out: about a minute .*estimate", lines[0])
    head = lines.index("dataset      method            tuning seed  right answers in % (chance)")
    assert re.match(
        r"reversals    pretrained        none      0  rephrase \d+ \(50\)  reversal \d+ \(50\)",
        lines[head + 1],
    )
    assert any(line.startswith("wrote reversals.s0 lines: 4 rows (1 of 1)") for line in lines)
    assert "  method      tuning  rephrase  reversal" in lines
    assert lines[-1] == f"Report: {studied / 'out' / 'report.html'}"
    assert (studied / "out" / "report.html").is_file()
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_a_second_run_shows_the_same_and_runs_nothing(place: Path, studied: Path, capsys: Capture) -> None:
    text = printed(capsys, "study", "small.toml", "--out", "out", "--runner", "here")
    assert "pretrained        none      0" not in text, "no trial ran"
    table = text.split("\n\n")[1]
    assert table in (studied / "printed.txt").read_text()


def test_a_changed_setting_runs_again_what_it_changes(place: Path, capsys: Capture) -> None:
    text = printed(
        capsys, "study", "small.toml", "--out", "out", "--runner", "here", "--set", "full.tokens=500"
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
    assert store.read_json(place / "more" / "augmented.json")["audit"]["lines"] == 4
    tuned = ("tune", "data", "--augmented", "more", "--model", model, "--out", "mine", *few)
    printed(capsys, *tuned)
    fit = store.read_json(place / "mine" / "fit.json")
    assert (fit["steps"], fit["rows"], len(fit["losses"])) == (2, 8, 2)
    printed(capsys, *tuned)
    assert "mine exists already" in refused(capsys, *tuned, "--seed", "1")
    printed(capsys, "tune", "data", "--tuning", "lora", "--model", model, "--out", "adapter", *few)
    text = printed(capsys, "evaluate", "data", "--model", "adapter", "--context", "all", "--out", "shown")
    assert "in-context" in text
    assert len(store.read_jsonl(place / "shown" / "results.jsonl")) == 8
    printed(capsys, "evaluate", "out", "--as", "by-hand", "--model", "mine")
    printed(
        capsys, "evaluate", "out", "--as", "adapted", "--model", model, "--adapter", "adapter", "--seed", "0"
    )
    text = printed(capsys, "study", "small.toml", "--out", "out", "--runner", "here")
    assert re.search(r"by-hand +full +\d+ +\d+\n", text)
    assert re.search(r"adapted +lora +\d+ +\d+\n", text)
    assert "by-hand" in (place / "out" / "report.html").read_text()


def test_a_folder_of_documents_is_studied(place: Path, capsys: Capture) -> None:
    printed(capsys, "make", "reversals", "--facts", "4", "--tellings", "1", "--out", "data")
    command = ["study", "data", "--out", "of-data", "--runner", "here", "--seeds", "0", "--model"]
    few = ["--set", "full.tokens=500", "--set", "lora.tokens=500"]
    text = printed(capsys, *command, str(small_studies.model_folder()), *few)
    assert re.search(r"^  oracle +full ", text, re.MULTILINE)
    assert "foreign" not in text
    (place / "data" / "questions.jsonl").unlink()
    assert "no questions.jsonl" in refused(capsys, *command, str(small_studies.model_folder()))


def test_the_arms_answer_side_by_side(place: Path, capsys: Capture) -> None:
    question = store.read_jsonl(place / "out" / "datasets" / "reversals.s0" / "questions.jsonl")[0]
    text = printed(capsys, "ask", "out", question["prompt"])
    lines = text.splitlines()
    assert lines[0].endswith("(documents of reversals, seed 0)")
    assert [line.split()[0] for line in lines[2:6]] == ["pretrained", "in-context", "fine-tuned", "augmented"]
    assert all(re.search(r" \d+ %$", line) for line in lines[2:6])
    assert lines[6] == f"right: {question['answer'].strip()}"
    kept = {path: path.stat().st_mtime_ns for path in (place / "out" / "models").rglob("*.safetensors")}
    assert len(kept) == 2
    assert printed(capsys, "ask", "out", question["prompt"]) == text, "the models were saved as they were"
    assert {
        path: path.stat().st_mtime_ns for path in (place / "out" / "models").rglob("*.safetensors")
    } == kept
    free = printed(capsys, "ask", "out", "a sentence of my own", "--method", "fine-tuned")
    assert "right:" not in free


def test_costs_and_report_of_a_study(place: Path, capsys: Capture) -> None:
    assert re.search(r"reversals +augmented +full +\d", printed(capsys, "costs", "out"))
    prices = Path(small_studies.__file__).parent.parent / "src" / "corollary" / "data" / "prices.toml"
    text = printed(capsys, "costs", "out", "--prices", prices)
    assert re.search(r"reversals +augmented +full .*(\d|never)", text)
    assert printed(capsys, "report", "out") == "out/report.html\n"


def test_ctrl_c_ends_with_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(small_studies.toml(seeds=json.dumps(list(range(20)))))
    command = [COROLLARY, "study", "small.toml", "--out", "out", "--runner", "here"]
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
