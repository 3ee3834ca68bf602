"""What a fitted pipeline answers to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from skyulf_core.data.frames import Frame, normalise, require_columns, series_like, to_library_of, to_polars
from skyulf_core.fitted import FittedModel
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.pipeline.answering import answer_codes, answer_probabilities
from skyulf_core.pipeline.applying import features_of, labels_of, predict_scores, query_of
from skyulf_core.pipeline.configured import ConfiguredPipeline
from skyulf_core.pipeline.evaluating import evaluate_model
from skyulf_core.pipeline.sources import Frames, main_of
from skyulf_core.pipeline.weighing import check_weights
from skyulf_core.problems import DataError, NotFittedError

if TYPE_CHECKING:
    import pandas as pd

    from skyulf_core.evaluation import Evaluation


class Predictor(ConfiguredPipeline):
    """A pipeline that answers once it has learned; answers come in the library of the rows."""

    def transform(self, frames: Frames) -> pl.DataFrame | pl.LazyFrame | pd.DataFrame:
        """Return rows as they come out of the last step: the features that the model is given.

        A LazyFrame comes back as a LazyFrame: a query that has not run, where every step is one; only dates are looked
        at before. Raises DataError for missing columns, wrong types and refused values.
        """
        frame = self._rows(frames)
        if not isinstance(frame, pl.LazyFrame):
            return to_library_of(frame, features_of(self.fitted, to_polars(frame)))
        query = query_of(self.fitted, frame)
        return features_of(self.fitted, to_polars(frame)).lazy() if query is None else query

    def predict(self, frames: Frames) -> pl.Series | pd.Series[Any]:
        """Return one label or number per row. Raises DataError for missing columns, wrong types, refused values."""
        frame, _ = self._rows(frames), self._model()
        codes = answer_codes(self.fitted, features_of(self.fitted, to_polars(frame)))
        values = labels_of(codes, self.fitted.classes)
        # what a model without a target says is another thing than the target that it is compared with
        target = None if self.fitted.task in UNSUPERVISED else self.fitted.target
        return series_like(frame, target or "prediction", values.tolist() if values.dtype == object else values)

    def predict_proba(self, frames: Frames) -> pl.DataFrame | pd.DataFrame:
        """Return the probability of each class, a column per class. Raises NotFittedError where there are none."""
        from skyulf_core.serving.plan import label_key

        frame = self._rows(frames)
        probabilities = answer_probabilities(self.fitted, features_of(self.fitted, to_polars(frame)))
        if probabilities is None or self.fitted.classes is None:
            what = "A regression" if self.fitted.task == "regression" else f"{self._model().node} as configured"
            raise NotFittedError(f"{what} has no probabilities; use predict.")
        names = [label_key(label) for label in self.fitted.classes]
        return to_library_of(frame, pl.DataFrame(dict(zip(names, probabilities.T, strict=True))))

    def predict_interval(self, frames: Frames) -> pl.DataFrame | pd.DataFrame:
        """Return `low` and `high` of each row, between which the true number is as often as the coverage says.

        Raises NotFittedError where no intervals were learned (validation.conformal of a regression).
        """
        frame, conformal = self._rows(frames), self.fitted.conformal
        if conformal is None or conformal.makes_sets:
            raise NotFittedError("No intervals were learned; train a regression with validation.conformal.")
        values = answer_codes(self.fitted, features_of(self.fitted, to_polars(frame))).tolist()
        schema = {"low": pl.Float64, "high": pl.Float64}
        found = pl.DataFrame([conformal.interval(value) for value in values], schema=schema, orient="row")
        return to_library_of(frame, found)

    def predict_set(self, frames: Frames) -> pl.DataFrame | pd.DataFrame:
        """Return a column per class that says whether it is in the row's set, which holds the true class as often as
        the coverage says. Raises NotFittedError where no sets were learned (validation.conformal of a classification).
        """
        from skyulf_core.serving.plan import label_key

        frame, conformal = self._rows(frames), self.fitted.conformal
        probabilities = answer_probabilities(self.fitted, features_of(self.fitted, to_polars(frame)))
        if conformal is None or not conformal.makes_sets or probabilities is None or self.fitted.classes is None:
            raise NotFittedError("No sets were learned; train a classification with validation.conformal.")
        names = [label_key(label) for label in self.fitted.classes]
        inside = [conformal.codes(row) for row in probabilities.tolist()]
        found = {name: [code in codes for codes in inside] for code, name in enumerate(names)}
        return to_library_of(frame, pl.DataFrame(found, schema=dict.fromkeys(names, pl.Boolean)))

    def decision_function(self, frames: Frames) -> pl.Series | pd.Series[Any]:
        """Return how normal each row is: below 0 it is an anomaly. Raises NotFittedError for other models."""
        frame = self._rows(frames)
        scores = predict_scores(self._model(), features_of(self.fitted, to_polars(frame)))
        if scores is None:
            raise NotFittedError("This model does not detect anomalies; use predict.")
        return series_like(frame, "decision", scores)

    def evaluate(self, frames: Frames | None = None) -> Evaluation:
        """Return the metrics on the test rows held out by `fit`, or on new rows that hold the target.

        Where the model was given weights, rows count as much as they weigh; new rows without that column count alike.
        Of a model that learns without a target: on the training rows where none were held out, and on new rows, with or
        without a target to compare with.
        """
        model = self._model()
        if frames is None:
            if self.fitted.evaluation is None:
                raise NotFittedError("There were no test rows; give rows to evaluate on.")
            return self.fitted.evaluation
        target = self.fitted.target or ""
        data = to_polars(self._rows(frames))
        if self.fitted.task in UNSUPERVISED:
            reference = normalise(data.select(target))[target] if target in data.columns else None
            return evaluate_model(self.fitted, model, features_of(self.fitted, data), reference)
        require_columns(data, [target])
        truth = normalise(data.select(target))[target]
        if truth.null_count():
            raise DataError(f"the target {target!r} is missing in some rows", reason="null-target", column=target)
        return evaluate_model(self.fitted, model, features_of(self.fitted, data), truth, weights=self._weights(data))

    def _rows(self, frames: Frames) -> Frame:
        """Return the frame whose rows are predicted."""
        return main_of(frames, self._resolved.sources, self._resolved.main_source)

    def _weights(self, data: pl.DataFrame) -> pl.Series | None:
        """Return the weights of new rows, where they have any."""
        name = self._resolved.weights
        if name is None or name not in data.columns:
            return None
        return check_weights(normalise(data.select(name))[name])

    def _model(self) -> FittedModel:
        if self.fitted.model is None:
            raise NotFittedError("This pipeline has no model; use transform.")
        return self.fitted.model
