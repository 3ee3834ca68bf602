"""Configurations of the inspection nodes for the test on any data."""

CONFIGS: list[tuple[str, dict]] = [
    ("DatasetProfile", {"columns": ["f", "i", "b", "t", "m"], "top": 3}),
    (
        "Expect",
        {
            "expectations": [
                {"check": "range", "columns": ["f", "i"], "lower": -1000.5, "upper": 2e6},
                {"check": "allowed", "columns": ["b"], "values": [True]},
                {"check": "allowed", "columns": ["i"], "values": [0, 1, -1, 2.0, 3]},
                {"check": "regex", "columns": ["n"], "pattern": "[ +0-9_.ie-]+"},
            ]
        },
    ),
    (
        "Expect",
        {
            "expectations": [
                {"check": "not_null", "columns": ["t"]},
                {"check": "allowed", "columns": ["f"], "values": [0, 0.5, -2.5]},
                {"check": "type", "columns": ["i"], "type": "integer"},
                {"check": "type", "columns": ["m"], "type": "datetime"},
                {"check": "unique", "columns": ["t", "i"], "on_failure": "warn"},
                {"check": "regex", "columns": ["t"], "pattern": "[a-z]*", "on_failure": "warn"},
            ]
        },
    ),
    ("Expect", {"expectations": [{"check": "regex", "columns": ["t", "d"], "pattern": "(?s).{0,10}"}]}),
]
