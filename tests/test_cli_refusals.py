"""What the user can mend is one sentence, exit code 2, and nothing lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_lines import Capture, refused

BAD = {
    "make reversal": "no dataset named 'reversal': did you mean 'reversals'",
    "make nowhere.py:mine": "There is no file nowhere.py",
    "make reversals --fact 4": "no option of the dataset reversals named 'fact': did you mean 'facts'",
    "make reversals --facts many": "'facts' of the dataset reversals must be a whole number",
    "make reversals --facts 4 --facts 5": "'facts' is given twice",
    "make reversals family": "'family' is one argument too many",
    "make reversals --seed 77": "Seed 77 is not allowed: give 0 to 31",
    "make celebrities --from empty": "give --from the folder of the published reversal-curse files",
    "make reversals --scale inf": "'scale' of the dataset reversals must be a number: 'inf' is not",
    "make reversals --set seed=1": "no option of the dataset reversals named 'set'",
    "make reversals --dataset family": "make has no option 'dataset': leave --dataset out",
    "make process --examples 0": "'examples' is 0: give 1 or more",
    "make process --operators 50": "'operators' is 50: give 2 to",
    "make semantic --rings 0": "'rings' is 0: give 2 or more",
    "make semantic --documents -1": "'documents' is -1: give 0 or more",
    "make reversals --facts 4 --out=": "The name after --out is empty",
    "make reversals --facts 4 --out made": "made contains a dataset with other settings",
    "make": "Missing argument 'DATASET'",
    "stdy demo": "No such command 'stdy'",
    "study dmeo": "no preset or folder named 'dmeo': did you mean 'demo'",
    "study nowhere.toml": "There is no file nowhere.toml",
    "study no/where": "There is no file or folder no/where",
    "study broken.toml": "broken.toml is not a TOML file .*line",
    "study empty": "empty has no file that Corollary can read: give it files that end in",
    "study notes.txt": "notes has documents but no questions",
    "study small.toml --set reversals.fact=4": "no option of the dataset reversals named 'fact'",
    "study small.toml --set reversal.facts=4": "no dataset or tuning of this study named 'reversal'",
    "study small.toml --set facts=4": "does not name the section of an option",
    "study small.toml --seeds x": "'x' is not a list of seeds",
    "study small.toml --runner proceses": "no runner named 'proceses': did you mean 'processes'",
    "study small.toml --model empty": "empty is not a causal language model .*no config.json",
    "study small.toml --model torn": "torn/config.json is not JSON",
    "study small.toml --model embeded": "no model or model folder named 'embeded': did you mean 'embedded'",
    "study small.toml --withhold 2": "The share 2.0 cannot be withheld",
    "study small.toml --set full.lr=nan": "'lr' of the tuning full must be a number: 'nan' is not",
    "study small.toml --set model.device=cuda:99": "cannot be moved to the device 'cuda:99' .*: name another",
    "study small.toml --set model.device=gpu": "cannot be moved to the device 'gpu' .*: name another",
    "augment made --out made": "made contains documents of your own",
    "augment empty --out x": "empty has no file that Corollary can read",
    "augment nowhere --out x": "There is no folder or file nowhere",
    "tune empty --out x": "empty has no file that Corollary can read",
    "tune made --out x --set model=x": "'model' does not name the section of an option",
    "tune made --out x --progress yes": "tune has no option 'progress': leave --progress out",
    "tune made --out x --tuning lora --rank -1": "rank of lora is -1, .*: give a rank and an",
    "evaluate empty --out x": "empty has no file that Corollary can read",
    "evaluate empty --as mine": "empty is not the folder of a study",
    "evaluate out --model empty": "give the model a name there with --name",
    "evaluate out --as mine --model empty": "empty is not a causal language model",
    "evaluate out --as mine --model empty --adapter empty": "empty is not a causal language model",
    "evaluate out --as augmented --model embedded": "has an arm augmented of its own",
    "report empty": "empty contains no summary.json",
    "costs empty": "empty contains no costs.jsonl",
    "costs out --prices notes.txt": "notes.txt is not TOML",
    "ask empty femp": "empty is not the folder of a study",
    "ask out femp --arm oracel": "no finished arm of this study named 'oracel'",
    "ask out femp --seed 7": "has no seed 7",
    "study small.toml --set facts": "'facts' sets nothing: write name=value",
    "study small.toml --seeds 0,0": "different whole numbers",
    "augment made --out x --withhold 1": "The share 1.0 cannot be withheld",
    "tune made other --out x": "'other' is one argument too many",
    "tune made --out x --model orphan": "belongs to the model 'no/where', which is not a folder here",
    "tune made --out x --model mine.py --adapter orphan": "mine.py takes no adapter",
    "evaluate nowhere --out x": "There is no folder or file nowhere",
    "evaluate own --model embedded --out x": "own has no questions",
    "evaluate made --out x --context some": "no context named 'some'",
    "evaluate made --out out": "out is the folder of a study",
    "evaluate out --as mine --context all": "added to a study answers without documents",
    "evaluate out --as mine": "Name the model to add with --model",
    "evaluate own --out x": "Name the model to use with --model",
    "evaluate out --as mine --model embedded --seed 9": "has no seed 9: choose from",
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
        ('[arms.mine]\ntune = "yes"\n', "tune = 'yes': write true or false"),
        ("[arms.mine]\naugment = 3\n", "has augment = 3: write a list"),
        (
            '[arms.mine]\naugment = ["locale"]\ntune = true\n',
            "no strategy named 'locale': did you mean 'local'",
        ),
        ('[arms.mine]\naugment = ["local"]\n', "augments but does not tune"),
        ('[arms.mine]\ncontext = "some"\n', "no context named 'some'"),
        ("[arms.mine]\ntuned = true\n", "no key of the arm mine named 'tuned': did you mean 'tune'"),
        (
            "[arms.mine]\n[tunings.full]\n[limits]\nfull = ['famly']\n",
            "in limits.full named 'famly': did you mean 'family'",
        ),
        ("[arms.mine]\n[tuning.full]\n", "no key of a study named 'tuning': did you mean 'tunings'"),
        ("[arms.mine]\ntune = true\n", "tunes but names no tuning"),
        (
            "[arms.mine]\ntune = true\ntunings = ['ful']\n[tunings.full]\n",
            "in arms.mine.tunings named 'ful': did you mean 'full'",
        ),
        ("[arms.mine]\n[datasets.twice]\nuse = 'family'\n", "has the dataset family twice"),
        ("", "has no arms: add"),
        ("[arms.mine]\ntune = true\naugment = [3]\n", "has 3 in its strategies: write a name"),
        ("[arms.mine]\n[tunings.full]\n[limits]\nfull = 'family'\n", "write a list of names"),
        (
            "[arms.mine]\n[limits]\nyours = ['family']\n",
            "no tuning in [limits] named 'yours'",
        ),
        ("[arms]\nmine = 3\n", '"mine" must be a table: write [arms.mine]'),
    ],
)
def test_the_tables_of_a_study_file_are_checked_before_anything_runs(
    text: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "mine.toml").write_text(
        f"seeds = [0]\n[model]\nuse = 'embedded'\n[datasets.family]\ntrees = 2\n{text}"
    )
    assert words in refused(capsys, "study", tmp_path / "mine.toml", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("seeds = 3", "different whole numbers"),
        ("seeds = []", "has no seeds: add"),
        ("seeds = [0, 0]", "different whole numbers"),
        ("seeds = [0]\norders = 0", "a whole number of 1 or more"),
        ("seeds = [0]\nwithhold = 1", "The share 1 cannot be withheld"),
        ("seeds = [0]\nwithhold_by = 'relation'", 'does nothing without "withhold"'),
        ("seeds = [0]\nwithhold = 0.5\nwithhold_by = 'name'", 'no value of "withhold_by" named'),
    ],
)
def test_the_head_of_a_study_file_is_checked(head: str, words: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "mine.toml").write_text(
        f"{head}\n[model]\nuse = 'embedded'\n[datasets.family]\ntrees = 2\n[arms.mine]\n"
    )
    assert words in refused(capsys, "study", tmp_path / "mine.toml", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("documents", "questions", "words"),
    [
        ('{"id": "a"}', "", "data has no document that can be read (documents.jsonl: 1 skipped: row 1"),
        ('["a"]', "", "data has no document that can be read"),
        ('{"id": "a", "text": 3}', "", "data has no document that can be read"),
        ("", "", "data has no document that can be read"),
        ('{"id": "a", "text": "A."}', '{"id": "q"}', "questions.jsonl, line 1: 'prompt' is missing"),
        (
            '{"id": "a", "text": "A."}',
            '{"id": "q", "prompt": "p", "answer": " a", "choices": [" b", " c"]}',
            "data/questions.jsonl, line 1: the answer 'a' is not one of 'choices'",
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
