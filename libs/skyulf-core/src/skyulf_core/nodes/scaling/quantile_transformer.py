"""QuantileTransformer: numbers replaced by their place among those of training."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from skyulf_core.nodes.base import Calculator, Kind, LazyApplier, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field
from skyulf_core.nodes.elementwise import mapped
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import Op, QuantileMap
from skyulf_core.serving.ops.quantiles import places


class QuantileTransformerConfig(NodeConfig):
    """How many quantiles are learned, and which distribution comes out."""

    columns: ColumnNames | None = columns_field("all integer and float columns (0/1 indicators are left alone)")
    n_quantiles: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        title="Quantiles",
        description="Quantiles to learn; no more than there are rows.",
    )
    output_distribution: Literal["uniform", "normal"] = Field(
        default="uniform", title="Distribution", description="Evenly between 0 and 1, or normal."
    )
    subsample: int | None = Field(
        default=10_000,
        ge=1,
        title="Most rows",
        description="Training rows to learn the quantiles from; of more a sample is drawn. Null: all rows.",
    )
    random_state: int = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        title="Random seed",
        description="Of the sample, where one is drawn.",
        json_schema_extra={"x-visible-if": {"subsample": {"not": None}}},
    )

    @model_validator(mode="after")
    def _enough(self) -> QuantileTransformerConfig:
        if self.subsample is not None and self.n_quantiles > self.subsample:
            raise ValueError("n_quantiles cannot be larger than subsample")
        return self


class QuantileTransformerApplier(LazyApplier):
    """Interpolates between the learned quantiles."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the mapped columns as floats; nulls stay null."""
        quantiles, references = _arrays(params)
        distribution = params.text("output_distribution")
        return frame.with_columns(
            mapped(name, partial(places, quantiles=values, references=references, distribution=distribution))
            for name, values in zip(params.strings("columns"), quantiles, strict=True)
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one quantile_map operation."""
        distribution = cast("Literal['uniform', 'normal']", params.text("output_distribution"))
        columns = tuple(params.strings("columns"))
        return [QuantileMap(columns, *_arrays(params), distribution)] if columns else []


def _arrays(params: Params) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return cast(
        "tuple[NDArray[np.float64], NDArray[np.float64]]", (params.array("quantiles"), params.array("references"))
    )


@NodeRegistry.register("QuantileTransformer", QuantileTransformerApplier)
class QuantileTransformerCalculator(Calculator[QuantileTransformerConfig]):
    """Spread numbers evenly over 0 to 1, or make them normal, by their place among the training rows.

    Order is kept, distances are not; values beyond those of training become 0 or 1 (normal: about -5.2 or 5.2).
    A column without values becomes null. As scikit-learn's; where a sample is drawn, from the rows sorted by their
    values, so that their order teaches nothing.

    >>> data = pl.DataFrame({"income": [10.0, 20.0, 30.0, 40.0, 9000.0]})
    >>> params = QuantileTransformerCalculator().fit(data, QuantileTransformerConfig())
    >>> new = pl.DataFrame({"income": [5.0, 25.0, 9000.0, None]})
    >>> QuantileTransformerApplier().apply(new, params)["income"].to_list()
    [0.0, 0.375, 1.0, None]

    >>> QuantileTransformerConfig(n_quantiles=100, subsample=10)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "scaling"
    kind = Kind.LEARNED
    keywords = ("quantile", "rank", "uniform", "normal", "gaussian", "percentile")
    examples = (
        {},
        {"columns": ["number", "count", "same", "flag"], "output_distribution": "normal"},
        {"n_quantiles": 7, "output_distribution": "uniform"},
        {"n_quantiles": 20, "subsample": 30, "random_state": 3},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.preprocessing.QuantileTransformer"

    def fit(self, data: pl.DataFrame, config: QuantileTransformerConfig) -> Params:
        """Learn the quantiles of every column."""
        columns = chosen_from(data, config.columns, NUMERIC)
        count = max(1, min(config.n_quantiles, data.height))
        references = np.linspace(0.0, 1.0, count)
        sample = _sample(_matrix(data, columns), config)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice")
            found = np.nanpercentile(sample, references * 100.0, axis=0) if sample.size else None
        quantiles = np.full((len(columns), count), np.nan) if found is None else np.maximum.accumulate(found).T
        return Params(
            columns=columns,
            quantiles=np.ascontiguousarray(quantiles),
            references=references,
            output_distribution=config.output_distribution,
        )

    def infer_schema(self, schema: Schema, config: QuantileTransformerConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")


def _matrix(data: pl.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    matrix = np.empty((data.height, len(columns)))
    for k, name in enumerate(columns):
        matrix[:, k] = data[name].cast(pl.Float64).to_numpy()
        if np.isinf(matrix[:, k]).any():
            message = f"column {name!r} holds infinite values: they have no place between others"
            raise DataError(message, reason="not-finite", column=name)
    return matrix


def _sample(matrix: NDArray[np.float64], config: QuantileTransformerConfig) -> NDArray[np.float64]:
    if config.subsample is None or config.subsample >= len(matrix) or not matrix.size:
        return matrix
    from sklearn.utils import resample

    ordered = (matrix + 0.0)[np.lexsort(matrix.T[::-1])]
    drawn = resample(ordered, replace=False, n_samples=config.subsample, random_state=config.random_state)
    return cast("NDArray[np.float64]", drawn)
