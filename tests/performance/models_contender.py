"""Predictions of every model through the serving plan, and by its competitor, in turn in one process: prints JSON.

``models_contender.py [MODEL …]``. Both have one thread, as a process that serves has; times are those of the processor.
Under ``rows`` are the microseconds of one row with everything: the checks of its fields, preprocessing, the model, the
answer. Under ``batches`` are the seconds of 10,000 rows, from columns to arrays of labels (numbers) and probabilities;
the competitor has scikit-learn's pipeline on a pandas frame, and `predict_proba` where it has it, else `predict`. The
model alone is timed too: our operations on columns, its estimator on a matrix.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import polars as pl
from skyulf_core import Pipeline
from skyulf_core.serving import PlanModel
from skyulf_core.serving.ops import PREDICTION, PROBABILITIES, Columns, Op
from skyulf_core.testing.plans import columns_of

from performance import model_pairs
from performance.model_pairs import CLASS, COLUMNS, NUMBER, Pair

TRAINING, BATCH, ALONE, RUNS = 2_000, 10_000, 300, 7
ROW_MODELS = (
    "logistic_regression", "linear_regression",
    "hist_gradient_boosting_classifier", "xgboost_classifier", "lgbm_classifier",
    "random_forest_classifier", "random_forest_regressor", "extra_trees_classifier", "extra_trees_regressor",
)  # fmt: skip
SHORT = 0.3
"""Seconds of processor time: below that a model is timed more often."""


def main() -> None:
    """Measure all models, or those that are named."""
    warnings.simplefilter("ignore")
    training, rows = model_pairs.frame(TRAINING, seed=1), model_pairs.frame(BATCH, seed=7)
    batches, plans = {}, {}
    for pair in model_pairs.pairs():
        if sys.argv[1:] and pair.node not in sys.argv[1:]:
            continue
        plan, steps = _plan(pair, training)
        batches[pair.node] = _batch(pair, plan, steps, training, rows)
        if pair.node in ROW_MODELS:
            plans[pair.node] = plan
    print(json.dumps({"batches": batches, "rows": _alone(plans, rows)}))


def _plan(pair: Pair, training: pl.DataFrame) -> tuple[PlanModel, int]:
    """Return the plan, and how many of its operations come before the model."""
    target = {"classification": [CLASS], "regression": [NUMBER]}.get(pair.kind, [])
    pipeline = Pipeline.from_config(pair.ours()).fit(training.select(*COLUMNS, *target))
    document, plan = pipeline.serving_plan(), PlanModel(pipeline.serving_plan())
    return plan, len(plan._ops) - (len(document.ops) - len(pipeline.fitted.step_ops()))


def _alone(plans: dict[str, PlanModel], rows: pl.DataFrame) -> dict[str, float]:
    """Return the microseconds of one row: the median of some runs, in which the models take turns."""
    given = rows.select(COLUMNS).head(ALONE).to_dicts()
    found: dict[str, list[float]] = {name: [] for name in plans}
    for _ in range(RUNS):
        for name, plan in plans.items():
            found[name].append(_seconds(lambda plan=plan: [plan.predict_row(row) for row in given]) / ALONE * 1e6)
    return {name: statistics.median(times) for name, times in found.items()}


def _batch(pair: Pair, plan: PlanModel, steps: int, training: pl.DataFrame, rows: pl.DataFrame) -> dict[str, float]:
    """Return seconds of both, whole and of the model alone, their ratios, and the largest difference of answers."""
    target = {"classification": CLASS, "regression": NUMBER}.get(pair.kind)
    given = training.select(COLUMNS).to_pandas()
    theirs = pair.theirs().fit(given, None if target is None else training[target].to_numpy())
    columns, frame = columns_of(rows.select(COLUMNS)), rows.select(COLUMNS).to_pandas()
    prepared, matrix = _run(plan._ops[:steps], columns), np.ascontiguousarray(theirs[:-1].transform(frame))
    timed = _in_turn(
        {
            "mine": lambda: _run(plan._ops, columns),
            "theirs": lambda: _answers(theirs, frame),
            "my_model": lambda: _run(plan._ops[steps:], prepared),
            "their_model": lambda: _answers(theirs[-1], matrix),
        }
    )
    return {**timed, "difference": _difference(pair, _run(plan._ops, columns), _answers(theirs, frame))}


def _run(ops: tuple[Op, ...], columns: Columns) -> Columns:
    work = dict(columns)
    for op in ops:
        op.batch(work)
    return work


def _answers(estimator: Any, rows: Any) -> Any:
    return estimator.predict_proba(rows) if hasattr(estimator, "predict_proba") else estimator.predict(rows)


def _difference(pair: Pair, mine: Columns, theirs: Any) -> float:
    """Return the largest difference of probabilities or numbers, or the share of labels that differ."""
    if PROBABILITIES in mine and theirs.ndim == 2:
        return float(np.abs(mine[PROBABILITIES] - theirs).max())
    if pair.kind == "regression":
        return float((np.abs(mine[PREDICTION] - theirs) / np.maximum(1.0, np.abs(theirs))).max())
    return float((mine[PREDICTION].astype(theirs.dtype) != theirs).mean())


def _in_turn(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the medians of runs that take turns, and those of the ratios of the same turn."""
    once = sum(_seconds(call) for call in calls.values())  # the first builds what is built once
    turns = 7 if once < SHORT else 3
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            found[name].append(_seconds(call))
    ratios = {
        ratio: statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))
        for ratio, one, other in (("ratio", "mine", "theirs"), ("model_ratio", "my_model", "their_model"))
    }
    return {**{name: statistics.median(times) for name, times in found.items()}, **ratios}


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
