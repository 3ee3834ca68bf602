"""Configurations of the outlier nodes for the test on any data."""

CONFIGS: list[tuple[str, dict]] = [
    ("Winsorize", {"columns": ["f", "i"], "lower_percentile": 10, "upper_percentile": 80}),
    ("ClipValues", {"columns": ["f", "i"], "lower": 0, "upper": 100}),
    ("ClipValues", {"columns": ["f", "i"], "lower": -2.5}),
    ("ClipValues", {"bounds": {"i": {"lower": 1, "upper": 2.5}, "f": {"upper": 0}}}),
]
