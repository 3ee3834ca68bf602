"""Selectors of columns."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skyulf_core.interop.reading.line import Line, Settings, Step
from skyulf_core.nodes.selection.kept import selection

Mode = Literal["k_best", "percentile", "fpr", "fdr", "fwe"]
_SCORES = {
    "f_classif": ("f", "classification"),
    "f_regression": ("f", "regression"),
    "chi2": ("chi2", "classification"),
    "r_regression": ("r_regression", "regression"),
    "mutual_info_classif": ("mutual_info", "classification"),
    "mutual_info_regression": ("mutual_info", "regression"),
}
_PARAMETERS: dict[Mode, str] = {
    "k_best": "k", "percentile": "percentile", "fpr": "alpha", "fdr": "alpha", "fwe": "alpha",
}  # fmt: skip


def read_variance_threshold(line: Line, step: Step) -> list[str]:
    """Read which columns vary."""
    settings = step.settings("VarianceThreshold", fixed={"columns": step.columns})
    return _keep(line, step, "VarianceThreshold", settings, variances=np.asarray(step.estimator.variances_, np.float64))


def read_select_k_best(line: Line, step: Step) -> list[str]:
    """Read which columns are the best, by number."""
    return _univariate(line, step, "k_best")


def read_select_percentile(line: Line, step: Step) -> list[str]:
    """Read which columns are the best, by share."""
    return _univariate(line, step, "percentile")


def read_select_fpr(line: Line, step: Step) -> list[str]:
    """Read which columns pass a bound of the false positive rate."""
    return _univariate(line, step, "fpr")


def read_select_fdr(line: Line, step: Step) -> list[str]:
    """Read which columns pass a bound of the false discovery rate."""
    return _univariate(line, step, "fdr")


def read_select_fwe(line: Line, step: Step) -> list[str]:
    """Read which columns pass a bound of the family-wise error."""
    return _univariate(line, step, "fwe")


def _univariate(line: Line, step: Step, mode: Mode) -> list[str]:
    function = getattr(step.estimator.score_func, "__name__", repr(step.estimator.score_func))
    if function not in _SCORES:
        step.refuse(f"its score_func is {function}; supported are {', '.join(_SCORES)}")
    score, task = _SCORES[function]
    parameter = getattr(step.estimator, _PARAMETERS[mode])
    param = len(step.columns) if parameter == "all" else parameter
    fixed = {"columns": step.columns, "mode": mode, "param": param, "score_func": score, "task": task}
    settings = step.settings("UnivariateSelection", fixed=fixed, free=("score_func", _PARAMETERS[mode]))
    learned: dict[str, object] = {"scores": np.asarray(step.estimator.scores_, np.float64), "task": task}
    if step.estimator.pvalues_ is not None:
        learned["p_values"] = np.asarray(step.estimator.pvalues_, np.float64)
    return _keep(line, step, "UnivariateSelection", settings, **learned)


def _keep(line: Line, step: Step, node: str, settings: Settings, **learned: object) -> list[str]:
    with step.refusing():
        params = selection(step.columns, step.estimator.get_support(), **learned)
    line.add(step, node, settings, params)
    return params.strings("kept")
