"""A stranger's package: each kind of plug-in comes in by an entry point, and a study of them runs."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from command_lines import COROLLARY

from corollary import plugins, store

FILES = {
    "dataset.py": '''
from corollary.types import Dataset, Document, Mark, Question

def make(*, seed: int, people: int = 4) -> Dataset:
    """Who lives beside whom."""
    names = [f"resident{seed}{at}" for at in range(people + 1)]
    pairs = list(zip(names, names[1:]))
    documents = [Document(f"d{at}", f"{a} lives beside {b}.") for at, (a, b) in enumerate(pairs)]
    questions = [
        Question(f"q{at}", f"{b} lives beside", f" {a}", (f" {a}", " nobody"), "turned", (f"d{at}",),
                 marks={"end": "first" if at == 0 else "other"})
        for at, (a, b) in enumerate(pairs)
    ]
    marks = {"end": Mark("Ends", "Where in the row a house is.", {"first": "First", "other": "Other"})}
    return Dataset("theirs", tuple(documents), tuple(questions), recall=(), audit="theirs", marks=marks,
                   section="theirs", model="theirs")
''',
    "reader.py": '''
from corollary.types import Document, Origin

SUFFIXES = (".note",)

def read(path, *, name: str = ""):
    """Notes, one document each."""
    yield Document(name, path.read_text("utf-8"), origin=Origin(name))
''',
    "strategy.py": '''
from corollary.types import Document
from corollary.writing.prompts import Prompt, render

def write(dataset, *, seed: int, prompt: Prompt, repeats: int = 1):
    """Whatever the model says."""
    answers = yield [render(prompt, text=document.text) for document in dataset.documents]
    ids = [document.id for document in dataset.documents]
    return [Document(f"t{at}", answer.text, (ids[at],), "theirs") for at, answer in enumerate(answers)]
''',
    "check.py": '''
def check(dataset, lines, *, longest: int = 1000) -> list:
    """No line about the first resident."""
    return ["it is about the first" if line.source == ("d0",) else None for line in lines]
''',
    "audit.py": '''
from dataclasses import replace
from corollary.writing.audit import PlainAudit

class Theirs(PlainAudit):
    def label(self, lines):
        return [replace(row, label="heard") for row in super().label(lines)]

def audit(dataset):
    """Marks each line as heard."""
    return Theirs(dataset)
''',
    "model.py": '''
import dataclasses
from corollary.types import Completion, Likelihood

@dataclasses.dataclass(frozen=True)
class Theirs:
    known: tuple = ()
    kind, window, net, tokenizer = "words", 500, None, None

    @property
    def identity(self):
        return "theirs" + "".join(self.known)

    def count(self, text):
        return len(text.split())

    def generate(self, requests):
        for request in requests:
            first, last = request.prompt.split()[1], request.prompt.split()[-1].rstrip(".")
            yield Completion(f"{last} lives beside {first}.", self.count(request.prompt), 4)

    def loglikelihood(self, pairs, *, prefix=""):
        read = (prefix, *self.known)
        told = [any((prompt + text).strip() in line for line in read) for prompt, text in pairs]
        return [Likelihood(-float(not true), 1, len(text)) for true, (_, text) in zip(told, pairs)]

def load(*, politeness: int = 0):
    """A model that knows what it was told."""
    return Theirs()
''',
    "tuning.py": '''
from dataclasses import replace

def tune(model, documents, *, seed: int, strength: int = 1):
    """Learns by heart."""
    return replace(model, known=tuple(document.text for document in documents))
''',
    "context.py": '''
from corollary.asking.contexts import Shown

def choose(documents, prompts, *, seed: int, orders: int) -> Shown:
    """The documents backwards."""
    return Shown((tuple(reversed(range(len(documents)))),))
''',
    "runner.py": '''
def run(work, jobs, *, patience: int = 1):
    """The last job first."""
    for job in reversed(list(jobs)):
        yield job, work(job)
''',
    "section.py": '''
from corollary.reporting.sections import Section

def section(summary):
    """What the neighbours say."""
    return Section("Neighbours", disclaimer=f"The neighbours say so, {len(summary['accuracy'])} times.")
''',
    "studies/neighbours.toml": """
