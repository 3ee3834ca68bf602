"""Configurations of the time series nodes that the property test runs."""

AGGREGATIONS = ["mean", "sum", "min", "max", "std", "count", "median"]
CONFIGS = [
    ("LagFeatures", {}),
    ("LagFeatures", {"columns": ["f", "i", "b", "t"], "lags": [1, 3], "sort_by": ["m"]}),
    ("LagFeatures", {"columns": ["i", "t"], "lags": [2], "group_by": ["b", "t"], "sort_by": ["f", "i"]}),
    ("LagFeatures", {"columns": ["f"], "lags": [1], "group_by": ["i"], "sort_by": ["b", "t"]}),
    ("RollingAggregate", {"columns": ["f", "i"], "aggregations": AGGREGATIONS, "min_periods": 1, "sort_by": ["m"]}),
    (
        "RollingAggregate",
        {
            "columns": ["f", "b"], "window": 2, "closed": "left", "group_by": ["b"], "sort_by": ["t"],
            "aggregations": AGGREGATIONS,
        },
    ),
    ("RollingAggregate", {"columns": ["i"], "window": 4, "min_periods": 2, "group_by": ["t"], "sort_by": ["f"]}),
    ("DateFeatures", {"columns": ["m"], "fourier": ["daily", "weekly", "yearly"], "fourier_order": 2}),
    (
        "DateFeatures",
        {
            "columns": ["m"], "drop_original": False,
            "features": ["elapsed_seconds", "seconds_of_day", "days_in_month", "is_leap_year", "is_year_end"],
        },
    ),
]  # fmt: skip
