"""What a fitted pipeline says of rows, as numbers that an explanation can take apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.data.frames import normalise, require_columns, to_polars
from skyulf_core.evaluation.rows import Floats, Rows, rows_of
from skyulf_core.fitted import FittedModel, FittedPipeline
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.pipeline.answering import answers
from skyulf_core.pipeline.applying import features_of, predict_codes, predict_scores
from skyulf_core.pipeline.sources import Frames, main_of
from skyulf_core.pipeline.targets import encoded
from skyulf_core.pipeline.weighing import check_weights, weight_values
from skyulf_core.problems import DataError, NotFittedError

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

Json: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Numbers of rows (rows x outputs), and the codes or values that are answered.

    `kind` says what the numbers are: `probability` (an output per class), `share` (1 for the class that is answered),
    `value` of a regression, or the `score` of a detector of anomalies.
    """

    numbers: Floats
    answers: NDArray[np.generic]
    kind: Literal["probability", "share", "value", "score"]


def model_of(fitted: FittedPipeline) -> FittedModel:
    """Return the model. Raises NotFittedError where there is none."""
    if fitted.model is None:
        raise NotFittedError("This pipeline has no model, so there is nothing to explain.")
    return fitted.model


def outcomes(fitted: FittedPipeline, features: pl.DataFrame) -> Outcomes:
    """Return what is answered of rows that came out of the last step, calibration and threshold included."""
    model = model_of(fitted)
    if fitted.task in UNSUPERVISED:
        codes, scores = predict_codes(model, features), predict_scores(model, features)
        if scores is not None:
            return Outcomes(scores[:, None], codes, "score")
        return Outcomes(_shares(codes), codes, "share")
    codes, probabilities = answers(fitted, features)
    if probabilities is not None:
        return Outcomes(probabilities, codes, "probability")
    if fitted.classes is not None:
        return Outcomes(_shares(codes, len(fitted.classes)), codes, "share")
    return Outcomes(codes.astype(np.float64)[:, None], codes, "value")


def outcomes_of_rows(fitted: FittedPipeline, rows: pl.DataFrame) -> Outcomes:
    """Return what is answered of raw rows."""
    return outcomes(fitted, features_of(fitted, rows))


def raw_rows(pipeline: Pipeline, frames: Frames) -> pl.DataFrame:
    """Return the table whose rows are predicted, as polars. Raises DataError where it has no rows."""
    found = to_polars(main_of(frames, pipeline.resolved.sources, pipeline.main_source))
    if not found.height:
        raise DataError("there are no rows to explain by", reason="no-rows")
    return found


def read_columns(fitted: FittedPipeline) -> list[str]:
    """Return the input columns that answers depend on."""
    optional = fitted.optional_columns()
    return [name for name in fitted.input_schema.names if name not in optional]


def judged_rows(pipeline: Pipeline, data: pl.DataFrame, said: Outcomes | None = None) -> Rows:
    """Return raw rows that hold the target as metrics want them. Raises DataError for a target that is missing."""
    fitted, target = pipeline.fitted, pipeline.fitted.target
    if target is None or fitted.task is None or fitted.task in UNSUPERVISED:
        raise DataError("only a classification or a regression can be compared with a target", reason="missing-target")
    require_columns(data, [target])
    truth = normalise(data.select(target))[target]
    if truth.null_count():
        raise DataError(f"the target {target!r} is missing in some rows", reason="null-target", column=target)
    found, name = outcomes_of_rows(fitted, data) if said is None else said, pipeline.resolved.weights
    weights = None
    if name is not None and name in data.columns:
        weights = weight_values(check_weights(normalise(data.select(name))[name]))
    probabilities = found.numbers if found.kind == "probability" else None
    codes = encoded(truth, fitted.task, fitted.classes)
    return rows_of(codes, found.answers, probabilities, classes=fitted.classes, weights=weights)


def json_value(value: object) -> JsonValue:
    """Return a cell as a JSON value: dates as ISO 8601, what is no finite number as null."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    isoformat = getattr(value, "isoformat", None)
    return cast("str", isoformat()) if isoformat is not None else str(value)


def _shares(codes: NDArray[np.generic], classes: int | None = None) -> Floats:
    whole = codes.astype(np.int64)
    known = np.unique(whole) if classes is None else np.arange(classes)
    return np.asarray(whole[:, None] == known, np.float64)
