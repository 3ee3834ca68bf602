"""What a model promises."""

from __future__ import annotations

import numpy as np
import polars as pl

from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import DECISION, PREDICTION, PROBABILITIES
from skyulf_core.testing.compare import CheckError, require, require_same_frame, require_same_values
from skyulf_core.testing.model_sample import (
    applier_of,
    classes_of,
    features_of,
    fit,
    model_of,
    takes_missing,
    target_of,
)
from skyulf_core.testing.node_checks import Case
from skyulf_core.testing.plans import run_columns, run_rows


def model_params_round_trip(case: Case) -> None:
    """Params of a model are data: JSON values and arrays that numpy saves without pickle."""
    params = fit(case)
    values, arrays = params.split()
    data = features_of(case, nulls=False)
    again = Params.join(values, {name: np.array(array) for name, array in arrays.items()})
    found, wanted = applier_of(case).predict(data, again), applier_of(case).predict(data, params)
    require_same_values(found.tolist(), wanted.tolist(), "predictions")


def model_fit_leaves_its_input(case: Case) -> None:
    """Training changes neither features nor target."""
    data, (target, _) = features_of(case, nulls=False), target_of(case)
    before, copy = data.clone(), target.copy()
    model_of(case).fit(data, target, case.config)
    require_same_frame(data, before, "features after fit", exact=True)
    require(bool((target == copy).all()), "the target after fit differs")


def model_predicts_row_by_row(case: Case) -> None:
    """A row is predicted as it would be among others, whatever their order; no rows give no predictions."""
    data, params, applier = features_of(case, nulls=False), fit(case), applier_of(case)
    wanted = applier.predict(data, params)
    order = np.random.default_rng(3).permutation(data.height)
    require_same_values(applier.predict(data[order], params).tolist(), wanted[order].tolist(), "another order")
    require_same_values(applier.predict(data.head(1), params).tolist(), wanted[:1].tolist(), "one row")
    require(len(applier.predict(data.clear(), params)) == 0, "predictions for no rows")


def model_probabilities_fit(case: Case) -> None:
    """Probabilities are those of the classes, and sum to 1."""
    data, params = features_of(case, nulls=False), fit(case)
    classes = classes_of(case, params)
    probabilities = applier_of(case).predict_proba(data, params)
    if classes is None:
        require(probabilities is None, f"a {model_of(case).task} has probabilities of nothing")
        return
    if model_of(case).task == "classification":
        promised = model_of(case).gives_probabilities(case.config)
        require((probabilities is not None) is promised, "whether there are probabilities is not what the model says")
    if probabilities is not None:
        require(probabilities.shape == (data.height, len(classes)), f"shape {probabilities.shape}")
        require(bool(np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)), "probabilities do not sum to 1")


def model_plan_equals_predict(case: Case) -> None:
    """The serving plan, by rows and by columns, predicts what the library predicts."""
    params, applier = fit(case), applier_of(case)
    classes = classes_of(case, params)
    data = features_of(case, nulls=takes_missing(case))
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
    decisions = applier.decision_function(data, params)
    if decisions is not None:
        require_same_values([row[DECISION] for row in rows], decisions.tolist(), "decisions by rows")
        require_same_values(columns[DECISION].tolist(), decisions.tolist(), "decisions by columns")


def model_answers_as_its_task_says(case: Case) -> None:
    """Clusters are numbered from 0 (-1: none); an anomaly is -1 and has a decision below 0, any other row is 1."""
    if model_of(case).supervised:
        return
    data, params, applier = features_of(case, nulls=False), fit(case), applier_of(case)
    answers, decisions = applier.predict(data, params), applier.decision_function(data, params)
    require(answers.dtype == np.int64, f"answers are {answers.dtype}")
    numbers = answers.astype(np.int64)
    if model_of(case).task == "clustering":
        count = int(str(params["n_clusters"]))
        require(bool(((numbers >= -1) & (numbers < count)).all()), f"answers that are none of {count} clusters")
        require(decisions is None, "a clustering decides about anomalies")
    elif decisions is None:
        raise CheckError("a detector of anomalies has no decisions")
    else:
        require(bool((answers == np.where(decisions < 0.0, -1, 1)).all()), "answers do not follow from decisions")


def model_without_target_never_sees_one(case: Case) -> None:
    """A model that learns without a target learns the same whatever it would be given."""
    if model_of(case).supervised:
        return
    data = features_of(case, nulls=False)
    params = [model_of(case).fit(data, target, case.config) for target in (np.zeros(0), np.arange(data.height) % 2)]
    found, wanted = (applier_of(case).predict(data, each).tolist() for each in params)
    require_same_values(found, wanted, "predictions after another target")


def model_has_a_rule_for_nulls(case: Case) -> None:
    """A model that does not accept missing values refuses them by name."""
    if takes_missing(case):
        return
    try:
        model_of(case).fit(features_of(case, nulls=True), target_of(case)[0], case.config)
    except DataError as error:
        require("number" in str(error), f"the error does not name the column: {error}")
        return
    raise CheckError("missing values are learned from silently")


def model_has_a_rule_for_negative_numbers(case: Case) -> None:
    """A model that does not accept features below 0 refuses them by name."""
    if model_of(case).accepts_negative:
        return
    data = features_of(case, nulls=False).with_columns(-pl.col("number"))
    try:
        model_of(case).fit(data, target_of(case)[0], case.config)
    except DataError as error:
        require("number" in str(error), f"the error does not name the column: {error}")
        return
    raise CheckError("negative values are learned from silently")


MODEL_CHECKS = (
    model_params_round_trip, model_fit_leaves_its_input, model_predicts_row_by_row, model_probabilities_fit,
    model_plan_equals_predict, model_answers_as_its_task_says, model_without_target_never_sees_one,
    model_has_a_rule_for_nulls, model_has_a_rule_for_negative_numbers,
)  # fmt: skip
