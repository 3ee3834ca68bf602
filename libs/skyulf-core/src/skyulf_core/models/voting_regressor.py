"""The mean of several regressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._base import PlanApplier
from skyulf_core.models._ensembles import MadeOfModels, VotingConfig, train_all
from skyulf_core.models._members import Take, Weights, packed, unpacked
from skyulf_core.nodes.base import Label, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Ensemble, Op, Respond

_NAME = "voting_regressor"


class VotingRegressorConfig(VotingConfig):
    """Configuration of voting_regressor."""

    learns: ClassVar[Task] = "regression"


class VotingRegressorApplier(PlanApplier):
    """Predicts with the mean of the models."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the models side by side, and their mean."""
        members = tuple(tuple(member.ops(features)) for member in unpacked(params))
        takes: list[Take] = ["prediction"] * len(members)
        return [Ensemble(members, tuple(takes), weights=tuple(params.numbers("weights"))), Respond()]


@NodeRegistry.register(_NAME, VotingRegressorApplier)
class VotingRegressorCalculator(MadeOfModels[VotingRegressorConfig]):
    """The mean of several regressions, trained on the same rows.

    Nulls and weights of rows are taken where every model takes them. `estimators.0.config.<parameter>` is what tuning
    calls the parameters of the first model; where nobody says otherwise it searches what each model would.
    """

    task: ClassVar[Task] = "regression"
    keywords = ("ensemble", "mean", "average", "blend")
    reference = "sklearn.ensemble.VotingRegressor"
    examples = (
        {
            "estimators": [
                {"name": "line", "node": "ridge_regression", "config": {"alpha": 2.0}},
                {"name": "near", "node": "k_neighbors_regressor"},
            ],
            "weights": [1, 3],
        },
        {
            "estimators": [
                {"name": "few", "node": "hist_gradient_boosting_regressor", "config": {"max_iter": 2}},
                {"name": "many", "node": "hist_gradient_boosting_regressor", "config": {"max_iter": 4}},
            ]
        },
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: VotingRegressorConfig,
        *,
        weights: Weights = None,
    ) -> Params:
        """Train every model. Raises DataError."""
        members = train_all(config.learners, features, target, weights, node=_NAME)
        return Params(packed(members), weights=list(config.weights or [1.0] * len(members)))
