"""Configurations of the selecting nodes for the property test."""

CONFIGS: list[tuple[str, dict]] = [
    ("VarianceThreshold", {}),
    ("VarianceThreshold", {"columns": ["b", "f"], "threshold": 0.25}),
    ("CorrelationThreshold", {"threshold": 0.5}),
    ("CorrelationThreshold", {"columns": ["f", "b", "i"], "threshold": 0.5, "method": "spearman"}),
    ("CorrelationThreshold", {"columns": ["f", "i"], "threshold": 0.3, "method": "kendall"}),
    ("UnivariateSelection", {"param": 1}),
    ("UnivariateSelection", {"columns": ["f", "b"], "mode": "fpr", "param": 0.5}),
    ("UnivariateSelection", {"columns": ["f", "i"], "mode": "percentile", "param": 50, "score_func": "mutual_info"}),
    ("ModelBasedSelection", {"estimator": "decision_tree"}),
    ("ModelBasedSelection", {"estimator": "extra_trees", "n_estimators": 3, "method": "rfe"}),
]
