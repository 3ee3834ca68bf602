"""Two models on the same rows: which is better, by how much, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from pydantic import JsonValue

from skyulf_core.evaluation.intervals import SAMPLES, Interval, check_bootstrap, drawn_from, draws, interval_of
from skyulf_core.evaluation.metrics import greater_is_better, metric_function
from skyulf_core.evaluation.rows import Floats, Rows
from skyulf_core.problems import DataError


@dataclass(frozen=True)
class Comparison:
    """One metric of two models on the same rows.

    `difference` is the second less the first, with its interval; `p_value` the chance of a difference this far from
    0, either way, if there were none. `sentence` says it in words.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p_value: float
    significant: bool
    sentence: str

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {**cast("dict[str, JsonValue]", vars(self)), "difference": self.difference.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Comparison:
        """Read what `to_dict` returned."""
        difference = Interval.from_dict(cast("Mapping[str, object]", data["difference"]))
        return cls(**{**data, "difference": difference})  # type: ignore[arg-type]


def compare(
    names: Sequence[str],
    first: Rows,
    second: Rows,
    *,
    titles: tuple[str, str] = ("the first model", "the second model"),
    level: float = 0.95,
    samples: int = SAMPLES,
    random_state: int = 0,
) -> dict[str, Comparison]:
    """Compare two models on the same rows, metric by metric (paired bootstrap); undefined metrics are left out.

    Both models are judged on the same samples, so that what makes rows hard for both does not count: models that differ
    little are told apart that their own intervals would not. Raises DataError where the rows are not the same.
    """
    check_bootstrap(level, samples)
    _check_same(first, second)
    functions = {name: metric_function(name, first.labels) for name in names}
    (one, shrink), (other, _) = drawn_from(first, random_state), drawn_from(second, random_state)
    drawn: dict[str, list[Floats]] = {name: [] for name in names}
    for counts in draws(len(one.truth), samples, random_state):
        weights = counts * one.weights
        for name, function in functions.items():
            drawn[name].append(function(replace(other, weights=weights)) - function(replace(one, weights=weights)))
    found = {}
    for name, function in functions.items():
        values = (float(function(first)[0]), float(function(second)[0]))
        estimate, centre = values[1] - values[0], float(function(other)[0] - function(one)[0])
        differences = (np.concatenate(drawn[name]) - centre) * shrink + estimate
        interval = interval_of(estimate, differences, level=level)
        if interval is not None:
            found[name] = _comparison(name, values, interval, differences, titles)
    return found


def _comparison(
    name: str, values: tuple[float, float], interval: Interval, differences: Floats, titles: tuple[str, str]
) -> Comparison:
    known = differences[np.isfinite(differences)]
    rest = min(int((known <= 0).sum()), int((known >= 0).sum()))
    p_value = min(1.0, 2 * (rest + 1) / (len(known) + 1))
    significant = not interval.low <= 0 <= interval.high
    sentence = _sentence(name, values, interval, p_value, titles)
    return Comparison(name, *values, interval, p_value, significant, sentence)


def _sentence(
    name: str, values: tuple[float, float], interval: Interval, p_value: float, titles: tuple[str, str]
) -> str:
    more = interval.estimate if greater_is_better(name) else -interval.estimate
    better, worse = (titles[1], titles[0]) if more >= 0 else (titles[0], titles[1])
    shown = f"{values[1]:.4g} against {values[0]:.4g}" if more >= 0 else f"{values[0]:.4g} against {values[1]:.4g}"
    ends = sorted((abs(interval.low), abs(interval.high)))
    if not interval.low <= 0 <= interval.high:
        return (
            f"{better[0].upper()}{better[1:]} is better than {worse} by {name} ({shown}): the difference is "
            f"{ends[0]:.3g} to {ends[1]:.3g} with {interval.level:.0%} confidence (p = {p_value:.2g})."
        )
    if values[0] == values[1]:
        return f"By {name} there is no difference between {titles[0]} and {titles[1]} ({values[0]:.4g})."
    return (
        f"By {name} these rows do not tell {better} ({shown}) and {worse} apart: the difference is "
        f"{interval.low:.3g} to {interval.high:.3g} with {interval.level:.0%} confidence (p = {p_value:.2g})."
    )


def _check_same(first: Rows, second: Rows) -> None:
    same = (
        first.labels == second.labels
        and np.array_equal(first.truth, second.truth)
        and np.array_equal(first.weights, second.weights)
    )
    if not same:
        message = "the two models were not judged on the same rows: truth, classes and weights must be equal"
        raise DataError(message, reason="different-rows")
