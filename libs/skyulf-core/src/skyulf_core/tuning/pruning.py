"""When a trial is clearly worse than the best one, so that its other folds are not worth their time.

The rule, the same for all strategies (halving ends trials by its rounds, and has no other): on the folds that are done,
two or more, the trial is compared with the best complete one, fold by fold, so that what makes a fold hard does not
count. Were it to come first all the same, it would have to be better on its other folds, by as much in all as it was
worse. It ends where that is three standard errors away: a deficit of 1.6 spreads after two folds of five, of 1.1 after
three, of 0.7 after four. The spread is that of such differences between folds: the trial's own, or the usual one (the
median over the trials that are complete), whichever is greater. Nothing ends before three trials are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

LEAST_FOLDS = 2
LEAST_TRIALS = 3
ERRORS = 3.0


def clearly_worse(scores: Sequence[float], others: Sequence[Sequence[float]], *, greater_is_better: bool) -> bool:
    """Say whether a trial with these scores of its first folds is; `others` are those of the complete trials.

    >>> clearly_worse([0.70, 0.71], [[0.90, 0.91, 0.92], [0.89, 0.92, 0.92], [0.88, 0.9, 0.9]], greater_is_better=True)
    True
    >>> clearly_worse([0.9, 0.905], [[0.90, 0.91, 0.92], [0.89, 0.92, 0.92], [0.88, 0.9, 0.9]], greater_is_better=True)
    False
    """
    done = len(scores)
    if done < LEAST_FOLDS or len(others) < LEAST_TRIALS or done >= len(others[0]):
        return False
    sign = 1.0 if greater_is_better else -1.0
    known = sign * np.array(others, np.float64)
    best = int(np.argmax(known.mean(axis=1)))
    behind = known[best, :done] - sign * np.array(scores, np.float64)
    usual = median(float(np.std(known[best] - other, ddof=1)) for i, other in enumerate(known) if i != best)
    spread = max(usual, float(np.std(behind, ddof=1)))
    # what is to come has the mean `behind`, and the errors of that mean and of its own
    left = known.shape[1] - done
    return bool(behind.mean() * np.sqrt(done * known.shape[1] / left) > ERRORS * spread)
