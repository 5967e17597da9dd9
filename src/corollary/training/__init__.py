"""Tunings: one module each, with a function `tune` that trains a model on documents."""

from typing import Literal

Schedule = Literal["linear", "cosine", "constant_with_warmup"]
Precision = Literal["auto", "float32", "bfloat16"]
