"""The two pipelines of the demo: a straight line and many trees."""

from collections.abc import Mapping
from typing import Final

MODEL: Final = "late-flights"
DEPLOYMENT: Final = "late-flights"
TARGET: Final = "late"
SEED: Final = 2013
Config = Mapping[str, object]

_SPLIT: Config = {
    "node": "TrainTestSplit",
    "config": {"target": TARGET, "test_size": 0.2, "stratify": True, "random_state": SEED},
}


def logistic_regression() -> Config:
    """Few numbers, scaled; quick to train and easy to read."""
    parts = {"columns": ["time_hour"], "parts": ["month", "weekday", "hour"], "cyclical": True}
    return {
        "steps": [
            {"node": "DateParts", "config": parts},
            _SPLIT,
            {"node": "FrequencyEncoder", "config": {"columns": ["dest"]}},
            {"node": "OneHotEncoder", "config": {"columns": ["carrier", "origin"]}},
            {"node": "StandardScaler", "config": {}},
        ],
        "model": {"node": "logistic_regression", "config": {}},
    }


def gradient_boosting() -> Config:
    """Trees combine airports, airlines, months and hours by themselves; no scaling is needed.

    The day of the year is left out on purpose: flights of one day share its weather, so with rows drawn at random a
    model would learn the days of 2013 by heart, and its score would promise more than it can hold.
    """
    parts = {"columns": ["time_hour"], "parts": ["month", "weekday", "hour"]}
    return {
        "steps": [
            {"node": "DateParts", "config": parts},
            _SPLIT,
            {"node": "OrdinalEncoder", "config": {}},
        ],
        "model": {
            "node": "hist_gradient_boosting_classifier",
            "config": {"max_iter": 80, "learning_rate": 0.25, "early_stopping": False, "random_state": SEED},
        },
    }


PIPELINES: Final[Mapping[str, Config]] = {
    "Logistic regression": logistic_regression(),
    "Gradient boosting": gradient_boosting(),
}
