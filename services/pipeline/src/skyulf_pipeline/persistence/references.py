"""Which objects of this service's bucket are needed: models, evaluations and reports of jobs that succeeded."""

from collections.abc import Collection
from uuid import UUID

from pydantic import BaseModel
from skyulf_service.database.engine import Database
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.errors import ObjectNotFoundError
from skyulf_service.work.claims import Claim
from skyulf_service.work.states import ACTIVE, WorkStatus
from sqlalchemy import and_, not_, select

from skyulf_pipeline.persistence.tables import jobs

_BATCH = 100


class _File(BaseModel):
    sha256: str


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
        for start in range(0, len(new), _BATCH):
            await self._read(new[start : start + _BATCH])
        return [key for key in keys if key in self._keys]

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
