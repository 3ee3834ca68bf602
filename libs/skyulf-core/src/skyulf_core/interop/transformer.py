"""SkyulfTransformer: any node as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skyulf_core.interop.tables import output_of, refusing, table_of
from skyulf_core.nodes.base import Applier, Calculator, Kind, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.nodes.registry import NodeEntry, NodeRegistry
from skyulf_core.pipeline.fusing import naming
from skyulf_core.pipeline.layout import Placed
from skyulf_core.pipeline.resolve import ResolvedNode, resolve_node
from skyulf_core.pipeline.walk import refuse_types
from skyulf_core.problems import Problem

if TYPE_CHECKING:
    from typing import Self

    from skyulf_core.params import Params

_CONTAINERS = ("default", "pandas", "polars")
_TARGET = "target of the training rows"


class SkyulfTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=()):  # type: ignore[misc,call-arg]
    """A node of this library inside scikit-learn's own tools: pipelines, grid search, cross-validation.

    `node` is its name, the other parameters are its configuration. What comes out are arrays, or frames after
    `set_output`. Splitters, nodes that change rows and nodes that read earlier rows have no place in scikit-learn's
    pipelines and are refused.

    >>> SkyulfTransformer("StandardScaler", with_std=False).fit_transform([[1.0], [3.0]]).tolist()
    [[-1.0], [1.0]]

    >>> SkyulfTransformer("TrainTestSplit", target="y").fit([[1.0]])
    Traceback (most recent call last):
    ValueError: TrainTestSplit is a splitter node; a transformer can be stateless, learned or target_aware
    """

    def __init__(self, node: str = "StandardScaler", **config: object) -> None:
        self.node = node
        self._config = config

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the node's name and its configuration."""
        return {"node": self.node, **self._config}

    def set_params(self, **params: object) -> Self:
        """Change the node or its configuration. Raises ValueError for a parameter that the node does not have.

        A node that does not exist is refused by `fit`, as scikit-learn's estimators refuse values.
        """
        node: Any = params.pop("node", self.node)
        known = NodeRegistry.get(node).config_model.model_fields if _is_node(node) else None
        for name in params:
            if known is not None and name not in known:
                raise ValueError(f"Invalid parameter {name!r} for {node}. Valid parameters are: {sorted(known)}.")
        self.node = node
        self._config = {**self._config, **params}
        return self

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container: `default` (arrays), `pandas` or `polars`."""
        if transform not in (None, *_CONTAINERS):
            raise ValueError(f"transform is one of {', '.join(_CONTAINERS)}, not {transform!r}")
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def fit(self, X: object, y: object = None) -> Self:
        """Learn from the rows. Raises ValueError for a configuration or data that the node refuses."""
        self._learn(X, y)
        return self

    def transform(self, X: object) -> object:
        """Return the changed rows."""
        check_is_fitted(self)
        data = table_of(self, X, reset=False)
        return output_of(self._applied(data), X, self._container())

    def fit_transform(self, X: object, y: object = None) -> object:
        """Learn, and return the training rows; encoders of the target give them cross-fitted values."""
        data, seen = self._learn(X, y)
        return output_of(self._applied(data) if seen is None else seen, X, self._container())

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return the names of the columns that come out."""
        check_is_fitted(self)
        if input_features is not None:
            given = list(cast("list[str]", input_features))
            if len(given) != self.n_features_in_:
                raise ValueError(f"input_features should have length equal to {self.n_features_in_}, got {len(given)}")
            if given != list(getattr(self, "feature_names_in_", given)):
                raise ValueError("input_features is not equal to feature_names_in_")
        return np.array(self._columns_out, dtype=object)

    def _learn(self, x: object, y: object) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        resolved = self._resolved()
        entry, config = resolved.entry, resolved.parsed
        data = table_of(self, x, reset=True)
        seen: pl.DataFrame | None = None
        params: Params
        with refusing(data), naming(self.node):
            refuse_types(entry, config, data.schema)
            if isinstance(entry.calculator, TargetAwareCalculator):
                target = _target_of(y, data.height)
                params = entry.calculator.fit(data, target, config)
                seen = entry.calculator.training_rows(data, target, config, params)
            else:
                params = cast("Calculator[Any]", entry.calculator).fit(data, config)
        self.params_ = params
        self._columns_out = self._applied(data.clear()).columns
        return data, seen

    def _applied(self, data: pl.DataFrame) -> pl.DataFrame:
        with refusing(data), naming(self.node):
            return cast("Applier", self._resolved().entry.applier).apply(data, self.params_)

    def _resolved(self) -> ResolvedNode:
        problems: list[Problem] = []
        found = resolve_node(Placed("node", str(self.node), self._config, ""), problems)
        if found is not None:
            self._check_kind(found.entry)
        if found is None or problems:
            said = [f"{problem.message} {problem.suggestion or ''}".strip() for problem in problems]
            raise ValueError(" ".join(said))
        return found

    def _check_kind(self, entry: NodeEntry) -> None:
        kind = "model" if entry.is_model else entry.kind.value
        if isinstance(entry.calculator, Combiner):
            raise ValueError(f"{self.node} makes one table of several; scikit-learn hands over one")
        if kind not in (Kind.STATELESS, Kind.LEARNED, Kind.TARGET_AWARE):
            raise ValueError(f"{self.node} is a {kind} node; a transformer can be stateless, learned or target_aware")

    def _container(self) -> str:
        from sklearn import get_config

        chosen = getattr(self, "_sklearn_output_config", {}).get("transform")
        return str(chosen or get_config()["transform_output"])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if _is_node(self.node):
            calculator = NodeRegistry.get(self.node).calculator
            tags.target_tags.required = calculator.kind is Kind.TARGET_AWARE
            tags.input_tags.allow_nan = calculator.accepts_missing
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.requires_fit = True
        return tags


def _is_node(name: object) -> bool:
    return isinstance(name, str) and name in NodeRegistry.names()


def _target_of(y: object, rows: int) -> pl.Series:
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    values = column_or_1d(y, warn=True)
    if len(values) != rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[rows, len(values)]}")
    return pl.Series(_TARGET, values.tolist())
