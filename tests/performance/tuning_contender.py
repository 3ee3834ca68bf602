"""One search in a process of its own: ``python tuning_contender.py NAME frame.parquet TRIALS FOLDS [FOLDER]``.

NAME is ``random`` or ``optuna`` (Skyulf's strategies), ``sklearn`` (RandomizedSearchCV over the same candidates) or
``optuna-own`` (its `OptunaSearchCV`, where FOLDER holds optuna-integration; otherwise optuna around scikit-learn's
`cross_val_score`). All search the same parameters of the same trees behind the same preprocessing, on the same folds;
prints JSON: ``best`` is the best mean ROC area. What a search that ends trials early calls best has run on all folds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import polars as pl

from performance.mixed_frame import DATES, FEW, MANY, NUMBERS, TARGET, TEXTS

SEED, ITERATIONS = 0, 100
MODEL = "histgradientboostingclassifier"
RANGES: dict[str, dict[str, Any]] = {
    "learning_rate": {"low": 0.02, "high": 0.4, "log": True},
    "max_leaf_nodes": {"low": 8, "high": 64},
    "min_samples_leaf": {"low": 5, "high": 100},
    "l2_regularization": {"low": 1e-4, "high": 10.0, "log": True},
}
Found = tuple[float, int]
"""The best score, and how many folds were run."""


@dataclass(frozen=True)
class Search:
    """What is asked for."""

    path: Path
    trials: int
    folds: int

    def rows(self) -> tuple[Any, Any]:
        """Return features and target as pandas holds them."""
        frame = pl.read_parquet(self.path).to_pandas()
        target = frame.pop(TARGET)
        return frame, target

    def splitter(self) -> Any:
        """Return the folds that all are judged on."""
        from sklearn.model_selection import StratifiedKFold

        return StratifiedKFold(self.folds, shuffle=True, random_state=SEED)


def skyulf(search: Search, strategy: str) -> Found:
    """Tune with Skyulf as it is configured where nobody says otherwise: trials that are clearly worse end early."""
    from skyulf_core.tuning import tune

    steps = [
        ("FeatureTargetSplit", {"target": TARGET}),
        ("DropColumns", {"columns": TEXTS + DATES}),
        ("SimpleImputer", {"columns": NUMBERS, "strategy": "median"}),
        ("StandardScaler", {"columns": NUMBERS}),
        ("OrdinalEncoder", {"columns": MANY}),
        ("OneHotEncoder", {"columns": FEW}),
    ]
    config = {
        "steps": [{"node": node, "config": options} for node, options in steps],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": ITERATIONS}},
        "tuning": {
            "strategy": strategy, "n_trials": search.trials, "metric": "roc_auc", "random_state": SEED,
            "search_space": RANGES,
            "cv": {"type": "stratified_k_fold", "folds": search.folds, "random_state": SEED},
        },
    }  # fmt: skip
    tuned = tune(config, pl.read_parquet(search.path))
    return tuned.best_score, sum(len(trial.folds) for trial in tuned.trials)


def pipeline() -> Any:
    """The same steps and trees of scikit-learn."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), MANY),
        ("drop", TEXTS + DATES),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), FEW),
        remainder="passthrough",
    )
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=ITERATIONS, random_state=0))


def sklearn(search: Search) -> Found:
    """Search with RandomizedSearchCV, which draws the candidates that Skyulf draws."""
    from scipy.stats import loguniform, randint
    from sklearn.model_selection import RandomizedSearchCV

    def drawn(low: float, high: float, *, log: bool = False) -> Any:
        return loguniform(low, high) if log else randint(int(low), int(high) + 1)

    space = {f"{MODEL}__{name}": drawn(**bounds) for name, bounds in RANGES.items()}
    randomised = RandomizedSearchCV(
        pipeline(), space, n_iter=search.trials, cv=search.splitter(), scoring="roc_auc", random_state=SEED, refit=False
    )
    randomised.fit(*search.rows())
    return float(randomised.best_score_), search.trials * search.folds


def optuna_own(search: Search) -> Found:
    """Search with optuna's own integration of scikit-learn, or as its documentation shows it without one."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
    try:
        from optuna_integration import OptunaSearchCV
    except ImportError:
        study.optimize(_objective(search), n_trials=search.trials)
        return study.best_value, search.trials * search.folds
    ranges = {
        f"{MODEL}__{name}": (optuna.distributions.FloatDistribution if "log" in bounds else
                             optuna.distributions.IntDistribution)(**bounds)
        for name, bounds in RANGES.items()
    }  # fmt: skip
    integrated = OptunaSearchCV(
        pipeline(), ranges, cv=search.splitter(), n_trials=search.trials, scoring="roc_auc", random_state=SEED,
        refit=False, study=study,
    )  # fmt: skip
    integrated.fit(*search.rows())
    return float(integrated.best_score_), search.trials * search.folds


def _objective(search: Search) -> Callable[[Any], float]:
    from sklearn.model_selection import cross_val_score

    (features, target), cv = search.rows(), search.splitter()

    def objective(trial: Any) -> float:
        values = {
            f"{MODEL}__{name}": (
                trial.suggest_float(name, bounds["low"], bounds["high"], log=True)
                if "log" in bounds
                else trial.suggest_int(name, bounds["low"], bounds["high"])
            )
            for name, bounds in RANGES.items()
        }
        model = pipeline().set_params(**values)
        return float(cross_val_score(model, features, target, cv=cv, scoring="roc_auc").mean())

    return objective


CONTENDERS: dict[str, Callable[[Search], Found]] = {
    "random": lambda search: skyulf(search, "random"),
    "sklearn": sklearn,
    "optuna": lambda search: skyulf(search, "optuna"),
    "optuna-own": optuna_own,
}


def busy() -> float:
    """Return the processor seconds of this process and of those that it has started."""
    return sum(os.times()[:4])


def main() -> None:
    """Search once."""
    name, path, trials, folds, *extra = sys.argv[1:]
    sys.path.extend(extra)
    began, before = time.perf_counter(), busy()
    best, count = CONTENDERS[name](Search(Path(path), int(trials), int(folds)))
    ended = {"seconds": time.perf_counter() - began, "cpu": busy() - before}
    print(json.dumps({**ended, "best": best, "folds": count}))


if __name__ == "__main__":
    main()
