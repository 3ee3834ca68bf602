"""Pipeline: from a configuration to a trained, saved, served model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from skyulf_core.data.frames import to_library_of
from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.predictor import Predictor
from skyulf_core.pipeline.progress import both, progress_line
from skyulf_core.pipeline.resolve import Resolved, resolve
from skyulf_core.pipeline.sources import Frames
from skyulf_core.pipeline.whole_fit import WholeFit, fit_lazily, fit_whole, fits_lazily
from skyulf_core.problems import InvalidConfigError

if TYPE_CHECKING:
    import pandas as pd

    from skyulf_core.automl.leaderboard import AutoResult
    from skyulf_core.explanation.contributions import Explanations
    from skyulf_core.report.report import Report as JudgingReport
    from skyulf_core.serving.plan import PlanDocument
    from skyulf_core.tuning.trial import Trial
    from skyulf_core.tuning.tuned import Tuned
    from skyulf_core.validation.config import CrossValidation
    from skyulf_core.validation.crossing import Choose
    from skyulf_core.validation.learning_curve import LearningCurve
    from skyulf_core.validation.result import CrossValidationResult


class Pipeline(Predictor):
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
        super().__init__(resolved, fitted)
        self._given = resolved  # as configured; after a search `_resolved` has the best parameters
        self._last: WholeFit | None = None

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
    def tuning_result(self) -> Tuned | None:
        """The trials, and the best of them, of the last `fit` of a pipeline with `tuning`; None for others."""
        return None if self._last is None else self._last.tuned

    @property
    def held_out(self) -> pl.DataFrame | None:
        """The test rows that the last `fit` held out, as they were given, with their target: what `report` judges on.

        None where there are none, and after `load`.
        """
        return None if self._last is None else self._last.held_out

    @property
    def some_rows(self) -> pl.DataFrame | None:
        """Some rows of the last `fit`, drawn at random: what importances look at; None after `load`."""
        return None if self._last is None else self._last.some_rows

    @property
    def auto_result(self) -> AutoResult | None:
        """The candidates, and the best of them, of the last `fit` of a pipeline whose model is `auto`; else None."""
        return None if self._last is None else self._last.found

    def fit(
        self,
        frame: Frames,
        report: Report | None = None,
        *,
        progress: bool = False,
        on_trial: Callable[[Trial], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Pipeline:
        """Learn from the training rows, judge on the held-out ones; return the pipeline itself.

        A pipeline with `tuning` searches its parameters first, on folds of the training rows, and learns with the best
        ones: `on_trial` is called with each trial that ends, and where `should_stop` (asked before each fold) says so,
        the best so far is taken. `config` is that of the best from then on; another `fit` searches anew.
        One whose model is `auto` searches preparation and model too, within its budget (see `auto_result`).
        One with `validation` then chooses calibration, threshold and intervals on rows that the model has not learned
        from, never on test rows.
        A model that learns without a target is judged on its training rows, where none are held out.
        A LazyFrame is learned from without collecting it where every step streams (see `pipeline.streaming`).
        `report` is called with the fraction done (0 to 1) and the name of what runs now; `progress` shows the same on
        a terminal, in one line of stderr. Raises InvalidConfigError where the columns do not fit the configuration,
        DataError where the values do not. After an error the pipeline is what it was before.
        """
        if progress:
            with progress_line() as show:
                return self.fit(frame, both(show, report), on_trial=on_trial, should_stop=should_stop)
        report = report or _silent
        if isinstance(frame, pl.LazyFrame) and fits_lazily(self._given):
            self._keep(fit_lazily(self._given, frame, report))
        else:
            self._keep(fit_whole(self._given, frame, report, on_trial=on_trial, should_stop=should_stop)[0])
        return self

    def fit_transform(self, frame: Frames, report: Report | None = None) -> pl.DataFrame | pd.DataFrame:
        """Learn, and return the training rows as they come out of the last step: those that a model learns from.

        They may be fewer than the rows given, or more (row-changing nodes), and encoders of the target give them
        cross-fitted values; `transform` gives what new rows would get.
        """
        given = self._rows(frame)
        fit, rows = fit_whole(self._given, frame, report or _silent)
        self._keep(fit)
        return to_library_of(given, rows)

    def _keep(self, fit: WholeFit) -> None:
        self._last, self._resolved, self._fitted = fit, fit.resolved, fit.fitted

    def cross_validate(
        self,
        frames: Frames,
        cv: CrossValidation | Mapping[str, object],
        *,
        metrics: Sequence[str] | None = None,
        choose: Choose | None = None,
        report: Report | None = None,
    ) -> CrossValidationResult:
        """Return what folds of the training rows say: metrics of each, their mean and spread, and all predictions.

        The pipeline stays what it is, and the test rows of its splitter are never looked at. `cv` is
        `{"type": "stratified_k_fold", "folds": 5}` or another mode of `skyulf_core.validation.config`; see there
        `cross_validate`. Raises InvalidConfigError and DataError.
        """
        from skyulf_core.validation.crossing import cross_validate  # stands above this layer

        return cross_validate(self, frames, cv, metrics=metrics, choose=choose, report=report)

    def explain(self, frames: Frames, *, background: Frames | None = None) -> Explanations:
        """Return what each column added to the answer of each row, and sentences that say so.

        See `skyulf_core.explanation`. Raises NotFittedError without a model, DataError for rows that are refused.
        """
        from skyulf_core.explanation.explaining import explain  # stands above this layer

        return explain(self, frames, background=background)

    def report(
        self,
        frames: Frames | None = None,
        *,
        segments: Sequence[str] = (),
        cross_validation: CrossValidationResult | None = None,
        learning_curve: LearningCurve | None = None,
    ) -> JudgingReport:
        """Return everything that is known of the model and of its answers to held-out rows: HTML, JSON and Markdown.

        `frames` are rows with the target that the model has not learned from; by default those that `fit` held out.
        `segments` are columns of groups that the model should treat alike. What `cross_validate` and `learning_curve`
        found is shown where it is given. Raises NotFittedError where there are no rows, DataError for unknown segments.
        """
        from skyulf_core.report.building import build_report  # stands above this layer

        return build_report(
            self, frames, segments=segments, cross_validation=cross_validation, learning_curve=learning_curve
        )

    def save(self, directory: Path | str) -> Path:
        """Write the bundle (JSON and arrays, without a signature) into a folder, and return it."""
        from skyulf_core import bundle

        bundle.write(self.fitted, Path(directory))
        return Path(directory)

    def serving_plan(self) -> PlanDocument:
        """Return the plan that servers run: the input schema and operations from a row to its prediction."""
        from skyulf_core.bundle import serving_document

        return serving_document(self.fitted)


def _silent(fraction: float, message: str) -> None:
    """Report to nobody."""
