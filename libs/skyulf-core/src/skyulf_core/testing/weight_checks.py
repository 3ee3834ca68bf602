"""What a model promises about weights of rows."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.params import Params
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.testing.compare import CheckError, require, same_value
from skyulf_core.testing.model_sample import applier_of, model_of, scaled_features_of, target_of
from skyulf_core.testing.node_checks import Case

_TOLERANCE = 1e-6
Weights = NDArray[np.float64]


def weights_are_refused_unless_taken(case: Case) -> None:
    """A pipeline gives weights to no model that does not take them, and to any that does."""
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "label"}}]
    model = {"node": case.entry.name, "config": dict(case.raw), "weights": "price"}
    found = [problem for problem in resolve({"steps": steps, "model": model}).problems if "weights" in problem.pointer]
    taken = model_of(case).takes_weights(case.config)
    require(taken or bool(found), "weights are given to a model that does not take them")
    require(not taken or not found, f"weights are refused: {[str(problem) for problem in found]}")


def weights_of_one_change_nothing(case: Case) -> None:
    """The weight 1 for every row is what no weights are, unless the model says that it is not."""
    model = model_of(case)
    if not model.takes_weights(case.config) or model.weights_of_one_differ(case.config):
        return
    data, target = scaled_features_of(case), target_of(case)[0]
    wanted = _fit(case, data, target, None)
    _require_same_answers(
        case, data, _fit(case, data, target, np.ones(data.height)), wanted, "weights of 1 (weights_of_one_differ)"
    )


def weights_matter(case: Case) -> None:
    """Rows of large weights teach something else than rows of small ones, here or with another example."""
    if not model_of(case).takes_weights(case.config):
        return
    data, target = scaled_features_of(case), target_of(case)[0]
    weights = np.where(np.arange(data.height) < data.height // 2, 0.01, 10.0)
    for raw in (case.raw, *case.calculator.examples):
        other = Case.of(case.entry, raw)
        found, wanted = _fit(other, data, target, weights), _fit(other, data, target, None)
        if any(not np.array_equal(np.asarray(value), np.asarray(wanted[name])) for name, value in found.items()):
            return
    raise CheckError("weights change nothing of what is learned")


def weights_repeat_rows(case: Case) -> None:
    """Where the model says so, a row of weight n teaches what n equal rows teach, and one of weight 0 nothing."""
    if not model_of(case).repeats_by_weight:
        return
    data, target = scaled_features_of(case), target_of(case)[0]
    weights = np.random.default_rng(11).integers(0, 4, data.height)
    rows = np.repeat(np.arange(data.height), weights)
    repeated = _fit(case, data[rows], target[rows] if len(target) else target, None)
    _require_same_answers(case, data, _fit(case, data, target, weights.astype(np.float64)), repeated, "whole weights")


def _fit(case: Case, data: pl.DataFrame, target: NDArray[np.generic], weights: Weights | None) -> Params:
    return model_of(case).fit(data, target, case.config, weights=weights)


def _require_same_answers(case: Case, data: pl.DataFrame, found: Params, wanted: Params, where: str) -> None:
    applier = applier_of(case)
    one, other = applier.predict_proba(data, found), applier.predict_proba(data, wanted)
    if one is None or other is None:
        _require_near(applier.predict(data, found), applier.predict(data, wanted), where)
    else:
        _require_near(one, other, where)


def _require_near(found: NDArray[np.generic], wanted: NDArray[np.generic], where: str) -> None:
    require(found.shape == wanted.shape, f"{where}: {found.shape} answers instead of {wanted.shape}")
    for index, (one, other) in enumerate(zip(np.ravel(found).tolist(), np.ravel(wanted).tolist(), strict=True)):
        near = same_value(one, other, tolerance=_TOLERANCE)
        require(near, f"{where}: answer {index} is {one!r} instead of {other!r}")


WEIGHT_CHECKS = (
    weights_are_refused_unless_taken, weights_of_one_change_nothing, weights_matter, weights_repeat_rows,
)  # fmt: skip
