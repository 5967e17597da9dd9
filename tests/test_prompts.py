"""Prompt files: found by name and kind, read strictly, filled in without surprises."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from corollary.errors import UserError
from corollary.types import Message
from corollary.writing import prompts
from corollary.writing.prompts import expect, find, prompts_of, read_prompt, render
from corollary_worlds import tasks

WORLDS = Path(__file__).parents[1] / "src/corollary_worlds/prompts"
CORE = Path(prompts.__file__).parent / "prompts"


def file(folder: Path, content: str, name: str = "local.base.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def test_the_forms_of_the_embedded_model_are_the_ones_that_it_learned() -> None:
    for name, template, most in (
        ("local", tasks.LOCAL, 96),
        ("paraphrase", tasks.PARAPHRASE, 96),
        ("linked", tasks.GLOBAL, 256),
    ):
        prompt = find(name, "worlds", folders=[WORLDS])
        documents = "" if name != "linked" else "bolan is {text}.\n"
        request = render(prompt, text="a {documents} b", documents=documents)
        assert request.prompt == template.format(text="a {documents} b")
        assert (request.prefix, request.max_tokens, request.stop) == (documents, most, (tasks.END,))
        assert (request.chat, request.begin) == (None, "")
    assert find("linked", "worlds", folders=[WORLDS]).so == tasks.SO


@pytest.mark.parametrize("path", sorted(CORE.glob("*.txt")), ids=lambda path: path.name)
def test_each_prompt_of_the_core_can_be_used(path: Path) -> None:
    strategy, kind, _ = path.name.split(".")
    prompt = find(strategy, kind, folders=[CORE])
    request = render(
        prompt, text="SENTENCE", documents="DOCUMENTS\n", mention="MENTION", begin="BEGIN", statement="S"
    )
    assert request.prompt.count("SENTENCE") == 1
    assert "DOCUMENTS" not in request.prompt
    assert ("DOCUMENTS" in request.prefix) == (strategy == "linked")
    assert (request.begin == "BEGIN") == (strategy == "reverse")
    assert (request.chat is not None) == (kind == "chat")
    assert "{" not in request.prefix + request.prompt
    assert "SENTENCE" not in request.prefix, "what all requests share is read once"
    if kind == "chat":
        assert request.chat
        assert request.chat[0].role == "system"
        assert [turn.role for turn in request.chat[1:]] == ["user", "assistant"] * (len(request.chat) // 2)
    else:
        assert request.prefix.endswith("\n"), "worked examples are shared"
        assert not request.prompt.endswith(" "), "a space at the end spoils the next token"


def test_braces_of_a_document_are_text() -> None:
    prompt = find("local", "base", folders=[CORE])
    linked = find("linked", "chat", folders=[CORE])
    for text in ("{documents}", "{text}", "a {0} {mention} {{b}}", "\\1 \\g<0>", "{", "# user"):
        assert text in render(prompt, text=text).prompt
        assert text in render(linked, text="x", documents=f"{text}\n").prefix


def test_turns_and_the_begun_answer_are_read(tmp_path: Path) -> None:
    turns = (
        "# system\nBe brief.\n\n# user\nHi\n# assistant\nHo\n\n# user\nTell {text}\n# assistant\n{begin}\n"
    )
    text = f'stop = "x"\n---\n{turns}'
    request = render(read_prompt(file(tmp_path, text), kind="chat"), text="it", begin="So")
    assert request.chat == (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Ho"))
    assert (request.prefix + request.prompt, request.begin, request.stop) == ("Tell it", "So", ("x",))


def test_a_text_without_turns_is_one_for_a_chat_and_none_for_a_base_model(tmp_path: Path) -> None:
    path = file(tmp_path, '---\nIn JSON {"a": 1}, { text }: {text}\n')
    request = render(read_prompt(path, kind="chat"), text="it")
    assert (request.chat, request.prompt) == ((), 'In JSON {"a": 1}, { text }: it')
    assert render(read_prompt(path, kind="base"), text="it").chat is None


def test_the_editor_s_habits_do_not_matter(tmp_path: Path) -> None:
    plain = file(tmp_path, "max_tokens = 5\n---\nFact: {text}\nSo:\n")
    windows = file(tmp_path, "\ufeffmax_tokens = 5\r\n---\r\nFact: {text}\r\nSo:\r\n", "windows.txt")
    requests = [render(read_prompt(path, kind="base"), text="x") for path in (plain, windows)]
    assert requests[0] == requests[1]
    assert requests[0].prompt == "Fact: x\nSo:"
    again = file(tmp_path, "max_tokens = 5\n---\nFact: {text}\nSo:", "again.txt")
    assert render(read_prompt(again, kind="base"), text="x") == requests[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Fact: {text}\n", "no line '---'"),
        ("stops = 1\n---\n{text}", "did you mean 'stop'"),
        ("stop = [1]\n---\n{text}", "stop = .1.: give a text or a list"),
        ('stop = ""\n---\n{text}', "none of them empty"),
        ("max_tokens = true\n---\n{text}", "max_tokens = True: give a whole number"),
        ("max_tokens = 0\n---\n{text}", "max_tokens = 0: give 1 or more"),
        ('parser = "json"\n---\n{text}', "choose from lines, pairs, argument"),
        ('tidy = "no"\n---\n{text}', "true or false"),
        ("stop = x\n---\n{text}", "is not TOML"),
        ("---\nFact:\n", "has no {text}"),
        ("---\n{text} {txt}", "did you mean 'text'"),
        ("---\n{text} {documents}", "move it to the front"),
        ("---\n{documents}{documents}{text}", "move it to the front"),
        ("---\n{begin} {text}", "end with it"),
        ("---\n# user\n{text}", "base model continues plain text"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, content: str, says: str) -> None:
    path = file(tmp_path, content)
    with pytest.raises(UserError, match=says) as caught:
        read_prompt(path, kind="base")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hi\n# user\n{text}", "text before its first turn"),
        ("# system\n{text}", "does not end with a turn '# user'|ends in"),
        ("# user\n{text}\n# assistant\nYes.", "ends in an answer"),
        ("# system\n{documents}\n# user\n{text}", "in an earlier turn"),
        ("# system\n\n# user\n{text}", "empty turn"),
        ("# user\n{text}\n# system\nBe brief.", "ends in '# system'"),
    ],
)
def test_wrong_turns_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_prompt(file(tmp_path, f"---\n{text}\n"), kind="chat")


def test_bytes_that_are_no_text_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("---\nMüller: {text}".encode("latin-1"))
    for path, says in (
        (tmp_path / "latin.txt", "not UTF-8"),
        (tmp_path / "none.txt", "no prompt file"),
        (tmp_path, "cannot be read"),
        (Path("a\0b"), "cannot be read"),
    ):
        with pytest.raises(UserError, match=says):
            read_prompt(path, kind="base")


def test_the_user_s_file_comes_first_and_a_missing_kind_says_what_to_do(tmp_path: Path) -> None:
    own = file(tmp_path, "---\nMine: {text}\n", "mine.txt")
    assert render(find("local", "chat", {"local": str(own)}, folders=[CORE]), text="x").prompt == "Mine: x"
    assert render(find("qa", "chat", {"local": str(own)}, folders=[CORE]), text="x").prompt != "Mine: x"
    with pytest.raises(
        UserError, match=r"'qa' for a model of kind 'worlds', only for base, chat: .* --prompt qa=FILE"
    ):
        find("qa", "worlds", folders=[CORE])
    with pytest.raises(UserError, match="or for any other kind"):
        find("nothing", "chat", folders=[CORE])
    for kind in ("../../prompts/local.base", "", "*"):
        with pytest.raises(UserError, match="There is no prompt"):
            find("local", kind, folders=[CORE])


def test_an_installed_package_brings_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strangers/texts").mkdir(parents=True)
    (tmp_path / "strangers/__init__.py").touch()
    file(tmp_path / "strangers/texts", "---\nStranger: {text}\n", "local.alien.txt")
    file(tmp_path / "strangers/texts", "---\nStranger's own: {text}\n", "local.base.txt")
    info = tmp_path / "strangers-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[corollary.prompts]\nalien = strangers:texts\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    # Only this package: what else is installed here is none of the test's business.
    monkeypatch.setattr(
        prompts,
        "entry_points",
        lambda *, group: importlib.metadata.Distribution.at(info).entry_points.select(group=group),
    )
    assert render(find("local", "alien"), text="x").prompt == "Stranger: x"
    assert render(find("local", "base"), text="x").prompt == "Stranger's own: x", "before those of the core"
    (info / "entry_points.txt").write_text("[corollary.prompts]\nalien = strangers.texts\n")
    assert render(find("local", "alien"), text="x").prompt == "Stranger: x", "also named with a dot"
    for value in ("nowhere.texts", "strangers:nothing"):
        (info / "entry_points.txt").write_text(f"[corollary.prompts]\nalien = {value}\n")
        with pytest.raises(UserError, match=f"'alien' names the prompts {value}, which do not exist"):
            find("local", "alien")


def test_a_strategy_is_given_the_prompts_that_it_asks_for() -> None:
    def write(dataset: object, *, seed: int, prompt: object, reverse_prompt: object = None) -> None: ...

    found = prompts_of(write, "local", "base", folders=[CORE])
    assert found["prompt"] == find("local", "base", folders=[CORE])
    assert found["reverse_prompt"] == find("reverse", "base", folders=[CORE])
    worlds = prompts_of(write, "local", "worlds", folders=[WORLDS])
    assert worlds["reverse_prompt"] is None
    with pytest.raises(UserError, match="There is no prompt 'nothing'"):
        prompts_of(write, "nothing", "base", folders=[CORE])


def test_a_prompt_of_another_form_is_refused_and_content_is_identity(tmp_path: Path) -> None:
    one = read_prompt(file(tmp_path, "---\n{text}\n"), kind="base")
    other = read_prompt(file(tmp_path, 'parser = "argument"\n---\n{text}\n'), kind="base")
    with pytest.raises(UserError, match="write parser = 'argument' in its head"):
        expect(one, "argument")
    assert one.digest != other.digest
