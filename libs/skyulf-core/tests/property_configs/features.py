"""Configurations of the feature nodes that the property test runs."""

from typing import Any

ALL = ["mean", "sum", "count", "min", "max", "std", "median"]
CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("Arithmetic", {"columns": ["f", "i", "b"]}),
    ("Arithmetic", {"operation": "divide", "columns": ["i", "f"], "constants": [3.0, 0.1]}),
    ("Arithmetic", {"operation": "multiply", "columns": ["i", "f"], "constants": [1e300]}),
    ("Ratio", {"numerators": ["f", "i"], "denominators": ["i", "b", "f"]}),
    ("Ratio", {"numerators": ["i"], "denominators": ["f", "b"], "epsilon": 0.5}),
    ("PolynomialFeatures", {"columns": ["f", "i", "b"], "degree": 3}),
    ("PolynomialFeatures", {"columns": ["f", "i"], "degree": 4, "include_bias": True}),
    ("FeatureInteraction", {"columns": ["f", "i", "b"]}),
    ("FeatureInteraction", {"columns": ["t", "n", "d"], "method": "cross", "interactions": [["t", "d", "n"]]}),
    ("Expression", {"expressions": {
        "a": "if(f > i or b, f / i, coalesce(i % 3, -1))", "f": "floor(i / 7)", "g": "round(f, 1)",
    }}),
    ("Expression", {"expressions": {"a": "concat(upper(t), '-', lower(n))", "b": "t < n", "c": "length(t) ** 0.5"}}),
    ("Expression", {"expressions": {
        "a": "min(f, i, 2) - max(b, -f)", "b": "not (is_null(m) and b)", "i": "is_null(1/i)",
    }}),
    ("Expression", {"expressions": {"a": "log1p(f) * exp(-f) + sqrt(i) - cbrt(f) + sin(i) * cos(f)", "b": "f ** i"}}),
    ("GroupAggregate", {"group_by": ["t"], "column": "f", "aggregations": ALL}),
    ("GroupAggregate", {"group_by": ["b", "i"], "column": "f", "aggregations": ALL, "fallback": "null"}),
    ("GroupAggregate", {"group_by": ["t", "n", "b"], "column": "i", "fallback": "constant", "fill_value": -1}),
    ("TextSimilarity", {"columns": ["t", "n"]}),
    ("TextSimilarity", {"columns": ["t", "d"], "method": "token_sort"}),
    ("TextSimilarity", {"columns": ["n", "t"], "method": "token_set"}),
    ("DateParts", {"columns": ["m", "d"], "parts": ["time_of_day", "season", "week"], "on_error": "null"}),
]  # fmt: skip
