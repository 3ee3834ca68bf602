"""Configurations of the geo nodes that the property test runs."""

from typing import Any

CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("GeoDistance", {"lat1": "f", "lon1": "i", "lat2": "i", "lon2": "f"}),
    ("GeoDistance", {"lat1": "f", "lon1": "f", "lat2": "i", "lon2": "i", "method": "euclidean", "unit": "mi"}),
    ("H3Index", {"lat": "f", "lon": "i"}),
    ("H3Index", {"lat": "i", "lon": "f", "resolution": 2, "on_error": "fail"}),
]
