"""All documents, in several random orders."""

from __future__ import annotations

import random
from collections.abc import Sequence

from corollary.asking.contexts import Shown
from corollary.types import Document


def choose(documents: Sequence[Document], prompts: Sequence[str], *, seed: int, orders: int) -> Shown:
    """Put all documents before every question, in `orders` random orders (Lampinen et al. 2025)."""
    rng = random.Random(f"corollary-orders-{seed}")
    return Shown(tuple(tuple(rng.sample(range(len(documents)), len(documents))) for _ in range(orders)))
