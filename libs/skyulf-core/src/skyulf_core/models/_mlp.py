"""What the neural networks share: configuration, the arrays of their layers, and the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue
from pydantic.config import JsonDict

from skyulf_core.models._configs import RandomState
from skyulf_core.models._linear import finite
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.params import Params
from skyulf_core.serving.ops import NeuralNetwork

SEARCH_SPACE: dict[str, dict[str, JsonValue]] = {
    "hidden_layer_sizes": {"choices": [[50], [100], [50, 50], [100, 50]]},
    "activation": {"choices": ["relu", "tanh"]},
    "alpha": {"low": 1e-6, "high": 0.1, "log": True},
    "learning_rate_init": {"low": 1e-4, "high": 0.03, "log": True},
}
_STOCHASTIC: JsonDict = {"x-visible-if": {"solver": ["adam", "sgd"]}}
_SGD: JsonDict = {"x-visible-if": {"solver": "sgd"}}
_ADAM: JsonDict = {"x-visible-if": {"solver": "adam"}}
_STOPPING: JsonDict = {"x-visible-if": {"early_stopping": True}}


class MlpConfig(NodeConfig):
    """Configuration of a neural network."""

    hidden_layer_sizes: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        (100,), max_length=20, title="Hidden layers", description="Number of neurons of each layer between in and out."
    )
    activation: Literal["identity", "logistic", "tanh", "relu"] = Field(
        "relu", title="Activation", description="Function of the neurons of hidden layers."
    )
    solver: Literal["lbfgs", "sgd", "adam"] = Field(
        "adam", title="Solver", description="adam for many rows; lbfgs is quick and good on few."
    )
    alpha: float = Field(1e-4, ge=0, title="Penalty", description="Strength of the L2 penalty.")
    batch_size: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        "auto",
        title="Batch",
        description="Rows of one step; auto: 200, or all if there are fewer.",
        json_schema_extra=_STOCHASTIC,
    )
    learning_rate: Literal["constant", "invscaling", "adaptive"] = Field(
        "constant",
        title="Schedule",
        description="How the learning rate changes: not, by power_t, or a fifth where there is no progress.",
        json_schema_extra=_SGD,
    )
    learning_rate_init: float = Field(
        1e-3, gt=0, title="Learning rate", description="Size of the first steps.", json_schema_extra=_STOCHASTIC
    )
    power_t: float = Field(
        0.5,
        ge=0,
        title="Power",
        description="Exponent of the schedule.",
        json_schema_extra={"x-visible-if": {"learning_rate": "invscaling"}},
    )
    max_iter: int = Field(200, ge=1, le=100_000, title="Iterations", description="Largest number of rounds.")
    shuffle: bool = Field(
        True, title="Shuffle", description="Whether rows are shuffled in each round.", json_schema_extra=_STOCHASTIC
    )
    tol: float = Field(1e-4, ge=0, title="Tolerance", description="Progress smaller than this counts as none.")
    momentum: float = Field(
        0.9, ge=0, le=1, title="Momentum", description="Share of the last step in the next.", json_schema_extra=_SGD
    )
    nesterovs_momentum: bool = Field(
        True, title="Nesterov", description="Whether the momentum is Nesterov's.", json_schema_extra=_SGD
    )
    early_stopping: bool = Field(
        False,
        title="Early stopping",
        description="Stop when a held-out part of the training rows gets no better.",
        json_schema_extra=_STOCHASTIC,
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of the training rows for early stopping.",
        json_schema_extra=_STOPPING,
    )
    beta_1: float = Field(
        0.9, ge=0, lt=1, title="First decay", description="Of the mean of gradients.", json_schema_extra=_ADAM
    )
    beta_2: float = Field(
        0.999, ge=0, lt=1, title="Second decay", description="Of their squares' mean.", json_schema_extra=_ADAM
    )
    epsilon: float = Field(
        1e-8, gt=0, title="Epsilon", description="Keeps the steps from being endless.", json_schema_extra=_ADAM
    )
    n_iter_no_change: int = Field(
        10, ge=1, title="Patience", description="Rounds without progress before the end.", json_schema_extra=_STOCHASTIC
    )
    max_fun: int = Field(
        15_000,
        ge=1,
        title="Evaluations",
        description="Largest number of evaluations of the loss.",
        json_schema_extra={"x-visible-if": {"solver": "lbfgs"}},
    )
    random_state: RandomState = 0


class Network(Protocol):
    """What is read of a fitted network."""

    coefs_: list[NDArray[np.float64]]
    intercepts_: list[NDArray[np.float64]]
    n_iter_: int


def network_params(model: Network, config: MlpConfig, node: str, **more: int | str) -> Params:
    """Return the layers as arrays. Raises DataError where their numbers are none."""
    layers = {f"weights_{i}": finite(layer, node) for i, layer in enumerate(model.coefs_)}
    biases = {f"biases_{i}": finite(layer, node) for i, layer in enumerate(model.intercepts_)}
    return Params(
        {**layers, **biases, **more}, layers=len(layers), activation=config.activation, n_iter=int(model.n_iter_)
    )


def network_op(
    params: Params, features: Sequence[str], link: Literal["identity", "sigmoid", "softmax"]
) -> NeuralNetwork:
    """Return the operation that runs the layers."""
    numbers = range(int(str(params["layers"])))
    arrays = cast("dict[str, NDArray[np.float64]]", params)
    return NeuralNetwork(
        tuple(features),
        tuple(arrays[f"weights_{i}"] for i in numbers),
        tuple(arrays[f"biases_{i}"] for i in numbers),
        cast('Literal["identity", "logistic", "tanh", "relu"]', params.text("activation")),
        link,
    )