seeds = [0, 1]
checks = ["theirs"]
[model]
use = "theirs"
[datasets.theirs]
people = 3
[arms.nothing]
[arms.backwards]
context = "theirs"
[arms.by-heart]
tune = true
[arms.turned]
tune = true
augment = ["theirs"]
[tunings.theirs]
strength = 2
""",
    "prompts/theirs.words.txt": "max_tokens = 5\n---\nturn: {text}",
}
KINDS = dict(zip(plugins.KINDS, [
    "dataset", "reader", "strategy", "check", "audit", "model", "tuning", "context", "runner", "section"
], strict=True))  # fmt: skip
ARMS = ["nothing", "backwards", "by-heart", "turned"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh environment, `env`, into which the package was installed by pip."""
    place = tmp_path_factory.mktemp("stranger")
    points = [f"[corollary.{kind}]\ntheirs = their_package.{module}\n" for kind, module in KINDS.items()]
    points += [f"[corollary.{kind}]\ntheirs = their_package.{kind}\n" for kind in ("studies", "prompts")]
    files = {
        **{f"their_package/{name}": text for name, text in FILES.items()},
        **{
            f"their_package/{name}": ""
            for name in ("__init__.py", "studies/__init__.py", "prompts/__init__.py")
        },
        "their_package-1.5.dist-info/entry_points.txt": "\n".join(points),
        "their_package-1.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: their-package\nVersion: 1.5\n",
        "their_package-1.5.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    wheel = place / "their_package-1.5-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("their_package-1.5.dist-info/RECORD", "\n".join(f"{name},," for name in files))
    venv.create(place / "env", symlinks=True)
    (inside,) = (place / "env").glob("lib/python*/site-packages")
    # The fresh environment has what this one has, and the package besides.
    (inside / "below.pth").write_text(
        "\n".join(entry for entry in sys.path if entry and Path(entry).is_dir())
    )
    pip = [sys.executable, "-m", "pip", "--python", str(place / "env" / "bin" / "python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    return place


def python(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the fresh environment's Python."""
    command = [str(place / "env" / "bin" / "python"), *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True)


def corollary(place: Path, *arguments: str) -> str:
    """What a command prints in the fresh environment."""
    done = python(place, "-m", "corollary", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_kind_of_plugin_is_listed_with_its_options(place: Path) -> None:
    text = corollary(place, "list")
    for kind in plugins.KINDS:
        (lines,) = (part.splitlines() for part in text.split("\n\n") if part.startswith(f"{kind}\n"))
        assert any(line.split()[:1] == ["theirs"] for line in lines), kind
    for option in ("people=4", "repeats=1", "longest=1000", "politeness=0", "strength=1", "patience=1"):
        assert option in text


def test_a_study_of_a_strangers_plugins_runs(place: Path) -> None:
    command = ("study", "neighbours", "--out", "out", "--runner", "theirs")
    text = corollary(place, *command)
    out = place / "out"
    summary = store.read_json(out / "summary.json")
    assert [arm["name"] for arm in summary["arms"]] == ARMS
    right = {row["method"]: row["accuracy"] for row in summary["accuracy"]}
    # Nothing that is turned round is told; of three facts the check rejects what follows from the first.
    assert right == pytest.approx(
        {"nothing": 0.5, "backwards": 0.5, "by-heart": 0.5, "turned": (0.5 + 2) / 3}
    )
    assert {row["mark"] for row in summary["by_mark"]} == {"end"}
    labels = {
        row["label"] for row in store.read_jsonl(out / "augmented" / "theirs.turned.s0" / "audit.jsonl")
    }
    assert labels == {"heard"}
    assert all(arm in text for arm in ARMS)
    assert "The neighbours say so, 4 times." in (out / "report.html").read_text("utf-8")
    kept = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/result.json")}
    corollary(place, *command)
    assert {path: path.stat().st_mtime_ns for path in out.glob("trials/*/result.json")} == kept


def test_a_strangers_reader_reads_its_files(place: Path) -> None:
    store.write_text(place / "notes" / "one.note", "Ann lives beside Bea.")
    store.write_text(place / "notes" / "two.txt", "Bea lives beside Cid.")
    lines = [line.split()[:3] for line in corollary(place, "read", "notes").splitlines()]
    assert ["one.note", "theirs", "1"] in lines
    assert ["two.txt", "text", "1"] in lines


def test_what_a_package_brings_is_known_by_its_version(place: Path) -> None:
    script = (
        "from corollary.plugins import identity; from corollary.types import Spec\n"
        "print(*(identity('tunings', Spec(name))['use'] for name in ('theirs', 'full')))"
    )
    done = python(place, "-c", script)
    assert done.stdout.split() == ["theirs@their-package==1.5", "full"], done.stderr


def test_a_package_that_does_not_import_says_so_in_one_sentence(place: Path, tmp_path: Path) -> None:
    for name in ("broken_package/__init__.py", "broken_package/dataset.py"):
        store.write_text(tmp_path / name, "import nowhere_at_all\n" if name.endswith("dataset.py") else "")
    about = tmp_path / "broken_package-0.1.dist-info"
    store.write_text(about / "entry_points.txt", "[corollary.datasets]\ntorn = broken_package.dataset\n")
    store.write_text(about / "METADATA", "Metadata-Version: 2.1\nName: broken-package\nVersion: 0.1\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [COROLLARY, "make", "torn"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 2
    assert (
        "The dataset torn, an entry point broken_package.dataset, does not import (ModuleNotFoundError"
        in done.stderr
    )
    assert done.stderr.count("\n") == 1
