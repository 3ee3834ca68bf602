"""Composition root of the pipeline service."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import cast

from fastapi import APIRouter
from skyulf_core import NodeRegistry
from skyulf_service.composition import HOUSEKEEPING_SECONDS, Background, Parts, Service
from skyulf_service.messaging.policy import Delivery
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.cache import BlobCache
from skyulf_service.objects.collector import collect_orphans
from skyulf_service.roles import run_service
from skyulf_service.signing.rotation import followed
from skyulf_service.work.expiry import requeue_expired
from skyulf_service.work.metering import begin_calling
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.scratch import ScratchFolders
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.supervisor import Supervisor
from skyulf_service.work.sweeper import Sweep, Sweeper

from skyulf_pipeline.api import imports, jobs, nodes, pipelines
from skyulf_pipeline.api.dependencies import CHECKS
from skyulf_pipeline.consumers import consumers
from skyulf_pipeline.persistence import tables
from skyulf_pipeline.persistence.bundles import Bundles
from skyulf_pipeline.persistence.references import BundleReferences, needed
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.runner import CALLED, JobFinisher, JobHandler, Workshop
from skyulf_pipeline.service.checks import Checks
from skyulf_pipeline.service.counters import begin_counting
from skyulf_pipeline.settings import PipelineSettings

BUCKET = "skyulf-pipeline"
LOG_STEP = 1000
# threads that spin while they wait made a boosted model ten times slower on a machine that had other work too
CHILD_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
THREAD_LIMITS = (
    "LOKY_MAX_CPU_COUNT", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
)  # fmt: skip
"""What numeric libraries take the number of their threads from; `n_jobs: -1` means as many as the first one says."""
PRELOAD = (
    "skyulf_pipeline.child.training",
    "skyulf_pipeline.child.tuning",
    "skyulf_pipeline.child.searching",
    "skyulf_pipeline.child.checking",
    "skyulf_pipeline.child.unpacking",
    "sklearn.pipeline",
)


def child_environment(threads: int) -> dict[str, str]:
    """What children see besides the scrubbed environment, so that each computes with so many threads at most."""
    return {**CHILD_ENVIRONMENT, **dict.fromkeys(THREAD_LIMITS, str(threads))}


def settings_of(parts: Parts[PipelineUnitOfWork]) -> PipelineSettings:
    """The settings, as this service's."""
    return cast("PipelineSettings", parts.settings)


def routers(parts: Parts[PipelineUnitOfWork]) -> Sequence[APIRouter]:
    """The pipeline service's endpoints."""
    begin_counting()  # a queued job that is cancelled ends here
    NodeRegistry.names()  # found now, not while the first request waits
    parts.extras[CHECKS] = Checks()
    store = parts.objects(BUCKET)
    moving = imports.create_router(parts.uows, lambda: store, max_bytes=settings_of(parts).max_import_bytes)
    return [nodes.router, pipelines.router, jobs.router, jobs.evaluation_router(parts.uows, lambda: store), moving]


def worker_tasks(parts: Parts[PipelineUnitOfWork]) -> Sequence[Background]:
    """What ends or requeues jobs whose runner died, and repairs missed events; several workers may do so."""
    begin_counting()
    queue, finisher = WorkQueue(tables.jobs, parts.database), JobFinisher(parts.uows)
    every = settings_of(parts).sweep_seconds
    tasks = [Sweep("jobs", every, lambda: requeue_expired(queue, finisher)), orphans(parts), old_logs(parts)]
    if parts.form == "distributed":  # in one process the relay itself hands events over, and loses none
        tasks.extend(catch_up(parts))
    return [("sweeper", Sweeper(tasks).run)]


def orphans(parts: Parts[PipelineUnitOfWork]) -> Sweep:
    """What removes objects of jobs that were cancelled or lost their lease before their model was committed."""
    settings, store = settings_of(parts), parts.objects(BUCKET)
    references = BundleReferences(parts.database, Blobs(store))
    grace = timedelta(seconds=settings.orphan_grace_seconds)

    async def paused() -> bool:
        return await SERVICE.backup_runs(parts)

    async def remove_orphans() -> None:
        await collect_orphans(store, references.referenced, grace=grace, paused=paused)

    return Sweep("orphans", settings.orphans_seconds, remove_orphans)


def old_logs(parts: Parts[PipelineUnitOfWork]) -> Sweep:
    """What removes logs of jobs that ended long ago, in short transactions."""
    keep = timedelta(days=settings_of(parts).job_log_retention_days)

    async def forget() -> None:
        gone = LOG_STEP
        while gone == LOG_STEP:
            async with parts.uows() as uow:
                gone = await uow.logs.forget(keep, limit=LOG_STEP)

    return Sweep("job logs", HOUSEKEEPING_SECONDS, forget)


def catch_up(parts: Parts[PipelineUnitOfWork]) -> list[Sweep]:
    """What reads missed events from ingestion."""
    from skyulf_service.http.catch_up import catch_up_sweeps  # httpx, which an api does not need

    return catch_up_sweeps(
        {"ingestion": parts.settings.shared.ingestion_url},
        tokens=parts.tokens,
        delivery=Delivery(consumers, parts.uows),
        every=settings_of(parts).catch_up_seconds,
        ca_file=parts.settings.shared.tls_ca_file,
    )


def runner(parts: Parts[PipelineUnitOfWork]) -> Supervisor:
    """What works on jobs, each in children of this process."""
    begin_counting()
    begin_calling(CALLED)
    settings = settings_of(parts)
    workshop = Workshop(
        inputs=cache(parts.objects),  # a store has threads and connections: one for each bucket, not for each job
        cache=BlobCache(settings.input_cache_folder, settings.input_cache_bytes),
        scratch=ScratchFolders(settings.scratch_folder),
        bundles=Bundles(Blobs(parts.objects(BUCKET)), followed(parts.keys_dir, "pipeline")),
        deadline=settings.job_deadline,
        node_files=settings.node_files_folder,
        threads=settings.job_threads,
    )
    slots = ChildSlots(
        settings.job_concurrency,
        preload=PRELOAD,
        environment=child_environment(settings.job_threads),
        memory_limit=settings.job_memory_bytes,
    )
    handler = JobHandler(parts.uows, workshop)
    return Supervisor(
        WorkQueue(tables.jobs, parts.database),
        slots,
        handler,
        lease=settings.job_lease,
        concurrency=settings.job_concurrency,
        on_progress=handler.progressed,
    )


SERVICE: Service[PipelineUnitOfWork] = Service(
    name="pipeline",
    package="skyulf_pipeline",
    unit_of_work=PipelineUnitOfWork,
    settings=PipelineSettings,
    consumers=consumers,
    messaging=tables.messaging,
    routers=routers,
    worker_background=worker_tasks,
    runner=runner,
    buckets=(BUCKET,),
    queues=(tables.jobs,),
    needs=needed,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one role of the pipeline service: ``api``, ``worker``, ``runner`` or ``migrate``; returns the exit code."""
    return run_service(SERVICE, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
