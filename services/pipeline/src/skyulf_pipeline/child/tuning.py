"""Tuning: a pipeline's parameters are searched, and it is fitted with the best ones."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from pydantic import JsonValue
from skyulf_core import Pipeline
from skyulf_core.tuning.trial import Trial, best_of
from skyulf_core.tuning.tuning import tune as search
from skyulf_service.work.failures import ChildError

from skyulf_pipeline.child.parts import Spec, Telling, allowed_pipeline, facts, part_of, read_frames
from skyulf_pipeline.child.reporting import hand_over

FOLD_SECONDS = 1.0
"""A trial that goes on is told of at most this often; its beginning and its end always are."""

MOST_ERROR = 4_000
"""So many letters are told of why a trial failed."""


def tune(spec: Spec, report: Telling) -> dict[str, JsonValue]:
    """Search a pipeline's parameters, fit it with the best ones, and write its bundle and report.

    ``spec`` has what `train` needs, with the key ``tuning`` in ``config``; ``known`` (a JSON file with the trials of
    earlier attempts, which are not run again), and ``stop`` (a path: once there is a file, the best so far is taken).
    Each trial that begins, goes on or ends is told, with the best so far.
    """
    report(0.0, "read data")
    with facts():
        pipeline = allowed_pipeline(spec)
        frames = read_frames(spec, pipeline.main_source)
        known = [Trial.from_dict(each) for each in json.loads(Path(str(spec["known"])).read_bytes())]
        stop = Path(str(spec["stop"]))
        tuned = search(
            cast("Mapping[str, object]", spec["config"]), frames, on_change=_Told(pipeline, known, report),
            report=part_of(report, 0.02, 0.85), should_stop=stop.exists, known=known,
        )  # fmt: skip
        best = Pipeline.from_config(tuned.best_config)
        best.fit(frames, report=part_of(report, 0.85, 0.95))
        return hand_over(best, spec, report, tuned=tuned)


class _Told:
    """Tells of trials as they change, and which is the best; trials that run side by side take turns to call it."""

    def __init__(self, pipeline: Pipeline, known: Sequence[Trial], report: Telling) -> None:
        tuning = pipeline.resolved.tuning
        if tuning is None:
            raise ChildError("invalid-pipeline", "There is nothing to tune without the key tuning.")
        self._metric, self._greater, self._tell = tuning.metric, tuning.greater_is_better, report.tell
        self._trials = {(trial.part, trial.number): trial for trial in known}
        self._told_at: dict[tuple[str, int], float] = {}

    def __call__(self, trial: Trial) -> None:
        key, now = (trial.part, trial.number), time.monotonic()
        self._trials[key] = trial
        if trial.state == "running" and trial.folds and now - self._told_at.get(key, -math.inf) < FOLD_SECONDS:
            return
        self._told_at[key] = now
        told = trial if trial.score is None or math.isfinite(trial.score) else replace(trial, score=None)
        told = replace(told, error=None if told.error is None else told.error[:MOST_ERROR])
        self._tell({"trial": told.to_dict(), "best": self._best()})

    def _best(self) -> dict[str, JsonValue] | None:
        whole = [trial for trial in self._trials.values() if not trial.part]
        best = best_of(whole, greater_is_better=self._greater)
        if best is None or best.score is None or not math.isfinite(best.score):
            return None
        return {"trial": best.number, "metric": self._metric, "score": best.score}
