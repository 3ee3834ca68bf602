"""Seconds: how many are left, and how many the next thing will take, by what was measured."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from statistics import median

from skyulf_core.automl.families import FAMILIES, Family

SAFETY = 1.3
"""A measured thing may take so many times as long the next time."""
_UNMEASURED = 2.0
_LEAST = 0.02
_FIXED = 0.03
"""So many seconds of a fold, half of it at most, do not grow with the rows."""
_RECENT = 3
_SECOND = 2
_FEW_ROWS = 10_000
_KNOWN = 0.002
_STEPS = Family("steps", {}, "plain", 1.0, growth=1.0, fixed=0.6)
_MARKS = 8
_SEEN_FROM = 0.3
"""Seconds below which a stretch of time says nothing of the machine."""
_MOST_SLOWNESS = 6.0
_CAUTION, _MOST_CAUTION = 0.4, 1.7
_GRACE = 0.05
"""So much of a budget may go over where a machine is busier than it was; what is below it needs no margin."""
_LEAST_FACTOR = 0.25
"""Parameters make a fit faster, but not by more than this."""


class Budget:
    """A number of seconds that began to run. `worked` is the clock of the seconds that this process has computed."""

    def __init__(
        self,
        seconds: float,
        *,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.process_time,
    ) -> None:
        self.seconds, self._clock, self._began = seconds, clock, clock() if began is None else began
        self._worked = worked
        self._marks = deque([(clock(), worked())], maxlen=_MARKS)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 where there are none."""
        return self.seconds - self.elapsed

    @property
    def fraction(self) -> float:
        """How much of it is over, 0 to 1."""
        return min(max(self.elapsed / self.seconds, 0.0), 1.0)

    @property
    def grace(self) -> float:
        """Seconds by which it may be exceeded."""
        return _GRACE * self.seconds

    def mark(self) -> None:
        """Remember how much was computed until now; to be called between things that only compute."""
        now = self._clock()
        if now - self._marks[-1][0] >= _SEEN_FROM:
            self._marks.append((now, self._worked()))

    @property
    def slowness(self) -> float:
        """How many times as long as what it computes takes here: 1 on a machine that does nothing else.

        The worst of what was seen lately: other work comes and goes.
        """
        now, worked = self._clock(), self._worked()
        seen = [(now - at) / max(worked - done, _LEAST) for at, done in self._marks if now - at >= _SEEN_FROM]
        return min(max([1.0, *seen]), _MOST_SLOWNESS)

    @property
    def caution(self) -> float:
        """How many times the usual margin is kept: a busy machine may be busier in a moment."""
        return min(1.0 + _CAUTION * (self.slowness - 1.0), _MOST_CAUTION)

    def margin(self, seconds: float) -> float:
        """Return what must stay free behind something that takes so long, should the machine be busier then."""
        return max((self.caution - 1.0) * seconds - self.grace, 0.0)


class Costs:
    """What the model of a fold takes: measured where it was, guessed by the other families where not.

    >>> from skyulf_core.automl.families import FAMILIES
    >>> costs = Costs()
    >>> costs.learn(FAMILIES["linear"], rows=1000, seconds=0.1)
    >>> costs.estimate(FAMILIES["linear"], rows=1000) < costs.estimate(FAMILIES["random_forest"], rows=1000)
    True
    """

    def __init__(self) -> None:
        self._prepared: deque[tuple[int, float]] = deque(maxlen=2 * _RECENT)
        self._measured: dict[str, deque[tuple[int, float]]] = defaultdict(lambda: deque(maxlen=_RECENT))
        self._times: dict[str, int] = defaultdict(int)

    def learn(self, family: Family, *, rows: int, seconds: float, factor: float = 1.0) -> None:
        """Take in what a fold took that learned from so many rows; `factor` is that of its parameters.

        Measurements of fewer rows are forgotten: costs that do not grow with the rows would hide in them. So is the
        first one, where the second took less: loading and caches were part of it. One that took less than its
        parameters say is not held to them.
        """
        known, unit = self._measured[family.name], max(seconds, _LEAST / 4) / max(factor, _LEAST_FACTOR)
        self._times[family.name] += 1
        if known and (rows > known[-1][0] or (self._times[family.name] == _SECOND and unit < known[0][1])):
            known.clear()
        known.append((rows, unit))

    def learn_preparation(self, *, rows: int, seconds: float) -> None:
        """Take in what the steps before a model took; where they were known already, they took nothing."""
        if seconds < _KNOWN:
            return
        if self._prepared and rows > self._prepared[-1][0]:
            self._prepared.clear()
        self._prepared.append((rows, seconds))

    def preparation(self, rows: int) -> float:
        """Return what the steps before a model take; half as much again as the median of what they took lately."""
        took = [scaled(seconds, _STEPS, measured=measured, rows=rows) for measured, seconds in self._prepared]
        return 1.5 * median(took) if took else 0.0

    def measured(self, family: Family) -> bool:
        """Say whether anything is known."""
        return bool(self._measured.get(family.name))

    def estimate(self, family: Family, *, rows: int, factor: float = 1.0) -> float:
        """Return the seconds that a fold will take at most, as far as one can know."""
        known = self._measured.get(family.name)
        if known:
            unit = max(scaled(seconds, family, measured=measured, rows=rows) for measured, seconds in known)
            return max(unit * max(factor, _LEAST_FACTOR) * SAFETY, _LEAST)
        units = [
            seconds / other_cost * (rows / measured)
            for name, found in self._measured.items()
            for other_cost in [_cost_of(name)]
            for measured, seconds in list(found)[-1:]
        ]
        guessed = min(units, default=_LEAST) * family.cost * max(factor, _LEAST_FACTOR)
        return max(guessed * _UNMEASURED, _LEAST)


def scaled(seconds: float, family: Family, *, measured: int, rows: int) -> float:
    """Return what took so many seconds with other rows: a part does not grow, and with fewer it falls slower."""
    ratio = rows / max(measured, 1)
    if ratio < 1:
        return seconds * float(ratio**0.7)
    share = family.fixed * (1.0 if measured <= _FEW_ROWS else 0.3)
    fixed = max(share * seconds, min(_FIXED, seconds / 2))
    return fixed + (seconds - fixed) * float(ratio**family.growth)


def _cost_of(name: str) -> float:
    return FAMILIES[name].cost if name in FAMILIES else 1.0
