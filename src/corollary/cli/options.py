"""Options of the command line: those that several commands share, and those that take long to say."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any

import typer

from corollary.cli import arguments

FOLDER: dict[str, Any] = {"parser": arguments.folder, "metavar": "FOLDER"}
_Set: Any = functools.partial(typer.Option, "--set")

Seed = Annotated[int, typer.Option(help="Seed, any whole number: the same one, the same result.")]
SeedOfData = Annotated[
    int, typer.Option(help="Seed, 0 to 31 (or 100 to 131): the same one, the same result.")
]
ModelName = Annotated[str, typer.Option(help="A model's name, its folder, or file.py:function.")]
Runner = Annotated[str, typer.Option(help="Who does the work: processes (one for each core) or here.")]

SetOwn = Annotated[list[str], _Set(metavar="KNOB=VALUE", help="As --KNOB VALUE; may be repeated.")]
SetOfStrategy = Annotated[
    list[str], _Set(metavar="STRATEGY.KNOB=VALUE", help="Set a strategy's knob; may be repeated.")
]
SetOfStudy = Annotated[
    list[str],
    _Set(
        metavar="OWNER.KNOB=VALUE",
        help="Set a knob of a dataset or tuning, by its name, or of `model` or `runner`; may be repeated.",
    ),
]

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A preset (demo, laptop or paper), a TOML file, or a folder with documents.jsonl and"
        " questions.jsonl: one that `corollary make` wrote, or your own (README.md has the format).",
    ),
]
OutOfStudy = Annotated[
    Path | None,
    typer.Option(
        help="Folder to write to. [default: out/ and the preset's name, the file's without .toml, or the"
        " folder's with .study]",
        **FOLDER,
    ),
]
Methods = Annotated[
    list[str],
    typer.Option(
        help="An arm to ask; may be repeated. [default: pretrained, in-context, fine-tuned, augmented, and"
        " models that were tuned elsewhere]"
    ),
]
