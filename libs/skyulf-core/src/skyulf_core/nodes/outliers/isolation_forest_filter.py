"""IsolationForestFilter: training rows that random cuts isolate quickly."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.models._isolation import LARGEST, expected_depth, isolation_arrays
from skyulf_core.nodes.base import Calculator, Kind, NodeConfig, RowApplier
from skyulf_core.nodes.columns import ColumnNames, chosen_from, columns_field
from skyulf_core.nodes.outliers.matrices import complete, matrix_of, training_matrix
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops.forest import walk_batch
from skyulf_core.serving.ops.walk import Trees


class IsolationForestFilterConfig(NodeConfig):
    """How many trees cut, and how many rows are taken for outliers."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    n_estimators: int = Field(default=100, ge=1, le=1_000, title="Trees", description="Number of trees.")
    contamination: Literal["auto"] | Annotated[float, Field(gt=0.0, le=0.5)] = Field(
        default="auto",
        title="Contamination",
        description="Share of the training rows that are left out, above 0 and up to 0.5; auto: those that are "
        "isolated in fewer cuts than expected, as the original paper has it.",
    )
    random_state: int = Field(
        default=0, ge=0, lt=2**32, title="Random state", description="Seed of the random cuts; the same gives the same."
    )


class IsolationForestFilterApplier(RowApplier):
    """Keeps rows that are not isolated quickly; a row with a missing value is not judged and stays."""

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return the positions of the rows to keep."""
        columns = params.strings("columns")
        if not columns or not data.height:
            return np.arange(data.height)
        matrix = matrix_of(data, columns)
        judged = complete(matrix)
        scores = score(_trees(params), matrix[judged], float(cast("float", params["expected_depth"])))
        return np.setdiff1d(np.arange(data.height), judged[scores < float(cast("float", params["lowest_score"]))])


@NodeRegistry.register("IsolationForestFilter", IsolationForestFilterApplier)
class IsolationForestFilterCalculator(Calculator[IsolationForestFilterConfig]):
    """Leave out the training rows that random cuts separate from the others quickly; other rows keep all of theirs.

    The forest is scikit-learn's IsolationForest, grown on the rows sorted by their values, so that their order teaches
    nothing; each tree sees up to 256 rows. A row with a missing value stays and teaches nothing.

    >>> draw = np.random.default_rng(0)
    >>> data = pl.DataFrame({"x": [*draw.normal(size=99), 50.0], "y": [*draw.normal(size=99), -50.0]})
    >>> params = IsolationForestFilterCalculator().fit(data, IsolationForestFilterConfig(contamination=0.01))
    >>> IsolationForestFilterApplier().apply(data, params)["x"].max() < 5
    True

    >>> IsolationForestFilterCalculator().fit(data.head(1), IsolationForestFilterConfig())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    skyulf_core.problems.DataError: 1 of 1 training rows have a value in every column; 2 are needed. ...
    """

    family = "outliers"
    kind = Kind.ROW_CHANGING
    keywords = ("outlier", "anomaly", "isolation forest", "trees", "rows")
    examples = (
        {"n_estimators": 20},
        {"columns": ["number", "price"], "contamination": 0.05, "n_estimators": 10, "random_state": 4},
        {"columns": []},
    )
    accepts = NUMERIC
    reference = "sklearn.ensemble.IsolationForest on sorted rows"

    def fit(self, data: pl.DataFrame, config: IsolationForestFilterConfig) -> Params:
        """Learn the trees and the smallest score that stays."""
        columns = chosen_from(data, config.columns, NUMERIC)
        if not columns:
            return Params(columns=[])
        rows = training_matrix(data, columns, fewest=2)
        if np.abs(rows).max() >= LARGEST:
            name = columns[int(np.abs(rows).max(axis=0).argmax())]
            raise DataError(f"column {name!r} holds values too large to cut", reason="too-large", column=name)
        arrays, expected = _grown(rows, config)
        lowest = -0.5
        if config.contamination != "auto":
            scores = score(Trees(**arrays), rows, expected)  # type: ignore[arg-type]
            lowest = float(np.percentile(scores, 100.0 * config.contamination))
        return Params(arrays, columns=columns, expected_depth=expected, lowest_score=lowest)

    def infer_schema(self, schema: Schema, config: IsolationForestFilterConfig) -> Schema:
        """Return the same columns."""
        return schema


def _grown(
    rows: NDArray[np.float64], config: IsolationForestFilterConfig
) -> tuple[dict[str, NDArray[np.generic]], float]:
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(n_estimators=config.n_estimators, random_state=config.random_state)
    model.fit(rows.astype(np.float32))
    return isolation_arrays(model), expected_depth(model)


def _trees(params: Params) -> Trees:
    return Trees(**{name: params.array(name) for name in Trees._fields})  # type: ignore[arg-type]


def score(trees: Trees, rows: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """Return the score of each row, from -1 (isolated at once) to 0, as sklearn's `score_samples`."""
    depths = walk_batch(trees, np.zeros(1), list(rows.T))[:, 0]
    return -(2.0 ** -(depths / expected)) if expected > 0.0 else np.full(len(rows), -0.5)
