"""Pipeline: from a configuration to a trained, saved, served model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import JsonValue

from skyulf_core.data.frames import Frame, normalise, require_columns, schema_of, series_like, to_library_of, to_polars
from skyulf_core.fitted import FittedModel, FittedPipeline
from skyulf_core.pipeline.applying import features_of, labels_of, predict_codes, predict_probabilities, query_of
from skyulf_core.pipeline.card import model_card
from skyulf_core.pipeline.describing import describe, summary, to_text
from skyulf_core.pipeline.drawing import to_html
from skyulf_core.pipeline.evaluating import evaluate_model
from skyulf_core.pipeline.fingerprint import fingerprint
from skyulf_core.pipeline.fitting import Report, Trainer
from skyulf_core.pipeline.golden import golden_rows
from skyulf_core.pipeline.mermaid import to_mermaid
from skyulf_core.pipeline.progress import both, progress_line
from skyulf_core.pipeline.resolve import Resolved, resolve
from skyulf_core.pipeline.script import to_script
from skyulf_core.pipeline.sources import Frames, main_of, tables_of
from skyulf_core.pipeline.streaming import fit_streaming, streams
from skyulf_core.pipeline.validation import check_resolved
from skyulf_core.pipeline.wiring import SOURCE
from skyulf_core.problems import DataError, InvalidConfigError, NotFittedError
from skyulf_core.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

    from skyulf_core.evaluation import Evaluation
    from skyulf_core.serving.plan import PlanDocument

_GOLDEN_FROM = 1_000
"""So many first rows of a LazyFrame are looked at for golden ones."""


class Pipeline:
    """A line or a graph of nodes, with a model at its end or without one.

    A graph with several sources takes a mapping of frames by the name of their source; predictions need only the one
    whose rows are predicted. Frames may be polars or pandas; answers come in the same library. Columns are bound by
    name: their order does not matter, and columns that the pipeline does not know are left out.

    >>> data = pl.DataFrame({"x": [1.0, 2.0, None, 4.0] * 5, "y": ["no", "no", "yes", "yes"] * 5})
    >>> pipeline = Pipeline.from_config({
    ...     "steps": [
    ...         {"node": "TrainTestSplit", "config": {"target": "y", "stratify": True}},
    ...         {"node": "SimpleImputer", "config": {"strategy": "median"}},
    ...     ],
    ...     "model": {"node": "logistic_regression"},
    ... })
    >>> pipeline.fit(data).predict(pl.DataFrame({"x": [1.0, 4.0]})).to_list()
    ['no', 'yes']

    >>> Pipeline.from_config({"steps": [{"node": "SimpleImputr"}]})
    Traceback (most recent call last):
    skyulf_core.problems.InvalidConfigError: /steps/0/node: There is no node 'SimpleImputr'. \
