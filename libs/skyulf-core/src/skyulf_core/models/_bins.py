"""Bins of histogram boosting, made once for rows that several models learn from.

To find the bins of all columns and to sort the rows into them takes about a seventh of a training on many rows, and
comes out the same for models that differ in their trees alone. Whoever trains many models on the same frame, as the
folds of a study do, keeps a `Bins` and opens `remembering` around each training.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import ref

import numpy as np
import polars as pl
from numpy.typing import NDArray

MOST_BYTES = 1 << 28
"""So much is kept at most: 256 MiB, a byte per row and column."""
_Key: TypeAlias = tuple[int, str]


@dataclass
class Made:
    """What was made for one frame: the mapper of the training rows, and the rows in bins, training and held-out."""

    frame: ref[pl.DataFrame]
    mapper: object = None
    binned: dict[bool, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return sum(rows.nbytes for rows in self.binned.values())


class Bins:
    """Bins by frame, as long as the frame is there; of at most so many bytes. For several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._made = most_bytes, dict[_Key, Made]()
        self._lock = threading.Lock()

    def of(self, features: pl.DataFrame, digest: str) -> Made:
        """Return what was made for this very frame with everything else that bins depend on; or something empty."""
        with self._lock:
            found = self._made.get((id(features), digest))
        return found if found is not None and found.frame() is features else Made(ref(features))

    def keep(self, made: Made, digest: str) -> None:
        """Keep what a training has made, where there is room for it; what is of no frame any more makes room."""
        frame = made.frame()
        with self._lock:
            self._made = {key: kept for key, kept in self._made.items() if kept.frame() is not None}
            held = sum(kept.size for kept in self._made.values())
            if frame is not None and held + made.size <= self._most:
                self._made.setdefault((id(frame), digest), made)

    def __len__(self) -> int:
        return len(self._made)


_BINS: ContextVar[Bins | None] = ContextVar("bins", default=None)


def remembered() -> Bins | None:
    """Return the bins that somebody remembers around this training; None where nobody does."""
    return _BINS.get()


@contextmanager
def remembering(bins: Bins) -> Iterator[None]:
    """Let what is trained within use these bins, and add to them."""
    token = _BINS.set(bins)
    try:
        yield
    finally:
        _BINS.reset(token)
