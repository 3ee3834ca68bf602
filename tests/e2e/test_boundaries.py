"""Who may reach whose data, seen from the databases."""

import asyncio
import itertools

import asyncpg
import pytest
from harness.distributed import SERVICES, Distributed

PAIRS = list(itertools.permutations(SERVICES, 2))


def test_a_service_reaches_its_own_database(distributed: Distributed) -> None:
    for service in SERVICES:
        assert asyncio.run(tables(distributed.database_url(service))) >= 5


@pytest.mark.parametrize(("role", "database"), PAIRS, ids=[f"{role}-in-{database}" for role, database in PAIRS])
def test_a_service_is_refused_by_the_other_databases(distributed: Distributed, role: str, database: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(tables(distributed.database_url(database, role_of=role)))


def test_a_service_holds_no_private_key_but_its_own(distributed: Distributed) -> None:
    for service in SERVICES:
        folder = distributed.keys_of(service)
        assert {path.name for path in folder.glob("*.key")} == {f"{service}.key"}
        # a key that was rotated stays as <name>.<kid>.pub, for what it signed
        assert {path.name.split(".")[0] for path in folder.glob("*.pub")} == set(SERVICES)
        assert all((folder / f"{name}.pub").exists() for name in SERVICES)


async def tables(url: str) -> int:
    """How many tables a role sees."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        )
        return count
    finally:
        await connection.close()
