"""Random forest: the average of trees grown on resampled rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.ensemble import RandomForestClassifier

from skyulf_core.models._base import PlanApplier, fitting, refuse_one_class, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.models._trees import forest_arrays, tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op

_NAME = "random_forest_classifier"


class RandomForestClassifierConfig(NodeConfig):
    """Configuration of random_forest_classifier."""

    n_estimators: int = Field(100, ge=1, le=10_000, title="Trees", description="Number of trees.")
    criterion: Literal["gini", "entropy", "log_loss"] = Field(
        "gini", title="Criterion", description="What a split improves."
    )
    max_depth: int | None = Field(None, ge=1, title="Depth", description="Largest depth of a tree; null: no limit.")
    min_samples_split: int = Field(2, ge=2, title="Rows to split", description="Fewest rows of a node that is split.")
    min_samples_leaf: int = Field(1, ge=1, title="Rows per leaf", description="Fewest rows in a leaf.")
    max_features: Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)] | None = Field(
        "sqrt",
        title="Features per split",
        description="How many a split looks at: a rule, a share, or null: all.",
    )
    max_leaf_nodes: int | None = Field(None, ge=2, title="Leaves", description="Most leaves of a tree; null: no limit.")
    min_impurity_decrease: float = Field(0.0, ge=0, title="Least gain", description="Least gain of a split.")
    bootstrap: bool = Field(True, title="Resample", description="Whether each tree sees its own sample of the rows.")
    max_samples: float | None = Field(
        None,
        gt=0,
        le=1,
        title="Sample share",
        description="Share of the rows each tree sees; null: all, resampled.",
        json_schema_extra={"x-visible-if": {"bootstrap": True}},
    )
    class_weight: Literal["balanced", "balanced_subsample"] | None = Field(
        None, title="Class weight", description="balanced: by inverse frequency; …_subsample: in each tree's sample."
    )
    ccp_alpha: float = Field(0.0, ge=0, title="Pruning", description="Cost-complexity pruning; larger prunes more.")
    n_jobs: int | None = Field(
        None, ge=-1, title="Parallel jobs", description="Trees grown at once; -1: one per processor."
    )
    random_state: RandomState = 0

    @model_validator(mode="after")
    def _shares_make_sense(self) -> RandomForestClassifierConfig:
        if self.max_samples is not None and not self.bootstrap:
            raise ValueError("max_samples needs bootstrap")
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0")
        return self


class RandomForestClassifierApplier(PlanApplier):
    """Predicts with the trees' average."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the decoding of their average."""
        return [tree_op(params, features, combine="average", link="probability"), Decode(tuple(classes or ()))]


@NodeRegistry.register(_NAME, RandomForestClassifierApplier)
class RandomForestClassifierCalculator(ModelCalculator[RandomForestClassifierConfig]):
    """Random forest for two or more classes; nulls are allowed.

    Without a limit on depth or leaves, trees grow with the number of rows: hundreds of megabytes on 300,000 rows.
    """

    task: ClassVar[Task] = "classification"
    accepts_missing = True
    keywords = ("trees", "bagging", "ensemble")
    reference = "sklearn.ensemble.RandomForestClassifier"

    def fit(self, features: pl.DataFrame, target: NDArray[np.generic], config: RandomForestClassifierConfig) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        classes = refuse_one_class(target, _NAME)
        with fitting(_NAME):
            model = RandomForestClassifier(**config.model_dump()).fit(to_matrix(features, np.float32), target)
        return Params(forest_arrays([tree.tree_ for tree in model.estimators_]), n_classes=classes)
