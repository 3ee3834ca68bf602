"""EllipticEnvelope: training rows far from the centre of a robust ellipse."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.nodes.base import Calculator, Kind, NodeConfig, RowApplier
from skyulf_core.nodes.columns import ColumnNames, chosen_from, columns_field
from skyulf_core.nodes.matrix import in_own_words
from skyulf_core.nodes.outliers.matrices import complete, matrix_of, training_matrix
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMERIC, Schema

_MOST_ROWS = 20_000


class EllipticEnvelopeConfig(NodeConfig):
    """How many rows are taken for outliers, and how the ellipse is found."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    contamination: float = Field(
        default=0.1, gt=0.0, le=0.5, title="Contamination", description="Share of the training rows that are left out."
    )
    support_fraction: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        title="Support fraction",
        description="Share of the rows that the first, raw estimate rests on; left out: a little more than half.",
    )
    random_state: int = Field(
        default=0,
        ge=0,
        lt=2**32,
        title="Random state",
        description="Seed of the random starts; the same gives the same.",
    )


class EllipticEnvelopeApplier(RowApplier):
    """Keeps rows that are near enough; a row with a missing value has no distance and stays."""

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return the positions of the rows to keep."""
        columns = params.strings("columns")
        if not columns or not data.height:
            return np.arange(data.height)
        matrix = matrix_of(data, columns)
        judged = complete(matrix)
        location, precision = (cast("NDArray[np.float64]", params.array(name)) for name in ("location", "precision"))
        far = distances(matrix[judged], location, precision) > float(cast("float", params["threshold"]))
        return np.setdiff1d(np.arange(data.height), judged[far])


@NodeRegistry.register("EllipticEnvelope", EllipticEnvelopeApplier)
class EllipticEnvelopeCalculator(Calculator[EllipticEnvelopeConfig]):
    """Leave out the training rows farthest from the centre of a robust ellipse; other rows keep all of theirs.

    Centre and shape come from the minimum covariance determinant (Rousseeuw), of scikit-learn, on the rows sorted by
    their values, so that their order teaches nothing. Of more than 20,000 rows, evenly spaced ones in that order teach
    centre and shape, as the estimate would take minutes; the share that is left out is always that of all. A row with a
    missing value stays and teaches nothing; constant columns are not looked at. Distances suit columns that are about
    normal: transform skewed ones before.

    >>> draw = np.random.default_rng(0)
    >>> data = pl.DataFrame({"x": [*draw.normal(size=99), 50.0], "y": [*draw.normal(size=99), -50.0]})
    >>> params = EllipticEnvelopeCalculator().fit(data, EllipticEnvelopeConfig(contamination=0.01))
    >>> EllipticEnvelopeApplier().apply(data, params).height, params["location"].round(1).tolist()
    (99, [0.1, 0.0])

    >>> EllipticEnvelopeCalculator().fit(data.head(3), EllipticEnvelopeConfig())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    skyulf_core.problems.DataError: 3 of 3 training rows have a value in every column; 5 are needed. ...
    """

    family = "outliers"
    kind = Kind.ROW_CHANGING
    keywords = ("outlier", "anomaly", "mahalanobis", "robust covariance", "gaussian", "rows")
    examples = (
        {},
        {"columns": ["number", "price"], "contamination": 0.05, "support_fraction": 0.9, "random_state": 4},
        {"columns": ["large"], "contamination": 0.3},
        {"columns": []},
    )
    accepts = NUMERIC
    reference = "sklearn.covariance.EllipticEnvelope on sorted rows"

    def fit(self, data: pl.DataFrame, config: EllipticEnvelopeConfig) -> Params:
        """Learn centre, precision matrix and the largest distance that stays."""
        columns = chosen_from(data, config.columns, NUMERIC)
        if not columns:
            return Params(columns=[], location=np.empty(0), precision=np.empty((0, 0)), threshold=0.0)
        rows = training_matrix(data, columns, fewest=2 * len(columns) + 1 if len(columns) > 1 else 4)
        varying = np.flatnonzero(rows.min(axis=0) < rows.max(axis=0))
        if not len(varying):
            raise DataError("all columns are constant: no row is an outlier", reason="constant-columns")
        rows, columns = np.ascontiguousarray(rows[:, varying]), [columns[index] for index in varying]
        location, precision = _robust(rows[_evenly(len(rows))], config)
        found = -np.percentile(-distances(rows, location, precision), 100.0 * config.contamination)
        return Params(columns=columns, location=location, precision=precision, threshold=float(found))

    def infer_schema(self, schema: Schema, config: EllipticEnvelopeConfig) -> Schema:
        """Return the same columns."""
        return schema


def _evenly(rows: int) -> NDArray[np.int64]:
    return np.linspace(0, rows - 1, min(rows, _MOST_ROWS)).astype(np.int64)


def _robust(
    rows: NDArray[np.float64], config: EllipticEnvelopeConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.covariance import MinCovDet

    with warnings.catch_warnings():
        # columns that follow from each other: the pseudo-inverse has a rule for them
        warnings.simplefilter("ignore")
        try:
            model = MinCovDet(support_fraction=config.support_fraction, random_state=config.random_state).fit(rows)
        except ValueError as error:
            message = f"no ellipse can be found: {in_own_words(error)}; name other columns or a larger support_fraction"
            raise DataError(message, reason="no-covariance") from error
    location, precision = np.array(model.location_, np.float64), np.array(model.precision_, np.float64)
    if not (np.isfinite(location).all() and np.isfinite(precision).all()):
        raise DataError("no ellipse can be found: the covariance is not finite", reason="no-covariance")
    return location, precision


def distances(
    rows: NDArray[np.float64], location: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return squared Mahalanobis distances, summed column by column so that each row's is the same among any others."""
    offsets = rows - location
    total = np.zeros(len(rows))
    for i in range(offsets.shape[1]):
        inner = np.zeros(len(rows))
        for j in range(offsets.shape[1]):
            inner += offsets[:, j] * precision[i, j]
        total += offsets[:, i] * inner
    return total
