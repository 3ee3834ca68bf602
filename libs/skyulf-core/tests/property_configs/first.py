"""Configurations of the first nodes that the property test runs."""

CASTS = ["int8", "uint16", "int64", "float32", "float64", "string", "boolean"]
CONFIGS = [
    ("SimpleImputer", {"strategy": "mean"}),
    ("SimpleImputer", {"strategy": "median"}),
    ("SimpleImputer", {"strategy": "most_frequent"}),
    ("SimpleImputer", {"strategy": "constant"}),
    ("StandardScaler", {}),
    ("StandardScaler", {"columns": ["b", "f"]}),
    ("Winsorize", {}),
    ("OneHotEncoder", {"columns": ["t", "i", "b"], "include_missing": True}),
    ("OneHotEncoder", {"columns": ["t", "f"], "max_categories": 2, "handle_unknown": "infrequent_if_exist"}),
    ("OneHotEncoder", {"columns": ["t"], "handle_unknown": "error", "drop_first": True}),
    ("OrdinalEncoder", {"columns": ["t", "b", "i"]}),
    ("OrdinalEncoder", {"columns": ["t"], "handle_unknown": "error", "missing_value": -3}),
    ("FrequencyEncoder", {"columns": ["t", "b", "i"]}),
    ("DateParts", {"columns": ["m"], "parts": ["year", "week", "day_of_year", "second", "season", "is_month_end"]}),
    ("DateParts", {"columns": ["m", "d"], "cyclical": True, "on_error": "null"}),
    ("DateParts", {"columns": ["d"], "on_error": "fail"}),
    ("DropColumns", {"columns": ["t"]}),
    *[("Casting", {"types": dict.fromkeys("fibtn", to)}) for to in CASTS],
    ("Casting", {"types": {"d": "date", "m": "date", "t": "datetime"}}),
    ("Casting", {"types": {"d": "datetime", "m": "string"}}),
    ("Casting", {"types": {"n": "float64", "f": "int32"}, "on_error": "fail"}),
    ("Casting", {"types": {"d": "datetime", "m": "string"}, "format": "%Y-%m-%d"}),
]
