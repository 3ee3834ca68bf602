"""A share of the rows of a fold, drawn as scikit-learn's halving search draws them."""

from __future__ import annotations

import numpy as np

from skyulf_core.problems import DataError
from skyulf_core.validation.folds import Rows


def drawn(rows: Rows, share: float, *, random_state: int, codes: Rows | None = None) -> Rows:
    """Return a share of the rows. With `codes` (the class of each row that there is) no class is lost.

    Where scikit-learn's draw has no row of a class, one takes the place of a row of the largest class; as long as there
    are as many rows as classes. Raises DataError where the share is no row at all.
    """
    from sklearn.utils import resample

    count = int(share * len(rows))
    if not count:
        message = f"a share of {share:.3g} of the {len(rows)} rows of a part of a fold is none; draw a larger one"
        raise DataError(message, reason="too-few-rows")
    kept: Rows = resample(rows, replace=False, random_state=random_state, n_samples=count)
    return kept if codes is None else _with_each_class(kept, rows, codes, random_state)


def _with_each_class(kept: Rows, rows: Rows, codes: Rows, random_state: int) -> Rows:
    missing = np.setdiff1d(codes[rows], codes[kept])
    if not len(missing) or len(kept) < len(np.unique(codes[rows])):
        return kept
    order, kept = np.random.RandomState(random_state).permutation(rows), kept.copy()
    for code in missing:
        largest = np.bincount(codes[kept]).argmax()
        kept[np.flatnonzero(codes[kept] == largest)[-1]] = order[codes[order] == code][0]
    return kept
