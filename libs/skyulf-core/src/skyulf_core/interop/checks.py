"""Which checks of scikit-learn's `check_estimator` the estimators do not run, and why: the table of the guide."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

SKIPPED_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "check_array_api_input": (
            "scikit-learn itself skips it unless `SCIPY_ARRAY_API=1` is set before scipy is imported. Our tests also "
            "run in a process that sets it, where it passes."
        ),
    }
)
"""Checks that are skipped, with the reason."""


_EQUIVALENCE = "check_sample_weight_equivalence_on_dense_data"
_OF_WEIGHTS = (
    "check_sample_weights_pandas_series", "check_sample_weights_not_an_array", "check_sample_weights_list",
    "check_sample_weights_shape", "check_sample_weights_not_overwritten", _EQUIVALENCE,
)  # fmt: skip
_UNEQUAL: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        ("adaboost_classifier", "gradient_boosting_classifier", "gradient_boosting_regressor",
         "random_forest_classifier", "random_forest_regressor", "sgd_classifier"),
        "what is drawn at random is drawn from other rows where a row stands twice",
    )
    | {"calibrated_classifier": "rows that stand twice make other folds"}
    | dict.fromkeys(
        ("huber_regression", "svr"), "the solver stops elsewhere, within its tolerance, where a row stands twice"
    )
)  # fmt: skip
"""Models of which scikit-learn's own do not answer the same for a weight of two and for a row that stands twice."""


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    """Return the checks of weights that an estimator cannot pass, with the reason: the second table of the guide."""
    from skyulf_core.nodes.base import ModelCalculator
    from skyulf_core.nodes.registry import NodeRegistry

    name = str(getattr(estimator, "model", None))
    if name not in NodeRegistry.names():
        return {}
    entry = NodeRegistry.get(name)
    config = entry.config_model.model_validate(dict(getattr(estimator, "model_config", None) or {}))
    if isinstance(entry.calculator, ModelCalculator) and not entry.calculator.takes_weights(config):
        return dict.fromkeys(_OF_WEIGHTS, "the model cannot weigh rows, and says so")
    reason = "steps do not weigh rows" if getattr(estimator, "steps", None) else _UNEQUAL.get(name)
    return {} if reason is None else {_EQUIVALENCE: reason}


def expected_table() -> str:
    """Return the table of those checks as Markdown."""
    reasons: dict[str, list[str]] = {}
    for name, reason in _UNEQUAL.items():
        reasons.setdefault(reason, []).append(f"`{name}`")
    cannot = ("k_neighbors_classifier", "k_neighbors_regressor")
    rows = [
        f"| all of `sample_weight` | {', '.join(f'`{name}`' for name in cannot)}, and what is made of them | "
        "the model cannot weigh rows, and says so |",
        f"| `{_EQUIVALENCE}` | pipelines with steps that learn | steps do not weigh rows |",
        *(f"| `{_EQUIVALENCE}` | {', '.join(names)} | {reason} |" for reason, names in reasons.items()),
    ]
    return "\n".join(["| Check | Estimators | Why it fails |", "|---|---|---|", *rows])


def skipped_table() -> str:
    """Return the table as Markdown."""
    rows = [f"| `{name}` | {reason} |" for name, reason in SKIPPED_CHECKS.items()]
    return "\n".join(["| Check | Why it is skipped |", "|---|---|", *rows])
