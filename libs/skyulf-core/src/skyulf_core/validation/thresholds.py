"""Thresholds: from probabilities to a class otherwise than by the most likely one.

They are chosen on rows that the model has not learned from, never on test rows: what they promise is then kept there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.metrics import METRICS, metric_base, metric_function
from skyulf_core.evaluation.rows import Codes, Floats, Rows, Tally, rows_of, tallied
from skyulf_core.problems import DataError

Goal: TypeAlias = Literal["recall", "precision"]

MOST_CLASSES = 100
_MOST_CANDIDATES = 1_000
_ROUNDS = 5
_SAME = 1e-12


@dataclass(frozen=True)
class Threshold:
    """When a class wins: one number per class, between 0 and 1.

    The class wins whose probability is the largest in relation to its number; with two classes, whose numbers sum up
    to 1, the second one does from its number on. `criterion` says what was chosen by, `score` its value on the rows
    that were chosen on (a little better than on others), `default_score` what the most likely class would have had.
    """

    values: tuple[float, ...]
    criterion: str
    score: float
    default_score: float
    rows: int

    def __post_init__(self) -> None:
        if len(self.values) < 2 or not all(0 < value <= 1 for value in self.values):
            raise ValueError(f"thresholds {self.values!r}")

    @property
    def of_second(self) -> float | None:
        """The probability from which the second of two classes wins; None for more classes."""
        return self.values[1] if len(self.values) == 2 else None

    def codes(self, probabilities: Floats) -> Codes:
        """Return the class code of each row; the first of equals wins."""
        if len(self.values) == 2:
            return np.asarray(probabilities[:, 1] >= self.values[1], np.int64)
        return np.asarray(np.argmax(probabilities / np.array(self.values), axis=1).astype(np.int64))

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return cast("dict[str, JsonValue]", {**asdict(self), "values": list(self.values)})

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Threshold:
        """Read what `to_dict` returned."""
        values = tuple(map(float, cast("list[float]", data["values"])))
        return cls(**{**data, "values": values})  # type: ignore[arg-type]


def threshold_by_metric(
    metric: str,
    truth: NDArray[np.generic],
    probabilities: Floats,
    *,
    classes: Sequence[object],
    weights: Floats | None = None,
) -> Threshold:
    """Return the threshold with the best value of a metric of labels, such as f1 or balanced_accuracy.

    Of thresholds that are equally good the one nearest to the most likely class. With more than two classes the
    thresholds are moved one after the other, until none makes it better. Raises DataError for a metric of probabilities
    (no threshold changes those), or that does not fit the classes.
    """
    function = metric_function(metric, classes)
    if METRICS[metric_base(metric)].needs == "probabilities":
        message = f"no threshold changes {metric!r}, which is of probabilities; choose by f1, balanced_accuracy or mcc"
        raise DataError(message, reason="wrong-metric")
    rows = _known(truth, probabilities, classes, weights)
    sign = 1.0 if METRICS[metric_base(metric)].greater_is_better else -1.0

    def goodness(sweep: _Sweep) -> Floats:
        return np.asarray(sign * function(sweep.tallied()), np.float64)

    return _chosen(rows, metric, goodness, lambda codes: float(function(_called(rows, codes))[0]))


def threshold_by_cost(
    costs: Sequence[Sequence[float]],
    truth: NDArray[np.generic],
    probabilities: Floats,
    *,
    classes: Sequence[object],
    weights: Floats | None = None,
) -> Threshold:
    """Return the threshold with the least mean cost per row; `costs[i][j]` is that of calling class i class j.

    Gains are negative costs. Raises DataError for a matrix that does not fit the classes.
    """
    matrix = check_costs(costs, classes)
    rows = _known(truth, probabilities, classes, weights)
    total = float(rows.total[0])

    def goodness(sweep: _Sweep) -> Floats:
        truths = cast("Codes", rows.truth)
        with_others = matrix[truths, sweep.others]
        with_this = matrix[truths, sweep.code]
        spent = with_others @ rows.weights[0] + sweep.gained(with_this - with_others)
        return np.asarray(-spent / total)

    def cost(codes: Codes) -> float:
        return float(matrix[cast("Codes", rows.truth), codes] @ rows.weights[0]) / total

    return _chosen(rows, "cost", goodness, cost)


def threshold_by_target(
    goal: Goal,
    at_least: float,
    truth: NDArray[np.generic],
    probabilities: Floats,
    *,
    classes: Sequence[object],
    weights: Floats | None = None,
) -> Threshold:
    """Return the threshold of two classes that reaches a recall with the best precision, or the other way round.

    Both are of the second class. Raises DataError where there are more classes, or no threshold reaches it; the text
    says what can be reached.
    """
    check_goal(goal, classes)
    if not 0 < at_least <= 1:
        raise DataError(f"a {goal} target is above 0 and at most 1; it is {at_least}", reason="wrong-target")
    rows = _known(truth, probabilities, classes, weights)
    other: Goal = "precision" if goal == "recall" else "recall"
    reached = metric_function(goal, classes), metric_function(other, classes)

    def goodness(sweep: _Sweep) -> Floats:
        first, second = (function(sweep.tallied()) for function in reached)
        if first.max() < at_least - _SAME:
            message = f"no threshold reaches a {goal} of {at_least:g}; the most is {first.max():.3g}"
            raise DataError(message, reason="out-of-reach")
        return np.where(first >= at_least - _SAME, second, -np.inf)

    criterion = f"{other} at {goal} >= {at_least:g}"
    return _chosen(rows, criterion, goodness, lambda codes: float(reached[1](_called(rows, codes))[0]))


def check_count(classes: Sequence[object]) -> None:
    """Raise DataError for more classes than thresholds are chosen for."""
    if len(classes) > MOST_CLASSES:
        message = f"thresholds are for at most {MOST_CLASSES} classes, not {len(classes):,}; leave the threshold out"
        raise DataError(message, reason="too-many-classes")


def check_costs(costs: Sequence[Sequence[float]], classes: Sequence[object]) -> Floats:
    """Return costs as a matrix. Raises DataError where they do not fit the classes."""
    count = len(classes)
    if len(costs) != count or any(len(row) != count for row in costs) or not np.isfinite(np.array(costs)).all():
        message = f"costs are a row of {count} numbers for each of {count} classes (true by predicted)"
        raise DataError(message, reason="wrong-costs")
    return np.asarray(costs, np.float64)


def check_goal(goal: Goal, classes: Sequence[object]) -> None:
    """Raise DataError for a target of other than two classes."""
    if len(classes) != 2:
        message = f"a {goal} target needs two classes, not {len(classes):,}; choose by metric or cost"
        raise DataError(message, reason="wrong-classes")


class _Sweep:
    """What happens when the threshold of one class is moved and the others stay, at many places at once.

    A row is called `code` where its level is at least the place, else what `others` says. Of two classes levels and
    places are probabilities.
    """

    def __init__(self, rows: Rows, values: Floats, code: int) -> None:
        self._rows, self.code = rows, code
        ratios = rows.known_probabilities() / values
        mine = ratios[:, code].copy()
        ratios[:, code] = -np.inf
        self.others = np.argmax(ratios, axis=1).astype(np.int64)
        best = ratios[np.arange(len(ratios)), self.others]
        with np.errstate(divide="ignore", invalid="ignore"):
            level = mine * values[code] / best  # the class wins where p / place >= best
        level = mine if rows.classes == 2 else np.where(np.isnan(level), 0.0, level)
        self.places = _places(level, most=1.0 if rows.classes == 2 else math.inf)
        # so many places does a row's level reach, the lowest ones: it is called `code` at those
        self._reached = np.searchsorted(self.places, level, side="right")

    def gained(self, change: Floats) -> Floats:
        """Return, for each place, the weighted sum of a change over the rows that are called `code` there."""
        sums = np.bincount(self._reached, self._rows.weights[0] * change, minlength=len(self.places) + 1)
        return np.asarray(np.cumsum(sums[::-1])[::-1][1:])

    def tallied(self) -> Rows:
        """Return rows with one set of weights per place, of which only metrics of labels can be computed."""
        rows, truth = self._rows, cast("Codes", self._rows.truth)
        won, called, hits = self._by_class(self.others), [], []
        right = self._by_class(np.where(truth == self.others, truth, -1))
        ones = np.ones(len(truth))
        for k in range(rows.classes):
            if k == self.code:
                called.append(self.gained(ones))
                hits.append(self.gained((truth == k).astype(np.float64)))
            else:
                called.append(won[k])
                hits.append(right[k])
        actual = np.broadcast_to(rows.tally.actual, (len(self.places), rows.classes))
        return tallied(Tally(actual, np.array(called).T, np.array(hits).T), rows.labels or ())

    def _by_class(self, codes: Codes) -> Floats:
        """Return, per class and place, the weight of the rows of this code that are not called `code` there."""
        count, places = self._rows.classes, len(self.places)
        cells = (codes + 1) * (places + 1) + self._reached
        table = np.bincount(cells, self._rows.weights[0], minlength=(count + 1) * (places + 1))
        return np.asarray(np.cumsum(table.reshape(count + 1, places + 1), axis=1)[1:, :-1], np.float64)


def _chosen(
    rows: Rows, criterion: str, goodness: Callable[[_Sweep], Floats], score: Callable[[Codes], float]
) -> Threshold:
    probabilities, count = rows.known_probabilities(), rows.classes
    values = np.full(count, 1 / count)
    if count == 2:
        sweep = _Sweep(rows, np.array([1.0, 1.0]), 1)
        second = _best(sweep.places, goodness(sweep), 0.5)
        values = np.array([1 - second, second])
    else:
        best = -math.inf
        for _ in range(_ROUNDS):
            before = best
            for code in range(count):
                sweep = _Sweep(rows, values, code)
                found = goodness(sweep)
                if found.max() > best + _SAME:
                    values[code] = _best(sweep.places, found, float(values[code]))
                    best = float(found.max())
            if best <= before + _SAME:
                break
        values = values / values.sum()
    kept = Threshold(tuple(values.tolist()), criterion, 0.0, 0.0, len(rows.truth))
    default = np.argmax(probabilities, axis=1).astype(np.int64)
    return Threshold(kept.values, criterion, score(kept.codes(probabilities)), score(default), kept.rows)


def _best(places: Floats, goodness: Floats, default: float) -> float:
    """Return the place with the most, the nearest to the default among equals."""
    best = np.flatnonzero(goodness >= np.nanmax(goodness) - _SAME)
    return float(places[best[np.argmin(np.abs(places[best] - default))]])


def _places(levels: Floats, *, most: float) -> Floats:
    """Return ascending places between the levels of rows, so that no row is on one: about 1,000 of them at most."""
    known = np.unique(levels[np.isfinite(levels) & (levels > 0)])
    if not len(known):
        return np.array([min(1.0, most / 2)])
    if len(known) > _MOST_CANDIDATES:
        known = np.unique(np.quantile(known, np.linspace(0, 1, _MOST_CANDIDATES), method="nearest"))
    between = known[:-1] + (known[1:] - known[:-1]) / 2
    above = [known[-1] * 2] if math.isinf(most) else [(known[-1] + most) / 2] if known[-1] < most else []
    return np.concatenate([[known[0] / 2], between, above])


def _known(
    truth: NDArray[np.generic], probabilities: Floats, classes: Sequence[object], weights: Floats | None
) -> Rows:
    check_count(classes)
    predicted = np.argmax(np.asarray(probabilities, np.float64).reshape(len(probabilities), -1), axis=1)
    return rows_of(truth, predicted, probabilities, classes=classes, weights=weights)


def _called(rows: Rows, codes: Codes) -> Rows:
    return Rows(rows.truth, codes, rows.weights, rows.labels)
