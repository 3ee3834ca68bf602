"""Explanation: what a fitted pipeline goes by, over all rows and for one."""

from skyulf_core.explanation.contributions import Contribution, Explanation, Explanations
from skyulf_core.explanation.explaining import explain
from skyulf_core.explanation.importances import Importance, Importances, importances
from skyulf_core.explanation.partial import PartialDependence, partial_dependence
from skyulf_core.explanation.permutation import PermutationImportance, PermutationImportances, permutation_importance

__all__ = [
    "Contribution",
    "Explanation",
    "Explanations",
    "Importance",
    "Importances",
    "PartialDependence",
    "PermutationImportance",
    "PermutationImportances",
    "explain",
    "importances",
    "partial_dependence",
    "permutation_importance",
]
