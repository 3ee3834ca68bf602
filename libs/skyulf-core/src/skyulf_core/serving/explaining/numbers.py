"""Arrays of explanations, and which background rows are taken where fewer are enough."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Masks: TypeAlias = NDArray[np.bool_]


def some_of(count: int, most: int) -> Codes:
    """Return the places of at most so many of `count` rows, ascending: drawn, and the same ones every time."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:most])
