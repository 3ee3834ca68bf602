"""Long work in: what one claimed job means. The supervisor is `skyulf_service.work`'s."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from pydantic import JsonValue
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import SkyulfError
from skyulf_service.ids import utc_now
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.cache import BlobCache
from skyulf_service.objects.errors import ObjectNotFoundError
from skyulf_service.objects.store import ObjectStore
from skyulf_service.telemetry.tracing import span, use_traceparent
from skyulf_service.work.calls import ChildRunner, Progress
from skyulf_service.work.claims import Claim
from skyulf_service.work.failures import ChildError, ChildFailedError
from skyulf_service.work.scratch import ScratchFolders
from sqlalchemy.exc import DBAPIError

from skyulf_pipeline.domain.configs import capped
from skyulf_pipeline.domain.errors import UnknownDatasetError
from skyulf_pipeline.domain.jobs import JobKind, LogLevel, LogText, Outcome
from skyulf_pipeline.domain.judging import JudgingFile, ReportFormat
from skyulf_pipeline.persistence.bundles import Bundles, Trained, outcome_of
from skyulf_pipeline.persistence.reports import publish_report
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import runs
from skyulf_pipeline.service.hearing import Heard
from skyulf_pipeline.service.patience import Patience
from skyulf_pipeline.service.runs import Run
from skyulf_pipeline.service.studies import studying

CHILDREN = {
    JobKind.TRAIN: "skyulf_pipeline.child.training:train",
    JobKind.TUNE: "skyulf_pipeline.child.tuning:tune",
    JobKind.AUTOML: "skyulf_pipeline.child.searching:automl",
}
UNPACK = "skyulf_pipeline.child.unpacking:unpack"
CHECK = "skyulf_pipeline.child.checking:check"
CALLED = (*CHILDREN.values(), UNPACK, CHECK)
"""All that jobs call in children."""
TELL_SECONDS = 1.0
Folders = dict[str, JsonValue]


class JobFinisher:
    """Ends jobs that did not succeed: for the supervisor that ran them, and for the sweeper where nobody does."""

    def __init__(self, uows: UnitOfWorks[PipelineUnitOfWork]) -> None:
        self._uows = uows

    async def failed(self, claim: Claim, code: str, message: str) -> None:
        """Record that the job failed, and announce it."""
        async with self._uows() as uow:
            await runs.fail(uow, claim=claim, code=code, message=message)

    async def cancelled(self, claim: Claim) -> None:
        """Record that the job has stopped because somebody asked for it, and announce it."""
        async with self._uows() as uow:
            await runs.end_cancelled(uow, claim=claim)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What jobs are done with. ``threads`` are those that one job may have."""

    inputs: Callable[[str], ObjectStore]
    cache: BlobCache
    scratch: ScratchFolders
    bundles: Bundles
    deadline: timedelta
    node_files: Path
    threads: int


@dataclass(slots=True)
class Telling:
    """What a running job has to say: steps not yet written, and when it was last announced (loop's clock, s)."""

    report: Progress
    step: str = ""
    lines: list[LogText] = field(default_factory=list)
    told_at: float = float("-inf")

    def __call__(self, fraction: float, step: str) -> None:
        """Take in progress from the child."""
        if step != self.step:
            self.step = step
            self.lines.append(LogText(f"Step: {step}"))
        self.report(fraction, step)

    def take(self) -> list[LogText]:
        """Hand out the lines that nobody has written yet."""
        lines, self.lines = self.lines, []
        return lines


