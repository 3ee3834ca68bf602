"""Tuning a pipeline: the study of its training rows, nested where the validation is, and what it found."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from pydantic import JsonValue

from skyulf_core.data.frames import normalise, schema_of, to_polars
from skyulf_core.pipeline.fingerprint import fingerprint
from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.progress import part_of
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.sources import Frames, tables_of
from skyulf_core.pipeline.validation import check_resolved
from skyulf_core.problems import DataError, InvalidConfigError, Problem
from skyulf_core.schema import Schema
from skyulf_core.tuning.checks import Tuning
from skyulf_core.tuning.config import storage_file
from skyulf_core.tuning.journal import Journal
from skyulf_core.tuning.judging import Judge
from skyulf_core.tuning.strategies.base import Strategy
from skyulf_core.tuning.strategies.choosing import strategy_of
from skyulf_core.tuning.study import OnTrial, Study, Watch
from skyulf_core.tuning.trial import Trial, best_of
from skyulf_core.tuning.tuned import Tuned
from skyulf_core.validation.config import Nested
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.result import CrossValidationResult

_METRIC = "/tuning/metric"
"""Where a configuration names what is searched for."""


def tune(
    config: Mapping[str, object],
    frames: Frames,
    *,
    on_trial: OnTrial | None = None,
    on_change: OnTrial | None = None,
    report: Report | None = None,
    should_stop: Callable[[], bool] | None = None,
    storage: str | None = None,
    known: Sequence[Trial] = (),
) -> Tuned:
    """Search the parameters of a pipeline whose configuration has the key `tuning`, on its training rows alone.

    `on_trial` is called with every trial that ends (complete, pruned or failed), `report` with the fraction done and
    the best score so far, `should_stop` is asked before each fold: where it says so, the best so far is returned.
    `storage` goes before that of the configuration. Who keeps the study elsewhere is told by `on_change` of every
    trial that begins, has done a fold, or ends, and gives what was kept back as `known`: those trials are not run
    again, and those that had begun go on. Whether they are of the same study is then the caller's to know. Raises
    InvalidConfigError and DataError, before the first fit for what can be known before; DataError where no trial is
    complete.
    """
    resolved = resolve(config)
    if not resolved.problems and resolved.tuning is None:
        message = "There is nothing to tune without the key tuning."
        raise InvalidConfigError([Problem("/tuning", message, "missing-field", field="tuning")])
    given = {name: to_polars(frame) for name, frame in tables_of(frames, resolved.sources).items()}
    schemas = {name: schema_of(frame) for name, frame in given.items()}
    found = check_resolved(resolved, schemas)
    if found.problems:
        raise InvalidConfigError(found.problems)
    tables = {name: normalise(frame) for name, frame in given.items()}
    watch = Watch(on_trial, report, should_stop, on_change)
    return tune_resolved(resolved, tables, schemas[resolved.main_source], watch, storage=storage, known=known)


def tune_resolved(
    resolved: Resolved,
    tables: Mapping[str, pl.DataFrame],
    schema: Schema,
    watch: Watch,
    *,
    storage: str | None = None,
    known: Sequence[Trial] = (),
) -> Tuned:
    """Do the same for a pipeline that was checked, and normalised tables."""
    if resolved.tuning is None:
        raise ValueError("the pipeline has no tuning")
    tuning, plain = resolved.tuning, replace(resolved, tuning=None)
    searcher = _Searcher(plain, tuning, tables, watch, storage or tuning.config.storage, known)
    validator = CrossValidator(plain, tables, schema, tuning.cv, metrics=[tuning.metric], metric_place=_METRIC)
    if not isinstance(tuning.cv, Nested):
        return searcher.search(validator)
    inner = [validator.within(index) for index in range(validator.folds)]  # all refusals before the first fit
    whole = CrossValidator(plain, tables, schema, tuning.cv.inner, metrics=[tuning.metric], metric_place=_METRIC)
    for chooser in (*inner, whole):
        searcher.check(chooser)
    results = []
    for index, chooser in enumerate(inner):
        found = searcher.search(chooser, part=f"outer-{index}", place=(index, validator.folds + 1))
        if found.end == "stopped":
            raise DataError("the study was stopped before its outer folds were done", reason="no-trial")
        results.append(validator.run_fold(found.resolved, index))
    outer = CrossValidationResult.of(validator.metrics, results, validator.oof(results))
    return replace(searcher.search(whole, place=(validator.folds, validator.folds + 1)), outer=outer)


class _Searcher:
    """Runs studies of one pipeline: one, or one in every outer fold and one on all training rows."""

    def __init__(
        self, resolved: Resolved, tuning: Tuning, tables: Mapping[str, pl.DataFrame], watch: Watch,
        storage: str | None, known: Sequence[Trial],
    ) -> None:  # fmt: skip
        self._resolved, self._tuning, self._tables, self._known = resolved, tuning, tables, known
        self._watch, self._storage, self._started = watch, storage, time.monotonic()

    def search(self, validator: CrossValidator, *, part: str = "", place: tuple[int, int] = (0, 1)) -> Tuned:
        """Run the study on the folds of a validator. Raises DataError where no trial is complete.

        `place` says which of how many studies it is: each gets an equal part of the time that is left.
        """
        tuning, strategy = self._tuning, self._strategy(validator)
        judge = Judge(validator, random_state=tuning.config.random_state)
        known = [trial for trial in self._known if trial.part == part]
        journal = Journal(
            self._path(part), self._identity(part), part=part, known=known, on_write=self._watch.on_change
        )
        try:
            study = Study(
                self._resolved, tuning, judge, strategy=strategy, journal=journal, watch=self._watch_of(*place),
                seconds=self._seconds(*place),
            )  # fmt: skip
            trials = study.run()
        finally:
            journal.close()
        best = best_of(trials, greater_is_better=tuning.greater_is_better)
        if best is None:
            raise DataError(_nothing(trials, study.end), reason="no-trial")
        return self._tuned(study, judge, best, trials)

    def check(self, validator: CrossValidator) -> None:
        """Raise InvalidConfigError or DataError where rounds of halving have too few rows for the folds."""
        if self._tuning.config.halving:
            self._strategy(validator)

    def _strategy(self, validator: CrossValidator) -> Strategy:
        folds = [validator.fold_rows(index) for index in range(validator.folds)]
        return strategy_of(
            self._tuning, folds=len(folds), part=min(len(rows) for fold in folds for rows in (fold.train, fold.test)),
            rows=len(validator.rows), classes=None if validator.classes is None else len(validator.classes),
        )  # fmt: skip

    def _watch_of(self, index: int, count: int) -> Watch:
        report = self._watch.report
        if report is None or count == 1:
            return self._watch
        return replace(self._watch, report=part_of(report, index / count, (index + 1) / count))

    def _seconds(self, index: int, count: int) -> float | None:
        timeout = self._tuning.config.timeout
        return None if timeout is None else max(self._started + timeout - time.monotonic(), 0.0) / (count - index)

    def _tuned(self, study: Study, judge: Judge, best: Trial, trials: list[Trial]) -> Tuned:
        resolved = study.applied(best)
        validator = judge.validator

        def judged() -> CrossValidationResult:
            # a round of halving may have judged on fewer rows
            known = study.results_of(best) if best.resource is None or self._tuning.resource is not None else None
            results = known or [validator.run_fold(resolved, index) for index in range(validator.folds)]
            return CrossValidationResult.of(validator.metrics, results, validator.oof(results))

        return Tuned(best, self._tuning.metric, tuple(trials), resolved, study.end, judged)

    def _path(self, part: str) -> Path | None:
        if self._storage is None:
            return None
        path = Path(storage_file(self._storage))
        return path.with_name(f"{path.name}.{part}") if part else path

    def _identity(self, part: str) -> dict[str, JsonValue]:
        """Return what makes a study the same one: what may change between two runs of it is left out."""
        tuning, config = self._tuning, self._tuning.config
        identity: dict[str, JsonValue] = {
            "pipeline": fingerprint(self._resolved), "data": _digest(self._tables), "metric": tuning.metric,
            "search_space": tuning.space.to_dict(), "strategy": config.strategy, "sampler": config.sampler,
            "cross-validation": tuning.cv.model_dump(mode="json"), "random_state": config.random_state, "part": part,
        }  # fmt: skip
        if config.halving:
            names = ("n_trials", "factor", "resource", "min_resource", "max_resource")
            identity |= {name: getattr(config, name) for name in names}
        return identity


def _nothing(trials: list[Trial], end: str) -> str:
    failed = [trial for trial in trials if trial.state == "failed"]
    if failed:
        return f"none of {len(trials)} trials came to a score; the first failure: {failed[0].error}"
    why = "the time was over" if end == "timeout" else "the study was stopped"
    return f"no trial came to a score before {why}"


def _digest(tables: Mapping[str, pl.DataFrame]) -> str:
    """Return what tells tables apart: names, types, and the values of every row in order."""
    digest = hashlib.sha256()
    for name, table in tables.items():
        digest.update(repr((name, list(table.schema.items()))).encode())
        if table.width:
            digest.update(table.hash_rows().to_numpy().tobytes())
    return digest.hexdigest()
