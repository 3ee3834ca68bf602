"""Evaluation: metrics, matrices and curves of a model, through scikit-learn's metrics."""

from skyulf_core.evaluation.classification import evaluate_classification
from skyulf_core.evaluation.regression import evaluate_regression
from skyulf_core.evaluation.result import METRICS, Evaluation, MetricInfo

__all__ = ["METRICS", "Evaluation", "MetricInfo", "evaluate_classification", "evaluate_regression"]
