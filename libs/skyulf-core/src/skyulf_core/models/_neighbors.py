"""What the models of nearest neighbours share: configuration, fitting, and the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from skyulf_core.models._base import refuse_nulls, to_matrix
from skyulf_core.models._stored import refuse_large
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Neighbors

SEARCH_SPACE: dict[str, dict[str, JsonValue]] = {
    "n_neighbors": {"low": 1, "high": 50, "log": True},
    "weights": {"choices": ["uniform", "distance"]},
    "p": {"choices": [1.0, 2.0]},
}
_POWERS = {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": None}


class NeighborsConfig(NodeConfig):
    """Configuration of a model of nearest neighbours."""

    n_neighbors: int = Field(5, ge=1, le=10_000, title="Neighbours", description="How many training rows are asked.")
    weights: Literal["uniform", "distance"] = Field(
        "uniform", title="Weights", description="uniform: all neighbours count the same; distance: by 1 / distance."
    )
    metric: Literal["minkowski", "euclidean", "manhattan", "chebyshev"] = Field(
        "minkowski", title="Distance", description="minkowski: by the power p; chebyshev: the largest difference."
    )
    p: float = Field(
        2.0,
        ge=1,
        le=100,
        title="Power",
        description="Of the differences: 1 is manhattan, 2 is euclidean.",
        json_schema_extra={"x-visible-if": {"metric": "minkowski"}},
    )

    @property
    def power(self) -> float | None:
        """The power of the differences; None for the largest difference."""
        return self.p if self.metric == "minkowski" else _POWERS[self.metric]


def stored_rows(
    features: pl.DataFrame, target: NDArray[np.generic], config: NeighborsConfig, node: str, **more: int
) -> Params:
    """Return the training rows as params: to remember them is all that this model learns. Raises DataError."""
    refuse_nulls(features, node)
    if features.height < config.n_neighbors:
        raise DataError(
            f"{config.n_neighbors} neighbours of {features.height} training rows; choose n_neighbors of at most "
            f"{features.height}",
            reason="too-few-rows",
            node=node,
        )
    return kept_rows(to_matrix(features), target, config, node, **more)


def kept_rows(
    matrix: NDArray[np.floating], target: NDArray[np.generic], config: NeighborsConfig, node: str, **more: int
) -> Params:
    """Return rows as params. Raises DataError for more than a model holds."""
    rows, width = matrix.shape
    refuse_large(rows, width, node, "training rows")
    return Params(
        more,
        matrix=np.ascontiguousarray(matrix, np.float64),
        targets=target.astype(np.float64),
        n_neighbors=config.n_neighbors,
        weights=config.weights,
        p=config.power,
    )


def neighbors_op(params: Params, features: Sequence[str], *, outputs: int) -> Neighbors:
    """Return the operation that asks the nearest rows."""
    return Neighbors(
        tuple(features),
        cast("NDArray[np.float64]", params.array("matrix")),
        cast("NDArray[np.float64]", params.array("targets")),
        int(str(params["n_neighbors"])),
        outputs,
        cast("float | None", params["p"]),
        cast('Literal["uniform", "distance"]', params.text("weights")),
    )
