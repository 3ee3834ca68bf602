"""One search in a process of its own: ``python automl_contender.py NAME training.parquet test.parquet TASK SECONDS``.

NAME is ``skyulf`` or ``flaml``; both search by the metric that judges them (log loss of classes, R² of numbers), with
the same seconds and cores. Prints JSON: the score on the test rows, and the seconds that the call took. This file is
also run by FLAML's own environment, where nothing of Skyulf is installed.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TARGET, SEED = "target", 0


def skyulf(training: pd.DataFrame, test: pd.DataFrame, task: str, seconds: float) -> tuple[Any, Any, float]:
    """Search with nothing configured but the metric; returns predictions or probabilities, the classes, the seconds."""
    from skyulf_core import Pipeline
    from skyulf_core.nodes.registry import NodeRegistry

    NodeRegistry.names()  # FLAML imports its learners before its clock runs, too
    metric = "log_loss" if task == "classification" else "r2"
    auto = {"budget": seconds, "metric": metric, "task": task, "random_state": SEED}
    split = {"node": "FeatureTargetSplit", "config": {"target": TARGET}}
    pipeline = Pipeline.from_config({"steps": [split], "model": {"node": "auto", "config": auto}})
    began = time.monotonic()
    pipeline.fit(training)
    took = time.monotonic() - began
    if task == "regression":
        return pipeline.predict(test), None, took
    return pipeline.predict_proba(test).to_numpy(), pipeline.fitted.classes, took


def flaml(training: pd.DataFrame, test: pd.DataFrame, task: str, seconds: float) -> tuple[Any, Any, float]:
    """Do the same with FLAML; it gets categories as pandas has them, and refits its best on all rows, too."""
    from flaml import AutoML

    features = training.drop(columns=TARGET)
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    found = AutoML()
    began = time.monotonic()
    found.fit(
        _with_categories(features, texts, features), training[TARGET].to_numpy(), task=task, time_budget=seconds,
        metric="log_loss" if task == "classification" else "r2", seed=SEED, verbose=0, n_jobs=-1,
    )  # fmt: skip
    took = time.monotonic() - began
    rows = _with_categories(test.drop(columns=TARGET), texts, features)
    return (found.predict(rows), None, took) if task == "regression" else (
        found.predict_proba(rows), found.classes_, took
    )  # fmt: skip


def _with_categories(rows: pd.DataFrame, texts: list[str], training: pd.DataFrame) -> pd.DataFrame:
    known = {name: pd.CategoricalDtype(sorted(training[name].dropna().astype(str).unique())) for name in texts}
    return rows.assign(**{name: rows[name].astype(object).astype(known[name]) for name in texts})


def score(truth: pd.Series, answers: Any, classes: Any, task: str) -> float:
    """Return the log loss, or R² (both as scikit-learn defines them)."""
    if task == "regression":
        values = truth.to_numpy(dtype=float)
        return float(1 - ((values - np.asarray(answers)) ** 2).sum() / ((values - values.mean()) ** 2).sum())
    places = {str(label): place for place, label in enumerate(classes)}
    codes = np.array([places[str(label)] for label in truth])
    probabilities = np.clip(np.asarray(answers)[np.arange(len(codes)), codes], np.finfo(float).eps, 1.0)
    return float(-np.log(probabilities).mean())


def main() -> None:
    """Search, judge, print."""
    name, training, test, task, seconds = sys.argv[1:]
    rows = pd.read_parquet(Path(test))
    search = skyulf if name == "skyulf" else flaml
    before = sum(os.times()[:4])
    answers, classes, took = search(pd.read_parquet(Path(training)), rows, task, float(seconds))
    busy = sum(os.times()[:4]) - before  # with what the test rows cost, and processes that were started
    print(json.dumps({"score": score(rows[TARGET], answers, classes, task), "seconds": took, "cpu": busy}))


if __name__ == "__main__":
    main()
