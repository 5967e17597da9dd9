"""The number type in which a processor computes fastest."""

from __future__ import annotations

import functools
import timeit
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


@functools.cache
def fastest(device: str) -> Precision:
    """ "bfloat16" where the device ("cpu", "cuda") multiplies it in hardware, else "float32".

    A CPU must both report the instructions and be faster with them in a short measurement: emulated bfloat16
    is up to 80 times slower than float32.
    """
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"
    able = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if device != "cpu" or not any(getattr(torch.cpu, name, bool)() for name in able):
        return "float32"
    return "bfloat16" if _seconds(torch.bfloat16) < _seconds(torch.float32) else "float32"


def _seconds(dtype: torch.dtype) -> float:
    """The seconds that a product of two matrices takes, the best of five after a first one."""
    matrix = torch.ones(512, 512, dtype=dtype)
    return min(timeit.repeat(lambda: matrix @ matrix, number=1, repeat=6)[1:])
