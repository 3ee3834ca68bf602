"""Composition root of ingestion."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from fastapi import APIRouter, FastAPI
from skyulf_service.composition import Background, Parts, Service
from skyulf_service.objects.collector import clear, collect_orphans
from skyulf_service.roles import run_service
from skyulf_service.work.expiry import requeue_expired
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.scratch import ScratchFolders
from skyulf_service.work.supervisor import Supervisor
from skyulf_service.work.sweeper import Sweep, Sweeper

from skyulf_ingestion.api import datasets
from skyulf_ingestion.consumers import consumers
from skyulf_ingestion.persistence.leftovers import LeftoverList, needed
from skyulf_ingestion.persistence.tables import imports, messaging
from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork
from skyulf_ingestion.runner import ImportHandler, build_supervisor
from skyulf_ingestion.settings import BUCKET, IngestionSettings


def settings_of(parts: Parts[IngestionUnitOfWork]) -> IngestionSettings:
    """The settings with ingestion's own fields."""
    return cast("IngestionSettings", parts.settings)


def routers(parts: Parts[IngestionUnitOfWork]) -> Sequence[APIRouter]:
    """Ingestion's endpoints."""
    return [datasets.create_router(settings_of(parts).max_upload_bytes)]


def handler(parts: Parts[IngestionUnitOfWork]) -> ImportHandler:
    """What the runner and the sweeper know of imports."""
    scratch = ScratchFolders(parts.settings.shared.cache_folder / "ingestion-scratch")
    return ImportHandler(parts.uows, parts.objects(BUCKET), scratch, settings_of(parts))


def runner(parts: Parts[IngestionUnitOfWork]) -> Supervisor:
    """The supervisor of imports."""
    return build_supervisor(handler(parts))


def sweeps(parts: Parts[IngestionUnitOfWork]) -> Sequence[Background]:
    """Imports of dead runners go back to the queue, and objects that no dataset needs go."""
    queue, finisher = WorkQueue(imports, parts.database), handler(parts)
    settings, store, leftovers = settings_of(parts), parts.objects(BUCKET), LeftoverList(parts.database)
    grace, needed_now = timedelta(seconds=settings.orphan_grace_seconds), leftovers.referenced

    async def paused() -> bool:
        return await SERVICE.backup_runs(parts)

    async def clear_leftovers() -> None:
        await clear(store, leftovers, needed_now, paused=paused)

    async def remove_orphans() -> None:
        await collect_orphans(store, needed_now, grace=grace, paused=paused)

    tasks = [
        Sweep("imports", settings.lease_seconds / 3, lambda: requeue_expired(queue, finisher)),
        Sweep("leftovers", settings.leftovers_seconds, clear_leftovers),
        Sweep("orphans", settings.orphans_seconds, remove_orphans),
    ]
    return [("sweeper", Sweeper(tasks).run)]


def with_store(app: FastAPI, parts: Parts[IngestionUnitOfWork]) -> FastAPI:
    """Give the endpoints the bucket."""
    app.state.store = parts.objects(BUCKET)
    return app


SERVICE: Service[IngestionUnitOfWork] = Service(
    name="ingestion",
    package="skyulf_ingestion",
    unit_of_work=IngestionUnitOfWork,
    settings=IngestionSettings,
    consumers=consumers,
    messaging=messaging,
    routers=routers,
    worker_background=sweeps,
    runner=runner,
    wrap=with_store,
    buckets=(BUCKET,),
    queues=(imports,),
    needs=needed,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one role of ingestion: ``api``, ``worker``, ``runner`` or ``migrate``; returns the exit code."""
    return run_service(SERVICE, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
