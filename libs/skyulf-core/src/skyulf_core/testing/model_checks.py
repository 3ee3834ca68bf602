"""What a model promises."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import ModelApplier, ModelCalculator, NodeConfig
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import PREDICTION, PROBABILITIES
from skyulf_core.testing.compare import CheckError, require, require_same_frame, require_same_values
from skyulf_core.testing.node_checks import Case
from skyulf_core.testing.plans import run_columns, run_rows

_NAMES = ("count", "large", "flag", "number")


def _model(case: Case) -> ModelCalculator[NodeConfig]:
    return cast("ModelCalculator[NodeConfig]", case.calculator)


def _applier(case: Case) -> ModelApplier:
    if not isinstance(case.entry.applier, ModelApplier):
        raise CheckError("the model is registered without a ModelApplier")
    return case.entry.applier


def _features(case: Case, *, nulls: bool) -> pl.DataFrame:
    found = case.frame.select(_NAMES)
    return found if nulls else found.with_columns(pl.col("number").fill_null(0.0))


def _target(case: Case) -> tuple[NDArray[np.generic], tuple[str, ...] | None]:
    if _model(case).task == "regression":
        return case.frame["value"].to_numpy(), None
    classes, codes = np.unique(case.frame["label"].to_numpy(), return_inverse=True)
    return codes.astype(np.int64), tuple(str(label) for label in classes)


def _fit(case: Case) -> Params:
    return _model(case).fit(_features(case, nulls=_model(case).accepts_missing), _target(case)[0], case.config)


def model_params_round_trip(case: Case) -> None:
    """Params of a model are data: JSON values and arrays that numpy saves without pickle."""
    params = _fit(case)
    values, arrays = params.split()
    data = _features(case, nulls=False)
    again = Params.join(values, {name: np.array(array) for name, array in arrays.items()})
    found, wanted = _applier(case).predict(data, again), _applier(case).predict(data, params)
    require_same_values(found.tolist(), wanted.tolist(), "predictions")


def model_fit_leaves_its_input(case: Case) -> None:
    """Training changes neither features nor target."""
    data, (target, _) = _features(case, nulls=False), _target(case)
    before, copy = data.clone(), target.copy()
    _model(case).fit(data, target, case.config)
    require_same_frame(data, before, "features after fit", exact=True)
    require(bool((target == copy).all()), "the target after fit differs")


def model_predicts_row_by_row(case: Case) -> None:
    """A row is predicted as it would be among others, whatever their order; no rows give no predictions."""
    data, params, applier = _features(case, nulls=False), _fit(case), _applier(case)
    wanted = applier.predict(data, params)
    order = np.random.default_rng(3).permutation(data.height)
    require_same_values(applier.predict(data[order], params).tolist(), wanted[order].tolist(), "another order")
    require_same_values(applier.predict(data.head(1), params).tolist(), wanted[:1].tolist(), "one row")
    require(len(applier.predict(data.clear(), params)) == 0, "predictions for no rows")


def model_probabilities_fit(case: Case) -> None:
    """Probabilities are those of the classes, and sum to 1."""
    data, params = _features(case, nulls=False), _fit(case)
    _, classes = _target(case)
    probabilities = _applier(case).predict_proba(data, params)
    if classes is None:
        require(probabilities is None, "a regression has probabilities")
    elif probabilities is not None:
        require(probabilities.shape == (data.height, len(classes)), f"shape {probabilities.shape}")
        require(bool(np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)), "probabilities do not sum to 1")


def model_plan_equals_predict(case: Case) -> None:
    """The serving plan, by rows and by columns, predicts what the library predicts."""
    _, classes = _target(case)
    params, applier = _fit(case), _applier(case)
    data = _features(case, nulls=_model(case).accepts_missing)
    ops = applier.plan(params, features=data.columns, classes=classes)
    codes = applier.predict(data, params)
    wanted = codes.tolist() if classes is None else [classes[int(code)] for code in codes]
    rows, columns = run_rows(ops, data), run_columns(ops, data)
    require_same_values([row[PREDICTION] for row in rows], wanted, "plan by rows")
    require_same_values(columns[PREDICTION].tolist(), wanted, "plan by columns")
    probabilities = applier.predict_proba(data, params)
    if probabilities is not None:
        for index, row in enumerate(rows):
            require_same_values(row[PROBABILITIES], probabilities[index].tolist(), f"probabilities of row {index}")
        require(bool(np.allclose(columns[PROBABILITIES], probabilities, rtol=0, atol=1e-9)), "probabilities by columns")


def model_has_a_rule_for_nulls(case: Case) -> None:
    """A model that does not accept missing values refuses them by name."""
    if _model(case).accepts_missing:
        return
    try:
        _model(case).fit(_features(case, nulls=True), _target(case)[0], case.config)
    except DataError as error:
        require("number" in str(error), f"the error does not name the column: {error}")
        return
    raise CheckError("missing values are learned from silently")


MODEL_CHECKS = (
    model_params_round_trip, model_fit_leaves_its_input, model_predicts_row_by_row, model_probabilities_fit,
    model_plan_equals_predict, model_has_a_rule_for_nulls,
)  # fmt: skip
