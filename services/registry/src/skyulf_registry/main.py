"""Composition root of the registry."""

import sys
from collections.abc import Sequence

from fastapi import APIRouter
from skyulf_service.composition import Parts, Service
from skyulf_service.roles import run_service

from skyulf_registry.api import deployments, models
from skyulf_registry.consumers import consumers
from skyulf_registry.persistence.tables import messaging
from skyulf_registry.persistence.unit_of_work import RegistryUnitOfWork
from skyulf_registry.settings import RegistrySettings


def routers(parts: Parts[RegistryUnitOfWork]) -> Sequence[APIRouter]:
    """The registry's endpoints."""
    return [models.router, deployments.router]


SERVICE: Service[RegistryUnitOfWork] = Service(
    name="registry",
    package="skyulf_registry",
    unit_of_work=RegistryUnitOfWork,
    settings=RegistrySettings,
    consumers=consumers,
    messaging=messaging,
    routers=routers,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one role of the registry: ``api``, ``worker`` or ``migrate``; returns the exit code."""
    return run_service(SERVICE, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
