"""Fields that several models have, with scikit-learn's names, defaults and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue
from pydantic.config import JsonDict

from skyulf_core.nodes.base import NodeConfig

RandomState: TypeAlias = Annotated[
    int | None,
    Field(ge=0, le=2**32 - 1, title="Random state", description="Seed; the same seed and rows give the same model."),
]

_STOPPING: JsonDict = {"x-visible-if": {"early_stopping": ["auto", True]}}


BOOSTING_SPACE: Mapping[str, Mapping[str, JsonValue]] = {
    "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
    "max_iter": {"low": 50, "high": 500, "log": True},
    "max_leaf_nodes": {"low": 7, "high": 127, "log": True},
    "min_samples_leaf": {"low": 2, "high": 100, "log": True},
    "l2_regularization": {"low": 1e-6, "high": 10.0, "log": True},
    "max_features": {"low": 0.3, "high": 1.0},
}
"""What tuning of histogram gradient boosting searches."""


class BoostingConfig(NodeConfig):
    """Configuration of histogram gradient boosting."""

    learning_rate: float = Field(
        0.1, gt=0, le=10, title="Learning rate", description="Factor on every tree; smaller needs more iterations."
    )
    max_iter: int = Field(
        100, ge=1, le=10_000, title="Iterations", description="Largest number of boosting iterations (trees per class)."
    )
    max_leaf_nodes: int | None = Field(
        31, ge=2, le=100_000, title="Leaves", description="Largest number of leaves of a tree; null: no limit."
    )
    max_depth: int | None = Field(None, ge=1, le=1_000, title="Depth", description="Largest depth; null: no limit.")
    min_samples_leaf: int = Field(20, ge=1, title="Rows per leaf", description="Smallest number of rows in a leaf.")
    l2_regularization: float = Field(0.0, ge=0, title="L2", description="Strength of the L2 penalty on leaf values.")
    max_features: float = Field(
        1.0, gt=0, le=1, title="Features per split", description="Share of the features that each split looks at."
    )
    max_bins: int = Field(255, ge=2, le=255, title="Bins", description="Largest number of bins of a feature.")
    early_stopping: Literal["auto"] | bool = Field(
        "auto", title="Early stopping", description="Stop when a held-out part gets no better; auto: above 10,000 rows."
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of the training rows for early stopping.",
        json_schema_extra=_STOPPING,
    )
    n_iter_no_change: int = Field(
        10,
        ge=1,
        title="Patience",
        description="Iterations without progress before stopping early.",
        json_schema_extra=_STOPPING,
    )
    tol: float = Field(
        1e-7,
        ge=0,
        title="Tolerance",
        description="Progress smaller than this counts as none.",
        json_schema_extra=_STOPPING,
    )
    random_state: RandomState = 0
