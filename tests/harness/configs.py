"""Pipelines that tests run."""

from harness.flights import CATEGORIES, NUMBERS, TARGET, WITH_NULLS

Config = dict[str, object]

SPLIT = {
    "node": "TrainTestSplit",
    "config": {"target": TARGET, "test_size": 0.25, "random_state": 7, "stratify": True},
}


def logistic() -> Config:
    """Mean imputation, one-hot, standardisation, logistic regression."""
    return {
        "steps": [
            SPLIT,
            {"node": "SimpleImputer", "config": {"columns": WITH_NULLS, "strategy": "mean"}},
            {"node": "OneHotEncoder", "config": {"columns": CATEGORIES}},
            {"node": "StandardScaler", "config": {"columns": NUMBERS}},
        ],
        "model": {"node": "logistic_regression", "config": {"max_iter": 1000}},
    }


def boosted() -> Config:
    """Ordinal codes and boosted trees, which take nulls as they are."""
    return {
        "steps": [SPLIT, {"node": "OrdinalEncoder", "config": {"columns": CATEGORIES}}],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 60, "random_state": 0}},
    }


def tiny_data(rows: int = 60) -> bytes:
    """A table that a model is trained on in an instant."""
    lines = [f"{number % 7},{(number * 5) % 11},{'yes' if number % 7 > 3 else 'no'}" for number in range(rows)]
    return "\n".join(["x,y,label", *lines, ""]).encode()


def tiny(random_state: int = 1) -> Config:
    """A model of `tiny_data`."""
    split = {"node": "TrainTestSplit", "config": {"target": "label", "random_state": random_state}}
    return {"steps": [split], "model": {"node": "logistic_regression"}}
