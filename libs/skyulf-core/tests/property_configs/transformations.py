"""Configurations of the transformations for the property test."""

FUNCTIONS = ["log1p", "sqrt", "cbrt", "reciprocal", "square", "exp"]
CONFIGS: list[tuple[str, dict]] = [
    *[("SimpleTransformation", {"columns": ["f", "i"], "function": name, "on_error": "null"}) for name in FUNCTIONS],
    *[("SimpleTransformation", {"columns": ["f"], "function": name}) for name in ("sqrt", "reciprocal")],
    ("PowerTransformer", {"columns": ["f", "i"], "on_error": "null"}),
    ("PowerTransformer", {"columns": ["f"], "standardize": False}),
    ("PowerTransformer", {"columns": ["f"], "method": "box-cox", "on_error": "null"}),
    ("GeneralTransformation", {"transformations": {"f": "cbrt", "i": "exp"}, "on_error": "null"}),
    ("GeneralTransformation", {"transformations": {"f": "yeo-johnson", "i": "log1p"}}),
]
