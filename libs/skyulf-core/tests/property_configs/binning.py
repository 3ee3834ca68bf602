"""Configurations of the binning nodes that the property test runs."""

CONFIGS = [
    ("KBinsDiscretizer", {"columns": ["f", "i"], "n_bins": 3}),
    ("KBinsDiscretizer", {"columns": ["f", "i"], "strategy": "uniform", "n_bins": 70}),
    ("KBinsDiscretizer", {"columns": ["f", "i"], "strategy": "kmeans", "n_bins": 2}),
    ("KBinsDiscretizer", {"columns": ["f", "i"], "encode": "onehot", "quantile_method": "linear"}),
    ("GeneralBinning", {"columns": ["f", "i"], "labels": "range", "missing_label": "none"}),
    ("GeneralBinning", {"columns": ["f", "i"], "strategy": "equal_frequency", "out_of_range": "null"}),
    ("GeneralBinning", {"columns": ["f"], "strategy": "kmeans", "n_bins": 2, "missing_label": -1}),
    (
        "GeneralBinning",
        {"columns": ["f"], "strategy": "custom", "edges": [-2.5, 0.0, 0.5], "labels": "custom",
         "custom_labels": ["a", "b"], "out_of_range": "null", "missing_label": "c"},
    ),
    ("CustomBinning", {"edges": {"f": [-2.5, 0.0, 0.5, 300.0], "i": [-3, 0, 3]}, "include_lowest": False}),
    ("CustomBinning", {"edges": {"f": [-2.5, 0.0, 0.5], "i": [-3, 0, 3]}, "right": False, "labels": "range"}),
    ("CustomBinning", {"edges": {"f": [-2.5, 0.0]}, "out_of_range": "clip", "missing_label": 7}),
]  # fmt: skip
