"""AutoML: preparation and model are searched within a budget of seconds, and the best that was found is kept."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from pydantic import JsonValue
from skyulf_core import Pipeline
from skyulf_core.automl.config import LEAST
from skyulf_core.automl.leaderboard import AutoResult, Entry
from skyulf_core.evaluation.metrics import greater_is_better
from skyulf_core.tuning.trial import Trial
from skyulf_service.work.failures import ChildError

from skyulf_pipeline.child.parts import Report, Spec, Telling, allowed_pipeline, facts, part_of, read_frames
from skyulf_pipeline.child.reporting import hand_over
from skyulf_pipeline.domain.trials import MOST_TRIALS

SEARCH = "search"
SEARCHING = 0.9
"""So much of a fit's progress is its search."""
SHARE_AFTER, SECONDS_AFTER = 0.1, 20.0
"""So much of the time that a job may take, or so many seconds, are kept for what comes after its search."""
SHARE_JUDGING, SECONDS_JUDGING = 0.25, 6.0
"""So much of a budget, but no more seconds than these, are kept for the bundle and the report."""
_PARAMS = 200


def automl(spec: Spec, report: Telling) -> dict[str, JsonValue]:
    """Search for the best pipeline, train it, and write its bundle and report.

    ``spec`` has what `train` needs, with the model ``auto`` in ``config``, and ``stop`` (a path: once there is a file,
    the best so far is taken, which the first candidate is soon); ``ends_at`` bounds the budget. Each candidate that
    ends is told, with the best so far, and lines that a person would want to read. Reading the data, the bundle and the
    report belong to the budget.
    """
    began = time.monotonic()
    report(0.0, "read data")
    with facts():
        frames, told = read_frames(spec, allowed_pipeline(spec).main_source), _Told(report)
        pipeline = allowed_pipeline({**spec, "config": told.bounded(spec, time.monotonic() - began)})
        stop = Path(str(spec["stop"]))

        def should_stop() -> bool:
            return (told.has_best and stop.exists()) or told.count >= MOST_TRIALS

        pipeline.fit(frames, _steps(report), on_trial=told, should_stop=should_stop)
        found = pipeline.auto_result
        if found is None:
            raise ChildError("invalid-pipeline", "There is nothing to search for without the model auto.")
        told.ended(found, pipeline)
        return hand_over(pipeline, spec, report)


class _Told:
    """Tells of candidates as they end, which is the best, and what a person should know."""

    def __init__(self, report: Telling) -> None:
        self._tell, self._failed = report.tell, set[str]()
        self._best: Trial | None = None
        self.count = 0

    @property
    def has_best(self) -> bool:
        """Whether any candidate has a score."""
        return self._best is not None

    def bounded(self, spec: Spec, spent: float) -> dict[str, JsonValue]:
        """Return the configuration with what is left of its budget, and of the job's time, for the search; say so."""
        config = cast("dict[str, JsonValue]", spec["config"])
        model = cast("dict[str, JsonValue]", config["model"])
        auto = cast("dict[str, JsonValue]", model["config"])
        budget = float(cast("float", auto["budget"]))
        seconds = float(str(spec["ends_at"])) - time.time()
        most = max(seconds - max(SHARE_AFTER * seconds, SECONDS_AFTER), LEAST)
        left = max(budget - spent - min(SHARE_JUDGING * budget, SECONDS_JUDGING), LEAST)
        search = round(min(left, most), 1)
        what = str(auto.get("metric") or "the metric that fits the target")
        lines = [f"Searching for {search:g} of {budget:g} seconds, the final training included, by {what}."]
        if most < left:
            lines.append(f"The budget of {budget:g} seconds is longer than a job may take here, and was cut.")
        self._tell({"lines": lines})
        return {**config, "model": {**model, "config": {**auto, "budget": search}}}

    def __call__(self, trial: Trial) -> None:
        self.count += 1
        if trial.number >= MOST_TRIALS:
            return
        lines = list(self._lines(trial))
        told = trial if trial.score is None or math.isfinite(trial.score) else replace(trial, score=None)
        self._tell({"trial": told.to_dict(), "best": _best(self._best), "lines": lines})

    def _lines(self, trial: Trial) -> Iterator[str]:
        family = str(trial.params["family"])
        if trial.state == "failed" and family not in self._failed:
            self._failed.add(family)
            yield f"{family} failed: {trial.error}"[:1_000]
        if trial.state != "complete" or trial.score is None or not math.isfinite(trial.score):
            return
        best = self._best
        if best is not None and best.round == trial.round and not _better(trial, best):
            return
        if best is not None and best.round > trial.round:
            return
        self._best = trial
        judged = f"{len(trial.folds)} fold{'s' if len(trial.folds) > 1 else ''} of {trial.resource:,} rows"
        yield f"Best so far: {family}, {_metric(trial)} {trial.score:.6g} (trial {trial.number}, {judged})."

    def ended(self, found: AutoResult, pipeline: Pipeline) -> None:
        """Tell what came of it, and which candidate it was in the end."""
        states = Counter(entry.state for entry in found.leaderboard)
        tried = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        why = {
            "budget": "the budget is spent",
            "done": "nothing can be better",
            "stopped": "somebody asked for the end"
            if self.count < MOST_TRIALS
            else f"{MOST_TRIALS:,} candidates are the most",
        }[found.end]
        lines = [
            f"The search took {found.seconds:.1f} of {found.budget:g} seconds and ended because {why}.",
            f"{len(found.leaderboard)} candidates were tried: {tried}.",
            f"Chosen and trained on all training rows: {_chosen(found.best, found.metric, pipeline)}.",
            *(note[:1_000] for note in found.notes[:100]),
        ]
        best: dict[str, JsonValue] | None = None
        if found.best.score is not None and math.isfinite(found.best.score):
            best = {"trial": found.best.number, "metric": found.metric, "score": found.best.score}
        self._tell({"best": best, "lines": lines})


def _better(trial: Trial, best: Trial) -> bool:
    one, other = cast("float", trial.score), cast("float", best.score)
    return one > other if greater_is_better(_metric(trial)) else one < other


def _best(trial: Trial | None) -> dict[str, JsonValue] | None:
    return None if trial is None else {"trial": trial.number, "metric": _metric(trial), "score": trial.score}


def _metric(trial: Trial) -> str:
    """Return what candidates are judged by: a search looks at one metric alone."""
    return next(iter(trial.folds[0].metrics))


def _chosen(best: Entry, metric: str, pipeline: Pipeline) -> str:
    spread = "" if best.spread is None else f" ± {best.spread:.2g}"
    score = "" if best.score is None else f", {metric} {best.score:.6g}{spread} over {best.folds} folds"
    shown = (
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in best.params.items()
    )
    params = ", ".join(shown)[:_PARAMS]
    model = pipeline.fitted.model
    return f"{best.family} ({'' if model is None else model.node}{': ' if params else ''}{params}){score}"


def _steps(report: Telling) -> Report:
    """Report steps of the search under one name: they change with each fold, and each change is a line of the log."""
    tell = part_of(report, 0.02, 0.95)
    return lambda fraction, step: tell(fraction, SEARCH if fraction < SEARCHING else step)
