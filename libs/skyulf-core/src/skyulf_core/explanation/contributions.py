"""Contributions: what each column, or feature, added to one answer, and the same as a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from skyulf_core.serving.explaining.contributions import Contribution, Explanation
from skyulf_core.serving.explaining.contributions import Explanations as PlainExplanations

if TYPE_CHECKING:
    import shap

__all__ = ["Contribution", "Explanation", "Explanations"]


@dataclass(frozen=True)
class Explanations(PlainExplanations):
    """Explanations of some rows, as a serving plan tells them, which shap can draw too.

    `method`: `linear`, `trees` and `enumerated` are exact Shapley values over the background rows, `sampled` an
    estimate whose sum is exact. `per`: contributions of input columns, or of features that the model is given. `unit`
    is that of scores: calibration and threshold come after `log-odds`, `score` and `logarithm`.
    """

    def to_shap(self) -> shap.Explanation:
        """Return the same for the plots of shap (extra `explain`). Raises DataError where it is not installed."""
        from skyulf_core.nodes.extras import extra_needed
        from skyulf_core.serving.ops.extras import need

        with extra_needed():
            library = need("shap", extra="explain")
        names = sorted({each.name for row in self.rows for each in row.contributions})
        table = [{each.name: each for each in row.contributions} for row in self.rows]
        return cast(
            "shap.Explanation",
            library.Explanation(
                values=np.array([[row[name].amount for name in names] for row in table]),
                base_values=np.array([row.base for row in self.rows]),
                data=np.array([[row[name].value for name in names] for row in table], object),
                feature_names=names,
            ),
        )
