"""Configurations of the encoders that the property test runs."""

CONFIGS = [
    ("OneHotEncoder", {"columns": ["t", "n", "b", "f"], "drop_first": True, "handle_unknown": "ignore"}),
    ("DummyEncoder", {"columns": ["t", "i", "b", "f"], "dummy_na": True}),
    ("DummyEncoder", {"columns": ["t", "n"], "drop_first": True}),
    ("LabelEncoder", {"columns": ["t", "i", "b", "f"]}),
    ("LabelEncoder", {"columns": ["t", "n"], "unknown_value": None}),
    ("LabelEncoder", {"columns": ["t", "b"], "handle_unknown": "error"}),
    ("HashEncoder", {"columns": ["t", "i", "b", "f", "n"], "n_features": 5}),
    ("HashEncoder", {"columns": ["t", "f"], "n_features": 3, "alternate_sign": False, "drop_original": False}),
    ("TargetEncoder", {"columns": ["t", "i", "b", "f"]}),
    ("TargetEncoder", {"columns": ["t", "n"], "smooth": 2.0}),
    ("WOEEncoder", {"columns": ["t", "i", "b", "f"], "pos_label": "no"}),
]
