"""Configurations of the cleaning nodes for the test on any data."""

CONFIGS: list[tuple[str, dict]] = [
    *[("Casting", {"types": dict.fromkeys("fibtn", to)}) for to in ("int16", "int32", "uint8", "uint32", "uint64")],
    ("Casting", {"types": {"f": "category", "i": "boolean", "n": "uint64", "b": "int64"}, "on_error": "fail"}),
    ("Casting", {"types": {"d": "date", "m": "category"}, "on_error": "fail"}),
    ("DropColumns", {"columns": ["t", "f"]}),
    ("SelectColumns", {"columns": ["t", "f"]}),
    ("RenameColumns", {"mapping": {"t": "f", "f": "t", "i": 'a new "one"'}}),
    ("DropMissingColumns", {"columns": ["f", "t"], "threshold": 0.3}),
    (
        "TextCleaning",
        {"columns": ["t", "d", "n"], "remove_special": True, "collapse_whitespace": True, "case": "upper"},
    ),
    ("TextCleaning", {"columns": ["t", "d"], "pattern": "(\\d)([^0-9]*)", "replacement": "\\2<\\1>\\0\\\\é"}),
    ("TextCleaning", {"columns": ["t"], "pattern": "x*", "replacement": "-", "case": "title", "empty_to_null": True}),
    ("TextCleaning", {"columns": ["t"], "pattern": "(?i)[a-f]|\\pL$", "trim": False, "case": "lower"}),
    ("ValueReplacement", {"columns": ["t", "n"], "mapping": {"a": "b", "b": "a", "": None, "é": "e"}}),
    ("ValueReplacement", {"columns": ["f", "i"], "mapping": {"0": 7, "-1": None, "3": -2}}),
    ("ValueReplacement", {"column_mappings": {"i": {"1": 0.5}, "b": {"true": False, "false": None}, "f": {"0": 1.5}}}),
    ("AliasReplacement", {"columns": ["t", "n", "d"]}),
    ("AliasReplacement", {"columns": ["t"], "unknown": "null"}),
    ("AliasReplacement", {"columns": ["t"], "kind": "custom", "aliases": {"A": ["a", "ß", "b."], "": [" "]}}),
    ("InvalidValueReplacement", {"columns": ["f", "i"]}),
    ("InvalidValueReplacement", {"columns": ["f", "i"], "rule": "zero", "replacement": -1}),
    ("InvalidValueReplacement", {"columns": ["f", "i"], "rule": "range", "low": -2.5, "high": 3, "replacement": 0.5}),
    ("InvalidValueReplacement", {"columns": ["f", "i"], "rule": "inf"}),
    ("InvalidValueReplacement", {"columns": ["f", "i"], "rule": "percentage", "replacement": 0}),
]
