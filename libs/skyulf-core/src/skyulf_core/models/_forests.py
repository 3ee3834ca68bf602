"""What single trees and forests share: their fields, training, and their plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Protocol, TypeAlias, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator
from pydantic.config import JsonDict

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, refuse_one_class, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.models._trees import ForestTree, forest_arrays, tree_op
from skyulf_core.nodes.base import Label, NodeConfig
from skyulf_core.nodes.class_weights import ForestClassWeight
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op, Respond

MaxFeatures: TypeAlias = Annotated[
    Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)] | None,
    Field(title="Features per split", description="How many a split looks at: a rule, a share, or null: all of them."),
]
ClassCriterion: TypeAlias = Annotated[
    Literal["gini", "entropy", "log_loss"], Field(title="Criterion", description="What a split improves.")
]
NumberCriterion: TypeAlias = Annotated[
    Literal["squared_error", "absolute_error", "poisson"],
    Field(
        title="Criterion",
        description="What a split improves; absolute_error is slow, poisson is for counts.",
    ),
]

_RESAMPLED: JsonDict = {"x-visible-if": {"bootstrap": True}}


class TreeConfig(NodeConfig):
    """Fields of every tree of scikit-learn."""

    max_depth: int | None = Field(None, ge=1, title="Depth", description="Largest depth of a tree; null: no limit.")
    min_samples_split: int = Field(2, ge=2, title="Rows to split", description="Fewest rows of a node that is split.")
    min_samples_leaf: int = Field(1, ge=1, title="Rows per leaf", description="Fewest rows in a leaf.")
    min_weight_fraction_leaf: float = Field(
        0.0, ge=0, le=0.5, title="Weight per leaf", description="Least share of all weights in a leaf."
    )
    max_leaf_nodes: int | None = Field(None, ge=2, title="Leaves", description="Most leaves of a tree; null: no limit.")
    min_impurity_decrease: float = Field(0.0, ge=0, title="Least gain", description="Least gain of a split.")
    ccp_alpha: float = Field(0.0, ge=0, title="Pruning", description="Cost-complexity pruning; larger prunes more.")
    random_state: RandomState = 0


class ForestConfig(TreeConfig):
    """Fields of every forest."""

    n_estimators: int = Field(100, ge=1, le=10_000, title="Trees", description="Number of trees.")
    bootstrap: bool = Field(True, title="Resample", description="Whether each tree sees its own sample of the rows.")
    max_samples: float | None = Field(
        None,
        gt=0,
        le=1,
        title="Sample share",
        description="Share of the rows each tree sees; null: all, resampled.",
        json_schema_extra=_RESAMPLED,
    )
    n_jobs: int | None = Field(
        None, ge=-1, title="Parallel jobs", description="Trees grown at once; -1: one per processor."
    )

    @model_validator(mode="after")
    def _shares_make_sense(self) -> ForestConfig:
        if self.max_samples is not None and not self.bootstrap:
            raise ValueError("max_samples needs bootstrap")
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0")
        return self


class ForestClassifierConfig(ForestConfig):
    """Fields of every forest for classes."""

    criterion: ClassCriterion = "gini"
    max_features: MaxFeatures = "sqrt"
    class_weight: ForestClassWeight = None


class ForestRegressorConfig(ForestConfig):
    """Fields of every forest for numbers."""

    criterion: NumberCriterion = "squared_error"
    max_features: MaxFeatures = 1.0


TREE_SPACE: dict[str, dict[str, JsonValue]] = {
    "max_depth": {"low": 2, "high": 20},
    "min_samples_leaf": {"low": 1, "high": 50, "log": True},
    "min_samples_split": {"low": 2, "high": 50, "log": True},
}
FOREST_SPACE: dict[str, dict[str, JsonValue]] = {
    "n_estimators": {"low": 50, "high": 400, "log": True},
    "max_depth": {"low": 4, "high": 30},
    "min_samples_leaf": {"low": 1, "high": 20, "log": True},
    "max_features": {"choices": ["sqrt", "log2", 0.5, 1.0]},
}


class TreeModel(Protocol):
    """A tree or a forest of scikit-learn."""

    def fit(self, X: object, y: object, sample_weight: object = None) -> object:
        """Learn."""


class TreesApplier(PlanApplier):
    """Predicts with the average of trees: a share for each class, or a number."""

    combine: ClassVar[Literal["sum", "average"]] = "average"

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees, and the decoding of their shares or the answer."""
        nulls = cast('Literal["route", "refuse"]', params.get("nulls", "route"))
        link: Literal["identity", "probability"] = "identity" if classes is None else "probability"
        trees = tree_op(params, features, combine=self.combine, link=link, nulls=nulls)
        return [trees, Respond() if classes is None else Decode(tuple(classes))]


class TreeApplier(TreesApplier):
    """Predicts with one tree."""

    combine: ClassVar[Literal["sum", "average"]] = "sum"


def fit_trees(
    model: TreeModel,
    features: pl.DataFrame,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    *,
    node: str,
    classification: bool,
) -> Params:
    """Train a tree or a forest; return the nodes of all trees as arrays, and how much each feature has helped."""
    counted = {"n_classes": refuse_one_class(target, node)} if classification else {}
    takes_nulls = bool(model.__sklearn_tags__().input_tags.allow_nan)  # type: ignore[attr-defined]
    if not takes_nulls:
        refuse_nulls(features, node)
    with fitting(node):
        model.fit(to_matrix(features, np.float32), target, sample_weight=telling(weights))
    return trees_params(model, **counted)


def trees_params(model: TreeModel, **counted: int) -> Params:
    """Return the nodes of all trees of a fitted tree or forest as arrays, and how much each feature has helped."""
    grown = getattr(model, "estimators_", [model])
    trees = [cast("ForestTree", each.tree_) for each in grown]
    takes_nulls = bool(model.__sklearn_tags__().input_tags.allow_nan)  # type: ignore[attr-defined]
    nulls = "route" if takes_nulls else "refuse"
    return Params(forest_arrays(trees), **counted, nulls=nulls, importances=importances(model))


def telling(weights: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return weights, or None where they are all the same and say nothing.

    scikit-learn would draw other rows for a forest, and take other quantiles in boosting, as soon as there are weights.
    """
    return None if weights is None or (weights == weights[0]).all() else weights


def importances(model: object) -> NDArray[np.float64]:
    """Return each feature's share of what the splits have gained."""
    return np.ascontiguousarray(model.feature_importances_, np.float64)  # type: ignore[attr-defined]
