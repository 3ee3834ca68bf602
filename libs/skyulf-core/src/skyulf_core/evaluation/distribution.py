"""How answers are spread: probabilities by true class, or predicted numbers beside true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.rows import Floats

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label

_BINS = 20
_MOST_CLASSES = 10


def answer_distribution(
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: Floats | None,
    classes: Sequence[Label] | None,
) -> dict[str, JsonValue]:
    """Return `of` (what is counted), `edges` of bins, and `counts` of rows by group.

    Of two classes the probability of the second, of more that of each row's true class, grouped by true class (the ten
    most frequent); of numbers the predictions and the truth.
    """
    if classes is None:
        known, said = truth.astype(np.float64), predicted.astype(np.float64)
        edges = np.histogram_bin_edges(np.concatenate([known, said]), _BINS)
        counts: dict[str, JsonValue] = {
            name: np.histogram(values, edges)[0].tolist() for name, values in (("truth", known), ("prediction", said))
        }
        return {"of": "value", "edges": edges.tolist(), "counts": counts}
    codes = truth.astype(np.int64)
    if probabilities is None:
        return {"of": "none", "edges": [], "counts": {}}
    two = len(classes) == 2
    values = probabilities[:, 1] if two else probabilities[np.arange(len(codes)), codes]
    shown = np.argsort(-np.bincount(codes, minlength=len(classes)), kind="stable")[:_MOST_CLASSES]
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    counts = {str(classes[code]): np.histogram(values[codes == code], edges)[0].tolist() for code in sorted(shown)}
    of = f"probability of {classes[1]}" if two else "probability of the true class"
    return {"of": of, "edges": edges.tolist(), "counts": counts}
