"""A small neural network for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.neural_network import MLPRegressor

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, to_matrix
from skyulf_core.models._linear import refuse_below
from skyulf_core.models._mlp import SEARCH_SPACE, MlpConfig, network_op, network_params
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Op, Respond

_NAME = "mlp_regressor"


class MlpRegressorConfig(MlpConfig):
    """Configuration of mlp_regressor."""

    loss: Literal["squared_error", "poisson"] = Field(
        "squared_error", title="Loss", description="What training makes small; poisson is for counts and rates."
    )


class MlpRegressorApplier(PlanApplier):
    """Predicts with the layers of the network."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the network, and the exponent where it models the logarithm."""
        answer = Respond("exp") if params.text("loss") == "poisson" else Respond()
        return [network_op(params, features, "identity"), answer]


@NodeRegistry.register(_NAME, MlpRegressorApplier)
class MlpRegressorCalculator(ModelCalculator[MlpRegressorConfig]):
    """A small neural network for a number, with early stopping.

    Features should be of similar scale, and the target not far from it; nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "regression"
    keywords = ("neural network", "perceptron", "deep learning", "layers")
    reference = "sklearn.neural_network.MLPRegressor"
    search_space = SEARCH_SPACE
    examples = (
        {"hidden_layer_sizes": [8], "max_iter": 5},
        {"hidden_layer_sizes": [6, 4], "activation": "tanh", "solver": "lbfgs", "max_iter": 20},
        {"hidden_layer_sizes": [5], "activation": "logistic", "solver": "sgd", "early_stopping": True, "max_iter": 20},
        {"hidden_layer_sizes": [], "activation": "identity", "max_iter": 5},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: MlpRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the weights and biases of every layer. Raises DataError for a target below 0 with poisson."""
        refuse_nulls(features, _NAME)
        if config.loss == "poisson":
            refuse_below(target, _NAME, zero=True)
        with fitting(_NAME):
            model = MLPRegressor(**config.model_dump())
            model.fit(to_matrix(features), target, sample_weight=weights)
        return network_params(model, config, _NAME, loss=config.loss)
