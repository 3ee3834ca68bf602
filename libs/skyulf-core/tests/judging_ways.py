"""The ways by which data and wishes come in, and what each must say of bad ones before anything is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest
from skyulf_core import Pipeline
from skyulf_core.problems import CoreError
from skyulf_core.tuning import tune
from skyulf_core.validation.crossing import cross_validate

ROWS = 120
Frame = pl.DataFrame
Config = dict[str, object]
ROW = np.arange(ROWS)
LABELS = np.array(["no", "yes"] * (ROWS // 2), dtype=object)


def data(rows: int = ROWS, **columns: object) -> Frame:
    plain: dict[str, object] = {
        "a": np.sin(np.arange(rows) * 3.7), "b": np.cos(np.arange(rows) * 1.3), "y": np.arange(rows) // 2 % 2,
        "group": np.arange(rows) % 4, "moment": np.arange(rows)[::-1], "weight": np.ones(rows),
    }  # fmt: skip
    return Frame({**plain, **columns}, strict=False)


def changed(values: np.ndarray, place: int, value: object) -> np.ndarray:
    copied = values.copy()
    copied[place] = value
    return copied


def config(
    *, model: str = "logistic_regression", split: Mapping[str, object] | None = None, weights: str | None = None,
    **keys: object,
) -> Config:  # fmt: skip
    dropped = [name for name in ("group", "moment", "weight") if name != weights]
    chosen: Config = {"node": model} | ({} if weights is None else {"weights": weights})
    steps = [
        {"node": "TrainTestSplit", "config": {"target": "y", **(split or {})}},
        {"node": "DropColumns", "config": {"columns": dropped}},
    ]
    return {"steps": steps, "model": chosen, **keys}


class Learned(Exception):
    """A model was trained, or a candidate judged."""


def never(*_: object) -> None:
    raise Learned


def watching(fraction: float, message: str) -> None:
    """Report to: whether the model's turn has come."""
    if message in ("logistic_regression", "ridge_regression"):
        raise Learned


def fit(frame: Frame, wanted: Config) -> None:
    Pipeline.from_config(wanted).fit(frame, watching, on_trial=never)


def tuned(frame: Frame, wanted: Config, **tuning: object) -> None:
    tune({**wanted, "tuning": {"strategy": "random", "n_trials": 2, **tuning}}, frame, on_change=never)


def judged(frame: Frame, wanted: Config, cv: object = None, metrics: object = None) -> None:
    cross_validate(
        Pipeline.from_config(wanted), frame, cv or {"type": "stratified_k_fold"},  # type: ignore[arg-type]
        metrics=metrics, report=never,  # type: ignore[arg-type]
    )  # fmt: skip


def searched(frame: Frame, wanted: Config, **auto: object) -> None:
    written = dict(wanted["model"])  # type: ignore[call-overload]
    task = "regression" if written["node"] == "ridge_regression" else "classification"
    model = {**written, "node": "auto", "config": {"budget": 3, "task": task, **auto}}
    fit(frame, {**wanted, "model": model})


def decided(frame: Frame, wanted: Config, **validation: object) -> None:
    fit(frame, {**wanted, "validation": validation or {"conformal": {}}})


WAYS: dict[str, Callable[[Frame, Config], None]] = {
    "fit": fit, "tune": tuned, "cross_validate": judged, "auto": searched, "validation": decided,
}  # fmt: skip
LEARNING: dict[str, Callable[[Frame, Config], None]] = {
    "fit": lambda frame, wanted: Pipeline.from_config(wanted).fit(frame) and None,
    "tune": lambda frame, wanted: tune({**wanted, "tuning": {"strategy": "random", "n_trials": 2}}, frame) and None,
    "cross_validate": lambda frame, wanted: cross_validate(
        Pipeline.from_config(wanted), frame, {"type": "stratified_k_fold"}
    ) and None,
}  # fmt: skip
NOT_FIT = ("tune", "cross_validate", "auto", "validation")


def refusal(way: Callable[..., None], *arguments: object, **named: object) -> str:
    """Return what is said, which is a sentence, and comes before anything is learned."""
    with pytest.raises(CoreError) as caught:
        way(*arguments, **named)
    said = str(caught.value)
    assert not any(word in said for word in ("Traceback", "sklearn", "n_splits", "y_true", "ndarray", "?.", "NaN"))
    return said


RARE = changed(LABELS, int(np.flatnonzero(ROW == 99)[0]), "rare")
THREE = data(y=ROW % 3)
