"""Importances that a fitted model has of its own: coefficients, gains or numbers of splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
import polars as pl
from pydantic import JsonValue

from skyulf_core.evaluation.rows import Floats
from skyulf_core.explanation.outcomes import model_of, raw_rows
from skyulf_core.explanation.parts import model_sum
from skyulf_core.fitted import FittedModel
from skyulf_core.models._base import to_matrix
from skyulf_core.pipeline.applying import features_of
from skyulf_core.pipeline.sources import Frames
from skyulf_core.problems import NotFittedError
from skyulf_core.serving.ops import Linear, TreeEnsemble

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

Source: TypeAlias = Literal["coefficients", "gains", "splits"]


@dataclass(frozen=True)
class Importance:
    """How much one feature or column counts: its share of all, and the coefficients themselves where there are any."""

    name: str
    share: float
    values: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {"name": self.name, "share": self.share, "values": list(self.values)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Importance:
        """Read what `to_dict` returned."""
        values = tuple(map(float, cast("list[float]", data["values"])))
        return cls(str(data["name"]), float(cast("float", data["share"])), values)


@dataclass(frozen=True)
class Importances:
    """What a model goes by, the most important first, by feature and by the input columns that features come from.

    `kind`: `coefficients` (one per output; shares are of their size times the spread of the feature where rows were
    known, which `scaled` says), `gains` (what splits by a feature gained at training), `splits` (how many there are).
    A feature of several columns counts for each of them in equal parts.
    """

    kind: Source
    features: tuple[Importance, ...]
    columns: tuple[Importance, ...]
    scaled: bool = True

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {
            "kind": self.kind, "scaled": self.scaled, "features": [each.to_dict() for each in self.features],
            "columns": [each.to_dict() for each in self.columns],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Importances:
        """Read what `to_dict` returned."""
        features, columns = (
            tuple(Importance.from_dict(each) for each in cast("list[dict[str, object]]", data[name]))
            for name in ("features", "columns")
        )
        return cls(cast("Source", data["kind"]), features, columns, bool(data["scaled"]))


def importances(pipeline: Pipeline, rows: Frames | None = None) -> Importances:
    """Return the importances that the model of a fitted pipeline has.

    Coefficients are compared by what they move over `rows` (by default some rows of the training, where the pipeline
    still knows any). Raises NotFittedError for a model without coefficients or trees: permutation importance fits all.
    """
    fitted = pipeline.fitted
    model = model_of(fitted)
    known = pipeline.some_rows if rows is None else raw_rows(pipeline, rows)
    kind, weights, values, scaled = _weights(model, None if known is None else features_of(fitted, known))
    shares = weights / total if (total := float(weights.sum())) > 0 else weights
    by_column: dict[str, float] = defaultdict(float)
    for name, share in zip(model.features, shares.tolist(), strict=True):
        origins = fitted.origins([name])[name] if share else ()
        for origin in origins:
            by_column[origin] += share / len(origins)
    features = [
        Importance(name, share, tuple(own))
        for name, share, own in zip(model.features, shares.tolist(), values.T.tolist(), strict=True)
    ]
    columns = [Importance(name, share) for name, share in by_column.items()]
    return Importances(kind, _ordered(features), _ordered(columns), scaled)


def _weights(model: FittedModel, features: pl.DataFrame | None) -> tuple[Source, Floats, Floats, bool]:
    """Return the kind, the size of each feature, and its coefficients (outputs x features)."""
    count, none = len(model.features), np.empty((0, len(model.features)))
    if "importances" in model.params:
        return "gains", np.asarray(model.params.array("importances"), np.float64), none, True
    found = model_sum(model)
    op = None if found is None or found.before else found.op
    if isinstance(op, Linear):
        sizes = np.abs(op.coefficients).mean(axis=0)
        spread = np.ones(count) if features is None else np.nanstd(to_matrix(features), axis=0)
        return "coefficients", sizes * np.nan_to_num(spread), op.coefficients, features is not None
    if isinstance(op, TreeEnsemble):
        inner = op.feature[op.feature >= 0]
        return "splits", np.bincount(inner, minlength=count).astype(np.float64), none, True
    message = f"{model.node} has no importances of its own; use permutation_importance, which works for every model."
    raise NotFittedError(message)


def _ordered(found: Sequence[Importance]) -> tuple[Importance, ...]:
    return tuple(sorted(found, key=lambda each: -each.share))
