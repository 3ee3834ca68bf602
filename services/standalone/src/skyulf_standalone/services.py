"""The five services by name, as the server commands reach them."""

import importlib
from pathlib import Path
from typing import cast

from skyulf_service.composition import Service
from skyulf_service.database.unit_of_work import UnitOfWork
from sqlalchemy.engine import make_url

SERVICES = ("ingestion", "pipeline", "registry", "inference", "gateway")
AnyService = Service[UnitOfWork]


def service_of(name: str) -> AnyService:
    """The service of this name; imports its package."""
    return cast("AnyService", importlib.import_module(f"skyulf_{name}.main").SERVICE)


def missing_part() -> Path | None:
    """A database file or private key that an installation has and this place has not: opening a service makes both."""
    for name in SERVICES:
        settings = service_of(name).settings()
        url = make_url(settings.database)
        needed = [Path(str(url.database))] if url.drivername.startswith("sqlite") else []
        needed.append(settings.shared.keys_folder / f"{name}.key")
        if missing := next((path for path in needed if not path.is_file()), None):
            return missing
    return None
