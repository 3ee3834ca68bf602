"""Names of objects that a transaction has let go of, until a worker has removed them."""

from collections.abc import Collection, Sequence

from skyulf_service.database.engine import Database
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.ids import utc_now
from skyulf_service.objects.blobs import BlobRef
from skyulf_service.objects.store import ObjectStore
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_ingestion.domain.datasets import DatasetStatus
from skyulf_ingestion.persistence.tables import datasets, leftovers

_HELD = (DatasetStatus.PROCESSING.value, DatasetStatus.READY.value)


async def let_go(connection: AsyncConnection, names: Collection[str]) -> None:
    """Have objects removed once this transaction is committed. A name is a key, or with a last ``*`` a beginning."""
    for name in names:
        await insert_ignoring_conflict(connection, leftovers, {"name": name, "created_at": utc_now()})


class LeftoverList:
    """What is still to be removed, and what datasets refer to; each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int) -> Sequence[str]:
        """The oldest names."""
        async with self._database.read() as connection:
            found = select(leftovers.c.name).order_by(leftovers.c.created_at).limit(limit)
            return (await connection.execute(found)).scalars().all()

    async def done(self, names: Collection[str]) -> None:
        """Forget names whose objects are gone."""
        async with self._database.begin() as connection:
            await connection.execute(delete(leftovers).where(leftovers.c.name.in_(names)))

    async def referenced(self, keys: Collection[str]) -> Collection[str]:
        """Those of the keys that a dataset needs: its upload until the import has failed, and what was made of it."""
        source = datasets.c.source["key"].as_string()
        made = [datasets.c.content[part, "key"].as_string() for part in ("parquet", "profile")]
        async with self._database.read() as connection:
            queries = [select(source).where(datasets.c.status.in_(_HELD), source.in_(keys))]
            queries += [select(key).where(key.in_(keys)) for key in made]
            return {key for query in queries for key in (await connection.execute(query)).scalars()}


async def needed(connection: AsyncConnection, _store: ObjectStore) -> list[BlobRef]:
    """The objects that datasets refer to, each once."""
    rows = (await connection.execute(select(datasets.c.status, datasets.c.source, datasets.c.content))).all()
    found = [row.source for row in rows if row.status in _HELD]
    found += [row.content[part] for row in rows if row.content is not None for part in ("parquet", "profile")]
    by_key = {str(each["key"]): BlobRef(sha256=each["sha256"], size=each["size"], key=each["key"]) for each in found}
    return list(by_key.values())
