"""Which objects of this service's bucket are needed.

Models, evaluations and reports of jobs that succeeded, and what imports have yet to take in.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

import structlog
from prometheus_client import Gauge
from pydantic import BaseModel, JsonValue
from skyulf_service.database.engine import Database
from skyulf_service.database.repository import insert_missing
from skyulf_service.errors import TooLargeError, UnavailableError
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.errors import DigestMismatchError, ObjectNotFoundError
from skyulf_service.objects.store import ObjectStore
from skyulf_service.work.columns import OPEN
from skyulf_service.work.states import WorkStatus
from sqlalchemy import Row, and_, literal, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.domain.jobs import JobKind
from skyulf_pipeline.persistence.tables import OBJECTS_UNKNOWN, job_objects, jobs

LOST = Gauge("skyulf_manifests_lost", "Manifests of models that are missing or damaged, so that no orphan is removed")

_log = structlog.get_logger(__name__)
_BATCH = 20
_NEW = ""  # no key: there are jobs that nobody has looked at
_TO_BE_TAKEN_IN = and_(jobs.c.kind == JobKind.IMPORT, text(OPEN))
_RECEIVED = select(jobs.c.received).where(_TO_BE_TAKEN_IN)


class _File(BaseModel):
    sha256: str
    size: int = 0


class _Manifest(BaseModel):
    files: list[_File]


class _Envelope(BaseModel):
    manifest: _Manifest


class _Artifact(BaseModel):
    key: str
    digest: str
    size: int

    def manifest(self) -> BlobRef:
        return BlobRef(sha256=self.digest, size=self.size, key=self.key)


class _Judging(BaseModel):
    key: str


class _Made(BaseModel):
    artifact: _Artifact
    evaluation: _Judging | None = None
    report: dict[str, _Judging] | None = None

    def keys(self) -> list[str]:
        judged = [*([] if self.evaluation is None else [self.evaluation]), *(self.report or {}).values()]
        return [self.artifact.key, *(each.key for each in judged)]


class BundleReferences:
    """Knows the objects of jobs that succeeded: rows, made of each job's manifest when it is first asked for.

    Neither jobs nor manifests change any more, and nothing is held in memory. Who has looked at ``most_lost`` manifests
    in vain looks at no more of them: it may be the wrong bucket.
    """

    def __init__(self, database: Database, blobs: Blobs, *, most_lost: int = 100) -> None:
        self._database = database
        self._blobs = blobs
        self._most_lost = most_lost

    async def referenced(self, keys: Collection[str]) -> Collection[str]:
        """Those of the keys that are needed: one query, unless jobs have succeeded that nobody has looked at.

        Raises `UnavailableError` while the manifest of one of those is missing or damaged, since nobody knows then; it
        is looked for each time, so that one that was put back is found.
        """
        while _NEW in (found := await self._look(list(keys))):
            await self._learn()
        LOST.set(0)
        return found

    async def _look(self, keys: list[str]) -> set[str]:
        received = jobs.c.received["key"].as_string()
        kept = select(job_objects.c.key).where(job_objects.c.key.in_(keys))
        sent = select(received).where(_TO_BE_TAKEN_IN, received.in_(keys))
        new = select(literal(_NEW)).where(select(jobs.c.id).where(text(OBJECTS_UNKNOWN)).exists())
        async with self._database.read() as connection:
            return set((await connection.execute(union_all(kept, sent, new))).scalars())

    async def _learn(self) -> None:
        """Note the objects of all jobs that nobody has looked at."""
        lost, last = list[str](), UUID(int=0)
        while len(lost) < self._most_lost and (rows := await self._unknown(last)):
            known, keys, last = list[UUID](), set[str](), rows[-1].id
            for id, outcome, report in rows:
                made = _Made.model_validate({**outcome, "report": report})
                try:
                    keys.update([*made.keys(), *await self._files(made.artifact.manifest())])
                    known.append(id)
                except (ObjectNotFoundError, DigestMismatchError, TooLargeError) as error:
                    lost.append(made.artifact.key)
                    _log.error("manifest.lost", job_id=str(id), key=made.artifact.key, error=error.detail)
            await self._note(known, keys)
        LOST.set(len(lost))
        if lost:
            raise UnavailableError(
                f"Manifests of {len(lost)} jobs that succeeded are missing or damaged, such as {lost[0]}: nobody knows "
                "what else is needed. Put them back from a backup, or mend the settings if it is not their bucket."
            )

    async def _unknown(self, after: UUID) -> Sequence[Row[UUID, dict[str, JsonValue], JsonValue]]:
        new = select(jobs.c.id, jobs.c.outcome, jobs.c.report).where(text(OBJECTS_UNKNOWN), jobs.c.id > after)
        async with self._database.read() as connection:
            return (await connection.execute(new.order_by(jobs.c.id).limit(_BATCH))).all()

    async def _note(self, ids: Collection[UUID], keys: Collection[str]) -> None:
        theirs = jobs.c.id.in_(ids)
        async with self._database.begin() as connection:
            # all in one order, or two processes that note the same would wait for each other
            await connection.execute(select(jobs.c.id).where(theirs).order_by(jobs.c.id).with_for_update())
            await insert_missing(connection, job_objects, [{"key": key} for key in sorted(keys)])
            await connection.execute(update(jobs).where(theirs).values(objects_known=True))

    async def _files(self, manifest: BlobRef) -> list[str]:
        envelope = _Envelope.model_validate_json(await self._blobs.get_bytes(manifest))
        return [BlobRef.of(file.sha256, 0).key for file in envelope.manifest.files]


async def needed(connection: AsyncConnection, store: ObjectStore) -> list[BlobRef]:
    """The objects of all jobs, each once: manifests and what they list, evaluations, reports, bundles to be imported.

    Raises `ObjectNotFoundError` where a manifest is missing, since nobody knows what else is needed then.
    """
    blobs, found = Blobs(store), dict[str, BlobRef]()
    succeeded = select(jobs.c.outcome, jobs.c.report).where(jobs.c.status == WorkStatus.SUCCEEDED)
    for outcome, report in (await connection.execute(succeeded)).all():
        artifact, evaluation = outcome["artifact"], outcome.get("evaluation")
        manifest = BlobRef.of(artifact["digest"], artifact["size"])
        files = _Envelope.model_validate_json(await blobs.get_bytes(manifest)).manifest.files
        judged = [*([] if evaluation is None else [evaluation]), *(report or {}).values()]
        refs = [manifest, *(BlobRef.of(file.sha256, file.size) for file in files)]
        refs += [BlobRef.of(each["sha256"], each["size"]) for each in judged]
        found.update((ref.key, ref) for ref in refs)
    for received in (await connection.execute(_RECEIVED)).scalars():
        found[received["key"]] = BlobRef(sha256=received["sha256"], size=received["size"], key=received["key"])
    return list(found.values())
