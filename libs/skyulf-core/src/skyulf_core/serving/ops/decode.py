"""The last operations: decode (from scores or probabilities to a class label) and respond (to a number)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from skyulf_core.serving.ops.base import Columns, Op, Row, RowFunction, operation
from skyulf_core.serving.ops.linear import PREDICTION, PROBABILITIES, SCORES
from skyulf_core.serving.ops.links import exps, single_exp


@operation
@dataclass(frozen=True)
class Decode(Op):
    """Write the label of the winning class; the first of equals wins.

    `by: scores`: one score (the second class wins above 0) or one per class; `by: votes`: the same, several scores
    rounded to whole numbers (halves up); `by: probabilities`: the largest.
    With `threshold` (two classes) the second class wins from that probability on. With `tie: second` one score of 0 is
    for the second class.
    """

    op: ClassVar[str] = "decode"
    classes: tuple[bool | int | float | str, ...]
    by: Literal["scores", "votes", "probabilities"] = "probabilities"
    threshold: float | None = None
    tie: Literal["first", "second"] = "first"

    def __post_init__(self) -> None:
        if not self.classes or self.by not in ("scores", "votes", "probabilities"):
            raise ValueError(f"decode: classes {self.classes!r}, by {self.by!r}")
        if self.threshold is not None and len(self.classes) != 2:
            raise ValueError("decode: a threshold needs two classes")
        if self.tie not in ("first", "second"):
            raise ValueError(f"decode: tie {self.tie!r}")

    def row_function(self) -> RowFunction:
        """Decode one row."""
        classes, threshold, votes = self.classes, self.threshold, self.by == "votes"
        source, above = self._source, self._above

        def run(values: Row) -> None:
            found = values[source]
            if threshold is not None:
                winner = int(found[1] >= threshold)
            elif len(found) == 1:
                winner = int(found[0] > above) if len(classes) == 2 else 0
            else:
                found = [math.floor(score + 0.5) for score in found] if votes else found
                winner = found.index(max(found))
            values[PREDICTION] = classes[winner]

        return run

    def batch(self, columns: Columns) -> None:
        """Decode a batch into an object array of labels."""
        found = columns[self._source]
        if self.threshold is not None:
            winners = (found[:, 1] >= self.threshold).astype(np.int64)
        elif found.shape[1] == 1:
            winners = ((found[:, 0] > self._above) & (len(self.classes) == 2)).astype(np.int64)
        else:
            winners = np.argmax(np.floor(found + 0.5) if self.by == "votes" else found, axis=1)
        labels = np.empty(len(self.classes), object)
        labels[:] = self.classes
        columns[PREDICTION] = labels[winners]

    def makes(self) -> frozenset[str]:
        """Make the prediction."""
        return frozenset({PREDICTION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need what it decodes."""
        return (after - {PREDICTION}) | {self._source}

    @property
    def _above(self) -> float:
        """What one score must be above for the second class: 0, or the largest number below it."""
        return 0.0 if self.tie == "first" else -math.ulp(0.0)

    @property
    def _source(self) -> str:
        return PROBABILITIES if self.by == "probabilities" or self.threshold is not None else SCORES


@operation
@dataclass(frozen=True)
class Respond(Op):
    """Write a regression's one score as the prediction, through `exp` where the model is linear in the logarithm.

    `exp_float32` is `exp` rounded to float32.
    """

    op: ClassVar[str] = "respond"
    link: Literal["identity", "exp", "exp_float32"] = "identity"

    def __post_init__(self) -> None:
        if self.link not in _RESPONSES:
            raise ValueError(f"respond: link {self.link!r}")

    def row_function(self) -> RowFunction:
        """Answer one row."""
        respond = _RESPONSES[self.link]

        def run(values: Row) -> None:
            values[PREDICTION] = respond(values[SCORES][0])

        return run

    def batch(self, columns: Columns) -> None:
        """Answer a batch, as float64."""
        scores = columns[SCORES][:, 0]
        if self.link != "identity":
            scores = exps(np.minimum(scores, 709.0))
        if self.link == "exp_float32":
            with np.errstate(over="ignore"):
                scores = scores.astype(np.float32).astype(np.float64)
        columns[PREDICTION] = scores

    def makes(self) -> frozenset[str]:
        """Make the prediction."""
        return frozenset({PREDICTION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the score."""
        return (after - {PREDICTION}) | {SCORES}


def _exp(score: float) -> float:
    return math.exp(min(score, 709.0))


_RESPONSES: dict[str, Callable[[float], float]] = {"identity": float, "exp": _exp, "exp_float32": single_exp}
