"""Cross-validation: a pipeline judged on its training rows, every step after the split refitted in every fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from skyulf_core.data.frames import normalise, schema_of, to_polars
from skyulf_core.data.splits import SplitDataset
from skyulf_core.models._bins import Bins, remembering
from skyulf_core.nodes.base import Label
from skyulf_core.pipeline.applying import predict_both
from skyulf_core.pipeline.fitting import Report, learned_model
from skyulf_core.pipeline.resolve import Resolved
from skyulf_core.pipeline.running import Flow, Runner
from skyulf_core.pipeline.sources import Frames, tables_of
from skyulf_core.pipeline.targets import classes_of, encoded
from skyulf_core.pipeline.validation import check_resolved
from skyulf_core.pipeline.weighing import weight_values
from skyulf_core.problems import DataError, InvalidConfigError
from skyulf_core.schema import Schema
from skyulf_core.validation.config import CrossValidation, FlatValidation, Nested, TimeSeries, read_cv
from skyulf_core.validation.divided import Divided, before_splitter, divide, splitter_of
from skyulf_core.validation.folds import Fold, Judged, Rows, check_learnable, folds_of
from skyulf_core.validation.parts import model_of, of_all, silent, task_of
from skyulf_core.validation.prefixes import CACHE_BYTES, PrefixCache, prefix_keys
from skyulf_core.validation.result import FoldResult, OutOfFold
from skyulf_core.validation.scoring import defined_scores, metrics_of
from skyulf_core.validation.thinning import drawn

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

_PLACE = ""
"""A column that no data have, so that rows are counted where folds go by none of theirs."""
_MOST_VARIANTS = 4
"""So many preparations of the rows before the split are kept."""


class CrossValidator:
    """Scores configurations of one pipeline on the folds of its training rows.

    Steps before the split run once; every step after it is refitted in every fold, and what configurations share from
    the split on is computed once per fold (`cache_bytes` bounds what is kept; 0: nothing). The test and validation rows
    of the pipeline's own splitter are never seen. Of a nested validation these are the outer folds; `within` gives the
    inner ones of each. Columns that folds go by (`group`, `by`) are columns of the main table as it is given, not of
    what steps make of it; they are features as well, unless a step drops them. Several threads may run folds at once.
    """

    def __init__(
        self,
        resolved: Resolved,
        tables: Mapping[str, pl.DataFrame],
        schema: Schema,
        cv: CrossValidation,
        *,
        metrics: Sequence[str] | None = None,
        metric_place: str | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Make the folds of normalised tables by source; `schema` is that of the main one.

        `metrics` defaults to all that an evaluation shows; `metric_place` says where a configuration names the only
        one. Raises InvalidConfigError, and DataError where the folds
        cannot be made; both before anything is fitted.
        """
        self.resolved, self.schema, self._tables = resolved, schema, tables
        splitter_of(resolved)
        self.task = task_of(resolved)
        metrics_of(self.task, metrics, place=metric_place)
        self.divided = divide(resolved, tables)
        self._variants = {_before_key(resolved, prefix_keys(resolved)): self.divided}
        target = self.divided.train.target
        if target is None:
            raise DataError("a model needs a target", reason="missing-target")
        self.classes: tuple[Label, ...] | None = classes_of(target) if self.task == "classification" else None
        self.truth = encoded(target, self.task, self.classes)
        self.weights = weight_values(self.divided.train.weights)
        self.metrics = metrics_of(self.task, metrics, classes=self.classes, place=metric_place)
        self._begin(cv, np.arange(len(self.divided.train)), cache_bytes)

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        frames: Frames,
        cv: CrossValidation | Mapping[str, object],
        *,
        metrics: Sequence[str] | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> CrossValidator:
        """Return one for frames as `Pipeline.fit` takes them. Raises as `__init__`, and for columns that do not fit."""
        resolved, mode = pipeline.resolved, read_cv(cv)
        given = {name: to_polars(frame) for name, frame in tables_of(frames, resolved.sources).items()}
        schemas = {name: schema_of(frame) for name, frame in given.items()}
        found = check_resolved(resolved, schemas)
        if found.problems:
            raise InvalidConfigError(found.problems)
        tables = {name: normalise(frame) for name, frame in given.items()}
        main = schemas[resolved.main_source]
        return cls(resolved, tables, main, mode, metrics=metrics, cache_bytes=cache_bytes)

    def _begin(self, cv: CrossValidation, rows: Rows, cache_bytes: int) -> None:
        """Make the folds of these of the training rows."""
        self.cv, self.rows, self._bins = cv, rows, Bins()
        self._cache_bytes, self.cache = cache_bytes, PrefixCache(cache_bytes)
        mode = cv.outer if isinstance(cv, Nested) else cv
        self._folds = [Fold(rows[fold.train], rows[fold.test]) for fold in folds_of(*self._judged(mode, rows))]
        for number, fold in enumerate(self._folds, start=1):
            check_learnable(fold, number, mode, self.truth, self.weights, classes=self.classes)

    def _judged(self, mode: FlatValidation, rows: Rows) -> tuple[FlatValidation, Judged]:
        """Return what folds are made of; only classes that occur among the rows."""
        if isinstance(mode, TimeSeries) and mode.by is None and self.divided.time_column is not None:
            mode = mode.model_copy(update={"by": self.divided.time_column})
        codes, labels = None, tuple[Label, ...]()
        if self.classes is not None:
            present, codes = np.unique(self.truth[rows].astype(np.int64), return_inverse=True)
            labels = tuple(self.classes[code] for code in present)
        places, raw = self.divided.rows[rows], self.divided.raw
        wanted = (mode.group_column, getattr(mode, "by", None))
        if self.resolved.weights is not None and self.resolved.weights in wanted:
            message = f"{self.resolved.weights!r} holds the weights of the rows; {mode.type} goes by another column"
            raise DataError(message, reason="weights-as-group", column=self.resolved.weights)
        named = [name for name in wanted if name in raw.columns]
        columns = raw.select(pl.int_range(pl.len()).alias(_PLACE), *named)[places]
        in_order = bool((np.diff(places) > 0).all())
        return mode, Judged(columns, self.resolved.target or "", codes, labels, in_order, raw.columns)

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return len(self._folds)

    def fold_rows(self, index: int) -> Fold:
        """Return the places, among the training rows of the splitter, that a fold learns from and is judged on."""
        return self._folds[index]

    def within(self, index: int) -> CrossValidator:
        """Return the inner validation of an outer fold: on the rows that it learns from, none of its test rows.

        Raises DataError where there are too few of them, ValueError where the validation is not nested.
        """
        if not isinstance(self.cv, Nested):
            raise ValueError("only a nested validation has inner folds")
        inner = copy(self)
        inner._begin(self.cv.inner, self._folds[index].train, self._cache_bytes)
        return inner

    def thinned(self, share: float, *, random_state: int, every_class: bool = False) -> CrossValidator:
        """Return one whose folds have a share of their rows, drawn as scikit-learn's halving search draws them.

        With `every_class` a part that would lose a class keeps a row of it. Raises DataError where too little is left
        to learn from.
        """
        codes = self.truth.astype(np.int64) if every_class and self.classes is not None else None
        some = partial(drawn, share=share, random_state=random_state, codes=codes)
        fewer = copy(self)
        fewer.cache, fewer._bins = PrefixCache(self._cache_bytes), Bins()
        fewer._folds = [Fold(some(fold.train), some(fold.test)) for fold in self._folds]
        mode = self.cv.outer if isinstance(self.cv, Nested) else self.cv
        for number, fold in enumerate(fewer._folds, start=1):
            check_learnable(fold, number, mode, self.truth, self.weights, classes=self.classes)
        return fewer

    def run_fold(self, resolved: Resolved, index: int, *, report: Report | None = None) -> FoldResult:
        """Train on the training rows of a fold, and score its test rows.

        `resolved` may have other parameters than the pipeline that the folds are of, even other nodes, as long as it
        predicts the same target for the same training rows. `report` is told the fraction done and what runs; what it
        raises ends the fold. Raises DataError where a node cannot learn.
        """
        started, fold, tell = time.perf_counter(), self._folds[index], report or silent
        splits = self._features(resolved, index, tell)
        model = model_of(resolved)
        tell(0.5, model.entry.name)
        with remembering(self._bins):
            fitted, classes = learned_model(model, self.task, splits.train, known=self.classes)
        features = splits.test.features.select(fitted.features)
        predicted, probabilities = predict_both(fitted, features)
        if classes is not None and self.classes is not None:
            predicted, probabilities = of_all(predicted, probabilities, classes, self.classes)
        weights = None if self.weights is None else self.weights[fold.test]
        metrics = defined_scores(
            self.metrics, self.truth[fold.test], predicted, probabilities, classes=self.classes, weights=weights
        )
        tell(1.0, "done")
        return FoldResult(index, metrics, fold.test, predicted, probabilities, time.perf_counter() - started)

    def oof(self, results: Sequence[FoldResult]) -> OutOfFold:
        """Return the predictions of folds with the truth. Raises DataError where there are none."""
        if not results:
            raise DataError("no fold has been run", reason="no-rows")
        rows = np.concatenate([result.rows for result in results])
        parts = [result.probabilities for result in results if result.probabilities is not None]
        return OutOfFold(
            rows=rows,
            predictions=np.concatenate([result.predictions for result in results]),
            probabilities=np.concatenate(parts) if len(parts) == len(results) else None,
            truth=self.truth[rows],
            weights=None if self.weights is None else self.weights[rows],
            folds=np.repeat([result.index for result in results], [len(result.rows) for result in results]),
            classes=self.classes,
        )

    def _features(self, resolved: Resolved, index: int, tell: Report) -> SplitDataset:
        """Return the rows of a fold as they come out of the last step; beginning behind the last one that is known."""
        keys, end = prefix_keys(resolved), model_of(resolved).inputs[0]
        divided = self._divided_for(resolved, keys)
        flows = dict(divided.flows)
        with self.cache.turn((index, keys[end])):
            waiting, needed = [], {end} - flows.keys()
            for node in reversed(resolved.known_steps):
                if node.id not in needed:
                    continue
                splits = node.id == divided.splitter.id
                known = None if splits and node.id != end else self.cache.get((index, keys[node.id]))
                if known is None and splits:
                    flows[node.id] = self._split(divided, self._folds[index])
                    if node.id == end:  # else what comes of them is kept
                        self.cache.put((index, keys[end]), flows[end], end=True)
                elif known is None:
                    waiting.append(node)
                    needed |= set(node.inputs) - flows.keys()
                else:
                    flows[node.id] = known
            runner = Runner(resolved)
            for place, node in enumerate(reversed(waiting)):
                tell(0.5 * place / len(waiting), node.entry.name)
                _, flow = runner.run(node, [flows[name] for name in node.inputs])
                flows[node.id] = flow
                self.cache.put((index, keys[node.id]), flow, end=node.id == end)
        return flows[end].splits

    @staticmethod
    def _split(divided: Divided, fold: Fold) -> Flow:
        whole = divided.train
        return Flow(SplitDataset(whole.take(fold.train), whole.take(fold.test)), divided.makers)

    def _divided_for(self, resolved: Resolved, keys: Mapping[str, str]) -> Divided:
        """Return the rows up to the splitter of a configuration. Raises DataError where they are other rows."""
        judged = (resolved.target, resolved.weights, task_of(resolved))
        same, key = judged == (self.resolved.target, self.resolved.weights, self.task), _before_key(resolved, keys)
        if same and key in self._variants:
            return self._variants[key]
        made = divide(resolved, self._tables) if same else None
        if made is None or not np.array_equal(made.rows, self.divided.rows):
            message = "a configuration learns of another target, with other weights, or from other rows than the folds"
            raise DataError(message, reason="other-rows", node=splitter_of(resolved).entry.name)
        while len(self._variants) >= _MOST_VARIANTS:
            self._variants.pop(next(iter(self._variants)), None)
        self._variants[key] = made
        return made


def _before_key(resolved: Resolved, keys: Mapping[str, str]) -> tuple[str, ...]:
    """Return what says that two configurations prepare the same rows before the split, under the same ids."""
    return tuple(f"{node.id} {keys[node.id]}" for node in before_splitter(resolved))
