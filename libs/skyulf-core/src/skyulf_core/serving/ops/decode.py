"""The last operations: decode (from scores or probabilities to a class label) and respond (to a number)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from skyulf_core.serving.ops.base import Columns, Op, Row, RowFunction, operation
from skyulf_core.serving.ops.linear import PREDICTION, PROBABILITIES, SCORES


@operation
@dataclass(frozen=True)
class Decode(Op):
    """Write the label of the winning class; the first of equals wins.

    `by: scores`: one score (the second class wins above 0) or one per class; `by: probabilities`: the largest.
    With `threshold` (two classes) the second class wins from that probability on.
    """

    op: ClassVar[str] = "decode"
    classes: tuple[bool | int | float | str, ...]
    by: Literal["scores", "probabilities"] = "probabilities"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if not self.classes or self.by not in ("scores", "probabilities"):
            raise ValueError(f"decode: classes {self.classes!r}, by {self.by!r}")
        if self.threshold is not None and len(self.classes) != 2:
            raise ValueError("decode: a threshold needs two classes")

    def row_function(self) -> RowFunction:
        """Decode one row."""
        classes, threshold = self.classes, self.threshold
        source = SCORES if self.by == "scores" and threshold is None else PROBABILITIES

        def run(values: Row) -> None:
            found = values[source]
            if threshold is not None:
                winner = int(found[1] >= threshold)
            elif len(found) == 1:
                winner = int(found[0] > 0.0) if len(classes) == 2 else 0
            else:
                winner = found.index(max(found))
            values[PREDICTION] = classes[winner]

        return run

    def batch(self, columns: Columns) -> None:
        """Decode a batch into an object array of labels."""
        found = columns[SCORES if self.by == "scores" and self.threshold is None else PROBABILITIES]
        if self.threshold is not None:
            winners = (found[:, 1] >= self.threshold).astype(np.int64)
        elif found.shape[1] == 1:
            winners = ((found[:, 0] > 0.0) & (len(self.classes) == 2)).astype(np.int64)
        else:
            winners = np.argmax(found, axis=1)
        labels = np.empty(len(self.classes), object)
        labels[:] = self.classes
        columns[PREDICTION] = labels[winners]

    def makes(self) -> frozenset[str]:
        """Make the prediction."""
        return frozenset({PREDICTION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need what it decodes."""
        return (after - {PREDICTION}) | {SCORES if self.by == "scores" and self.threshold is None else PROBABILITIES}


@operation
@dataclass(frozen=True)
class Respond(Op):
    """Write a regression's one score as the prediction, through `exp` where the model is linear in the logarithm."""

    op: ClassVar[str] = "respond"
    link: Literal["identity", "exp"] = "identity"

    def __post_init__(self) -> None:
        if self.link not in ("identity", "exp"):
            raise ValueError(f"respond: link {self.link!r}")

    def row_function(self) -> RowFunction:
        """Answer one row."""
        respond = _exp if self.link == "exp" else float

        def run(values: Row) -> None:
            values[PREDICTION] = respond(values[SCORES][0])

        return run

    def batch(self, columns: Columns) -> None:
        """Answer a batch, as float64."""
        scores = columns[SCORES][:, 0]
        columns[PREDICTION] = np.array([_exp(s) for s in scores.tolist()]) if self.link == "exp" else scores

    def makes(self) -> frozenset[str]:
        """Make the prediction."""
        return frozenset({PREDICTION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the score."""
        return (after - {PREDICTION}) | {SCORES}


def _exp(score: float) -> float:
    return math.exp(min(score, 709.0))
