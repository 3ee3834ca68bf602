"""Several classifiers that vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from skyulf_core.models._base import PlanApplier, refuse_one_class
from skyulf_core.models._ensembles import Calibration, MadeOfModels, VotingConfig, train_all
from skyulf_core.models._members import Take, Weights, packed, unpacked
from skyulf_core.nodes.base import Label, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Ensemble, Op

_NAME = "voting_classifier"


class VotingClassifierConfig(VotingConfig):
    """Configuration of voting_classifier."""

    learns: ClassVar[Task] = "classification"

    voting: Literal["hard", "soft"] = Field(
        "hard", title="Vote", description="hard: each model names a class; soft: the mean of their probabilities."
    )
    calibration: Calibration = None
    class_weight: ClassWeight = None


class VotingClassifierApplier(PlanApplier):
    """Predicts with the vote of the models."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the models side by side, their vote, and its decoding."""
        soft = params.flag("soft")
        members = tuple(tuple(member.ops(features, decoded=not soft)) for member in unpacked(params))
        takes: list[Take] = ["probabilities" if soft else "prediction"] * len(members)
        vote = Ensemble(
            members,
            tuple(takes),
            "mean" if soft else "vote",
            weights=tuple(params.numbers("weights")),
            size=0 if soft else int(str(params["n_classes"])),
        )
        return [vote, Decode(tuple(classes or ()))]


@NodeRegistry.register(_NAME, VotingClassifierApplier)
class VotingClassifierCalculator(MadeOfModels[VotingClassifierConfig]):
    """Several classifiers, trained on the same rows, that vote.

    With `hard` the class that most models predict wins (of equals the first), and the probabilities are the shares of
    the votes, which scikit-learn does not give. Nulls and weights of rows are taken where every model takes them.
    `estimators.0.config.<parameter>` is what tuning calls the parameters of the first model; where nobody says
    otherwise it searches what each model would.
    """

    task: ClassVar[Task] = "classification"
    keywords = ("ensemble", "vote", "majority", "blend")
    reference = "sklearn.ensemble.VotingClassifier"
    search_space: ClassVar[dict[str, dict[str, JsonValue]]] = {"voting": {"choices": ["hard", "soft"]}}
    examples = (
        {
            "estimators": [
                {"name": "line", "node": "logistic_regression", "config": {"max_iter": 30}},
                {"name": "near", "node": "k_neighbors_classifier"},
            ],
            "voting": "soft",
            "weights": [2, 1],
        },
        {
            "estimators": [
                {"name": "line", "node": "logistic_regression", "config": {"max_iter": 30}},
                {"name": "gap", "node": "svc"},
                {"name": "near", "node": "k_neighbors_classifier", "config": {"n_neighbors": 1}},
            ]
        },
        {
            "estimators": [
                {"name": "few", "node": "hist_gradient_boosting_classifier", "config": {"max_iter": 2}},
                {"name": "many", "node": "hist_gradient_boosting_classifier", "config": {"max_iter": 4}},
            ],
            "voting": "soft",
            "calibration": "sigmoid",
        },
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: VotingClassifierConfig,
        *,
        weights: Weights = None,
    ) -> Params:
        """Train every model. Raises DataError, for a soft vote also where a model gives no probabilities."""
        classes = refuse_one_class(target, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        members = train_all(config.learners, features, target, weights, node=_NAME, classes=classes)
        soft = config.voting == "soft"
        for member in members:
            member.takes(features.columns, ["probabilities"] if soft else ["prediction"])
        votes = list(config.weights or [1.0] * len(members))
        return Params(packed(members), n_classes=classes, soft=soft, weights=votes)
