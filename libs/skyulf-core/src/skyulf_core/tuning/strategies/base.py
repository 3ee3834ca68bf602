"""What a strategy is: it looks at the trials so far, whoever ran them, and says what comes next."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from pydantic import JsonValue

from skyulf_core.tuning.trial import Trial


class Rest(Enum):
    """Why there is no proposal."""

    WAIT = "others are at work, and what comes next depends on them"
    DONE = "there is nothing more to try"


@dataclass(frozen=True)
class Proposal:
    """Values to try, and in which round of halving with how much of its resource."""

    params: dict[str, JsonValue]
    round: int = 0
    resource: int | None = None


class Strategy(ABC):
    """Chooses. It may be asked in any process at any time: all it needs are the trials of the journal."""

    @property
    @abstractmethod
    def total(self) -> int | None:
        """How many trials the whole study has; None where only time ends it."""

    @abstractmethod
    def propose(self, trials: Sequence[Trial]) -> Proposal | Rest:
        """Return what comes after these trials (by number), some of which may be running."""

    def should_prune(self, trial: Trial, scores: Sequence[float]) -> bool:
        """Say whether a trial with these scores on its first folds shall end, by a rule of the strategy's own."""
        return False

    def ended(self, trial: Trial) -> None:
        """Learn how a trial of this process ended."""
        return


def first_new(points: Iterable[dict[str, JsonValue]], tried: Iterable[Trial]) -> dict[str, JsonValue] | None:
    """Return the first point that has not been tried; one that is listed twice is tried twice."""
    counts = Counter(key_of(trial.params) for trial in tried)
    for point in points:
        key = key_of(point)
        if not counts[key]:
            return point
        counts[key] -= 1
    return None


def key_of(params: dict[str, JsonValue]) -> str:
    """Return a text that is the same for the same values."""
    return json.dumps(params, sort_keys=True)
