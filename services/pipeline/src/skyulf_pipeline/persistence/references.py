"""Which objects of this service's bucket are needed.

Models, evaluations and reports of jobs that succeeded, and what imports have yet to take in.
"""

from collections.abc import Collection
from uuid import UUID

from pydantic import BaseModel
from skyulf_service.database.engine import Database
from skyulf_service.database.repository import insert_missing
from skyulf_service.errors import UnavailableError
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.errors import ObjectNotFoundError
from skyulf_service.objects.store import ObjectStore
from skyulf_service.work.claims import Claim
from skyulf_service.work.columns import OPEN
from skyulf_service.work.states import ACTIVE, WorkStatus
from sqlalchemy import ColumnElement, and_, literal, not_, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.domain.jobs import JobKind
from skyulf_pipeline.persistence.tables import OBJECTS_UNKNOWN, job_objects, jobs

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

    Neither jobs nor manifests change any more. Nothing is held in memory but, up to ``most_gone``, jobs whose manifest
    is gone: without it nobody can load their files either. Those are not noted, so that another process looks again.
    """

    def __init__(self, database: Database, blobs: Blobs, *, most_gone: int = 1_000) -> None:
        self._database = database
        self._blobs = blobs
        self._most_gone = most_gone
        self._gone: set[UUID] = set()

    async def referenced(self, keys: Collection[str]) -> Collection[str]:
        """Those of the keys that are needed: one query, unless jobs have succeeded that nobody has looked at.

        Raises where a manifest cannot be read, since nobody knows then.
        """
        while _NEW in (found := await self._look(list(keys))):
            await self._learn()
        return found

    async def _look(self, keys: list[str]) -> set[str]:
        received = jobs.c.received["key"].as_string()
        kept = select(job_objects.c.key).where(job_objects.c.key.in_(keys))
        sent = select(received).where(_TO_BE_TAKEN_IN, received.in_(keys))
        new = select(literal(_NEW)).where(select(jobs.c.id).where(self._new()).exists())
        async with self._database.read() as connection:
            return set((await connection.execute(union_all(kept, sent, new))).scalars())

    async def _learn(self) -> None:
        new = select(jobs.c.id, jobs.c.outcome, jobs.c.report).where(self._new()).limit(_BATCH)
        async with self._database.read() as connection:
            rows = (await connection.execute(new)).all()
        known, keys = list[UUID](), set[str]()
        for id, outcome, report in rows:
            made = _Made.model_validate({**outcome, "report": report})
            keys.update(made.keys())
            try:
                keys.update(await self._files(made.artifact.manifest()))
                known.append(id)
            except ObjectNotFoundError:
                self._gone.add(id)
        if len(self._gone) > self._most_gone:
            self._gone.clear()  # look again: what was said of them shall not stay
            raise UnavailableError(f"Manifests of more than {self._most_gone} jobs are missing: is it their bucket?")
        await self._note(known, keys)

    async def _note(self, ids: Collection[UUID], keys: Collection[str]) -> None:
        async with self._database.begin() as connection:
            # in one order, or two processes that note the same keys would wait for each other
            await insert_missing(connection, job_objects, [{"key": key} for key in sorted(keys)])
            await connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(objects_known=True))

    def _new(self) -> ColumnElement[bool]:
        return and_(text(OBJECTS_UNKNOWN), jobs.c.id.not_in(self._gone))

    async def _files(self, manifest: BlobRef) -> list[str]:
        envelope = _Envelope.model_validate_json(await self._blobs.get_bytes(manifest))
        return [BlobRef.of(file.sha256, 0).key for file in envelope.manifest.files]

    async def others_at_work(self, claim: Claim) -> bool:
        """Whether anybody but the claim's holder works on a job now, and so may be storing the same files."""
        own = and_(jobs.c.id == claim.id, jobs.c.lease_epoch == claim.epoch)
        async with self._database.read() as connection:
            found = await connection.execute(select(jobs.c.id).where(jobs.c.status.in_(ACTIVE), not_(own)).limit(1))
            return found.first() is not None


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
