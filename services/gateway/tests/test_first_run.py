"""The first run: once, however many start at the same time."""

import asyncio
import json
import stat

import pytest
from skyulf_gateway.domain.keys import KeyMaterial
from skyulf_gateway.main import build_service
from skyulf_gateway.persistence.tables import api_keys, messaging, metadata, organisations, projects
from skyulf_gateway.service.first_run import ensure_first_run
from skyulf_gateway.settings import GatewaySettings
from skyulf_service.database.migrations import differences
from skyulf_service.errors import InvalidInputError
from skyulf_service.settings import SharedSettings
from sqlalchemy import select


@pytest.fixture
async def opened(database_url, tmp_path):
    """Two replicas on one migrated database, each with a pool of its own."""
    service = build_service({})
    settings = GatewaySettings(shared=SharedSettings(home=tmp_path / "home"), database_url=database_url)
    one, other = service.open(settings), service.open(settings)
    await service.prepare(one)
    yield one, other
    await one.close()
    await other.close()


async def test_the_migration_makes_the_declared_tables(opened):
    assert await differences(opened[0].database, metadata) == []


async def test_two_processes_at_once_make_one_organisation_project_and_key(opened, tmp_path):
    homes = [tmp_path / f"home{number}" for number in range(8)]

    made = await asyncio.gather(
        *(ensure_first_run(opened[at % 2].uows, home=home, url="http://x") for at, home in enumerate(homes))
    )

    winners = [home for home, first in zip(homes, made, strict=True) if first is not None]
    assert len(winners) == 1
    async with opened[0].database.read() as connection:
        for table in (organisations, projects, api_keys):
            assert len((await connection.execute(table.select())).all()) == 1
        types = (await connection.execute(select(messaging.outbox.c.type))).scalars().all()
    assert types == ["io.skyulf.project.created.v1"]
    assert [path.name for home in homes for path in home.glob("*") if home not in winners] == []


async def test_the_key_lies_in_a_file_for_its_owner_only(opened, tmp_path):
    home = tmp_path / "home"
    first = await ensure_first_run(opened[0].uows, home=home, url="http://127.0.0.1:8000")

    file = home / "credentials.json"
    written = json.loads(file.read_text())

    assert first is not None
    assert written == {"url": "http://127.0.0.1:8000", "api_key": first.key, "project": "default"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await ensure_first_run(opened[0].uows, home=home, url="http://x") is None


async def test_a_process_that_died_after_its_commit_loses_no_key(opened, tmp_path):
    home = tmp_path / "home"
    first = await ensure_first_run(opened[0].uows, home=home, url="http://x")
    prefix = KeyMaterial.require(first.key).prefix
    (home / "credentials.json").rename(home / f".credentials.json.{prefix}.4711")
    (home / ".credentials.json.aaaaaaaaaaaa.4712").write_text("of a process that died before its commit")

    assert await ensure_first_run(opened[0].uows, home=home, url="http://x") is None

    assert json.loads((home / "credentials.json").read_text())["api_key"] == first.key


async def test_the_admin_key_may_be_given(opened, tmp_path):
    given = KeyMaterial.new().text

    first = await ensure_first_run(opened[0].uows, home=tmp_path / "home", url="http://x", given_key=given)

    assert first.key == given


async def test_a_given_key_of_another_form_is_refused(opened, tmp_path):
    with pytest.raises(InvalidInputError, match="has the form"):
        await ensure_first_run(opened[0].uows, home=tmp_path / "home", url="http://x", given_key="password1")
