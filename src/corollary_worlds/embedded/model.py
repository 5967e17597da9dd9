"""The small model that this package contains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from corollary.errors import UserError
from corollary.models.local import Dtype
from corollary.models.local import load as load_local

if TYPE_CHECKING:
    from corollary.inference.model import LocalModel

FOLDER = Path(__file__).parent / "weights"


def load(
    *, adapter: str | None = None, dtype: Dtype = "float32", device: str = "cpu", batch_tokens: int = 512
) -> LocalModel:
    """The small model of this package, which knows only the English of the made-up worlds.

    The options are those of `local`; corollary.json beside the weights names its kind ("worlds") and the
    rates of tuning that suit it. In float32, so that results are the same on every processor. Raises
    `UserError` when the package was installed without it.
    """
    if not (FOLDER / "config.json").is_file():
        raise UserError(
            "This installation contains no model: install a release, or name the folder of a model."
        )
    return load_local(
        path=str(FOLDER), adapter=adapter, dtype=dtype, device=device, batch_tokens=batch_tokens
    )
