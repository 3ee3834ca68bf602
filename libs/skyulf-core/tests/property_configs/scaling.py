"""Configurations of the scalers for the property test."""

CONFIGS: list[tuple[str, dict]] = [
    ("MinMaxScaler", {}),
    ("MinMaxScaler", {"columns": ["f", "b"], "feature_range": [-1.5, 2], "clip": True}),
    ("MaxAbsScaler", {"columns": ["f", "i", "b"]}),
    ("RobustScaler", {}),
    ("RobustScaler", {"columns": ["f", "i"], "quantile_range": [5, 90], "unit_variance": True}),
    ("RobustScaler", {"columns": ["f", "b"], "with_centering": False}),
    ("RobustScaler", {"columns": ["f"], "with_scaling": False}),
    ("QuantileTransformer", {"columns": ["f", "i", "b"]}),
    ("QuantileTransformer", {"columns": ["f", "i"], "n_quantiles": 3, "output_distribution": "normal"}),
    ("QuantileTransformer", {"columns": ["f", "i"], "n_quantiles": 2, "subsample": 4}),
]
