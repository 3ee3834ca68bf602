"""The node that chooses the rows of the splits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.nodes.base.config import ConfigT
from skyulf_core.nodes.base.models import Task
from skyulf_core.nodes.base.node import Kind, NodeBase

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class SplitRows:
    """Row positions of each split, in the order in which the splits hold them."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    validation: NDArray[np.int64] | None = None


class Splitter(NodeBase[ConfigT]):
    """Chooses the rows of the splits. Its config names the target in a field `target`."""

    kind: ClassVar[Kind] = Kind.SPLITTER
    holds_out: ClassVar[bool] = True
    """Whether some rows are kept from training, to judge on."""

    @abstractmethod
    def split(self, data: pl.DataFrame, config: ConfigT, *, task: Task | None) -> SplitRows:
        """Return the rows of each split of a frame that still holds its target. Raises DataError."""

    @abstractmethod
    def target(self, config: ConfigT) -> str | None:
        """Return the target's name."""
