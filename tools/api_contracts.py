"""The HTTP contracts as documents: one OpenAPI of all services, and the list of problem codes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from importlib import import_module
from importlib.metadata import version
from typing import TypeVar
from unittest.mock import patch

from fastapi import FastAPI
from pydantic import JsonValue
from skyulf_gateway.api.documents import public_document
from skyulf_gateway.main import build_service
from skyulf_service.composition import Service
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import SkyulfError

U = TypeVar("U", bound=UnitOfWork)
Document = dict[str, object]

# In the order of the street: data, model, version, prediction. The gateway describes its own operations last.
NEIGHBOURS = ("ingestion", "pipeline", "registry", "inference")


def openapi() -> Document:
    """Join what all services say about their operations, as the gateway shows it."""
    with tempfile.TemporaryDirectory() as home, chdir(home), patch.dict(os.environ, environment(home), clear=True):
        neighbours = {name: app_of(import_module(f"skyulf_{name}.main").SERVICE) for name in NEIGHBOURS}
        own = app_of(build_service(neighbours))
        documents = [app.openapi() for app in (*neighbours.values(), own)]
    document = public_document(documents, version=version("skyulf-gateway"))
    if missing := sorted({name for name in references(document) if not is_there(document, name)}):
        raise ValueError(f"the document refers to what it does not hold: {', '.join(missing)}")
    return document


def references(part: object) -> Iterator[str]:
    """Name every place of the document that a part of it refers to."""
    if isinstance(part, dict):
        if isinstance(target := part.get("$ref"), str):
            yield target
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def is_there(document: object, reference: str) -> bool:
    """Whether a reference (``#/components/schemas/...``) leads somewhere."""
    for step in reference.removeprefix("#/").split("/"):
        if not isinstance(document, dict) or step not in document:
            return False
        document = document[step]
    return True


def environment(home: str) -> dict[str, str]:
    """Return an environment without any settings but the home folder, so that everybody writes the same document."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    return {**kept, "SKYULF_HOME": home}


def app_of(service: Service[U]) -> FastAPI:
    """Build a service's app; its database is a file that is never made."""
    return service.create_api(service.open())


def problems() -> list[JsonValue]:
    """List every code that a problem document may carry, by status and code. Raises ValueError for an ambiguous one."""
    for name in (*NEIGHBOURS, "gateway"):
        import_module(f"skyulf_{name}.main")
    found: dict[str, type[SkyulfError]] = {}
    for error in kinds(SkyulfError):
        known = found.setdefault(error.code, error)
        if known.status != error.status:
            raise ValueError(f"{error.code} is {known.status} in {known.__module__} and {error.status} elsewhere")
        found[error.code] = error
    return [entry(error) for error in sorted(found.values(), key=lambda error: (error.status, error.code))]


def kinds(parent: type[SkyulfError]) -> Iterator[type[SkyulfError]]:
    """All errors with a code of their own; the nearest to the root comes last and gives a code its meaning."""
    for child in parent.__subclasses__():
        yield from kinds(child)
        if "code" in vars(child):
            yield child


def entry(error: type[SkyulfError]) -> JsonValue:
    """Describe one code."""
    meaning = " ".join((error.__doc__ or error.title).split())
    return {"code": error.code, "status": error.status, "title": error.title, "meaning": meaning}
