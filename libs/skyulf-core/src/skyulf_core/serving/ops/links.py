"""From raw scores to probabilities, one row at a time.

Batches use the same functions: numpy's vector exp may differ from the C library's by the last bit, and then one row
and a batch would disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Link: TypeAlias = Callable[[Sequence[float]], list[float] | None]


def expit(score: float) -> float:
    """Return `1 / (1 + exp(-score))` without overflow."""
    return 1.0 / (1.0 + math.exp(-score)) if score > -709.0 else math.exp(max(score, -745.0))


def sigmoid(scores: Sequence[float]) -> list[float]:
    """Return both probabilities of a binary model from its one score."""
    positive = expit(scores[0])
    return [1.0 - positive, positive]


def softmax(scores: Sequence[float]) -> list[float]:
    """Return the probability of each class."""
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = 0.0
    for power in powers:
        total += power
    return [power / total for power in powers]


def probability(scores: Sequence[float]) -> list[float]:
    """Return the scores: they are probabilities already."""
    return list(scores)


def identity(scores: Sequence[float]) -> None:
    """Return nothing: a regression has no probabilities."""
    return


LINKS: dict[str, Link] = {"identity": identity, "sigmoid": sigmoid, "softmax": softmax, "probability": probability}


def link_batch(link: str, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return probabilities (rows x classes) of raw scores (rows x outputs), or None for a regression."""
    if link == "identity":
        return None
    if link == "probability":
        return scores
    function, classes = LINKS[link], 2 if link == "sigmoid" else scores.shape[1]
    return np.array([function(row) for row in scores.tolist()], np.float64).reshape(-1, classes)
