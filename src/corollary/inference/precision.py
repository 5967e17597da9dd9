"""The number type in which a processor computes fastest."""

from __future__ import annotations

import functools
import time
from typing import Any, Literal

Precision = Literal["float32", "bfloat16"]


@functools.cache
def fastest(device: str) -> Precision:
    """ "bfloat16" where the device ("cpu", "cuda") multiplies it in hardware, else "float32".

    A CPU must both report the instructions and be faster with them in a short measurement: emulated bfloat16
    is up to 80 times slower than float32.
    """
    import torch

    if device == "cuda":
        return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"
    if device != "cpu" or not _named():
        return "float32"
    return "bfloat16" if _seconds(torch.bfloat16) < _seconds(torch.float32) else "float32"


def _named() -> bool:
    import torch

    able = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in able)


def _seconds(dtype: Any) -> float:
    """The seconds that a product of two matrices takes, the best of five."""
    import torch

    matrix = torch.ones(512, 512, dtype=dtype)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return min(times[1:])
