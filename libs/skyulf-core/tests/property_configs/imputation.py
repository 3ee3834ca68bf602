"""Configurations of the imputers for the property test."""

CONFIGS: list[tuple[str, dict]] = [
    ("KNNImputer", {"columns": ["f", "i"]}),
    ("KNNImputer", {"columns": ["f", "i", "b"], "n_neighbors": 1, "weights": "distance"}),
    ("KNNImputer", {"columns": ["f", "i"], "n_neighbors": 2, "max_samples": 3}),
    ("IterativeImputer", {"columns": ["f", "i"], "max_iter": 2}),
    ("IterativeImputer", {"columns": ["f", "i", "b"], "estimator": "decision_tree", "max_iter": 2}),
    ("IterativeImputer", {"columns": ["f", "i", "b"], "estimator": "k_neighbors", "max_iter": 2, "n_neighbors": 2}),
    (
        "IterativeImputer",
        {"columns": ["f", "b"], "estimator": "extra_trees", "max_iter": 1, "n_estimators": 2, "max_depth": None},
    ),
    ("GroupImputer", {"columns": ["f", "i"], "group_by": ["t"]}),
    ("GroupImputer", {"columns": ["f"], "group_by": ["b", "i"], "strategy": "median", "fallback": "none"}),
    ("GroupImputer", {"columns": ["t", "b", "i"], "group_by": ["f"], "strategy": "most_frequent"}),
    ("GroupImputer", {"columns": ["t", "b"], "group_by": ["n"], "strategy": "most_frequent", "fallback": "none"}),
    ("MissingIndicator", {"columns": ["f", "i", "b", "t", "m"]}),
    ("MissingIndicator", {"columns": ["f", "t", "d"], "features": "all", "suffix": "?"}),
]
