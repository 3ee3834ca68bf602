"""Small neural networks: the neural_network operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, operation
from skyulf_core.serving.ops.linear import PROBABILITIES, SCORES, model_makes, out_of_range, store_batch
from skyulf_core.serving.ops.links import LINKS
from skyulf_core.serving.ops.matrices import feature_row, features_matrix, nulls_refused

_CHUNK = 1_024
"""Rows whose values stay in the processor's cache from layer to layer."""


def _identity(values: NDArray[np.float64]) -> None:
    """Change nothing."""


def _relu(values: NDArray[np.float64]) -> None:
    np.maximum(values, 0.0, out=values)


def _logistic(values: NDArray[np.float64]) -> None:
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1.0
    np.divide(1.0, values, out=values)


def _tanh(values: NDArray[np.float64]) -> None:
    np.tanh(values, out=values)


_ACTIVATIONS: dict[str, Callable[[NDArray[np.float64]], None]] = {
    "identity": _identity, "logistic": _logistic, "tanh": _tanh, "relu": _relu,
}  # fmt: skip


@operation
@dataclass(frozen=True, eq=False)
class NeuralNetwork(Op):
    """Layers of sums: `next[j] = sum over i of before[i] * weights[l][i, j], + biases[l][j]`, in any order (1e-9).

    The first layer reads the features; all but the last go through `activation` (`identity`, `logistic`
    `1 / (1 + exp(-x))`, `tanh`, `relu` the larger of x and 0). The last layer is the scores, and `link` makes
    probabilities of them.
    """

    op: ClassVar[str] = "neural_network"
    features: tuple[str, ...]
    weights: tuple[NDArray[np.float64], ...]
    biases: tuple[NDArray[np.float64], ...]
    activation: Literal["identity", "logistic", "tanh", "relu"] = "relu"
    link: Literal["identity", "sigmoid", "softmax"] = "identity"

    def __post_init__(self) -> None:
        weights = tuple(np.asarray(layer, np.float64) for layer in self.weights)
        biases = tuple(np.asarray(layer, np.float64) for layer in self.biases)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        width = len(self.features)
        if not weights or len(weights) != len(biases):
            raise ValueError(f"neural_network: {len(weights)} layers of weights, {len(biases)} of biases")
        for layer, bias in zip(weights, biases, strict=True):
            if bias.ndim != 1 or layer.shape != (width, len(bias)):
                raise ValueError(f"neural_network: a layer of shape {layer.shape} after {width}, {bias.shape} biases")
            width = len(bias)
        if self.activation not in _ACTIVATIONS or self.link not in ("identity", "sigmoid", "softmax"):
            raise ValueError(f"neural_network: activation {self.activation!r}, link {self.link!r}")

    def row_function(self) -> RowFunction:
        """Score one row."""
        names, link = self.features, LINKS[self.link]

        def run(values: Row) -> None:
            scores = self._forward(feature_row(values, names))
            if not np.isfinite(scores).all():
                raise OpError([out_of_range(0)])
            values[SCORES] = scores.tolist()
            values[PROBABILITIES] = link(values[SCORES])

        return run

    def batch(self, columns: Columns) -> None:
        """Score columns, some rows at a time."""
        matrix = features_matrix(columns, self.features)
        parts = [self._forward(matrix[begin : begin + _CHUNK]) for begin in range(0, max(len(matrix), 1), _CHUNK)]
        scores = np.concatenate(parts)
        endless = np.flatnonzero(~np.isfinite(scores).all(axis=1))
        if len(endless):
            raise OpError([out_of_range(int(row)) for row in endless])
        store_batch(columns, scores, self.link)

    def _forward(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        activate, last = _ACTIVATIONS[self.activation], len(self.weights) - 1
        with np.errstate(over="ignore", invalid="ignore"):  # looked for by the caller
            for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
                values = values @ weights
                values += biases
                if number < last:
                    activate(values)
        return values

    def makes(self) -> frozenset[str]:
        """Make scores, and probabilities for a classifier."""
        return model_makes(self.link)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return nulls_refused(origins, self.features)
