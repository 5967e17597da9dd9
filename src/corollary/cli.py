"""The command line: every command is the public function of the same name.

Nothing is declared twice: arguments, options, help and examples come from the function's signature, its `Doc`
annotations and its docstring. A mistake that you can fix ends with one sentence and exit code 2, failed jobs
end with 1 and ctrl-C with 130. Any other exception is a defect and shows its traceback. Nothing here imports
torch, so help and mistakes answer at once.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from annotated_doc import Doc

from corollary import commands, show
from corollary.errors import UserError

STOPPED = "Stopped; run the same command again to continue."

COMMANDS: dict[str, Callable[..., Any]] = {
    "study": commands.study,
    "demo": commands.demo,
    "read": commands.read,
    "make": commands.make,
    "augment": commands.augment,
    "tune": commands.tune,
    "evaluate": commands.evaluate,
    "ask": commands.ask,
    "report": commands.report,
    "costs": commands.costs,
    "list": commands.list_,
}
"""Every command and its function."""

ALIASES = {"from": "source"}
"""Flags whose name is a keyword of Python."""

app = typer.Typer(
    name="corollary",
    help="Fine-tune on your documents, and on everything that follows from them.\n\n"
    "Begin with `corollary demo`: a comparison of in-context learning, plain and augmented fine-tuning.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version.")] = False,
) -> None:
    if version:
        import corollary

        show.line(f"corollary {corollary.__version__}")
        raise typer.Exit


def command_of(name: str, function: Callable[..., Any]) -> Callable[..., None]:
    """A typer command that calls the function and prints its result."""
    signature = inspect.signature(function)
    hints = get_type_hints(function, include_extras=True)
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())

    def command(typer_context: typer.Context, **given: Any) -> None:
        if free:
            more = flags(typer_context.args)
            if own := sorted({*more} & {*signature.parameters}):
                raise UserError(f"{name} has no option '{own[0]}': leave --{own[0]} out.")
            given |= more
        with show.progress_of(name) as watched:
            result = function(**{key: _value(key, value) for key, value in given.items()}, **watched)
        show.result(name, result)

    parameters = [
        inspect.Parameter("typer_context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    ]
    for parameter in signature.parameters.values():
        help = _doc(hints.get(parameter.name))
        if help is not None:
            parameters.append(_parameter(parameter, hints[parameter.name], help))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__doc__ = _help(function)
    return command


def flags(words: Sequence[str]) -> dict[str, str]:
    """The options in `--name value` and `--name=value`; a flag without a value means yes.

    Raises `UserError` for a word that belongs to no flag, and for an option that is given twice.
    """
    found: dict[str, str] = {}
    waiting = ""
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            name = ALIASES.get(name, name).replace("-", "_")
            if name in found:
                raise UserError(f"'{name}' is given twice: give it once.")
            found[name] = value if equals else "yes"
            waiting = "" if equals else name
        elif waiting:
            found[waiting] = word
            waiting = ""
        else:
            raise UserError(f"'{word}' is one argument too many: write options as in --name {word}.")
    return found


def pairs(words: Iterable[str]) -> dict[str, str]:
    """The pairs in `--set name=value`. Raises `UserError` for a word without "=" or a name given twice."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UserError(f"'{word}' sets nothing: write name=value.")
        if name in found:
            raise UserError(f"'{name}' is given twice: give it once.")
        found[name] = value.strip()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for failed jobs, 2 for mistakes, 130 for ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=arguments or ["--help"], prog_name="corollary", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _say(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # The reader has gone (`| head`). Python must not complain about that at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as error:
        # Code of a plug-in, for nothing here does so: its exit code 0 would say that all went well.
        return _say(f"A plug-in ended the command (sys.exit with {error.code!r}): fix its code.", 1)
    except OSError as error:
        if error.filename is None:
            raise
        return _say(
            f"{error.filename} cannot be used ({error.strerror}): name another path, or make room for it.", 2
        )
    except Exception as error:
        # An error of typer about the command line. Its classes moved between versions.
        if not hasattr(error, "format_message"):
            raise
        known = next((f"{word} " for word in arguments if word in COMMANDS), "")
        said = error.format_message().rstrip(".").replace(". Did you mean", ", did you mean")
        return _say(f"{said}{'' if said.endswith('?') else ':'} see `corollary {known}--help`.", 2)
    return _say(STOPPED, 130) if code == 130 else int(code or 0)


def _doc(hint: Any) -> str | None:
    """The help in a parameter's annotation; None hides the parameter from the command line."""
    if get_origin(hint) is not Annotated:
        return None
    return next((each.documentation for each in get_args(hint)[1:] if isinstance(each, Doc)), None)


def _parameter(parameter: inspect.Parameter, hint: Any, help: str) -> inspect.Parameter:
    wanted, default = _kind(get_args(hint)[0]), parameter.default
    required = default is inspect.Parameter.empty
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY and parameter.name != "out":
        info = typer.Argument(metavar=parameter.name.upper(), help=help)
    else:
        names = {"settings": ["--set"], "name": ["--name", "--as"]}.get(
            parameter.name, [f"--{parameter.name.replace('_', '-')}"]
        )
        metavar = {"settings": "SECTION.OPTION=VALUE", "prompt": "STRATEGY=FILE", "out": "FOLDER"}
        info = typer.Option(*names, help=help, metavar=metavar.get(parameter.name))
    if wanted == list[str] and not required:
        default = [str(item) for item in default or ()]
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else default,
        annotation=Annotated[wanted, info],
    )


def _kind(hint: Any) -> Any:
    """The part of a parameter's type that the command line can give: text if there are many."""
    options = [option for option in get_args(hint) if option is not NoneType]
    optional = len(options) < len(get_args(hint))
    if hint in (bool, int, float, str):
        return hint
    if get_origin(hint) is Sequence or any(get_origin(option) in (Sequence, Mapping) for option in options):
        listed = not any(option is str or option == str | os.PathLike[str] for option in options)
        if listed and not (options and options[0] is int):
            ints = any(get_args(option) == (int,) for option in options)
            return (str | None) if ints else list[str]
    if get_origin(hint) in (Sequence, Mapping):
        return list[str]
    scalar = next((option for option in options if option in (int, float)), str)
    return (scalar | None) if optional or hint is Any else scalar


def _value(name: str, value: Any) -> Any:
    """A value from the command line, converted for the function."""
    if name in ("settings", "prompt"):
        return pairs(value)
    if name == "seeds" and value is not None:
        try:
            return [int(part) for part in value.split(",") if part.strip()]
        except ValueError as error:
            raise UserError(
                f"'{value}' is not a list of seeds: write whole numbers, as in --seeds 0,1,2."
            ) from error
    if name == "out" and value is not None:
        # An unset variable of the shell gives "", which would mean the current folder.
        if not str(value).strip():
            raise UserError("The name after --out is empty: write the name of a folder.")
        return Path(value)
    return value


def _help(function: Callable[..., Any]) -> str:
    """The docstring as help, without what is for Python alone; examples keep their lines."""
    parts = []
    for paragraph in (inspect.getdoc(function) or "").split("\n\n"):
        lines = paragraph.splitlines()
        if lines[0].startswith(("Raises", "Returns")):
            continue
        example = lines[0].lstrip().startswith("corollary ")
        parts.append("\n".join(["\b", *(line.strip() for line in lines)]) if example else paragraph)
    return "\n\n".join(parts)


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


for _name, _function in COMMANDS.items():
    _free = any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in inspect.signature(_function).parameters.values()
    )
    app.command(
        _name,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True} if _free else {},
    )(command_of(_name, _function))
