"""A classifier whose probabilities are calibrated on rows that it did not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, Self, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, field_validator, model_validator
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import StratifiedKFold

from skyulf_core.models._base import PlanApplier, fitting, refuse_one_class
from skyulf_core.models._calibration import Method, Source, calibration_arrays, calibration_op, refuse_rare_classes
from skyulf_core.models._ensembles import check_weighable
from skyulf_core.models._learners import Learner, check_task
from skyulf_core.models._members import Member, Take, Weights, packed, refuse_weights, train, unpacked
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Ensemble, Op

_NAME = "calibrated_classifier"
Rows = NDArray[np.int64]


class CalibratedClassifierConfig(NodeConfig):
    """Configuration of calibrated_classifier."""

    estimator: Learner = Field(
        default_factory=lambda: Learner(node="logistic_regression"),
        title="Model",
        description="The classifier that is calibrated; logistic_regression where none is named.",
    )
    method: Literal["sigmoid", "isotonic"] = Field(
        "sigmoid", title="Method", description="sigmoid for few rows; isotonic, free in its form, for 1,000 and more."
    )
    cv: int = Field(5, ge=2, le=100, title="Folds", description="Each fold is calibrated on by a model of the others.")
    ensemble: bool = Field(
        True,
        title="Ensemble",
        description="The mean of a model per fold; otherwise one model of all rows, calibrated on all folds.",
    )
    class_weight: ClassWeight = None

    @field_validator("estimator")
    @classmethod
    def _classifies(cls, value: Learner) -> Learner:
        check_task([value], "classification")
        return value

    @model_validator(mode="after")
    def _classes_are_weighable(self) -> Self:
        check_weighable(self, [self.estimator])
        return self


class CalibratedClassifierApplier(PlanApplier):
    """Predicts with the models of the folds and their calibration."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the model's operations and a calibration behind them, for several models as an ensemble."""
        members = unpacked(params)
        parts = [
            [*member.ops(features, decoded=False), calibration_op(Params(each))]
            for member, each in zip(members, _calibrations(params), strict=True)
        ]
        decode = Decode(tuple(classes or ()))
        if len(parts) == 1:
            return [*parts[0], decode]
        takes: list[Take] = ["probabilities"] * len(parts)
        return [Ensemble(tuple(map(tuple, parts)), tuple(takes)), decode]


@NodeRegistry.register(_NAME, CalibratedClassifierApplier)
class CalibratedClassifierCalculator(ModelCalculator[CalibratedClassifierConfig]):
    """Another classifier with honest probabilities: calibrated on rows that it did not learn from.

    The rows are divided into folds with the shares of the classes kept. What is calibrated is the model's decision
    function where scikit-learn's has one, else its probabilities. Nulls and weights are taken where the model takes
    them. The class is the one with the largest probability. `estimator.config.<parameter>` is what tuning calls the
    parameters of the model.
    """

    task: ClassVar[Task] = "classification"
    keywords = ("calibration", "probabilities", "platt", "sigmoid", "isotonic")
    reference = "sklearn.calibration.CalibratedClassifierCV"
    search_space: ClassVar[dict[str, dict[str, JsonValue]]] = {"method": {"choices": ["sigmoid", "isotonic"]}}
    examples = (
        {"estimator": {"node": "logistic_regression", "config": {"max_iter": 30}}, "cv": 3},
        {"estimator": {"node": "k_neighbors_classifier"}, "cv": 2, "method": "isotonic", "ensemble": False},
        {
            "estimator": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 4}},
            "cv": 2,
            "method": "isotonic",
        },
        {"estimator": {"node": "svc"}, "cv": 2, "ensemble": False},
    )

    def takes_missing(self, config: CalibratedClassifierConfig) -> bool:
        """Say what the model says."""
        return config.estimator.takes_missing

    def takes_weights(self, config: CalibratedClassifierConfig) -> bool:
        """Say what the model says."""
        return config.estimator.takes_weights

    def for_classes(
        self, config: CalibratedClassifierConfig, classes: Sequence[Label], *, known: Sequence[Label], node: str
    ) -> CalibratedClassifierConfig:
        """Return it, and the model in it, with codes of classes for labels of the target. Raises DataError."""
        own = super().for_classes(config, classes, known=known, node=node)
        return own.model_copy(update={"estimator": config.estimator.for_classes(classes, known=known)})

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: CalibratedClassifierConfig,
        *,
        weights: Weights = None,
    ) -> Params:
        """Train the models of the folds and learn their calibration. Raises DataError for classes of few rows."""
        classes = refuse_one_class(target, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        refuse_weights([config.estimator], weights, _NAME)
        refuse_rare_classes(target, config.cv, _NAME)
        members: list[Member] = []
        found: list[tuple[Rows, Source, NDArray[np.float64]]] = []
        for train_rows, test_rows in _folds(target, config.cv):
            given = None if weights is None else weights[train_rows]
            member = train(
                config.estimator, features[train_rows], target[train_rows], given, node=_NAME, classes=classes
            )
            found.append((test_rows, *_responses(member, features[test_rows])))
            members.append(member)
        if not config.ensemble:
            members = [train(config.estimator, features, target, weights, node=_NAME, classes=classes)]
            rows = np.concatenate([rows for rows, _, _ in found])
            found = [(rows, found[0][1], np.concatenate([values for _, _, values in found]))]
        calibrations = [
            _calibration(values, target[rows], None if weights is None else weights[rows], config.method, source)
            for rows, source, values in found
        ]
        return calibrated_params(members, calibrations, classes)


def calibrated_params(members: Sequence[Member], calibrations: Sequence[dict[str, object]], classes: int) -> Params:
    """Return models and the calibration behind each."""
    arrays = {f"{name}@{i}": value for i, each in enumerate(calibrations) for name, value in each.items()}
    return Params({**packed(members), **arrays}, n_classes=classes)


def _folds(target: NDArray[np.generic], folds: int) -> Iterator[tuple[Rows, Rows]]:
    yield from StratifiedKFold(folds).split(np.zeros(len(target)), target)


def _responses(member: Member, features: pl.DataFrame) -> tuple[Source, NDArray[np.float64]]:
    source = cast("Source", member.takes(features.columns, ("scores", "probabilities")))
    values = member.answers(features, source)
    return source, values[:, 1:] if source == "probabilities" and member.classes == 2 else values


def _calibration(
    values: NDArray[np.float64], target: NDArray[np.generic], weights: Weights, method: Method, source: Source
) -> dict[str, object]:
    """Learn one function per class (two classes: one)."""
    classes = 2 if values.shape[1] == 1 else values.shape[1]
    calibrators = []
    with fitting(_NAME):
        for k, column in enumerate(values.T):
            right = (target == (1 if classes == 2 else k)).astype(np.int64)
            calibrator = IsotonicRegression(out_of_bounds="clip") if method == "isotonic" else _SigmoidCalibration()
            calibrators.append(calibrator.fit(np.ascontiguousarray(column), right, weights))
    return calibration_arrays(calibrators, classes, method=method, source=source)


def _calibrations(params: Params) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [{} for _ in params.items_of("members")]
    for name, value in params.items():
        field, at, number = name.rpartition("@")
        if at and "/" not in name:
            found[int(number)][field] = value
    return found