class JobHandler(JobFinisher):
    """Trains in one child, checks in a second, signs, and commits only while the lease holds."""

    def __init__(self, uows: UnitOfWorks[PipelineUnitOfWork], workshop: Workshop) -> None:
        super().__init__(uows)
        self._workshop = workshop
        self._telling: dict[UUID, Telling] = {}

    async def run(self, claim: Claim, child: ChildRunner, progress: Progress) -> None:
        """Do the job and end it."""
        telling = self._telling[claim.id] = Telling(progress)
        traceparent = claim.row["traceparent"]
        try:
            with use_traceparent(traceparent if isinstance(traceparent, str) else None), span("job.run"):
                await self._run(claim, child, telling)
        finally:
            self._telling.pop(claim.id, None)

    async def progressed(self, claim: Claim, fraction: float, step: str) -> None:
        """Announce how far a job is, at most once a second."""
        telling = self._telling.get(claim.id)
        now = asyncio.get_running_loop().time()
        if telling is None or now - telling.told_at < TELL_SECONDS:
            return
        telling.told_at = now
        async with self._uows() as uow:
            await runs.progress(uow, claim=claim, fraction=fraction, step=step, log=telling.take())

    async def _run(self, claim: Claim, child: ChildRunner, telling: Telling) -> None:
        async with self._uows() as uow:
            run = await runs.begin(uow, claim=claim, deadline=self._workshop.deadline)
        async with self._workshop.scratch.folder(claim) as scratch:
            try:
                outcome = await self._make(run, claim, child, telling, scratch)
            except ChildError as error:
                raise ChildFailedError(error.code, error.message) from error
            except ChildFailedError as error:
                await self._note(claim, [*telling.take(), *map(LogText, error.log)])
                raise
            async with self._uows() as uow:
                await runs.succeed(uow, claim=claim, outcome=outcome, log=telling.take())

    async def _make(self, run: Run, claim: Claim, child: ChildRunner, telling: Telling, scratch: Path) -> Outcome:
        """Make what the job is for, and store it. What no commit refers to then, the collector of orphans removes:
        here nobody could know that no other job is storing the same files.
        """
        bundle, report = scratch / "bundle", scratch / "report"
        make = self._train if run.job.received is None else self._unpack
        result = await make(run, claim, child, telling, scratch, {"bundle": str(bundle), "report": str(report)})
        telling.lines.extend(map(LogText, child.log))
        trained = Trained.of(result)
        telling(0.92, "check")
        await child.call(CHECK, {"bundle": str(bundle)}, scratch=scratch, deadline=run.job.deadline_at)
        telling(0.97, "sign and store")
        patience = Patience(lambda step: telling(0.97, step))
        published = await patience.store(lambda: self._workshop.bundles.publish(bundle, job=run.job, trained=trained))
        judged = await patience.store(lambda: self._report(report, trained, telling))
        return outcome_of(trained, published, judged)

    async def _unpack(
        self, run: Run, claim: Claim, child: ChildRunner, telling: Telling, scratch: Path, folders: Folders
    ) -> dict[str, JsonValue]:
        """Take a model in that was trained elsewhere."""
        received, pack = run.job.received, scratch / "pack.tar"
        if received is None:
            raise RuntimeError("only an import has received something")
        telling(0.0, "fetch")
        try:
            await self._workshop.bundles.blobs.fetch(received, pack)
        except ObjectNotFoundError:
            raise ChildError("bundle-gone", "What was sent is kept for a day only; send it again.") from None
        return await child.call(
            UNPACK, {"pack": str(pack), **folders}, scratch=scratch, deadline=run.job.deadline_at,
            on_progress=lambda fraction, step: telling(0.02 + 0.88 * fraction, step),
        )  # fmt: skip

    async def _train(
        self, run: Run, claim: Claim, child: ChildRunner, telling: Telling, scratch: Path, folders: Folders
    ) -> dict[str, JsonValue]:
        """Train in a child."""
        telling(0.0, "stage data")
        spec: dict[str, JsonValue] = {
            "config": capped(run.config, self._workshop.threads),
            **folders,
            "ends_at": (run.job.deadline_at or utc_now() + self._workshop.deadline).timestamp(),
            "node_files": str(self._workshop.node_files),
            **await self._stage(run, scratch),
        }
        async with studying(self._uows, claim, run, scratch) as study:
            heard = Heard(study.on_told)
            try:
                return await child.call(
                    CHILDREN[run.job.kind],
                    {**spec, **study.spec},
                    scratch=scratch,
                    deadline=run.job.deadline_at,
                    on_progress=lambda fraction, step: telling(0.02 + 0.88 * fraction, step),
                    on_told=heard,
                )
            except ChildFailedError as error:
                return heard.without_report(error)

    async def _report(self, folder: Path, trained: Trained, telling: Telling) -> dict[ReportFormat, JudgingFile] | None:
        """Store the report; where there is none to be had, the log says why."""
        problem = trained.report_problem
        if problem is None:
            try:
                return await publish_report(folder, blobs=self._workshop.bundles.blobs)
            except ChildError as error:
                problem = error.message
        telling.lines.append(LogText(f"No report was made: {problem}", LogLevel.WARNING))
        return None

    async def _stage(self, run: Run, scratch: Path) -> dict[str, JsonValue]:
        """Fetch what the job reads, and say where it lies now."""
        paths = []
        for index, (pin, file) in enumerate(zip(run.job.reads, run.files, strict=True)):
            blobs = Blobs(self._workshop.inputs(file.bucket))
            try:
                staged = await self._workshop.cache.stage(blobs, file, scratch / f"data-{index}.parquet")
            except ObjectNotFoundError:
                gone = f"The data of {pin.name!r} is gone; the dataset was deleted after the job had started."
                raise UnknownDatasetError(gone) from None
            paths.append(str(staged))
        main, *further = paths
        return {"data": main, "sources": dict(zip(run.job.sources, further, strict=True))}

    async def _note(self, claim: Claim, lines: list[LogText]) -> None:
        # the reason of a failure matters more than its log
        with suppress(SkyulfError, DBAPIError):
            async with self._uows() as uow:
                await runs.note(uow, claim=claim, log=lines)
