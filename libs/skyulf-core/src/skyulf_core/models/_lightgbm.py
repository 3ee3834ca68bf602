"""What both models of LightGBM share."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator

from skyulf_core.models._base import to_matrix
from skyulf_core.models._boosters import BoosterConfig, held_out, library, lightgbm_arrays, rows_of

LIGHTGBM_SPACE: dict[str, dict[str, JsonValue]] = {
    "n_estimators": {"low": 50, "high": 500, "log": True},
    "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "num_leaves": {"low": 7, "high": 127, "log": True},
    "min_child_samples": {"low": 5, "high": 100, "log": True},
    "colsample_bytree": {"low": 0.4, "high": 1.0},
    "reg_lambda": {"low": 1e-3, "high": 100.0, "log": True},
}


class LightgbmConfig(BoosterConfig):
    """Fields of both models, named as in LightGBM, with its defaults."""

    num_leaves: int = Field(31, ge=2, le=131_072, title="Leaves", description="Most leaves of a tree.")
    max_depth: int = Field(-1, ge=-1, title="Depth", description="Largest depth of a tree; -1: no limit.")
    learning_rate: float = Field(
        0.1, gt=0, le=10, title="Learning rate", description="Factor on every tree; smaller needs more trees."
    )
    min_child_samples: int = Field(20, ge=0, title="Rows per leaf", description="Fewest rows in a leaf.")
    min_child_weight: float = Field(
        1e-3, ge=0, title="Weight per leaf", description="Least weight (hessian) in a leaf."
    )
    min_split_gain: float = Field(0.0, ge=0, title="Least gain", description="Least gain of a split.")
    subsample: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Row share",
        description="Share of the rows that trees see.",
        json_schema_extra={"x-visible-if": {"subsample_freq": {"not": [0]}}},
    )
    subsample_freq: int = Field(
        0, ge=0, title="Draw every", description="Rows are drawn anew after so many trees; 0: never."
    )
    colsample_bytree: float = Field(
        1.0, gt=0, le=1, title="Features per tree", description="Share of the features that each tree sees."
    )
    reg_lambda: float = Field(0.0, ge=0, title="L2", description="Strength of the L2 penalty on leaf values.")
    max_bin: int = Field(255, ge=2, le=65_535, title="Bins", description="Largest number of bins of a feature.")

    @model_validator(mode="after")
    def _depth_makes_sense(self) -> LightgbmConfig:
        if self.max_depth == 0:
            raise ValueError("max_depth must not be 0; -1 is no limit")
        return self


def fit_lightgbm(
    estimator: str,
    objective: str,
    features: pl.DataFrame,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    *,
    config: LightgbmConfig,
    node: str,
) -> dict[str, object]:
    """Train; return the nodes of all trees up to the best step as arrays. Raises DataError."""
    rows = rows_of(to_matrix(features), target, weights)
    with library("lightgbm", node) as lightgbm:
        train, test = held_out(rows, config, stratify=estimator == "LGBMClassifier")
        chosen = {**config.of_library(), "objective": objective, "verbose": -1, "importance_type": "gain"}
        model = getattr(lightgbm, estimator)(**chosen)
        watched: dict[str, Any] = {}
        if test is not None:
            stop = lightgbm.early_stopping(config.early_stopping_rounds, verbose=False)
            watched = {"eval_X": test.features, "eval_y": test.target, "callbacks": [stop]}
            watched["eval_sample_weight"] = None if test.weights is None else [test.weights]
        model.fit(train.features, train.target, sample_weight=train.weights, **watched)
        text = model.booster_.model_to_string(num_iteration=model.best_iteration_ or -1)
        outputs = int(model.booster_.num_model_per_iteration())
        arrays = lightgbm_arrays(text, outputs)
        return {**arrays, "importances": _shares(model.feature_importances_), "n_iter": _steps(arrays, outputs)}


def _shares(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    total = float(np.sum(gains))
    return np.asarray(gains, np.float64) / (total or 1.0)


def _steps(arrays: dict[str, object], outputs: int) -> int:
    return len(np.asarray(arrays["roots"])) // outputs
