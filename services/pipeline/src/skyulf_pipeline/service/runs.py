"""What runners and the sweeper do with jobs. Each function holds the claim's fence until the transaction ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope
from skyulf_service.work.claims import Claim
from skyulf_service.work.states import WorkStatus

from skyulf_pipeline import events
from skyulf_pipeline.domain.configs import with_auto, with_tuning
from skyulf_pipeline.domain.datasets import DatasetStatus, StoredFile
from skyulf_pipeline.domain.errors import UnknownDatasetError
from skyulf_pipeline.domain.jobs import Job, JobKind, LogLevel, LogText, Outcome, Pinned
from skyulf_pipeline.domain.pipelines import Config
from skyulf_pipeline.domain.trials import Told, TrialTold
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service.counters import count_end

SYSTEM = Scope.system("pipeline")
MOST_CODE = 64


@dataclass(frozen=True, slots=True)
class Run:
    """What a runner needs to know: the job, the configuration, and where the files lie that it reads, in its order.

    ``trials`` are those that earlier attempts of a tuning have made. An import reads no files and has no configuration.
    """

    job: Job
    config: Config
    files: Sequence[StoredFile]
    trials: Sequence[TrialTold] = ()


async def begin(uow: PipelineUnitOfWork, *, claim: Claim, deadline: timedelta) -> Run:
    """Announce that a job runs; each attempt has its own deadline. A deleted dataset: `UnknownDatasetError`."""
    job = await uow.jobs.held(claim)
    job.deadline_at = utc_now() + deadline
    anew = job.begin_anew()
    if anew:
        await uow.trials.clear(job)
    await uow.jobs.save(job)
    await uow.publish(events.job_started(job))
    again = " The search begins anew." if anew and job.attempt > 1 else ""
    await uow.logs.append(job, [LogText(f"Attempt {job.attempt} started.{again}")])
    if job.kind is JobKind.IMPORT:
        return Run(job=job, config={}, files=())
    return Run(
        job=job,
        files=[await _file(uow, pin) for pin in job.reads],
        config=await _config(uow, job),
        trials=await uow.trials.all_of(job) if job.tuning is not None else (),
    )


async def progress(
    uow: PipelineUnitOfWork, *, claim: Claim, fraction: float, step: str, log: Sequence[LogText] = ()
) -> None:
    """Keep and announce how far a job is; callers see to it that this is at most once a second."""
    job = await uow.jobs.held(claim)
    job.advance(fraction, step)
    await uow.jobs.save(job)
    await uow.publish(events.job_progressed(job))
    await uow.logs.append(job, log)


async def note_trial(uow: PipelineUnitOfWork, *, claim: Claim, told: Told) -> bool:
    """Keep how a trial stands, the best so far, and lines; returns whether somebody asked for the end."""
    job = await uow.jobs.held(claim)
    if told.trial is not None:
        await uow.trials.put(job, told.trial)
    await uow.logs.append(job, [LogText(line) for line in told.lines])
    best = told.best_trial
    if best is not None and best != job.best:
        job.best = best
        await uow.jobs.save(job)
    return job.keep_best


async def is_to_end(uow: PipelineUnitOfWork, *, claim: Claim) -> bool:
    """Whether somebody asked a tuning to end with its best trial."""
    return (await uow.jobs.require(SYSTEM, claim.id)).keep_best


async def note(uow: PipelineUnitOfWork, *, claim: Claim, log: Sequence[LogText]) -> None:
    """Write lines into a running job's log."""
    await uow.logs.append(await uow.jobs.held(claim), log)


async def succeed(uow: PipelineUnitOfWork, *, claim: Claim, outcome: Outcome, log: Sequence[LogText] = ()) -> Job:
    """End a job with its model, and announce it. Raises `CancelRequestedError` when somebody asked for the end."""
    job = await uow.jobs.held(claim)
    job.complete(outcome)
    await _end(uow, job, [*log, LogText("The job succeeded; its model is signed.")])
    return job


async def fail(uow: PipelineUnitOfWork, *, claim: Claim, code: str, message: str) -> Job:
    """End a job with a reason, and announce it; where a cancel was requested it ends cancelled."""
    job = await uow.jobs.held(claim)
    job.end_badly(code[:MOST_CODE], message)
    last = "The job was cancelled." if job.status is WorkStatus.CANCELLED else f"{job.error_code}: {job.error_message}"
    await _end(uow, job, [LogText(last, LogLevel.ERROR)])
    return job


async def end_cancelled(uow: PipelineUnitOfWork, *, claim: Claim) -> Job:
    """Confirm that a job has stopped because somebody asked for it, and announce it."""
    job = await uow.jobs.held(claim)
    job.end_cancelled()
    await _end(uow, job, [LogText("The job was cancelled.")])
    return job


async def _end(uow: PipelineUnitOfWork, job: Job, lines: Sequence[LogText]) -> None:
    await uow.jobs.save(job)
    if job.tuning is not None:
        await uow.trials.stop(job)
    await uow.logs.append(job, lines)
    await uow.publish(events.job_completed(job))
    took = None if job.started_at is None else (utc_now() - job.started_at).total_seconds()
    uow.after_commit(partial(count_end, job.kind.value, job.status.value, took))


async def _config(uow: PipelineUnitOfWork, job: Job) -> Config:
    pipeline = await uow.pipelines.require(SYSTEM, job.pipeline_id)
    config = (await uow.pipelines.numbered(pipeline, job.pipeline_version)).config
    if job.tuning is None:
        return config
    return (with_auto if job.kind is JobKind.AUTOML else with_tuning)(config, job.tuning)


async def _file(uow: PipelineUnitOfWork, pin: Pinned) -> StoredFile:
    dataset = await uow.datasets.find(SYSTEM, pin.dataset_id, pin.version)
    if dataset is None or dataset.status is DatasetStatus.DELETED:
        raise UnknownDatasetError(f"The dataset {pin.name!r} was deleted after the job had been queued.")
    return dataset.require_file()
