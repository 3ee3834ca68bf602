"""Training from a file, with nothing else said: what `skyulf train` does.

This module is the entry point `core` of the group `skyulf.trainers`: the `skyulf` command finds the library by it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping

import polars as pl
from pydantic import JsonValue

from skyulf_core.automl.config import LEAST
from skyulf_core.automl.families import AutoTask
from skyulf_core.automl.named import pipeline_of_one, searched_model, task_of_model
from skyulf_core.automl.setup import task_of_target
from skyulf_core.automl.summary import summary
from skyulf_core.automl.targets import check_wish
from skyulf_core.automl.wish import Wish, check_paths, read_rows, splitter
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.pipeline import Pipeline
from skyulf_core.problems import DataError, FitWarning, InvalidConfigError
from skyulf_core.tuning.study import Watch
from skyulf_core.tuning.trial import Trial

OnTrial = Callable[[Mapping[str, JsonValue]], None]
OnProgress = Callable[[float, str], None]
_LATER = 1.0
"""Seconds of a budget that intervals of the metrics, and the file, get."""
_THINNED, _FEWEST = 0.125, 1_000
"""Where all rows take too long this share of them is taken, and this share of those, but never fewer rows."""
_PER_CELL = 1e-6
"""Seconds of work that looking at a value, learning a line from it and judging take."""
_WORKED = 0.5
"""Seconds of work below which a process says nothing of the machine."""
_LARGEST_SEED = 2**32 - 1
_MUCH = 0.5
"""Where a larger share of the rows is held out, holding out fewer may help."""
_FINISHED = ("complete", "pruned", "failed")


def train(
    wish: Mapping[str, object],
    *,
    on_trial: OnTrial | None = None,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, JsonValue]:
    """Train what a wish (fields of `Wish`) asks for; return what came of it as JSON values.

    `on_trial` is told of every candidate as it ends, `on_progress` of the fraction done. Where `should_stop` (asked
    before each fold of a search) says so, the best so far is trained. Raises CoreError, whose text is one sentence,
    for files, targets and names that do not fit.
    """
    wanted = Wish(**dict(wish))  # type: ignore[arg-type]
    began = time.monotonic() if wanted.began is None else wanted.began
    if not 0 <= wanted.seed <= _LARGEST_SEED:
        message = f"--seed is a whole number from 0 to {_LARGEST_SEED:,}, not {wanted.seed}"
        raise DataError(message, reason="wrong-seed")
    check_paths(wanted)
    data, notes = read_rows(wanted)
    task = task_of_model(wanted) or task_of_target(data[wanted.target])
    check_wish(data, wanted.target, task, test_size=wanted.test_size, model=wanted.model)
    watch = Watch(None if on_trial is None else _told(on_trial), on_progress, should_stop)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", FitWarning)
            pipeline = _trained(wanted, data, task, began, watch)
        notes += dict.fromkeys(_sentence(str(each.message)) for each in warned if each.category is FitWarning)
        return summary(wanted, pipeline, notes, began, watch.report or (lambda fraction, message: None))
    except InvalidConfigError as error:  # said without the places of a configuration that nobody has written
        said = (" ".join(filter(None, (problem.message, problem.suggestion))) for problem in error.problems)
        raise DataError(" ".join(said), reason="invalid-config") from error
    except DataError as error:
        if error.reason not in ("rare-class", "unseen-class") or wanted.test_size <= _MUCH:
            raise
        message = f"{error.message}, or hold out fewer rows than --test-size {wanted.test_size:g}"
        raise DataError(message, reason=error.reason, column=error.column) from error


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _trained(wanted: Wish, data: pl.DataFrame, task: AutoTask, began: float, watch: Watch) -> Pipeline:
    split = splitter(wanted, data, task)
    if wanted.auto is None and wanted.model is not None:
        return pipeline_of_one(wanted, data, split, task).fit(data, watch.report)
    NodeRegistry.names()  # loads all nodes, which is part of the budget
    whole = wanted.auto or 60.0
    slowness = (time.monotonic() - began) / max(time.process_time(), _WORKED)
    return _searched(wanted, data, task, began + whole - _LATER, watch, slowness=slowness)


def _searched(
    wanted: Wish, data: pl.DataFrame, task: AutoTask, end: float, watch: Watch, *, slowness: float
) -> Pipeline:
    """Search until a moment of time.monotonic; on some of the rows, where all of them would take too long."""
    by = wanted.target if task == "classification" else None
    share = _first_share(data, end - time.monotonic(), slowness)
    while True:
        some = data if share >= 1.0 else _drawn(data, share, by=by, seed=wanted.seed)
        budget = max(end - time.monotonic(), LEAST)
        split = splitter(wanted, some, task)
        pipeline = Pipeline.from_config({"steps": [split], "model": searched_model(wanted, task, budget)})
        try:
            pipeline.fit(some, watch.report, on_trial=watch.on_trial, should_stop=watch.should_stop)
        except DataError as error:
            share *= _THINNED
            if error.reason != "budget-too-small" or data.height * share < _FEWEST:
                raise
            continue
        if some.height < data.height:
            rows = f"{some.height:,} of {data.height:,} rows, drawn at random"
            warnings.warn(
                f"{rows}, were all that could be learned from and judged on in the time", FitWarning, stacklevel=2
            )
        return pipeline


def _first_share(data: pl.DataFrame, seconds: float, slowness: float) -> float:
    """Return the share of the rows from which a line could be learned in so many seconds; at least a few.

    On a machine that takes `slowness` times as long as it works, which loading has shown.
    """
    share, cells = 1.0, data.height * data.width
    while cells * share * _PER_CELL * max(slowness, 1.0) > seconds and data.height * share * _THINNED >= _FEWEST:
        share *= _THINNED
    return share


def _drawn(data: pl.DataFrame, share: float, *, by: str | None, seed: int) -> pl.DataFrame:
    """Return a share of the rows in their order; of each class at least three, which a split needs."""
    place, count = pl.int_range(pl.len()).shuffle(seed=seed), pl.len()
    if by is not None:
        place, count = place.over(by), count.over(by)
    return data.filter(place < (count * share).ceil().clip(lower_bound=3))


def _told(on_trial: OnTrial) -> Callable[[Trial], None]:
    def tell(trial: Trial) -> None:
        if trial.state in _FINISHED:
            on_trial(trial.to_dict())

    return tell