Did you mean 'SimpleImputer'?
    """

    def __init__(self, resolved: Resolved, fitted: FittedPipeline | None = None) -> None:
        self._resolved = resolved
        self._fitted = fitted

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Pipeline:
        """Return a pipeline that is not fitted. Raises InvalidConfigError with all problems."""
        resolved = resolve(config)
        if resolved.problems:
            raise InvalidConfigError(resolved.problems)
        return cls(resolved)

    @classmethod
    def load(cls, directory: Path | str) -> Pipeline:
        """Return the fitted pipeline of a bundle. Nothing is unpickled. Raises PlanError for a broken bundle."""
        from skyulf_core import bundle

        fitted = bundle.read(directory)
        resolved = resolve(fitted.config)
        if resolved.problems:
            raise InvalidConfigError(resolved.problems)
        return cls(resolved, fitted)

    @property
    def config(self) -> dict[str, JsonValue]:
        """The configuration with defaults filled in: in list form, or as a graph where it branches."""
        return self._resolved.to_dict()

    @property
    def main_source(self) -> str:
        """The source whose rows are learned from and predicted; the others of a graph are reference data of joins."""
        return self._resolved.main_source

    @property
    def files(self) -> list[tuple[str, str]]:
        """(JSON pointer, path) of every file that nodes read when they learn: to look at in graphs of others."""
        nodes = [node for node in self._resolved.nodes if node.config is not None]
        return [(f"{n.placed.pointer}/config{at}", path) for n in nodes for at, path in n.parsed.named_files()]

    @property
    def is_fitted(self) -> bool:
        """Whether the pipeline has learned."""
        return self._fitted is not None

    @property
    def fitted(self) -> FittedPipeline:
        """Everything that was learned. Raises NotFittedError before `fit`."""
        if self._fitted is None:
            raise NotFittedError("This pipeline is not fitted; call fit first.")
        return self._fitted

    def fit(self, frame: Frames, report: Report | None = None, *, progress: bool = False) -> Pipeline:
        """Learn from the training rows, judge on the held-out ones; return the pipeline itself.

        A LazyFrame is learned from without collecting it where every step streams (see `pipeline.streaming`).
        `report` is called with the fraction done (0 to 1) and the name of what runs now; `progress` shows the same on
        a terminal, in one line of stderr. Raises InvalidConfigError where the columns do not fit the configuration,
        DataError where the values do not. After an error the pipeline is what it was before.
        """
        if progress:
            with progress_line() as show:
                return self.fit(frame, both(show, report))
        if isinstance(frame, pl.LazyFrame) and streams(self._resolved):
            self._fit_streaming(frame, report or _silent)
        else:
            self._fit(frame, report or _silent)
        return self

    def fit_transform(self, frame: Frames, report: Report | None = None) -> pl.DataFrame | pd.DataFrame:
        """Learn, and return the training rows as they come out of the last step: those that a model learns from.

        They may be fewer than the rows given, or more (row-changing nodes), and encoders of the target give them
        cross-fitted values; `transform` gives what new rows would get.
        """
        return to_library_of(self._rows(frame), self._fit(frame, report or _silent))

    def _fit(self, frames: Frames, tell: Report) -> pl.DataFrame:
        given = {name: to_polars(frame) for name, frame in tables_of(frames, self._resolved.sources).items()}
        schemas = self._checked_schemas(given)
        tables = {name: normalise(frame) for name, frame in given.items()}
        data = tables[self._resolved.main_source]
        trainer = Trainer(self._resolved, tables, schemas[self._resolved.main_source], tell)
        fitted = trainer.run()
        if trainer.raw_test is not None and fitted.model is not None:
            tell((len(fitted.steps) + 1) / (len(fitted.steps) + 2), "evaluation")
            test = trainer.splits.test
            fitted = replace(fitted, evaluation=evaluate_model(fitted, fitted.model, test.features, test.target))
        self._fitted = replace(
            fitted, golden=golden_rows(fitted, data if trainer.raw_test is None else trainer.raw_test)
        )
        tell(1.0, "done")
        return trainer.splits.train.features

    def _fit_streaming(self, frame: pl.LazyFrame, tell: Report) -> None:
        schema = self._checked_schemas({SOURCE: frame})[SOURCE]
        fitted = fit_streaming(self._resolved, frame, schema, tell)
        some = normalise(frame.head(_GOLDEN_FROM).collect())
        self._fitted = replace(fitted, golden=golden_rows(fitted, some))
        tell(1.0, "done")

    def _checked_schemas(self, data: Mapping[str, pl.DataFrame | pl.LazyFrame]) -> dict[str, Schema]:
        schemas = {name: schema_of(frame) for name, frame in data.items()}
        found = check_resolved(self._resolved, schemas)
        if found.problems:
            raise InvalidConfigError(found.problems)
        return schemas

    def _rows(self, frames: Frames) -> Frame:
        """Return the frame whose rows are predicted."""
        return main_of(frames, self._resolved.sources, self._resolved.main_source)

    def transform(self, frames: Frames) -> pl.DataFrame | pl.LazyFrame | pd.DataFrame:
        """Return rows as they come out of the last step: the features that the model is given.

        A LazyFrame comes back as a LazyFrame: a query that has not run, where every step is one; only dates are looked
        at before. Raises DataError for missing columns, wrong types and refused values.
        """
        frame = self._rows(frames)
        if not isinstance(frame, pl.LazyFrame):
            return to_library_of(frame, features_of(self.fitted, to_polars(frame)))
        query = query_of(self.fitted, frame)
        return features_of(self.fitted, to_polars(frame)).lazy() if query is None else query

    def predict(self, frames: Frames) -> pl.Series | pd.Series[Any]:
        """Return one label or number per row. Raises DataError for missing columns, wrong types, refused values."""
        frame, model = self._rows(frames), self._model()
        codes = predict_codes(model, features_of(self.fitted, to_polars(frame)))
        values = labels_of(codes, self.fitted.classes)
        return series_like(
            frame, self.fitted.target or "prediction", values.tolist() if values.dtype == object else values
        )

    def predict_proba(self, frames: Frames) -> pl.DataFrame | pd.DataFrame:
        """Return the probability of each class, a column per class. Raises NotFittedError for a regression."""
        from skyulf_core.serving.plan import label_key

        frame = self._rows(frames)
        probabilities = predict_probabilities(self._model(), features_of(self.fitted, to_polars(frame)))
        if probabilities is None or self.fitted.classes is None:
            raise NotFittedError("A regression has no probabilities; use predict.")
        names = [label_key(label) for label in self.fitted.classes]
        return to_library_of(frame, pl.DataFrame(dict(zip(names, probabilities.T, strict=True))))

    def evaluate(self, frames: Frames | None = None) -> Evaluation:
        """Return the metrics on the test rows held out by `fit`, or on new rows that hold the target."""
        model = self._model()
        if frames is None:
            if self.fitted.evaluation is None:
                raise NotFittedError("There were no test rows; give rows to evaluate on.")
            return self.fitted.evaluation
        target = self.fitted.target or ""
        data = to_polars(self._rows(frames))
        require_columns(data, [target])
        truth = normalise(data.select(target))[target]
        if truth.null_count():
            raise DataError(f"the target {target!r} is missing in some rows", reason="null-target", column=target)
        return evaluate_model(self.fitted, model, features_of(self.fitted, data), truth)

    def save(self, directory: Path | str) -> Path:
        """Write the bundle (JSON and arrays, without a signature) into a folder, and return it."""
        from skyulf_core import bundle

        bundle.write(self.fitted, Path(directory))
        return Path(directory)

    def serving_plan(self) -> PlanDocument:
        """Return the plan that servers run: the input schema and operations from a row to its prediction."""
        from skyulf_core.bundle import serving_document

        return serving_document(self.fitted)

    def describe(self) -> dict[str, JsonValue]:
        """Return, as JSON values, the nodes, and after `fit` the columns, classes and metrics."""
        return describe(self._resolved, self._fitted)

    def model_card(self) -> str:
        """Return Markdown: what is predicted, from which data, by which steps, how well. Raises NotFittedError."""
        return model_card(self._resolved, self.fitted)

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, from the data to the model."""
        return to_mermaid(self._resolved)

    def __repr__(self) -> str:
        return summary(self._resolved, self._fitted)

    def __str__(self) -> str:
        return to_text(self._resolved, self._fitted)

    def _repr_html_(self) -> str:
        return to_html(self._resolved, self._fitted)

    def to_python(self) -> str:
        """Return a script of plain calls of nodes: `fit(data)` and `predict(learned, data)` give the same result."""
        return to_script(self._resolved, self._fitted)

    def fingerprint(self) -> str:
        """Return the sha256 of the configuration with defaults filled in, and of its wiring; the same in every process.

        Ids, and the order in which the nodes of a graph are written, do not count.
        """
        return fingerprint(self._resolved)

    def _model(self) -> FittedModel:
        if self.fitted.model is None:
            raise NotFittedError("This pipeline has no model; use transform.")
        return self.fitted.model


def _silent(fraction: float, message: str) -> None:
    """Report to nobody."""
