"""A clustering or a detector of anomalies beside scikit-learn's: the same answers, wherever it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from skyulf_core import Pipeline
from skyulf_core.bundle import verify
from skyulf_core.nodes.base import ModelApplier
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.serving import PredictionBatch, load_plan

ROW_BY_ROW = 40
"""So many rows are predicted one by one."""
WEIGHTS = "the weights"


@dataclass(frozen=True)
class Answers:
    """Clusters, or 1 and -1; with probabilities of clusters and decisions, where there are any."""

    predictions: list[int]
    probabilities: NDArray[np.float64] | None = None
    decisions: NDArray[np.float64] | None = None


def check_unsupervised(
    name: str,
    config: Mapping[str, object],
    reference_estimator: Any,
    data: pl.DataFrame,
    *,
    tmp_path: Path,
    weights: NDArray[np.float64] | None = None,
    tolerance: float = 1e-9,
) -> None:
    """Train both on the same rows. AssertionError where an answer differs.

    Compared with the reference: the model itself, its Pipeline (it has no splitter) after saving and loading, and the
    serving plan of that bundle, as a batch and row by row. Labels are the same, numbers within the tolerance; the ways
    through this library agree with each other to 1e-12.
    """
    entry = NodeRegistry.get(name)
    calculator, applier = entry.calculator, entry.applier
    assert isinstance(calculator, UnsupervisedCalculator)
    assert isinstance(applier, ModelApplier)
    wanted = _reference(reference_estimator, data, weights)

    params = calculator.learn(data, entry.config_model.model_validate(dict(config)), weights=weights)
    predicted = applier.predict(data, params).tolist()
    found = Answers(predicted, applier.predict_proba(data, params), applier.decision_function(data, params))
    _compare(found, wanted, "library", tolerance)

    model = {"node": name, "config": dict(config)} | ({} if weights is None else {"weights": WEIGHTS})
    rows = data if weights is None else data.with_columns(pl.Series(WEIGHTS, weights))
    Pipeline.from_config({"steps": [], "model": model}).fit(rows).save(tmp_path / "bundle")
    verify(tmp_path / "bundle")
    loaded = Pipeline.load(tmp_path / "bundle")
    proba = None if found.probabilities is None else loaded.predict_proba(data).to_numpy()
    decisions = None if found.decisions is None else loaded.decision_function(data).to_numpy()
    _compare(Answers(loaded.predict(data).to_list(), proba, decisions), found, "after save and load", 1e-12)

    plan, dicts = load_plan(tmp_path / "bundle"), data.to_dicts()
    _compare(_answers([plan.predict_batch(dicts)]), found, "plan, batch", 1e-12)
    step = max(1, len(dicts) // ROW_BY_ROW)
    one_by_one = _answers([plan.predict_row(row) for row in dicts[::step]])
    _compare(one_by_one, _every(found, step), "plan, row by row", 1e-12)


def _reference(estimator: Any, data: pl.DataFrame, weights: NDArray[np.float64] | None) -> Answers:
    matrix = np.ascontiguousarray(data.select(pl.all().cast(pl.Float64)).to_numpy())
    estimator.fit(matrix, **({} if weights is None else {"sample_weight": weights}))
    predicted = estimator.predict(matrix) if hasattr(estimator, "predict") else estimator.labels_
    return Answers(
        predicted.tolist(),
        estimator.predict_proba(matrix) if hasattr(estimator, "predict_proba") else None,
        estimator.decision_function(matrix) if hasattr(estimator, "decision_function") else None,
    )


def _answers(batches: list[PredictionBatch]) -> Answers:
    predictions = [int(label) for batch in batches for label in batch.predictions]
    probabilities = [list(row.values()) for batch in batches for row in batch.probabilities or []]
    scores = [score for batch in batches for score in batch.scores or []]
    return Answers(
        predictions, np.array(probabilities) if probabilities else None, np.array(scores) if scores else None
    )


def _every(answers: Answers, step: int) -> Answers:
    numbers = [None if part is None else part[::step] for part in (answers.probabilities, answers.decisions)]
    return Answers(answers.predictions[::step], *numbers)


def _compare(found: Answers, wanted: Answers, where: str, tolerance: float) -> None:
    assert found.predictions == wanted.predictions, where
    for one, other in ((found.probabilities, wanted.probabilities), (found.decisions, wanted.decisions)):
        assert (one is None) == (other is None), where
        if one is not None and other is not None:
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=where)
