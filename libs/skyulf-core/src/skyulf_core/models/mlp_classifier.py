"""A small neural network for classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, refuse_one_class, to_matrix
from skyulf_core.models._mlp import SEARCH_SPACE, MlpConfig, network_op, network_params
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op

_NAME = "mlp_classifier"


class MlpClassifierConfig(MlpConfig):
    """Configuration of mlp_classifier."""

    class_weight: ClassWeight = None


class MlpClassifierApplier(PlanApplier):
    """Predicts with the layers of the network."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the network and the decoding of its scores."""
        link: Literal["sigmoid", "softmax"] = "sigmoid" if int(str(params["n_classes"])) == 2 else "softmax"
        return [network_op(params, features, link), Decode(tuple(classes or ()), by="scores")]


@NodeRegistry.register(_NAME, MlpClassifierApplier)
class MlpClassifierCalculator(ModelCalculator[MlpClassifierConfig]):
    """A small neural network for two or more classes, with early stopping.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "classification"
    keywords = ("neural network", "perceptron", "deep learning", "layers")
    reference = "sklearn.neural_network.MLPClassifier"
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
        config: MlpClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the weights and biases of every layer."""
        refuse_nulls(features, _NAME)
        classes = refuse_one_class(target, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        with fitting(_NAME):
            model = MLPClassifier(**config.model_dump(exclude={"class_weight"}))
            model.fit(to_matrix(features), target, sample_weight=weights)
        return network_params(model, config, _NAME, n_classes=classes)
