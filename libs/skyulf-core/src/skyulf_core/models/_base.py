"""What the models share: frames to arrays, and predicting through their own plan."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import ReferenceType, ref

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import Label, ModelApplier
from skyulf_core.nodes.matrix import in_own_words
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import PREDICTION, PROBABILITIES, Columns, Op, OpError

_CHUNK = 50_000


def to_matrix(features: pl.DataFrame, dtype: type[np.float32] | type[np.float64] = np.float64) -> NDArray[np.floating]:
    """Return the frame as one matrix (column order), nulls as NaN."""
    wanted = pl.Float32 if dtype is np.float32 else pl.Float64
    matrix = np.empty(features.shape, dtype, order="F")
    for i, column in enumerate(features.iter_columns()):
        matrix[:, i] = column.cast(wanted).to_numpy()
    return matrix


def to_binnable_matrix(features: pl.DataFrame) -> NDArray[np.floating]:
    """Return rows x columns for histogram boosting; a column without values is 0, and so never split by.

    scikit-learn cannot make bins of a column that is missing everywhere.
    """
    empty = [column.name for column in features.iter_columns() if column.null_count() == features.height]
    return to_matrix(features.with_columns(pl.lit(0.0).alias(name) for name in empty))


def refuse_nulls(features: pl.DataFrame, node: str) -> None:
    """Raise DataError for the first column that holds nulls, for models that have no rule for them."""
    for column in features.iter_columns():
        count = column.null_count()
        if count:
            raise DataError(
                f"column {column.name!r} has {count} nulls, and this model has no rule for them; "
                "put a SimpleImputer before it, or choose a hist_gradient_boosting model",
                reason="missing-values",
                column=column.name,
                node=node,
            )


def refuse_one_class(target: NDArray[np.generic], node: str) -> int:
    """Return the number of classes. Raises DataError where there are less than two."""
    classes = int(np.max(target, initial=-1)) + 1
    if classes < 2:
        raise DataError("the target has only one class; there is nothing to learn", reason="one-class", node=node)
    return classes


@contextmanager
def fitting(node: str) -> Iterator[None]:
    """Turn scikit-learn's refusals into errors that name the node."""
    try:
        yield
    except (ValueError, OverflowError, np.linalg.LinAlgError) as error:
        message = f"the model cannot learn from these rows: {in_own_words(error)}"
        raise DataError(message, reason="fit-failed", node=node) from error


class PlanApplier(ModelApplier):
    """Predicts with the operations of the model's own plan, so that library and serving cannot differ."""

    node: str

    def __init__(self) -> None:
        self._last: tuple[ReferenceType[Params], list[str], list[Op]] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_last": None}  # weak references stay in their process

    @abstractmethod
    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the operations from feature values to the prediction."""

    def predict(self, features: pl.DataFrame, params: Params) -> NDArray[np.generic]:
        """Return class codes or values."""
        wanted = np.int64 if "n_classes" in params else np.float64
        return np.concatenate([part[PREDICTION].astype(wanted) for part in self._run(features, params)])

    def predict_proba(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64] | None:
        """Return probabilities (rows x classes); None for a regression, and where the model has scores only."""
        if "n_classes" not in params:
            return None
        parts = [part.get(PROBABILITIES) for part in self._run(features, params)]
        known = [part for part in parts if part is not None]
        return np.concatenate(known) if known else None

    def answers(self, features: pl.DataFrame, params: Params) -> tuple[NDArray[np.generic], NDArray[np.float64] | None]:
        """Return class codes or values, and probabilities, of one run of the plan."""
        own = type(self)
        if (own.predict, own.predict_proba) != (PlanApplier.predict, PlanApplier.predict_proba):
            return super().answers(features, params)
        parts, classified = list(self._run(features, params)), "n_classes" in params
        known = [part[PROBABILITIES] for part in parts if PROBABILITIES in part] if classified else []
        wanted = np.int64 if classified else np.float64
        predicted = np.concatenate([part[PREDICTION].astype(wanted) for part in parts])
        return predicted, np.concatenate(known) if known else None

    def _ops(self, features: list[str], params: Params) -> list[Op]:
        """Return the operations; whoever asks one model often, as explanations do, gets those of the last time."""
        last = self._last
        if last is not None and last[0]() is params and last[1] == features:
            return last[2]
        classes = range(int(str(params["n_classes"]))) if "n_classes" in params else None
        ops = self.plan(params, features=features, classes=classes)
        self._last = (ref(params), features, ops)
        return ops

    def _run(self, features: pl.DataFrame, params: Params) -> Iterator[Columns]:
        ops = self._ops(features.columns, params)
        for begin in range(0, max(features.height, 1), _CHUNK):
            part = features.slice(begin, _CHUNK)
            columns: Columns = {c.name: c.cast(pl.Float64).to_numpy() for c in part.iter_columns()}
            try:
                for op in ops:
                    op.batch(columns)
            except OpError as error:
                problem = error.problems[0]
                message = problem._replace(row=begin + problem.row).sentence()
                raise DataError(message, reason=problem.code, column=problem.column, node=self.node) from error
            yield columns
