"""Which objects of this service's bucket are needed.

Models, evaluations and reports of jobs that succeeded, and what imports have yet to take in.
"""

from collections.abc import Collection
from uuid import UUID

from pydantic import BaseModel
from skyulf_service.database.engine import Database
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.errors import ObjectNotFoundError
from skyulf_service.objects.store import ObjectStore
from skyulf_service.work.claims import Claim
from skyulf_service.work.states import ACTIVE, TERMINAL, WorkStatus
from sqlalchemy import and_, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.domain.jobs import JobKind
from skyulf_pipeline.persistence.tables import jobs

_BATCH = 100
_RECEIVED = select(jobs.c.received).where(jobs.c.kind == JobKind.IMPORT, jobs.c.status.not_in(TERMINAL))


class _File(BaseModel):
    sha256: str
    size: int = 0


class _Manifest(BaseModel):
    files: list[_File]


class _Envelope(BaseModel):
    manifest: _Manifest


class BundleReferences:
    """Reads the manifests of jobs that succeeded, each once: neither the jobs nor the manifests change any more."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._known: set[UUID] = set()
        self._keys: set[str] = set()

    async def referenced(self, keys: Collection[str]) -> Collection[str]:
        """Those of the keys that are needed. Raises where a manifest cannot be read, since nobody knows then."""
        succeeded = select(jobs.c.id).where(jobs.c.status == WorkStatus.SUCCEEDED)
        async with self._database.read() as connection:
            new = [id for id in (await connection.execute(succeeded)).scalars() if id not in self._known]
            received = {each["key"] for each in (await connection.execute(_RECEIVED)).scalars()}
        for start in range(0, len(new), _BATCH):
            await self._read(new[start : start + _BATCH])
        return [key for key in keys if key in self._keys or key in received]

    async def others_at_work(self, claim: Claim) -> bool:
        """Whether anybody but the claim's holder works on a job now, and so may be storing the same files."""
        own = and_(jobs.c.id == claim.id, jobs.c.lease_epoch == claim.epoch)
        async with self._database.read() as connection:
            found = await connection.execute(select(jobs.c.id).where(jobs.c.status.in_(ACTIVE), not_(own)).limit(1))
            return found.first() is not None

    async def _read(self, ids: Collection[UUID]) -> None:
        async with self._database.read() as connection:
            rows = await connection.execute(select(jobs.c.id, jobs.c.outcome, jobs.c.report).where(jobs.c.id.in_(ids)))
            outcomes = {row.id: (row.outcome, row.report) for row in rows}
        for id, (outcome, report) in outcomes.items():
            artifact, evaluation = outcome["artifact"], outcome.get("evaluation")
            manifest = BlobRef(sha256=artifact["digest"], size=artifact["size"], key=artifact["key"])
            self._keys.add(manifest.key)
            if evaluation is not None:
                self._keys.add(evaluation["key"])
            self._keys.update(file["key"] for file in (report or {}).values())
            self._keys.update(await self._files(manifest))
            self._known.add(id)

    async def _files(self, manifest: BlobRef) -> set[str]:
        try:
            envelope = _Envelope.model_validate_json(await self._blobs.get_bytes(manifest))
        except ObjectNotFoundError:
            return set()  # without it nobody can load the files either
        return {BlobRef.of(file.sha256, 0).key for file in envelope.manifest.files}


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
