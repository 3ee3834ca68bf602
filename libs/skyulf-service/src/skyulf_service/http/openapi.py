"""OpenAPI: what each service says about its operations, and one document made of all of them."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from skyulf_service.http.problems import MEDIA_TYPE, Problem
from skyulf_service.http.requires import ANYONE, PERMISSION

SERVICE = "x-skyulf-service"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SCHEMAS = "#/components/schemas/"

Document = dict[str, object]


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Document further problems of a route: ``responses=problems(415, 507)``."""
    schema = {"$ref": f"{SCHEMAS}Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


COMMON_RESPONSES = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the gateway's table: who answers an operation, and what it needs."""

    method: str
    path: str
    service: str
    permission: str
    operation_id: str


def complete(document: Document, service: str) -> None:
    """Add to a service's own document what FastAPI does not know: the service, and how problems look."""
    schemas = _schemas(document)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schema = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas["Problem"] = schema
    _components(document).setdefault("securitySchemes", {"bearer": {"type": "http", "scheme": "bearer"}})
    for _, _, operation in operations(document):
        operation[SERVICE] = service
        if operation.get(PERMISSION) == ANYONE:
            for status in ("401", "403"):
                _mapping(operation, "responses").pop(status, None)
        else:
            operation["security"] = [{"bearer": []}]
        _document_precondition(operation)
    document[SERVICE] = service


def merge(documents: Iterable[Mapping[str, object]], *, title: str = "Skyulf", version: str = "1") -> Document:
    """Join the documents of several services into one.

    Equal components become one; where two services mean different things by one name, each later one is prefixed by
    its service. Raises ``ValueError`` where two services claim the same operation.
    """
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for document in documents:
        own = deepcopy(dict(document))
        _rename_conflicts(own, _schemas(merged), str(own[SERVICE]))
        _schemas(merged).update(_schemas(own))
        _mapping(_components(merged), "securitySchemes").update(_mapping(_components(own), "securitySchemes"))
        _join_paths(merged, own)
    merged["tags"] = [{"name": name} for name in _tags(merged)]
    return merged


def route_table(document: Mapping[str, object]) -> list[Route]:
    """Read the gateway's table out of a merged document (or one service's)."""
    return [
        Route(method.upper(), path, str(found[SERVICE]), str(found[PERMISSION]), str(found["operationId"]))
        for method, path, found in operations(document)
    ]


def operations(document: Mapping[str, object]) -> Iterator[tuple[str, str, Document]]:
    """All operations as (method in lower case, path template, operation)."""
    paths = cast(Mapping[str, dict[str, Document]], document.get("paths", {}))
    for path, item in paths.items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def _document_precondition(operation: Document) -> None:
    parameters = cast(list[dict[str, str]], operation.get("parameters", []))
    if any(parameter.get("name", "").lower() == "if-match" for parameter in parameters):
        _mapping(operation, "responses").update({str(key): value for key, value in problems(412, 428).items()})


def _join_paths(merged: Document, own: Document) -> None:
    paths = _mapping(merged, "paths")
    for method, path, operation in operations(own):
        item = _mapping(paths, path)
        if method in item:
            raise ValueError(f"two services answer {method.upper()} {path}")
        item[method] = operation


def _rename_conflicts(own: Document, taken: Mapping[str, object], service: str) -> None:
    """Prefix the components that differ, and (as their references change) those that refer to them."""
    while True:
        schemas = _schemas(own)
        clashes = {name for name, schema in schemas.items() if name in taken and taken[name] != schema}
        if not clashes:
            return
        names = {name: f"{service.capitalize()}{name}" for name in clashes}
        renamed = {names.get(name, name): schema for name, schema in schemas.items()}
        if any(new in schemas for new in names.values()):
            raise ValueError(f"{service} has components {sorted(names.values())} already")
        _components(own)["schemas"] = renamed
        _point_to(own, {SCHEMAS + old: SCHEMAS + new for old, new in names.items()})


def _point_to(node: object, references: Mapping[str, str]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and value in references:
                node[key] = references[value]
            else:
                _point_to(value, references)
    elif isinstance(node, list):
        for item in node:
            _point_to(item, references)


def _tags(document: Document) -> list[str]:
    found: dict[str, None] = {}
    for _, _, operation in operations(document):
        found.update(dict.fromkeys(cast(list[str], operation.get("tags", []))))
    return list(found)


def _components(document: Document) -> Document:
    return _mapping(document, "components")


def _schemas(document: Document) -> Document:
    return _mapping(_components(document), "schemas")


def _mapping(parent: Document, key: str) -> Document:
    return cast(Document, parent.setdefault(key, {}))
