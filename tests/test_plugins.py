"""Plug-ins are found by file name, and their signature is their schema."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corollary import plugins
from corollary.errors import Unknown, UserError
from corollary.plugins import REQUIRED, Option
from corollary.types import Spec

EVERY = [(kind, name) for kind in plugins.KINDS for name in plugins.available(kind)]

SOURCE = '''
from __future__ import annotations
from typing import TYPE_CHECKING, Literal
if TYPE_CHECKING:
    from somewhere import Thing

def made(thing: Thing, documents, *, seed: int, facts: int = 3, rate: float = 0.5, both: bool = False,
         wording: str = "plain", order: Literal["up", "down"] = "up", sizes: tuple[int, ...] = (1, 2),
         limit: int | None = None, label: str | None = None, special: Thing = None):
    """Mine alone,
    over two lines.

    And more.
    """
    return {key: value for key, value in locals().items() if key not in ("thing", "documents")}

make = load = tune = made

def needy(*, must: int):
    return must

def _hidden():
    pass
'''


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(SOURCE)
    return str(path)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_plugin_has_a_summary_and_options_that_text_can_give(kind: str, name: str) -> None:
    function = plugins.load(kind, name)
    assert plugins.summary(function), "what `corollary list` shows"
    options = plugins.options(function)
    given = {option.name: option.default for option in options if option.default is not REQUIRED}
    written = {key: ",".join(map(str, v)) if isinstance(v, tuple) else str(v) for key, v in given.items()}
    missing = {option.name: "1" for option in options if option.default is REQUIRED}
    resolved = plugins.check_options(kind, Spec(name, missing | written))
    assert {key: resolved.options[key] for key in given} == given


def test_everything_is_found_without_importing_torch() -> None:
    script = (
        "import sys; from corollary import plugins\n"
        "for kind in plugins.KINDS:\n"
        "    for name in plugins.available(kind): plugins.options(plugins.load(kind, name))\n"
        "assert 'corollary.runners.in_process' in sys.modules\n"
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_available_are_modules_but_not_their_shared_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "writing" / "strategies"
    folder.mkdir(parents=True)
    for name in ("zeta.py", "alpha.py", "notes.txt"):
        (folder / name).write_text("def write(dataset, *, seed): ...\n")
    for name in ("shared.py", "__init__.py"):
        (folder / name).write_text("def helped(): ...\n\n\nclass Own:\n    def write(self): ...\n")
    monkeypatch.setattr(plugins, "__file__", str(tmp_path / "plugins.py"))
    plugins._own.cache_clear()
    assert {"alpha", "zeta"} <= {*(found := plugins.available("strategies"))}
    assert not {"shared", "__init__", "notes"} & {*found}
    plugins._own.cache_clear()


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no runner named 'process': did you mean 'processes'\?"):
        plugins.load("runners", "process")
    with pytest.raises(UserError, match=r"no runner named 'xyz': choose from in_process, processes, ray"):
        plugins.load("runners", "xyz")
    with pytest.raises(UserError, match=r"no kind of plug-in named 'dataset': did you mean 'datasets'\?"):
        plugins.available("dataset")
    with pytest.raises(UserError, match=r"no option of the runner processes named 'worker': .* 'workers'"):
        plugins.check_options("runners", Spec("processes", {"worker": 2}))
    with pytest.raises(
        UserError, match="no option of the runner in_process named 'workers': .* leave it out"
    ):
        plugins.check_options("runners", Spec("in_process", {"workers": 2}))


def test_an_unknown_name_reads_the_same_after_its_way_from_a_worker() -> None:
    error = Unknown("dataset", "familly", ["reversals", "family"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_file_of_the_users_own(mine: str) -> None:
    assert plugins.load("datasets", f"{mine}:needy")(must=4) == 4
    assert plugins.load("datasets", mine) is plugins.load("datasets", f"{mine}:make")
    assert plugins.load("models", mine) is plugins.load("datasets", f"{mine}:load")
    assert plugins.summary(plugins.load("datasets", mine)) == "Mine alone, over two lines."
    with pytest.raises(UserError, match=r"named 'nedy': did you mean 'needy'\?"):
        plugins.load("datasets", f"{mine}:nedy")
    with pytest.raises(UserError, match="There is no file nowhere.py"):
        plugins.load("datasets", "nowhere.py:needy")


def test_a_file_that_does_not_run_is_the_users_to_mend_and_then_runs(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def broken(:\n")
    with pytest.raises(UserError, match=r"broken.py does not run \(SyntaxError: .*line 1.*fix the file"):
        plugins.load("models", str(path))
    path.write_text("def load():\n    return 0\n\nundefined\n")
    for _ in range(2):
        with pytest.raises(UserError, match=r"broken.py does not run \(NameError: "):
            plugins.load("models", str(path))
    path.write_text("def load():\n    return 1\n")
    assert plugins.load("models", str(path))() == 1


def test_options_are_the_keyword_only_parameters_except_the_seed(mine: str) -> None:
    options = {option.name: option for option in plugins.options(plugins.load("tunings", mine))}
    assert list(options) == [
        "facts",
        "rate",
        "both",
        "wording",
        "order",
        "sizes",
        "limit",
        "label",
        "special",
    ]
    assert options["facts"] == Option("facts", int, 3)
    assert options["limit"].type == int | None


def test_text_and_configuration_give_the_same_settings(mine: str) -> None:
    typed = {"facts": 7, "rate": 1, "both": True, "order": "down", "sizes": [3, 4], "limit": 9, "label": "x"}
    written = {"facts": "7", "rate": "1", "both": "yes", "order": "down", "sizes": "3, 4", "limit": "9"}
    resolved = plugins.check_options("tunings", Spec(mine, typed))
    assert resolved == plugins.check_options("tunings", Spec(mine, {**written, "label": "x"}))
    assert resolved.options == {
        "both": True,
        "facts": 7,
        "label": "x",
        "limit": 9,
        "order": "down",
        "special": None,
        "rate": 1.0,
        "sizes": (3, 4),
        "wording": "plain",
    }
    assert type(resolved.options["rate"]) is float
    assert list(resolved.options) == sorted(resolved.options)


def test_none_can_be_written(mine: str) -> None:
    resolved = plugins.check_options("tunings", Spec(mine, {"limit": "none", "label": "none", "sizes": ""}))
    assert (resolved.options["limit"], resolved.options["label"], resolved.options["sizes"]) == (
        None,
        None,
        (),
    )


@given(rate=st.floats(allow_nan=False, allow_infinity=False), facts=st.integers())
def test_numbers_survive_being_written(mine: str, rate: float, facts: int) -> None:
    written = {"rate": repr(rate), "facts": str(facts)}
    given = {"rate": rate, "facts": facts}
    assert plugins.check_options("tunings", Spec(mine, written)) == plugins.check_options(
        "tunings", Spec(mine, given)
    )
    assert plugins.check_options("tunings", Spec(mine, written)).options["rate"] == rate


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("facts", 2.5, "a whole number"),
        ("facts", "many", "a whole number"),
        ("facts", True, "a whole number"),
        ("facts", [3], "a whole number"),
        ("rate", "fast", "a number"),
        ("rate", "nan", "a number"),
        ("rate", float("inf"), "a number"),
        ("both", "perhaps", "yes or no"),
        ("both", 3, "yes or no"),
        ("wording", 3, "a text"),
        ("order", "sideways", "'up' or 'down'"),
        ("sizes", "1,x", "a list of a whole number"),
        ("limit", "x", "a whole number or none"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_in_words(
    mine: str, option: str, value: object, words: str
) -> None:
    with pytest.raises(UserError, match=f"The option '{option}' of .* must be {words}: .* is not"):
        plugins.check_options("tunings", Spec(mine, {option: value}))


def test_a_option_is_given_once_and_one_without_default_at_least_once(mine: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs the option 'must'"):
        plugins.check_options("models", Spec(f"{mine}:needy"))
    assert plugins.check_options("models", Spec(f"{mine}:needy", {"must": "3"})).options == {"must": 3}
    path = tmp_path / "two.py"
    path.write_text("def load(*, max_tokens: int = 1): return max_tokens")
    assert plugins.bind("models", Spec(str(path), {"max-tokens": 5}))() == 5
    with pytest.raises(UserError, match="'max_tokens' of the model .* is given twice"):
        plugins.check_options("models", Spec(str(path), {"max-tokens": 1, "max_tokens": 2}))


def test_bind_leaves_only_what_the_engine_gives(mine: str) -> None:
    bound = plugins.bind("tunings", Spec(mine, {"facts": "9"}))
    result = bound(None, (), seed=5)
    assert (result["facts"], result["seed"], result["rate"]) == (9, 5, 0.5)


def test_a_file_is_known_by_its_content_and_not_by_its_path(mine: str, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "mine.py"
    moved.parent.mkdir()
    moved.write_text(SOURCE)
    first = plugins.identity("tunings", Spec(mine, {"facts": "3"}))
    assert first == plugins.identity("tunings", Spec(str(moved)))
    moved.write_text(SOURCE + "\n# changed\n")
    assert first != plugins.identity("tunings", Spec(str(moved)))
    assert first != plugins.identity("tunings", Spec(mine, {"facts": 4}))
    assert plugins.identity("runners", Spec("in_process")) == {"use": "in_process", "options": {}}
