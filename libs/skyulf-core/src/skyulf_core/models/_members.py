"""Models inside of a model: trained, kept as params, and run by their own plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._learners import Learner
from skyulf_core.nodes.base import Label, ModelApplier, ModelCalculator, NodeConfig
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import PREDICTION, PROBABILITIES, SCORES, Columns, Decode, Op, OpError
from skyulf_core.serving.ops.base import as_float

Take = Literal["scores", "probabilities", "prediction"]
Target = NDArray[np.generic]
Weights = NDArray[np.float64] | None

_CHUNK = 50_000
_SOURCES = {"scores": SCORES, "probabilities": PROBABILITIES, "prediction": PREDICTION}


@dataclass(frozen=True)
class Member:
    """A model that was trained; `classes` of a classifier are counted, 0 for a regression."""

    node: str
    params: Params
    classes: int = 0

    def ops(self, features: Sequence[str], *, decoded: bool = True, labels: Sequence[Label] | None = None) -> list[Op]:
        """Return its operations; a classifier predicts labels, or numbers of classes; without `decoded` scores only."""
        applier = cast("ModelApplier", NodeRegistry.get(self.node).applier)
        classes = range(self.classes) if self.classes and labels is None else labels
        found = applier.plan(self.params, features=features, classes=classes)
        return found if decoded else [op for op in found if not isinstance(op, Decode)]

    def answers(self, features: pl.DataFrame, take: Take) -> NDArray[np.float64]:
        """Return rows x numbers. Raises DataError for values that it refuses."""
        ops = self.ops(features.columns)
        parts = []
        for begin in range(0, max(features.height, 1), _CHUNK):
            part = features.slice(begin, _CHUNK)
            columns: Columns = {c.name: c.cast(pl.Float64).to_numpy() for c in part.iter_columns()}
            try:
                for op in ops:
                    op.batch(columns)
            except OpError as error:
                problem = error.problems[0]
                message = problem._replace(row=begin + problem.row).sentence()
                raise DataError(message, reason=problem.code, column=problem.column, node=self.node) from error
            found = columns[_SOURCES[take]]
            parts.append(as_float(found)[:, None] if take == "prediction" else found)
        return np.concatenate(parts)

    def takes(self, features: Sequence[str], wanted: Sequence[Take]) -> Take:
        """Return the first of the answers that it gives. Raises DataError where it gives none."""
        made = frozenset[str]().union(*(op.makes() for op in self.ops(features)))
        decides = cast("ModelCalculator[NodeConfig]", NodeRegistry.get(self.node).calculator).decides
        for take in wanted:
            if _SOURCES[take] in made and (take != "scores" or decides):
                return take
        ways = " or ".join("a decision function" if take == "scores" else take for take in wanted)
        raise DataError(
            f"{self.node} gives no {ways} as it is configured, and they are needed here; choose another model",
            reason="no-probabilities",
            node=self.node,
        )


def train(
    learner: Learner, features: pl.DataFrame, target: Target, weights: Weights, *, node: str, classes: int
) -> Member:
    """Train one model of the model `node`. Raises DataError that names both."""
    try:
        params = learner.calculator.fit(features, target, learner.parsed, weights=weights)
    except DataError as error:
        raise DataError(str(error), reason=error.reason, column=error.column, node=node) from error
    return Member(learner.node, params, classes)


def refuse_weights(learners: Sequence[Learner], weights: Weights, node: str) -> None:
    """Raise DataError where rows have weights and a learner has no use for them."""
    deaf = next((learner.node for learner in learners if not learner.takes_weights), None)
    if weights is not None and deaf is not None:
        message = f"{deaf} cannot weigh rows; leave the weights out, or choose another model in its place"
        raise DataError(message, reason="weights-not-supported", node=node)


def packed(members: Sequence[Member]) -> dict[str, object]:
    """Return members as params: their arrays by `<number>/<name>`, the rest under `members`."""
    arrays: dict[str, object] = {}
    listed: list[object] = []
    for number, member in enumerate(members):
        values, own = member.params.split()
        arrays |= {f"{number}/{name}": array for name, array in own.items()}
        listed.append({"node": member.node, "classes": member.classes, "values": values})
    return {**arrays, "members": listed}


def unpacked(params: Params) -> list[Member]:
    """Return the members of params."""
    own: list[dict[str, NDArray[np.generic]]] = [{} for _ in params.items_of("members")]
    for name in params:
        number, slash, rest = name.partition("/")
        if slash and number.isdigit():
            own[int(number)][rest] = params.array(name)
    return [
        Member(
            str(each["node"]),
            Params.join(cast("Mapping[str, object]", each["values"]), arrays),
            cast("int", each["classes"]),
        )
        for each, arrays in zip(params.items_of("members"), own, strict=True)
    ]
