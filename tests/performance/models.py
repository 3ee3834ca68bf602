"""Predictions of every model: one row through the plan, and batches beside the library that the model comes from.

``python tests/performance/models.py [MODEL …]`` prints them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from performance.preprocessing import HERE, Goal

ROW_GOALS = {
    "logistic_regression": 15, "linear_regression": 15,
    "hist_gradient_boosting_classifier": 60, "xgboost_classifier": 60, "lgbm_classifier": 60,
    "random_forest_classifier": 250, "random_forest_regressor": 250,
    "extra_trees_classifier": 250, "extra_trees_regressor": 250,
}  # fmt: skip
Batches = Mapping[str, Mapping[str, float]]


def measure(only: Sequence[str] = ()) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Time all models, or those that are named, in one process with one thread: rows (µs), and batches."""
    command = [sys.executable, "-W", "ignore", str(HERE / "models_contender.py"), *only]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    if done.returncode:
        raise SystemExit(f"models_contender.py failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout)
    return found["rows"], found["batches"]


def lines(batches: Batches) -> Iterable[str]:
    """Say how long 10,000 rows take, here and there: with preprocessing, and the model alone."""
    yield f"  {'':34}{'with preprocessing, ms':>26}{'model alone, ms':>26}{'answers':>10}"
    yield f"  {'':34}{'here':>9}{'there':>9}{'ratio':>8}{'here':>9}{'there':>9}{'ratio':>8}{'differ':>10}"
    for name, found in batches.items():
        whole = f"{found['mine'] * 1e3:9.1f}{found['theirs'] * 1e3:9.1f}{found['ratio']:8.2f}"
        alone = f"{found['my_model'] * 1e3:9.1f}{found['their_model'] * 1e3:9.1f}{found['model_ratio']:8.2f}"
        yield f"  {name:34}{whole}{alone}{found['difference']:10.0e}"
    quicker = sum(found["model_ratio"] <= 1.0 for found in batches.values())
    yield f"  (the model alone is no slower for {quicker} of {len(batches)})"


def goals(rows: Mapping[str, float], batches: Batches) -> list[Goal]:
    """Return how long one row takes, and how batches stand to the libraries that the models come from."""
    alone = [
        Goal(f"one row, {name}", rows[name], bound, "µs", digits=1) for name, bound in ROW_GOALS.items() if name in rows
    ]
    return alone + [Goal(f"10,000 rows, {name}", found["ratio"], 1.0, "x theirs") for name, found in batches.items()]


def main() -> None:
    """Measure, and print."""
    rows, batches = measure(sys.argv[1:])
    print(*lines(batches), *(goal.line() for goal in goals(rows, batches)), sep="\n")


if __name__ == "__main__":
    main()
