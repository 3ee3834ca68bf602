"""Composition root of the registry."""

import sys
from collections.abc import Sequence
from typing import cast

from fastapi import APIRouter
from skyulf_service.composition import Background, Parts, Service
from skyulf_service.messaging.policy import Delivery
from skyulf_service.roles import run_service
from skyulf_service.work.sweeper import Sweeper

from skyulf_registry.api import deployments, models
from skyulf_registry.consumers import consumers
from skyulf_registry.persistence.standing import Standing
from skyulf_registry.persistence.tables import messaging
from skyulf_registry.persistence.unit_of_work import RegistryUnitOfWork
from skyulf_registry.settings import RegistrySettings


def routers(parts: Parts[RegistryUnitOfWork]) -> Sequence[APIRouter]:
    """The registry's endpoints."""
    return [models.router, deployments.router]


def worker_background(parts: Parts[RegistryUnitOfWork]) -> Sequence[Background]:
    """What reads missed events from pipeline and inference; in one process the relay itself loses none."""
    if parts.form == "embedded":
        return ()
    from skyulf_service.http.catch_up import catch_up_sweeps  # httpx, which an api does not need

    sweeps = catch_up_sweeps(
        {"pipeline": parts.settings.shared.pipeline_url, "inference": parts.settings.shared.inference_url},
        tokens=parts.tokens,
        delivery=Delivery(consumers, parts.uows),
        every=cast("RegistrySettings", parts.settings).catch_up_seconds,
        ca_file=parts.settings.shared.tls_ca_file,
    )
    return [("catch-up", Sweeper(sweeps).run)]


SERVICE: Service[RegistryUnitOfWork] = Service(
    name="registry",
    package="skyulf_registry",
    unit_of_work=RegistryUnitOfWork,
    settings=RegistrySettings,
    consumers=consumers,
    messaging=messaging,
    routers=routers,
    worker_background=worker_background,
    measures=lambda parts: [Standing(parts.database).measure],
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one role of the registry: ``api``, ``worker`` or ``migrate``; returns the exit code."""
    return run_service(SERVICE, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
