"""Explaining the answers of a serving plan, by the arithmetic that the library's `explain` has too."""

from skyulf_core.serving.explaining.background import BACKGROUND_FILE, BACKGROUND_FORMAT, MOST_BACKGROUND
from skyulf_core.serving.explaining.contributions import Contribution, Explanation, Explanations
from skyulf_core.serving.explaining.explainer import (
    MOST_CELLS,
    ExplanationError,
    ExplanationTooLargeError,
    PlanExplainer,
    load_explainer,
)

__all__ = [
    "BACKGROUND_FILE",
    "BACKGROUND_FORMAT",
    "MOST_BACKGROUND",
    "MOST_CELLS",
    "Contribution",
    "Explanation",
    "ExplanationError",
    "ExplanationTooLargeError",
    "Explanations",
    "PlanExplainer",
    "load_explainer",
]
