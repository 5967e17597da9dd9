"""Prompt files: finding, reading and filling them.

A file is named `<strategy>.<kind>.txt`. The kind is the model's: "chat", "base", or a plug-in's own. The file
contains a head in TOML, a line `---`, and the text:

    stop = ["\\n"]            texts that end the answer (optional)
    max_tokens = 96          how long the answer may be
    parser = "lines"         "lines", "pairs" or "argument"
    so = "=>"                separates premises from the conclusion (optional)
    tidy = false             keep lines unchanged, for a model that was trained on this very form (optional)
    ---
    Fact: {text}
    In other words:

These placeholders exist; other braces are text:

    {text}       the sentence; every file needs it
    {documents}  sentences that requests share, one a line; it comes before everything that differs
    {mention}    the mention with which a reversal begins
    {begin}      the start of the answer; only at the very end
    {statement}  the line to judge

A chat has turns, each under a line `# system`, `# user` or `# assistant`. The placeholders go into the last
`# user`; `# assistant` with `{begin}` may follow it. The last line break of a file is not part of its text.
So end the file with a blank line if the text must end in a line break.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from corollary.errors import Unknown, UserError
from corollary.plugins import load, name_of
from corollary.types import Message, Request

GROUP = "corollary.prompts"
"""Entry points of other packages: the value is a package with prompt files, or `package:folder`."""

PARSERS = ("lines", "pairs", "argument")
PLACEHOLDERS = ("text", "documents", "mention", "begin", "statement")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_TURN = re.compile(r"^# (system|user|assistant)[ \t]*$", re.M)
_HEAD: Mapping[str, tuple[Any, Any]] = {
    "stop": (list, []),
    "max_tokens": (int, 128),
    "parser": (str, "lines"),
    "so": (str, "=>"),
    "tidy": (bool, True),
}


@dataclass(frozen=True)
class Prompt:
    """A prompt file.

    `shared` is the text up to the first difference between requests, `own` the rest. `chat` contains the
    turns before this text; with None the model continues plain text. `begun` says whether the prompt gives
    the start of the answer. `digest` is a hash of the file's content.
    """

    name: str
    shared: str
    own: str
    chat: tuple[Message, ...] | None
    begun: bool
    stop: tuple[str, ...]
    max_tokens: int
    parser: str
    so: str
    tidy: bool
    digest: str

    @property
    def fixed(self) -> str:
        """The text without placeholders, for counting the tokens that every request needs."""
        turns = "\n".join(message.content for message in self.chat or ())
        return turns + _PLACEHOLDER.sub("", self.shared + self.own)


def render(
    prompt: Prompt,
    *,
    text: str,
    documents: str = "",
    mention: str = "",
    begin: str = "",
    statement: str = "",
    max_tokens: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> Request:
    """The request about one sentence. Braces in the filled-in texts have no meaning."""
    values = {"text": text, "documents": documents, "mention": mention, "statement": statement}

    def filled(template: str) -> str:
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template)

    return Request(
        filled(prompt.own),
        filled(prompt.shared),
        prompt.max_tokens if max_tokens is None else max_tokens,
        temperature,
        seed if temperature else 0,  # greedy decoding is the same for every seed
        prompt.stop,
        begin if prompt.begun else "",
        prompt.chat,
    )


def expect(prompt: Prompt, parser: str) -> None:
    """Raise `UserError` if the strategy needs another parser than the prompt file names."""
    if prompt.parser != parser:
        raise UserError(
            f"The prompt file {prompt.name} has parser = {prompt.parser!r}, but its strategy needs "
            f"{parser!r}: write parser = {parser!r} in its head."
        )


def find(
    strategy: str,
    kind: str,
    given: Mapping[str, str] | None = None,
    *,
    folders: Sequence[Traversable] | None = None,
) -> Prompt:
    """The prompt of a strategy for models of a kind.

    Your own file has priority: `given` maps strategies to paths. Then come the files of plug-ins, then those
    of this package; `folders` replaces the last two. Raises `UserError` if there is no such prompt, or the
    file cannot be read.
    """
    if given and strategy in given:
        return read_prompt(Path(given[strategy]), kind=kind)
    found = _files(strategy, folders)
    if kind in found:
        return read_prompt(found[kind], kind=kind)
    known = f"only for {', '.join(sorted(found))}" if found else "or for any other kind"
    raise UserError(
        f"There is no prompt '{strategy}' for a model of kind '{kind}', {known}: write one to a file and "
        f"give it with --prompt {strategy}=FILE."
    )


def prompts_of(
    function: Callable[..., Any],
    strategy: str,
    kind: str,
    given: Mapping[str, str] | None = None,
    *,
    folders: Sequence[Traversable] | None = None,
) -> dict[str, Prompt | None]:
    """The prompts in the signature of a strategy's function, by parameter.

    `prompt` is the strategy's own and must exist. `reverse_prompt` is the prompt `reverse`, or None if there
    is none for the model's kind. Raises `UserError` as `find` does.
    """
    return {
        parameter: find(name, kind, given, folders=folders)
        if parameter == "prompt" or name in (given or {}) or kind in _files(name, folders)
        else None
        for parameter, name in _names(function, strategy).items()
    }


def check_given(given: Mapping[str, str], users: Iterable[tuple[str, str, str]]) -> None:
    """Raises `UserError` for a prompt file that cannot be used: one whose name none of the `users` (kind of
    plug-in, plug-in, kind of its model) asks for, or that is not as the module describes."""
    known: set[str] = set()
    for plug_in, use, kind in users:
        function, name = load(plug_in, use), name_of(use)
        prompts_of(function, name, kind, given)
        known.update(_names(function, name).values())
    for name in given:
        if name not in known:
            raise Unknown("prompt that is used here", name, known)


def prompt_folders() -> list[Traversable]:
    """The folders of prompt files: those of plug-ins by name, then that of this package.

    Raises `UserError` if a plug-in names a folder that does not exist.
    """
    found: list[Traversable] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            folder = files(point.module)
            folder = folder / point.attr if point.attr else folder
            if not folder.is_dir():
                raise FileNotFoundError("no such folder")
        except (ImportError, FileNotFoundError) as error:
            raise UserError(
                f"The plug-in '{point.name}' names the prompts {point.value}, which do not exist ({error}):"
                " install it again, or remove it."
            ) from error
        found.append(folder)
    return [*found, files("corollary.writing") / "prompts"]


def read_prompt(file: Traversable, *, kind: str) -> Prompt:
    """One prompt file, for models of a kind.

    Raises `UserError`, which names the file, for anything that the module's docstring does not allow.
    """
    head, text, content = _parts(file)
    where = f"The prompt file {file}"
    values = {key: _value(where, key, head.get(key, default)) for key, (_, default) in _HEAD.items()}
    turns = _turns(where, text)
    if turns and kind == "base":
        raise UserError(
            f"{where} has turns, but a base model continues plain text: remove the lines '# user'."
        )
    # In a chat, a text without turns is the only turn.
    is_chat = bool(turns) or kind == "chat"
    *earlier, turn = turns or [Message("user", text)]
    if begun := turn.role == "assistant":
        if turn.content != "{begin}":
            raise UserError(
                f"{where} ends in an answer: end it with '# user', or with '# assistant' and {{begin}}."
            )
        *earlier, turn = earlier
    last = turn.content
    if not begun and last.endswith("{begin}"):
        last, begun = last.removesuffix("{begin}"), True
    chat = tuple(earlier) if is_chat else None
    _check_placeholders(where, last, chat)
    shared, own = _split(last)
    return Prompt(
        name=file.name, shared=shared, own=own, chat=chat, begun=begun,
        **values, digest=hashlib.sha256(content.encode()).hexdigest(),
    )  # fmt: skip


def _files(strategy: str, folders: Sequence[Traversable] | None) -> dict[str, Traversable]:
    """The prompt files of a strategy, by kind of model. The first folder with a file for a kind has priority.

    Names are compared with existing files and never become paths: a kind may come from received data.
    """
    found: dict[str, Traversable] = {}
    for folder in prompt_folders() if folders is None else folders:
        for file in folder.iterdir():
            owner, _, rest = file.name.partition(".")
            if owner == strategy and rest.endswith(".txt"):
                found.setdefault(rest.removesuffix(".txt"), file)
    return found


def _names(function: Callable[..., Any], strategy: str) -> dict[str, str]:
    """The names of the prompts in the signature of a strategy's function, by parameter."""
    asked = (name for name in inspect.signature(function).parameters if name.endswith("prompt"))
    return {name: strategy if name == "prompt" else name.removesuffix("_prompt") for name in asked}


