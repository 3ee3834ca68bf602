"""UnivariateSelection: columns chosen by what each by itself says about the target."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, StrictFloat, StrictInt, model_validator
from pydantic.config import JsonDict

from skyulf_core.nodes.base import Kind, NodeConfig, TargetAwareCalculator, Task
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field, free_name
from skyulf_core.nodes.matrix import Matrix, in_stated_order, matrix_of, refusing
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.selection.kept import SelectionApplier, maybe, selection
from skyulf_core.nodes.selection.targets import TaskChoice, task_field, task_of, values_of
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema

Scores: TypeAlias = tuple[Matrix, Matrix | None]
Measure: TypeAlias = Callable[[Matrix, NDArray[np.generic]], object]
_TASKS: dict[str, Task] = {"chi2": "classification", "r_regression": "regression"}
_DEFAULTS = {"k_best": 10, "percentile": 10, "fpr": 0.05, "fdr": 0.05, "fwe": 0.05}


# `_consistent`, as far as JSON Schema can say it: a mode that is left out is k_best
_PARAM_BY_MODE: JsonDict = {
    "allOf": [
        {
            "if": {"properties": {"mode": {"const": "k_best"}}},
            "then": {"properties": {"param": {"type": ["integer", "null"]}}},
        },
        {
            "if": {"properties": {"mode": {"const": "percentile"}}, "required": ["mode"]},
            "then": {"properties": {"param": {"maximum": 100}}},
        },
        {
            "if": {"properties": {"mode": {"enum": ["fpr", "fdr", "fwe"]}}, "required": ["mode"]},
            "then": {"properties": {"param": {"maximum": 1}}},
        },
    ]
}


class UnivariateSelectionConfig(NodeConfig):
    """How columns are scored, and which scores are kept."""

    model_config = ConfigDict(json_schema_extra=_PARAM_BY_MODE)

    columns: ColumnNames | None = columns_field("all integer and float columns")
    mode: Literal["k_best", "percentile", "fpr", "fdr", "fwe"] = Field(
        default="k_best",
        title="Mode",
        description="Keep the best columns by number (k_best) or share (percentile), or those whose p-value bounds the "
        "false positive rate (fpr), the false discovery rate (fdr) or the family-wise error (fwe).",
    )
    param: Annotated[StrictInt, Field(ge=0)] | Annotated[StrictFloat, Field(ge=0.0, le=100.0)] | None = Field(
        default=None,
        title="Parameter",
        description="k_best: number of columns. percentile: 0 to 100. fpr, fdr, fwe: bound, 0 to 1. "
        "Left out: 10 columns, 10 percent, 0.05.",
    )
    score_func: Literal["f", "mutual_info", "chi2", "r_regression"] = Field(
        default="f",
        title="Score",
        description="f: F-test. mutual_info: any dependence. chi2: for counts and classes. r_regression: Pearson's "
        "correlation with its sign (the smallest are dropped first).",
    )
    task: TaskChoice = task_field()
    random_state: int = Field(
        default=42,
        ge=0,
        le=2**32 - 1,
        title="Random state",
        description="For the small noise that mutual_info adds.",
        json_schema_extra={"x-visible-if": {"score_func": "mutual_info"}},
    )

    @model_validator(mode="after")
    def _consistent(self) -> UnivariateSelectionConfig:
        if self.mode in ("fpr", "fdr", "fwe") and self.score_func not in ("f", "chi2"):
            raise ValueError(f"{self.score_func} has no p-values, which mode {self.mode} needs; use f or chi2")
        most = {"k_best": np.inf, "percentile": 100}.get(self.mode, 1)
        if self.param is not None and self.param > most:
            raise ValueError(f"param is {self.param}; mode {self.mode} takes 0 to {most}")
        if self.mode == "k_best" and isinstance(self.param, float):
            raise ValueError("param must be a whole number for mode k_best")
        if _TASKS.get(self.score_func, self.task) != self.task and self.task != "auto":
            raise ValueError(f"{self.score_func} is a score for a {_TASKS[self.score_func]}, not for a {self.task}")
        return self


class UnivariateSelectionApplier(SelectionApplier):
    """Leaves out what says little about the target."""


@NodeRegistry.register("UnivariateSelection", UnivariateSelectionApplier)
class UnivariateSelectionCalculator(TargetAwareCalculator[UnivariateSelectionConfig]):
    """Keep the columns that, each by itself, say most about the target.

    A column with missing values is scored on the rows where it has one; columns without any are scored together, as
    scikit-learn's GenericUnivariateSelect does. A column without a score (constant, empty) comes last. Of equal
    scores the later column is kept (k_best), as in scikit-learn. Rows are sorted before they are scored, so that their
    order teaches nothing: the noise that mutual_info adds falls on other rows than in scikit-learn, unless its rows
    are sorted too (by all columns and the target).

    >>> data = pl.DataFrame({"noise": [1, 2, 1, 2, 1, 2], "size": [1.0, 1.1, 1.2, 5.0, 5.1, 5.3]})
    >>> target = pl.Series("y", ["a", "a", "a", "b", "b", "b"])
    >>> params = UnivariateSelectionCalculator().fit(data, target, UnivariateSelectionConfig(param=1))
    >>> UnivariateSelectionApplier().apply(data, params).columns
    ['size']

    >>> negative = UnivariateSelectionConfig(score_func="chi2", param=1)
    >>> UnivariateSelectionCalculator().fit(data - 3, target, negative)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'noise' holds negative values; chi2 is for counts
    """

    family = "selection"
    kind = Kind.TARGET_AWARE
    keywords = ("k best", "anova", "f-test", "mutual information", "chi2", "p-value", "feature selection")
    examples = (
        {"param": 3},
        {"mode": "percentile", "param": 50, "score_func": "mutual_info"},
        {"mode": "fpr", "param": 0.3},
        {"mode": "fdr", "param": 0.5, "columns": ["number", "count", "flag", "lat"]},
        {"mode": "fwe", "param": 0.4, "score_func": "chi2", "columns": ["count", "price", "flag"]},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.feature_selection.GenericUnivariateSelect"

    def fit(self, data: pl.DataFrame, target: pl.Series, config: UnivariateSelectionConfig) -> Params:
        """Learn the score (and p-value) of every column."""
        columns = chosen_from(data, config.columns, NUMERIC)
        task = task_of(target, config.task)
        wanted = _TASKS.get(config.score_func, task)
        if wanted != task:
            message = f"{config.score_func} is a score for a {wanted}, and the target {target.name!r} is a {task}'s"
            raise DataError(message, reason="wrong-task", column=target.name)
        if not columns:
            return selection([], [])
        name = free_name(target.name, set(columns))
        rows = in_stated_order(data.select(columns).with_columns(target.alias(name)))
        matrix = matrix_of(rows, columns)
        _check_counts(matrix, columns, config)
        scores, p_values = _scored(matrix, values_of(rows[name], task), _measure(config, task))
        extra = {} if p_values is None else {"p_values": p_values}
        return selection(columns, _kept(scores, p_values, config), scores=scores, task=task, **extra)

    def infer_schema(self, schema: Schema, config: UnivariateSelectionConfig) -> Schema:
        """Return the schema with the looked-at columns as ones that may be dropped."""
        return maybe(schema, chosen(config.columns, schema, NUMERIC))


def _check_counts(matrix: Matrix, columns: list[str], config: UnivariateSelectionConfig) -> None:
    if config.score_func != "chi2":
        return
    for name, column in zip(columns, matrix.T, strict=True):
        if (column < 0).any():
            message = f"column {name!r} holds negative values; chi2 is for counts"
            raise DataError(message, reason="negative-values", column=name)


def _measure(config: UnivariateSelectionConfig, task: Task) -> Measure:
    from sklearn import feature_selection as sk

    known: dict[str, Measure] = {
        "chi2": sk.chi2,
        "r_regression": sk.r_regression,
        "f": sk.f_classif if task == "classification" else sk.f_regression,
    }
    if config.score_func in known:
        return known[config.score_func]
    information = sk.mutual_info_classif if task == "classification" else sk.mutual_info_regression
    return partial(information, random_state=config.random_state)


def _scored(matrix: Matrix, target: NDArray[np.generic], measure: Measure) -> Scores:
    """Return scores and p-values: columns without gaps together, the others each on its own rows."""
    scores, p_values = np.full(matrix.shape[1], np.nan), np.full(matrix.shape[1], np.nan)
    missing = np.isnan(matrix)
    gaps: list[int] = np.flatnonzero(missing.any(axis=0)).tolist()
    parts = [[i for i in range(matrix.shape[1]) if i not in gaps], *([position] for position in gaps)]
    has_p_values = False
    for part in parts:
        rows: NDArray[np.bool_] = np.asarray(~missing[:, part].any(axis=1))
        if not len(part) or not rows.any():
            continue
        with refusing("the score"), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of constant columns: they come last
            found = measure(np.ascontiguousarray(matrix[rows][:, part]), target[rows])
        if isinstance(found, tuple):
            has_p_values = True
            scores[part], p_values[part] = found
        else:
            scores[part] = found
    return scores, (p_values if has_p_values else None)


def _kept(scores: Matrix, p_values: Matrix | None, config: UnivariateSelectionConfig) -> NDArray[np.bool_]:
    """Return what scikit-learn's selectors of these names keep."""
    param = _DEFAULTS[config.mode] if config.param is None else config.param
    clean = np.where(np.isnan(scores), np.finfo(np.float64).min, scores)
    width = len(scores)
    if config.mode == "k_best":
        kept = np.zeros(width, np.bool_)
        kept[np.argsort(clean, kind="stable")[max(width - int(param), 0) :]] = True
        return kept
    if config.mode == "percentile":
        return _best_share(clean, float(param))
    known = np.full(width, np.nan) if p_values is None else p_values
    if config.mode == "fpr":
        return np.asarray(known < param, np.bool_)
    if config.mode == "fwe":
        return np.asarray(known < param / width, np.bool_)
    ordered = np.sort(known)  # NaN last, and never below a bound
    passing = ordered[ordered <= param / width * np.arange(1, width + 1)]
    return np.asarray(known <= passing.max(), np.bool_) if len(passing) else np.zeros(width, np.bool_)


def _best_share(scores: Matrix, percentile: float) -> NDArray[np.bool_]:
    if percentile in (0.0, 100.0):
        return np.full(len(scores), percentile == 100.0)
    threshold = np.percentile(scores, 100 - percentile)
    kept = scores > threshold
    ties = np.flatnonzero(scores == threshold)
    kept[ties[: max(int(len(scores) * percentile / 100) - int(kept.sum()), 0)]] = True
    return np.asarray(kept, np.bool_)
