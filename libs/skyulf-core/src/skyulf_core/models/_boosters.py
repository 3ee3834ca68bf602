"""What the models of XGBoost and LightGBM share: a held-out part for early stopping, and their trees as arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.config import JsonDict
from sklearn.model_selection import train_test_split

from skyulf_core.models._base import fitting
from skyulf_core.models._configs import RandomState
from skyulf_core.models._trees import float32_thresholds, stored_arrays
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.extras import extra_needed
from skyulf_core.serving.ops.extras import need

_PLACE = re.compile(r"^(\[[^\]]*\] )?\S+:\d+: ")
Weights: TypeAlias = NDArray[np.float64] | None
_STOPPING: JsonDict = {"x-visible-if": {"early_stopping_rounds": {"not": [None]}}}


class BoosterConfig(NodeConfig):
    """Fields that both libraries have."""

    n_estimators: int = Field(100, ge=1, le=10_000, title="Iterations", description="Boosting steps, at most.")
    reg_alpha: float = Field(0.0, ge=0, title="L1", description="Strength of the L1 penalty on leaf values.")
    early_stopping_rounds: int | None = Field(
        None, ge=1, title="Patience", description="Stop after so many steps without progress; null: make all steps."
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of the training rows for early stopping.",
        json_schema_extra=_STOPPING,
    )
    n_jobs: int | None = Field(
        None, ge=-1, title="Parallel jobs", description="Threads; null: one, -1: one per processor."
    )
    random_state: RandomState = 0

    @model_validator(mode="after")
    def _jobs_make_sense(self) -> BoosterConfig:
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0")
        return self

    def of_library(self) -> dict[str, object]:
        """Return the fields that the library's estimator takes."""
        fields = self.model_dump(exclude={"validation_fraction", "early_stopping_rounds"})
        return {**fields, "n_jobs": 1 if self.n_jobs is None else self.n_jobs}


@dataclass(frozen=True)
class Rows:
    """Rows to learn from."""

    features: NDArray[np.floating]
    target: NDArray[np.generic]
    weights: Weights


def rows_of(matrix: NDArray[np.floating], target: NDArray[np.generic], weights: Weights) -> Rows:
    """Return rows as both libraries read them; weights of 1 are none (XGBoost takes medians in another way then)."""
    return Rows(np.ascontiguousarray(matrix), target, None if weights is None or (weights == 1.0).all() else weights)


def held_out(rows: Rows, config: BoosterConfig, *, stratify: bool) -> tuple[Rows, Rows | None]:
    """Return the rows to train on, and those that say when to stop (None: all are trained on)."""
    if config.early_stopping_rounds is None:
        return rows, None
    train, test = train_test_split(
        np.arange(len(rows.target)),
        test_size=config.validation_fraction,
        random_state=config.random_state,
        stratify=rows.target if stratify else None,
    )
    return _some(rows, np.sort(train)), _some(rows, np.sort(test))


def _some(rows: Rows, which: NDArray[np.int64]) -> Rows:
    weights = None if rows.weights is None else rows.weights[which]
    return Rows(rows.features[which], rows.target[which], weights)


@contextmanager
def library(module: str, node: str) -> Iterator[ModuleType]:
    """Give a library of the extra `boosting`. Raises DataError where it is not there, or cannot learn."""
    with extra_needed():
        found = need(module, extra="boosting")
    with fitting(node):
        failure = getattr(getattr(found, "basic", found), "LightGBMError", ValueError)
        try:
            yield found
        except (ValueError, failure) as error:
            # errors of XGBoost begin with time and source file, and end with a trace of its own
            raise ValueError(_PLACE.sub("", str(error).partition("\nStack trace")[0])) from error


def xgboost_arrays(booster: Any) -> dict[str, object]:
    """Return the trees of a Booster of XGBoost, for `precision: float32`."""
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]["model"]
    trees = [_xgboost_tree(tree) for tree in model["trees"]]
    baseline = _margins(learner["learner_model_param"]["base_score"], learner["objective"]["name"])
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    return stored_arrays(trees, outputs=model["tree_info"], baseline=np.broadcast_to(baseline, (outputs,)).copy())


def _xgboost_tree(tree: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.generic]]:
    condition = np.asarray(tree["split_conditions"], np.float32)
    left = np.asarray(tree["left_children"], np.int64)
    return {
        "feature": np.where(left < 0, -1, np.asarray(tree["split_indices"], np.int64)),
        # x < t on float32: the same as x <= the float32 below t
        "threshold": float32_thresholds(np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)),
        "left": left,
        "right": np.asarray(tree["right_children"], np.int64),
        "missing_left": np.asarray(tree["default_left"], np.bool_),
        "value": condition.astype(np.float64),
    }


def _margins(base_score: str, objective: str) -> NDArray[np.float64]:
    """Return where the sums start: XGBoost stores it as an answer, and computes with float32."""
    answers = np.array([float(part) for part in base_score.strip("[]").split(",")], np.float32)
    if objective == "binary:logistic":
        odds = (np.float32(1.0) / answers - np.float32(1.0)).astype(np.float64)
        return -np.log(odds).astype(np.float32).astype(np.float64)
    if objective in ("count:poisson", "reg:gamma", "reg:tweedie"):
        return np.log(answers.astype(np.float64)).astype(np.float32).astype(np.float64)
    return answers.astype(np.float64)


def lightgbm_arrays(text: str, outputs: int) -> dict[str, object]:
    """Return the trees of a model of LightGBM, from its own text."""
    trees = [_lightgbm_tree(_fields(part)) for part in text.split("\nTree=")[1:]]
    numbers = [number % outputs for number in range(len(trees))]
    return stored_arrays(trees, outputs=numbers, baseline=np.zeros(outputs))


def _fields(part: str) -> dict[str, NDArray[np.float64]]:
    """Return the lines `name=numbers` of a tree."""
    lines = [line.partition("=") for line in part.partition("\n\n")[0].splitlines()[1:]]
    return {name: np.array(values.split(), np.float64) for name, _, values in lines if values}


def _lightgbm_tree(tree: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.generic]]:
    """Bring inner nodes and then leaves into one run; a child below 0 is the leaf `-child - 1`."""
    leaves, inner = tree["leaf_value"], len(tree.get("threshold", ()))
    threshold = tree.get("threshold", np.empty(0))
    # bits 2 and 3 of the decision say which nulls were there at training: without any, null is 0
    decision = tree.get("decision_type", np.empty(0)).astype(np.int64)
    missing = np.where(decision >> 2 & 3 == 2, decision >> 1 & 1 == 1, threshold >= 0.0)
    rest = len(leaves)
    left, right = (_children(tree.get(name, np.empty(0)), inner) for name in ("left_child", "right_child"))
    return {
        "feature": np.append(tree.get("split_feature", np.empty(0)).astype(np.int64), np.full(rest, -1)),
        "threshold": np.append(threshold, np.zeros(rest)),
        "left": np.append(left, np.full(rest, -1)),
        "right": np.append(right, np.full(rest, -1)),
        "missing_left": np.append(missing, np.zeros(rest, np.bool_)),
        "value": np.append(np.zeros(inner), leaves),
    }


def _children(children: NDArray[np.float64], inner: int) -> NDArray[np.int64]:
    found = children.astype(np.int64)
    return cast("NDArray[np.int64]", np.where(found < 0, inner - found - 1, found))
