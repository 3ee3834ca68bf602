"""Configurations of the selecting nodes for the property test."""

CONFIGS: list[tuple[str, dict]] = [
    ("VarianceThreshold", {}),
    ("VarianceThreshold", {"columns": ["b", "f"], "threshold": 0.25}),
    ("CorrelationThreshold", {"threshold": 0.5}),
    ("CorrelationThreshold", {"columns": ["f", "b", "i"], "threshold": 0.5, "method": "spearman"}),
    ("CorrelationThreshold", {"columns": ["f", "i"], "threshold": 0.3, "method": "kendall"}),
]
