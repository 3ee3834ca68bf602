"""Fairness: how differently a model treats groups of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.intervals import SAMPLES, Interval, check_bootstrap, drawn_from, draws, interval_of, taken
from skyulf_core.evaluation.rows import Floats, Rows, divided
from skyulf_core.evaluation.segments import segments_of
from skyulf_core.problems import DataError

LEAST_ROWS = 20
"""Smaller groups are shown, and no gap is made of them: their rates are chance."""

_Rate: TypeAlias = Callable[[Rows, int], Floats]


@dataclass(frozen=True)
class Gap:
    """How far apart the groups are in one rate: between the group with the highest and the one with the lowest.

    `difference` is highest less lowest, with an interval (the two groups being those); `ratio` is lowest by highest,
    None where that says nothing.
    """

    rate: str
    highest: str
    lowest: str
    difference: Interval
    ratio: float | None


@dataclass(frozen=True)
class Fairness:
    """Rates of every group of a column, and the gaps between them.

    `groups` maps a group to its `rows` and rates; a rate that is undefined for it is left out. Of a classification for
    the `positive` class: selection_rate (rows called it), tpr and fnr (of its rows, called it or not), fpr and tnr (of
    the others), precision, accuracy, and mean_probability. Of a regression: mae and mean_error (prediction less truth).
    """

    column: str
    positive: object
    groups: dict[str, dict[str, float]]
    gaps: tuple[Gap, ...]

    def gap(self, rate: str) -> Gap | None:
        """Return the gap of a rate: of `selection_rate` it is the demographic parity difference."""
        return next((gap for gap in self.gaps if gap.rate == rate), None)

    @property
    def equalized_odds(self) -> float | None:
        """The larger of the gaps in tpr and fpr (equalized odds difference)."""
        found = [gap.difference.estimate for rate in ("tpr", "fpr") if (gap := self.gap(rate)) is not None]
        return max(found) if found else None

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        gaps = [{**vars(gap), "difference": gap.difference.to_dict()} for gap in self.gaps]
        return cast(
            "dict[str, JsonValue]",
            {"column": self.column, "positive": self.positive, "groups": self.groups, "gaps": gaps},
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Fairness:
        """Read what `to_dict` returned."""
        gaps = []
        for gap in cast("list[dict[str, object]]", data["gaps"]):
            difference = Interval.from_dict(cast("Mapping[str, object]", gap["difference"]))
            gaps.append(Gap(**{**gap, "difference": difference}))  # type: ignore[arg-type]
        groups = cast("dict[str, dict[str, float]]", data["groups"])
        return cls(str(data["column"]), data["positive"], groups, tuple(gaps))


def fairness(
    column: str,
    values: NDArray[np.generic],
    rows: Rows,
    *,
    positive: object = None,
    level: float = 0.95,
    samples: int = SAMPLES,
    random_state: int = 0,
) -> Fairness:
    """Compare the groups of a column (see `segments_of`) in how a model treats them.

    `positive` is the class that matters; None: the last one. Raises DataError where it is none of the classes.
    """
    check_bootstrap(level, samples)
    if len(values) != len(rows.truth):
        message = f"column {column!r} has {len(values)} values for {len(rows.truth)} rows"
        raise DataError(message, reason="wrong-length", column=column)
    code = _positive_code(rows, positive)
    segments = segments_of(values)
    parts = {label: taken(rows, segments.mask(i)) for i, label in enumerate(segments.labels)}
    rates = _rates(rows)
    groups = {label: _known_rates(rates, part, code) for label, part in parts.items()}
    large = [label for label, part in parts.items() if len(part.truth) >= LEAST_ROWS]
    drawn = {label: _sampled(rates, parts[label], code, samples, random_state + i) for i, label in enumerate(large)}
    gaps = []
    for name in rates:
        known = sorted((groups[label][name], label) for label in large if name in groups[label])
        if len(known) < 2:
            continue
        (low, lowest), (high, highest) = known[0], known[-1]
        interval = interval_of(high - low, drawn[highest][name] - drawn[lowest][name], level=level)
        if interval is not None:
            ratio = low / high if high > 0 and low >= 0 and name != "mean_error" else None
            gaps.append(Gap(name, highest, lowest, interval, ratio))
    label = None if rows.labels is None else rows.labels[code]
    return Fairness(column, label, groups, tuple(gaps))


def _sampled(rates: Mapping[str, _Rate], rows: Rows, code: int, samples: int, random_state: int) -> dict[str, Floats]:
    """Return every rate of a group on samples of its rows."""
    base, shrink = drawn_from(rows, random_state)
    found: dict[str, list[Floats]] = {name: [] for name in rates}
    for counts in draws(len(base.truth), samples, random_state):
        drawn = replace(base, weights=counts * base.weights)
        for name, rate in rates.items():
            found[name].append(rate(drawn, code))
    return {
        name: (np.concatenate(values) - rates[name](base, code)) * shrink + rates[name](rows, code)
        for name, values in found.items()
    }


def _known_rates(rates: Mapping[str, _Rate], rows: Rows, code: int) -> dict[str, float]:
    found = {name: float(rate(rows, code)[0]) for name, rate in rates.items()}
    return {"rows": float(len(rows.truth)), **{name: value for name, value in found.items() if np.isfinite(value)}}


def _positive_code(rows: Rows, positive: object) -> int:
    if rows.labels is None:
        return 0
    if positive is None:
        return rows.classes - 1
    if positive not in rows.labels:
        raise DataError(f"{positive!r} is none of the classes {list(rows.labels)[:20]}", reason="unseen-class")
    return rows.labels.index(positive)


def _rates(rows: Rows) -> dict[str, _Rate]:
    if rows.labels is None:
        return {
            "mae": lambda rows, _: rows.mean(np.abs(_errors(rows))),
            "mean_error": lambda rows, _: rows.mean(_errors(rows)),
        }
    found: dict[str, _Rate] = {
        "selection_rate": lambda rows, code: rows.mean(_called(rows, code)),
        "tpr": lambda rows, code: _share(rows, _called(rows, code), _is(rows, code)),
        "fnr": lambda rows, code: _share(rows, 1 - _called(rows, code), _is(rows, code)),
        "fpr": lambda rows, code: _share(rows, _called(rows, code), 1 - _is(rows, code)),
        "tnr": lambda rows, code: _share(rows, 1 - _called(rows, code), 1 - _is(rows, code)),
        "precision": lambda rows, code: _share(rows, _is(rows, code), _called(rows, code)),
        "accuracy": lambda rows, _: rows.mean((rows.truth == rows.predicted).astype(np.float64)),
    }
    if rows.probabilities is not None:
        found["mean_probability"] = lambda rows, code: rows.mean(rows.known_probabilities()[:, code])
    return found


def _errors(rows: Rows) -> Floats:
    return rows.predicted.astype(np.float64) - rows.truth.astype(np.float64)


def _called(rows: Rows, code: int) -> Floats:
    return np.asarray(rows.predicted == code, np.float64)


def _is(rows: Rows, code: int) -> Floats:
    return np.asarray(rows.truth == code, np.float64)


def _share(rows: Rows, right: Floats, among: Floats) -> Floats:
    """Return the weight of the rows with both, as a share of those among which they are; NaN where there are none."""
    return divided(rows.weights @ (right * among), rows.weights @ among)
