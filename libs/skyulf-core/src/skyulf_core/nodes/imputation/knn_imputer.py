"""KNNImputer: missing values taken from the rows that are most alike."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field
from skyulf_core.nodes.imputation.training_matrix import training_matrix
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import KnnImpute, Op


class KNNImputerConfig(NodeConfig):
    """How many rows a missing value is taken from, and how they count."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    n_neighbors: int = Field(
        default=5, ge=1, le=1000, title="Neighbours", description="Rows that a missing value is the mean of."
    )
    weights: Literal["uniform", "distance"] = Field(
        default="uniform", title="Weights", description="All neighbours count alike, or nearer ones more."
    )
    max_samples: int = Field(
        default=10_000,
        ge=1,
        le=100_000,
        title="Most rows",
        description="Training rows to keep and search; of more a sample is drawn, the same one for the same rows.",
    )


class KNNImputerApplier(Applier):
    """Fills each null with the mean of the nearest rows of training that have the value."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the columns as floats without nulls."""
        columns = params.strings("columns")
        values = {name: data[name].cast(pl.Float64).to_numpy() for name in columns}
        for op in self.plan(params):
            op.batch(values)
        return data.with_columns(pl.Series(name, values[name], dtype=pl.Float64) for name in columns)

    def plan(self, params: Params) -> list[Op]:
        """Return one knn_impute operation."""
        columns = tuple(params.strings("columns"))
        matrix = cast("NDArray[np.float64]", params.array("matrix"))
        weights = cast("Literal['uniform', 'distance']", params.text("weights"))
        return [KnnImpute(columns, matrix, cast("int", params["n_neighbors"]), weights)] if columns else []


@NodeRegistry.register("KNNImputer", KNNImputerApplier)
class KNNImputerCalculator(Calculator[KNNImputerConfig]):
    """Replace missing numbers by the mean of the rows that are most alike.

    Alike are rows that are near in the columns that both have (scikit-learn's `nan_euclidean`); scale the columns
    before, or the one with the largest numbers decides alone. Without any row at a distance the column's mean is
    taken. As scikit-learn's, with three differences: of equally distant rows at the edge those with the smaller
    values are taken (there: any of them); distances come from differences, so that equal rows are at distance 0
    exactly, where scikit-learn's rounding leaves about 1e-8 of the numbers' size (so with `weights` `distance` a row
    equal to a known one gets its value here, and there a mix with its neighbours: 1e-6 away on columns around 0, 1e-2
    on columns far from it); of more than `max_samples` training rows a sample is searched.

    >>> data = pl.DataFrame({"age": [20.0, 30.0, None, 50.0], "years": [1.0, 2.0, 2.5, 9.0]})
    >>> params = KNNImputerCalculator().fit(data, KNNImputerConfig(n_neighbors=2))
    >>> KNNImputerApplier().apply(data, params)["age"].to_list()
    [20.0, 30.0, 25.0, 50.0]

    >>> KNNImputerCalculator().fit(data.with_columns(age=pl.lit(None, pl.Float64)), KNNImputerConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'age' has no value to learn from in the training rows; drop it with \
DropColumns, or fill it with a constant
    """

    family = "imputation"
    kind = Kind.LEARNED
    keywords = ("missing", "null", "nan", "nearest neighbours", "knn", "similar rows")
    examples = (
        {},
        {"columns": ["number", "price", "lat"], "n_neighbors": 3, "weights": "distance"},
        {"columns": ["number", "count", "flag"], "n_neighbors": 1},
        {"columns": ["number", "large", "lon"], "max_samples": 40},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.impute.KNNImputer"

    def fit(self, data: pl.DataFrame, config: KNNImputerConfig) -> Params:
        """Keep the training rows."""
        columns = chosen_from(data, config.columns, NUMERIC)
        return Params(
            columns=columns,
            matrix=training_matrix(data, columns, config.max_samples),
            n_neighbors=config.n_neighbors,
            weights=config.weights,
        )

    def infer_schema(self, schema: Schema, config: KNNImputerConfig) -> Schema:
        """Return the schema with floats without nulls in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float", nullable=False)
