"""Configurations of the reducing nodes for the property test."""

CONFIGS: list[tuple[str, dict]] = [
    ("PCA", {}),
    ("PCA", {"columns": ["f", "i", "b"], "n_components": 0.9, "whiten": True, "drop_original": False}),
    ("PCA", {"columns": ["i", "b"], "n_components": 1, "svd_solver": "randomized"}),
    ("TruncatedSVD", {"columns": ["f", "b"], "n_components": 1}),
    ("FeatureAgglomeration", {"columns": ["f", "i", "b"]}),
]
