"""SkyulfClassifier and SkyulfRegressor: a whole pipeline as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d

from skyulf_core.interop.tables import refusing, table_of
from skyulf_core.nodes.base import UNSUPERVISED, ModelCalculator
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.pipeline import Pipeline
from skyulf_core.pipeline.validation import validate_config
from skyulf_core.schema import ColumnSchema, Schema

if TYPE_CHECKING:
    from typing import Self

Steps = Sequence[Mapping[str, object]]


class _Predictor(BaseEstimator):  # type: ignore[misc]
    """Fits a pipeline of steps and a model on all rows that it is given; splitting is scikit-learn's business here."""

    def __init__(
        self, model: str, steps: Steps | None = None, model_config: Mapping[str, object] | None = None
    ) -> None:
        self.model = model
        self.steps = steps
        self.model_config = model_config

    def _fit(self, x: object, target: NDArray[Any], sample_weight: object) -> None:
        data = table_of(self, x, reset=True)
        if len(target) != data.height:
            found = [data.height, len(target)]
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {found}")
        if self.model in NodeRegistry.names() and NodeRegistry.get(self.model).info().task in UNSUPERVISED:
            raise ValueError(f"{self.model} learns without a target; it is neither a classifier nor a regressor")
        name = free_name("target", set(data.columns))
        rows, weights = data.with_columns(pl.Series(name, target.tolist())), None
        if sample_weight is not None:
            weights = free_name("sample_weight", set(rows.columns))
            values = _check_sample_weight(sample_weight, target, dtype=np.float64, ensure_non_negative=True)
            rows = rows.with_columns(pl.Series(weights, values))
        with refusing(data):
            self.pipeline_ = Pipeline.from_config(self._config(name, weights)).fit(rows)

    def _config(self, target: str, weights: str | None = None) -> dict[str, object]:
        model: dict[str, object] = {"node": self.model, "config": dict(self.model_config or {})}
        return {
            "steps": [{"node": "FeatureTargetSplit", "config": {"target": target}}, *(self.steps or ())],
            "model": model if weights is None else model | {"weights": weights},
        }

    def _predicted(self, x: object) -> list[object]:
        check_is_fitted(self)
        data = table_of(self, x, reset=False)
        with refusing(data):
            return pl.Series(self.pipeline_.predict(data)).to_list()

    def _accepts_missing(self) -> bool:
        """Say whether gaps in numbers are filled before the model, or taken by it."""
        columns = Schema([ColumnSchema("x0", "float", nullable=True), ColumnSchema("target", "float", nullable=False)])
        return validate_config(self._config("target"), columns).valid

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._accepts_missing()
        tags.target_tags.required = True
        model = NodeRegistry.get(self.model).calculator if self.model in NodeRegistry.names() else None
        if isinstance(model, ModelCalculator):
            tags.input_tags.positive_only = not model.accepts_negative and not self.steps
            tags.target_tags.positive_only = not model.accepts_negative_target
        return tags


def _gives_probabilities(estimator: SkyulfClassifier) -> bool:
    if estimator.model not in NodeRegistry.names():
        return True  # `fit` refuses the name, with the nearest one
    entry = NodeRegistry.get(estimator.model)
    if not isinstance(entry.calculator, ModelCalculator):
        return False
    try:
        config = entry.config_model.model_validate(dict(estimator.model_config or {}))
    except ValidationError:
        return True  # `fit` says what is wrong
    return entry.calculator.gives_probabilities(config)


def _refuse_one_weighed(labels: NDArray[Any], weights: NDArray[np.float64]) -> None:
    weighed = np.unique(labels[weights > 0]) if len(weights) == len(labels) else labels
    if len(weighed) == 1:
        raise ValueError(f"Classifier can't train when only one class has weights above 0: {weighed.tolist()[0]!r}")


class SkyulfClassifier(ClassifierMixin, _Predictor):  # type: ignore[misc]
    """A classification model of this library, after steps of this library, as a scikit-learn classifier.

    `steps` is the list form of a pipeline without splitter and model; `model` a model's name, `model_config` its
    configuration. `pipeline_` is the fitted pipeline: it can be saved and served.

    >>> classifier = SkyulfClassifier(steps=[{"node": "StandardScaler"}])
    >>> classifier.fit([[1.0], [2.0], [8.0], [9.0]], ["low", "low", "high", "high"]).predict([[1.5]]).tolist()
    ['low']
    """

    def __init__(
        self,
        model: str = "logistic_regression",
        steps: Steps | None = None,
        model_config: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(model, steps, model_config)

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Learn from the rows and their labels; `sample_weight` says how much each row counts. Raises ValueError.

        So does a model that cannot weigh rows. Steps do not weigh them.
        """
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        classes = np.unique(labels)
        if len(classes) == 1:
            raise ValueError(f"Classifier can't train when only one class is present: {classes[0]!r}")
        if sample_weight is not None:
            _refuse_one_weighed(labels, _check_sample_weight(sample_weight, labels, dtype=np.float64))
        self._fit(X, labels, sample_weight)
        self.classes_ = classes
        return self

    def predict(self, X: object) -> NDArray[Any]:
        """Return one label per row."""
        labels = self._predicted(X)
        return np.array(labels, dtype=self.classes_.dtype)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = tags.input_tags.positive_only  # as scikit-learn says of models of counts
        return tags

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: object) -> NDArray[np.float64]:
        """Return the probability of each class, in the order of `classes_`."""
        check_is_fitted(self)
        data = table_of(self, X, reset=False)
        with refusing(data):
            return pl.DataFrame(self.pipeline_.predict_proba(data)).to_numpy(order="c")


class SkyulfRegressor(RegressorMixin, _Predictor):  # type: ignore[misc]
    """A regression model of this library, after steps of this library, as a scikit-learn regressor.

    >>> SkyulfRegressor().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0]).predict([[2.0]]).round(6).tolist()
    [2.0]
    """

    def __init__(
        self,
        model: str = "ridge_regression",
        steps: Steps | None = None,
        model_config: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(model, steps, model_config)

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Learn from the rows and their values; `sample_weight` says how much each row counts. Raises ValueError.

        So does a model that cannot weigh rows. Steps do not weigh them.
        """
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        values = column_or_1d(y, warn=True).astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("Input y contains NaN or infinity.")
        self._fit(X, values, sample_weight)
        return self

    def predict(self, X: object) -> NDArray[np.float64]:
        """Return one value per row."""
        return np.array(self._predicted(X), dtype=np.float64)
