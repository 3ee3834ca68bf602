"""Evaluation: metrics, matrices and curves of a model, on arrays."""

from skyulf_core.evaluation.anomaly import evaluate_anomaly
from skyulf_core.evaluation.classification import evaluate_classification
from skyulf_core.evaluation.clustering import evaluate_clustering
from skyulf_core.evaluation.metrics import METRICS, Metric, score, scores
from skyulf_core.evaluation.regression import evaluate_regression
from skyulf_core.evaluation.result import Evaluation

__all__ = [
    "METRICS",
    "Evaluation",
    "Metric",
    "evaluate_anomaly",
    "evaluate_classification",
    "evaluate_clustering",
    "evaluate_regression",
    "score",
    "scores",
]