def _parts(file: Traversable) -> tuple[dict[str, Any], str, str]:
    """(head, text, the whole content), with \\n as line breaks."""
    try:
        content = file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise UserError(f"There is no prompt file {file}: give the path of an existing file.") from error
    except OSError as error:
        raise UserError(
            f"The prompt file {file} cannot be read ({error.strerror}): check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"The prompt file {file} is not UTF-8 (byte {error.start}): save it in that encoding."
        ) from error
    except ValueError as error:  # a NUL in the path
        raise UserError(f"The prompt file {str(file)!r} cannot be read ({error}): check the path.") from error
    head, line, text = ("\n" + content).partition("\n---\n")
    if not line:
        raise UserError(f"The prompt file {file} has no line '---': write it between the head and the text.")
    try:
        values = tomllib.loads(head[1:])
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"The head of the prompt file {file} is not TOML: {error}.") from error
    for key in values:
        if key not in _HEAD:
            raise Unknown(f"key of a prompt's head ({file})", key, _HEAD)
    return values, text.removesuffix("\n"), content


def _value(where: str, key: str, value: Any) -> Any:
    kind, wrong = _HEAD[key][0], ""
    if key == "stop":
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
            wrong = "give a text or a list of texts, none of them empty"
    elif type(value) is not kind:
        wrong = {int: "give a whole number", str: "give a text in quotes", bool: "give true or false"}[kind]
    elif key == "max_tokens" and value < 1:
        wrong = "give 1 or more"
    elif key == "parser" and value not in PARSERS:
        wrong = f"choose from {', '.join(PARSERS)}"
    elif key == "so" and not value:
        wrong = "give what separates premises from conclusion"
    if wrong:
        raise UserError(f"{where} has {key} = {value!r}: {wrong}.")
    return tuple(stops) if key == "stop" else value


