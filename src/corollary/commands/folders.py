"""What the commands are given: folders of data, models by name or folder, knobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corollary import plugins, store
from corollary.datasets.documents import documents
from corollary.errors import Unknown, UserError
from corollary.types import Dataset, Spec

PathLike = str | os.PathLike[str]


def read_data(folder: PathLike) -> Dataset:
    """The documents and questions of a folder. Raises `UserError` when it holds none."""
    return documents(seed=0, path=str(folder))


def spec_of(kind: str, given: Spec | str, knobs: Mapping[str, Any] | None = None) -> Spec:
    """A plug-in with its knobs resolved. Raises `UserError` for unknown names and unfit values."""
    spec = given if isinstance(given, Spec) else Spec(given)
    return plugins.check_knobs(kind, Spec(spec.use, {**spec.knobs, **(knobs or {})}))


def model_spec(
    given: Spec | PathLike, *, adapter: PathLike | None = None, knobs: Mapping[str, Any] | None = None
) -> Spec:
    """A model by the name of a plug-in, by `file.py:function`, or by its folder: that of a whole model,
    or of an adapter that names its base. `adapter` is the folder of an adapter for a whole model.

    Raises `UserError` when there is no such model. Whether a folder holds a model that works is only
    seen when it is opened.
    """
    knobs = knobs or {}
    if not isinstance(given, Spec):
        given = _by_name(os.fspath(given))
    if adapter is not None:
        given = Spec("local", {**_local(given), "adapter": os.fspath(adapter)})
    return spec_of("models", given, knobs)


def _by_name(name: str) -> Spec:
    known = plugins.available("models")
    if name in known or name.endswith(".py") or ".py:" in name:
        return Spec(name)
    folder = Path(name)
    if not folder.is_dir() and len(folder.parts) == 1:
        raise Unknown("model", name, known)
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        base = store.read_json(folder / "adapter_config.json").get("base_model_name_or_path") or ""
        if not (Path(base) / "config.json").is_file():
            raise UserError(
                f"The adapter in {folder} belongs to the model '{base}', which is not a folder here:"
                f" name it, as in --model FOLDER --adapter {folder}."
            )
        return Spec("local", {"path": base, "adapter": name})
    return Spec("local", {"path": name})


def _local(spec: Spec) -> dict[str, Any]:
    """The knobs of `local` that open the same base: an adapter can be put on the embedded model too."""
    if spec.use == "embedded":
        from corollary.models.embedded import FOLDER

        return {**spec.knobs, "path": str(FOLDER)}
    if spec.use != "local":
        raise UserError(
            f"The model {spec.use} takes no adapter: name a model folder, or leave --adapter out."
        )
    return dict(spec.knobs)
