"""from_sklearn: a fitted pipeline of scikit-learn as a fitted pipeline of this library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from pydantic import JsonValue

from skyulf_core.data.frames import normalise, schema_of, to_polars
from skyulf_core.fitted import FittedPipeline, FittedStep
from skyulf_core.interop.reading.agreeing import require_agreement
from skyulf_core.interop.reading.line import Line, Step, UnsupportedEstimatorError
from skyulf_core.interop.reading.walking import parts_of, passes, read_all
from skyulf_core.interop.tables import frame_of
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.pipeline.golden import golden_rows
from skyulf_core.pipeline.pipeline import Pipeline
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.problems import DataError, NotFittedError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_SPLITTER = "FeatureTargetSplit"


def from_sklearn(fitted: BaseEstimator, data: object, *, target: str = "target") -> Pipeline:
    """Return a fitted pipeline with what a fitted scikit-learn pipeline, transformer or model has learned.

    Nothing is fitted again. `data` are some rows as `fitted` takes them (a frame or an array): they give the types of
    the columns, the golden rows, and the proof: what comes out must be what scikit-learn answers for them, within 1e-9
    and with the same labels. Rows that scikit-learn refuses may be answered. `target` is the name of what is predicted.

    Columns that are changed in place keep name and place, new ones stand at the end under the names that our nodes
    give them (`sklearn_columns` says which is which). Columns of an array are called `x0`, `x1`, ….

    Raises UnsupportedEstimatorError, which names the step, its class and what is supported; NotFittedError.

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import Normalizer, StandardScaler
    >>> data = pl.DataFrame({"size": [10.0, 20.0, 30.0]})
    >>> theirs = make_pipeline(StandardScaler(), Ridge(alpha=0)).fit(data, [1.0, 2.0, 3.0])
    >>> from_sklearn(theirs, data, target="price").predict(pl.DataFrame({"size": [40.0]})).round(6).to_list()
    [4.0]

    >>> from_sklearn(make_pipeline(Normalizer()).fit(data), data)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    skyulf_core.interop.reading.line.UnsupportedEstimatorError: the step 'normalizer' (Normalizer) cannot be read: \
there is no such node. Supported are ...
    """
    found = _read(fitted, data, target)
    pipeline = found.pipeline()
    try:
        require_agreement(fitted, data, pipeline, found.columns)
    except DataError as error:
        raise UnsupportedEstimatorError(f"it answers for rows that are refused here: {error}") from error
    return pipeline


def sklearn_columns(fitted: BaseEstimator, data: object) -> dict[str, str]:
    """Return our name of each column that comes out of the last transformer, by scikit-learn's name, in its order."""
    found = _read(fitted, data, "target")
    transformer = fitted[:-1] if found.is_model and hasattr(fitted, "steps") else fitted
    if found.is_model and (transformer is fitted or not len(transformer.steps)):
        return {name: name for name in found.columns}
    names = _with_names(transformer).get_feature_names_out()
    return dict(zip((str(name) for name in names), found.columns, strict=True))


def _with_names(transformer: BaseEstimator) -> BaseEstimator:
    """Return a copy that knows the names of what comes out: a FunctionTransformer() alone does not say them."""
    copied = deepcopy(transformer)
    for part in parts_of(copied):
        if passes(part):
            part.feature_names_out = "one-to-one"
    return copied


@dataclass(frozen=True)
class _Found:
    """Everything that was read. `columns` are those of the last transformer, in scikit-learn's order."""

    fitted: FittedPipeline
    sample: pl.DataFrame
    columns: list[str]

    @property
    def is_model(self) -> bool:
        return self.fitted.model is not None

    def pipeline(self) -> Pipeline:
        resolved = resolve(self.fitted.config)
        if resolved.problems:
            problems = "; ".join(str(problem) for problem in resolved.problems)
            raise UnsupportedEstimatorError(f"its steps and its model do not go together here: {problems}")
        golden = golden_rows(self.fitted, self.sample)
        return Pipeline(resolved, FittedPipeline(**{**vars(self.fitted), "golden": golden}))


def _read(fitted: BaseEstimator, data: object, target: str) -> _Found:
    from sklearn.exceptions import NotFittedError as SklearnNotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(fitted)
    except SklearnNotFittedError as error:
        raise NotFittedError(f"{type(fitted).__name__} is not fitted; call its fit first") from error
    sample = _sample(fitted, data)
    line = Line(sample)
    top = Step("", fitted, sample.columns)
    columns, model = read_all(line, top)
    if not line.steps and model is None:
        line.add(top, "SelectColumns", {"columns": columns})
    steps, known = list(line.steps), None
    if line.target_aware or (model is not None and model.task not in UNSUPERVISED):
        known = free_name(target, set(sample.columns))
        steps.insert(0, _splitter(known, steps, sample))
    config: dict[str, JsonValue] = {"steps": [_written(step.id, step.node, step.config) for step in steps]}
    if model is not None:
        config["model"] = _written("model", model.model.node, model.model.config)
    read = FittedPipeline(
        config=config,
        input_schema=schema_of(sample),
        steps=tuple(steps),
        model=None if model is None else model.model,
        task=None if model is None else model.task,
        target=known,
        classes=None if model is None else model.classes,
    )
    return _Found(read, sample, columns)


def _sample(fitted: BaseEstimator, data: object) -> pl.DataFrame:
    """Return the rows with the columns that the estimator was fitted on, in their order."""
    frame = normalise(to_polars(frame_of(data)))
    names = [str(name) for name in getattr(fitted, "feature_names_in_", ())]
    if names and set(names) <= set(frame.columns):
        frame = frame.select(names)
    count = getattr(fitted, "n_features_in_", frame.width)
    if frame.width != count:
        message = f"the estimator was fitted on {count} columns, the rows have {frame.width}"
        raise DataError(message, reason="missing-column")
    if not frame.height:
        raise DataError("some rows are needed: for the types of columns, and as a proof", reason="too-few-rows")
    return frame


def _splitter(target: str, steps: Sequence[FittedStep], sample: pl.DataFrame) -> FittedStep:
    """Return the step that names the target: a pipeline that learns from one has it."""
    config = NodeRegistry.get(_SPLITTER).config_model.model_validate({"target": target}).model_dump(mode="json")
    name = free_name("split", {"model", *(step.id for step in steps)})
    return FittedStep(name, _SPLITTER, config, Params(), columns=tuple(sample.columns))


def _written(identity: str, node: str, config: Mapping[str, JsonValue]) -> JsonValue:
    return {"id": identity, "node": node, "config": dict(config)}