def _turns(where: str, text: str) -> list[Message]:
    before, *rest = _TURN.split(text)
    if rest and before.strip():
        raise UserError(f"{where} has text before its first turn: put it under '# system' or '# user'.")
    turns = [Message(role, content.strip("\n")) for role, content in zip(rest[::2], rest[1::2], strict=True)]
    for turn in turns:
        if not turn.content.strip():
            raise UserError(f"{where} has an empty turn '# {turn.role}': write its text, or remove it.")
    if turns and not any(turn.role == "user" for turn in turns[-2:]):
        raise UserError(f"{where} does not end with a turn '# user': add one with {{text}}.")
    if turns and turns[-1].role == "system":
        raise UserError(f"{where} ends in '# system': end it with '# user'.")
    return turns


def _check_placeholders(where: str, last: str, chat: Sequence[Message] | None) -> None:
    for turn in chat or ():
        if found := _PLACEHOLDER.search(turn.content):
            raise UserError(f"{where} has {found[0]} in an earlier turn: move it to the last '# user'.")
    used = _PLACEHOLDER.findall(last)
    for name in used:
        if name not in PLACEHOLDERS:
            raise Unknown(f"placeholder ({where[4:]})", name, PLACEHOLDERS)
    if "text" not in used:
        raise UserError(f"{where} has no {{text}}: write it where the sentence goes.")
    if "begin" in used:
        raise UserError(
            f"{where} has {{begin}} inside its text: it is the start of the answer, so end with it."
        )
    if used.count("documents") > 1 or ("documents" in used and used[0] != "documents"):
        raise UserError(
            f"{where} has {{documents}} after another placeholder, or twice: move it to the front."
        )


def _split(text: str) -> tuple[str, str]:
    """(the text that requests share, the rest). Worked examples are shared, so that a local model reads them
    once; they end at a blank line, across which no tokenizer joins the parts."""
    before, found, after = text.partition("{documents}")
    if found:
        return before + found, after
    first = _PLACEHOLDER.search(text)
    assert first is not None
    end = text.rfind("\n\n", 0, first.start())
    cut = end + 2 if end >= 0 else 0
    return text[:cut], text[cut:]
