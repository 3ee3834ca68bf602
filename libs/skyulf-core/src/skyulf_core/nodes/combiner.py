"""The pattern of the nodes with several inputs: a Combiner that learns from all of them, and its Applier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.nodes.base import ConfigT, Kind, NodeBase
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema

if TYPE_CHECKING:
    import polars as pl

    from skyulf_core.serving.ops import Op


@dataclass(frozen=True)
class Side:
    """One input of a combiner: its id in the graph, and for each column the id of the node that wrote it last.

    A column that `makers` lacks has the same maker on every side that lacks it.
    """

    id: str
    makers: Mapping[str, str] = field(default_factory=dict)


class Combiner(NodeBase[ConfigT]):
    """Makes one table of several; the only node that may have several inputs."""

    family: ClassVar[str] = "combining"
    kind: ClassVar[Kind] = Kind.STATELESS
    most_inputs: ClassVar[int | None] = None
    """How many inputs there are at most; None: any number. At least two."""
    reference_inputs: ClassVar[frozenset[int]] = frozenset()
    """Positions of the inputs whose rows become params, so that predictions need them no more."""

    @abstractmethod
    def fit(self, frames: Sequence[pl.DataFrame], config: ConfigT, *, sides: Sequence[Side]) -> Params:
        """Learn from all inputs, in order. Does not change them. Raises DataError."""

    @abstractmethod
    def infer_schema(self, schemas: Sequence[Schema], config: ConfigT, *, sides: Sequence[Side]) -> Schema:
        """Return the schema that comes out."""

    def check_inputs(self, schemas: Sequence[Schema], config: ConfigT, *, sides: Sequence[Side]) -> list[Problem]:
        """Return what is wrong with these inputs together; pointers are relative to the config (`/on/0`)."""
        return []

    def owners(self, columns: Sequence[Sequence[str]], config: ConfigT, *, sides: Sequence[Side]) -> Mapping[str, int]:
        """Return the position of the input that each column comes from; those of the first may be left out."""
        return {}

    def without_ids(self, config: Mapping[str, JsonValue], inputs: Sequence[str]) -> Mapping[str, JsonValue]:
        """Return a configuration (as JSON) with places of inputs for their ids, where it names any."""
        return config

    def drops_rows(self, config: ConfigT) -> bool:
        """Say whether rows of the first input may be left out of training."""
        return False


class CombinerApplier(ABC):
    """Puts tables together. `frames` are the inputs that are not kept as params, in order."""

    @abstractmethod
    def combine(self, frames: Sequence[pl.DataFrame], params: Params) -> pl.DataFrame:
        """Return one table with the rows of the first frame."""

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64] | None:
        """Return positions of the rows of the first frame that training keeps; None: all of them."""
        return None

    def owners(self, params: Params) -> Mapping[str, int]:
        """Return the position of the frame that each column comes from; those of the first may be left out."""
        return {}

    def plan(self, params: Params) -> list[Op]:
        """Return the operations that follow when the columns of all frames lie side by side, as `owners` says."""
        return []
