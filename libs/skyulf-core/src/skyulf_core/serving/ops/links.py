"""From raw scores to probabilities, one row at a time.

Batches do the same steps in the same order, and take `exp` number by number: numpy's vector exp may differ from the C
library's by the last bit, and then one row and a batch would disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from struct import Struct
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Link: TypeAlias = Callable[[Sequence[float]], list[float] | None]

_SINGLE = Struct("<f")
_SINGLE_LARGEST = 88.69999694824219
"""The float32 next to 88.7; exp of more is no float32."""


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


def one_vs_rest(scores: Sequence[float]) -> list[float]:
    """Return each class's share of the logistic functions of the scores; of one score what sigmoid returns."""
    return sigmoid(scores) if len(scores) == 1 else _shares([expit(score) for score in scores])


def clipped(scores: Sequence[float]) -> list[float]:
    """Return each class's share of `(score + 1) / 2`, cut to 0 and 1; of one score that and what is left to 1."""
    cut = [(min(max(score, -1.0), 1.0) + 1.0) / 2.0 for score in scores]
    return [1.0 - cut[0], cut[0]] if len(cut) == 1 else _shares(cut)


def _shares(parts: list[float]) -> list[float]:
    """Divide by the sum; where that is 0, every class gets the same."""
    total = 0.0
    for part in parts:
        total += part
    return [part / total for part in parts] if total else [1.0 / len(parts)] * len(parts)


def probability(scores: Sequence[float]) -> list[float]:
    """Return the scores: they are probabilities already."""
    return list(scores)


def identity(scores: Sequence[float]) -> None:
    """Return nothing: a regression has no probabilities."""
    return


def single(value: float) -> float:
    """Return a number rounded to float32, infinite where it is too large."""
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def single_exp(value: float) -> float:
    """Return `exp` of a number, rounded to float32."""
    return single(math.exp(min(value, 709.0)))


def single_sigmoid(scores: Sequence[float]) -> list[float]:
    """Return both probabilities of a binary model, each step rounded to float32, as XGBoost computes them."""
    positive = single(1.0 / single(single_exp(min(-scores[0], _SINGLE_LARGEST)) + 1.0))
    return [single(1.0 - positive), positive]


def single_softmax(scores: Sequence[float]) -> list[float]:
    """Return the probability of each class, each step but the total rounded to float32, as XGBoost computes them."""
    top = max(scores)
    powers = [single_exp(single(score - top)) for score in scores]
    total = 0.0
    for power in powers:
        total += power
    total = single(total)
    return [single(power / total) for power in powers]


LINKS: dict[str, Link] = {
    "identity": identity, "sigmoid": sigmoid, "softmax": softmax, "probability": probability,
    "one_vs_rest": one_vs_rest, "clipped": clipped,
}  # fmt: skip
_SINGLE_LINKS: dict[str, Link] = {"identity": identity, "sigmoid": single_sigmoid, "softmax": single_softmax}


def links(link: str, precision: str) -> Link:
    """Return the function of a link in a precision. Raises ValueError where there is none."""
    known = {"float64": LINKS, "float32": _SINGLE_LINKS}.get(precision, {})
    if link not in known:
        raise ValueError(f"no link {link!r} in {precision!r}")
    return known[link]


def link_batch(link: str, scores: Floats, precision: str = "float64") -> Floats | None:
    """Return probabilities (rows x classes) of raw scores (rows x outputs), or None for a regression."""
    if link == "identity":
        return None
    if link == "probability":
        return scores
    links(link, precision)
    single_precision = precision == "float32"
    with np.errstate(over="ignore", invalid="ignore"):
        if link == "softmax":
            return _single_softmaxes(scores) if single_precision else _softmaxes(scores)
        if link == "clipped":
            cut = (np.minimum(np.maximum(scores, -1.0), 1.0) + 1.0) / 2.0
            return _shares_of(cut) if cut.shape[1] > 1 else np.concatenate([1.0 - cut, cut], axis=1)
        if link == "one_vs_rest" and scores.shape[1] > 1:
            return _shares_of(expits(scores))
        positive = _single_expits(scores[:, 0]) if single_precision else expits(scores[:, 0])
        return np.stack([1.0 - positive, positive], axis=1).astype(np.float64)


def exps(values: Floats) -> Floats:
    """Return `exp` of numbers of any shape, of the C library."""
    powers = np.fromiter(map(math.exp, values.ravel().tolist()), np.float64, values.size)
    return powers.reshape(values.shape)


def expits(scores: Floats) -> Floats:
    """Return what `expit` returns of each number."""
    small = scores <= -709.0
    powers = exps(np.where(small, np.maximum(scores, -745.0), -scores))
    return np.where(small, powers, 1.0 / (1.0 + powers))


def _single_expits(scores: Floats) -> NDArray[np.float32]:
    """Return what `single_sigmoid` returns of the second class, row by row, as float32."""
    powers = exps(np.minimum(-scores, _SINGLE_LARGEST)).astype(np.float32)
    return np.asarray(np.float32(1.0) / (powers + np.float32(1.0)), np.float32)


def _softmaxes(scores: Floats) -> Floats:
    powers = exps(scores - scores.max(axis=1, keepdims=True))
    return powers / _totals(powers)


def _single_softmaxes(scores: Floats) -> Floats:
    apart = _single_of(scores - scores.max(axis=1, keepdims=True))
    powers = _single_of(exps(apart))
    return _single_of(powers / _single_of(_totals(powers)))


def _single_of(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def _totals(parts: Floats) -> Floats:
    """Return the sum of each row, one number after another (a column)."""
    total = np.zeros(len(parts))
    for column in parts.T:
        total += column
    return total[:, None]


def _shares_of(parts: Floats) -> Floats:
    total = _totals(parts)
    return np.where(total != 0.0, parts / np.where(total != 0.0, total, 1.0), 1.0 / parts.shape[1])
