"""Cursors as the lists give them out, and forged ones: well-formed, with contents that no list has written."""

import base64
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from uuid import UUID

Key = str | int
Shape = tuple[Key, ...]
ID = str(UUID(int=0))
NOW = "2026-01-01T00:00:00+00:00"
# each list's cursor, as it is before it is encoded: the list's name, and the last row's keys
SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "/datasets": ("datasets", NOW, ID),
        "/pipelines": ("pipelines", NOW, ID),
        "/pipelines/{pipeline_id}/versions": ("pipeline_versions", 1),
        "/jobs": ("jobs", NOW, ID),
        "/jobs/{job_id}/logs": ("job_logs", 1, 1),
        "/jobs/{job_id}/trials": ("trials", "", 1),
        "/models": ("models", NOW, ID),
        "/models/{name}/versions": ("model_versions", NOW, ID),
        "/deployments": ("deployments", NOW, ID),
        "/projects": ("projects", NOW, ID),
        "/api-keys": ("api_keys", NOW, ID),
        "/audit": ("audit", 1),
        "/dead-letters": ("dead_letters", NOW, ID),
    }
)
# a cursor of one place in each service's list
MERGED = "/dead-letters"
SERVICES = ("gateway", "registry")
ENDS = ("9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999+00:00")
NUMBERS = (0, -1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63), 10**30, 10**600)
OTHERS = ("", "7", "a\x00b", "\ud800", "2026-01-01T00:00:00", 1.5, float("nan"), float("inf"), True, None, [], {})
HOSTILE = (*ENDS, *NUMBERS, *OTHERS)


def usual(path: str) -> str:
    """A cursor as the list has written it, were there such a row."""
    return _written(path, SHAPES[path])


def forged(path: str) -> Iterator[str]:
    """Each key of the list's cursor once replaced by each hostile value."""
    shape = SHAPES[path]
    for index in range(1, len(shape)):
        for hostile in HOSTILE:
            yield _written(path, (*shape[:index], hostile, *shape[index + 1 :]))
    if path == MERGED:
        yield from (_encoded({service: place}) for service in SERVICES for place in ("x", 7, None, {}, "\x00"))


def _written(path: str, keys: tuple[object, ...]) -> str:
    cursor = _encoded(keys).rstrip("=")
    return _encoded(dict.fromkeys(SERVICES, cursor)) if path == MERGED else cursor


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
