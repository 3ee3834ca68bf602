"""The five services by name, as the server commands reach them."""

import importlib
from typing import cast

from skyulf_service.composition import Service
from skyulf_service.database.unit_of_work import UnitOfWork

SERVICES = ("ingestion", "pipeline", "registry", "inference", "gateway")
AnyService = Service[UnitOfWork]


def service_of(name: str) -> AnyService:
    """The service of this name; imports its package."""
    return cast("AnyService", importlib.import_module(f"skyulf_{name}.main").SERVICE)
