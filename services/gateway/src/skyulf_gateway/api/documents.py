"""The one OpenAPI document of all services, and the table of operations that the door works by."""

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files

from skyulf_service.http.openapi import Document, merge, operations, problems, route_table
from skyulf_service.http.requires import ANYONE, SERVICE

from skyulf_gateway.api.paths import PathTable

PACKAGED = "openapi.json"
OWN = "gateway"
BEARER = "bearer"
API_KEY = "api_key"
SCHEMES = {
    BEARER: {"type": "http", "scheme": "bearer", "description": "An API key: sk_…"},
    API_KEY: {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key: sk_…"},
}
DESCRIPTION = (
    "From a data file to a served model: datasets, pipelines, jobs, models, deployments, predictions, and an event for "
    "every step. Errors are problem documents (RFC 9457)."
)


def public_document(documents: Iterable[Mapping[str, object]], *, version: str = "1") -> Document:
    """Join the services' own documents into the one that the gateway shows and routes by."""
    merged = merge(documents, title="Skyulf", version=version)
    merged["info"] = {"title": "Skyulf", "version": version, "description": DESCRIPTION}
    _part(merged, "components")["securitySchemes"] = SCHEMES
    for _, _, operation in operations(merged):
        if operation["x-skyulf-permission"] != ANYONE:
            operation["security"] = [{BEARER: []}, {API_KEY: []}]
        if operation["x-skyulf-service"] != OWN:
            _part(operation, "responses").update({str(key): value for key, value in problems(502, 504).items()})
    return merged


def packaged_document() -> Document | None:
    """The document that was built into this package, or None in a tree where it was not."""
    file = files("skyulf_gateway") / PACKAGED
    return json.loads(file.read_text()) if file.is_file() else None


def without_own(document: Mapping[str, object]) -> Document:
    """A joined document without the gateway's own operations, which this release describes itself."""
    paths: dict[str, dict[str, object]] = {}
    for method, path, operation in operations(document):
        if operation["x-skyulf-service"] != OWN:
            paths.setdefault(path, {})[method] = operation
    return {**document, "paths": paths, "x-skyulf-service": "services"}


def path_table(document: Mapping[str, object]) -> PathTable:
    """The operations that the outside may ask for."""
    return PathTable(
        route
        for route in route_table(document)
        if route.permission != SERVICE and not route.path.startswith("/internal/")
    )


def _part(parent: Document, key: str) -> Document:
    found = parent.setdefault(key, {})
    if not isinstance(found, dict):
        raise TypeError(f"the document's {key} is not an object")
    return found
