"""What services announced is recorded from Kafka, and replayed: once in its order, and shuffled and tripled.

Pipeline's and registry's tests do so with events of their own making.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from harness import constants
from harness.api import Api
from harness.distributed import Distributed
from harness.promises import Figures
from skyulf_gateway.main import SERVICE as GATEWAY
from skyulf_gateway.persistence.tables import event_log
from skyulf_inference.main import SERVICE as INFERENCE
from skyulf_inference.persistence.tables import servings
from skyulf_service.composition import Service
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.messaging.records import Record
from skyulf_service.settings import SharedSettings
from sqlalchemy import Table, select

U = TypeVar("U", bound=UnitOfWork)
Row = dict[str, object]
COPIES, SHUFFLES, MOST_TOGETHER = 3, 5, 40
# no event says these: the row's own, how often and when it was written, and in which span
OWN = {"id", "version", "created_at", "updated_at", "appended_at", "seq", "traceparent"}


@dataclass(frozen=True)
class Projection(Generic[U]):
    """What a service makes of events: the rows of a table."""

    service: Service[U]
    table: Table

    async def made_of(self, records: Sequence[Record], url: str, home: Path) -> list[Row]:
        """The rows that records make in an empty database, without what is the rows' own; none may be refused."""
        chance, rest = random.Random(len(records)), list(records)
        shared = SharedSettings(home=home, profile="testing")
        parts = self.service.open(self.service.settings(shared=shared, database_url=url))
        try:
            await self.service.prepare(parts)
            while rest:
                many = chance.randint(1, MOST_TOGETHER)
                await self.service.delivery(parts).process(rest[:many])
                del rest[:many]
            async with parts.database.read() as connection:
                assert (await connection.execute(select(self.service.messaging.dead_letters))).all() == []
                rows = (await connection.execute(select(self.table))).mappings().all()
        finally:
            await parts.close()
        return sorted(({name: value for name, value in row.items() if name not in OWN} for row in rows), key=str)


PROJECTIONS = {"gateway": Projection(GATEWAY, event_log), "inference": Projection(INFERENCE, servings)}


@pytest.fixture(scope="module")
def recorded(distributed: Distributed) -> list[Record]:
    """The log of a project whose deployments changed, went back and went away: each aggregate's events in order."""
    with distributed.project() as api:
        constants.opposites(api, "named")
        tell(api)
        announced = distributed.announced(api.project_id)
    topics = [each.record for each in announced if each.record is not None]
    return [Record(each.topic, each.key, each.value, tuple(each.headers.items())) for each in topics]


def tell(api: Api) -> None:
    """Deploy, deploy another version, go back; deploy a second time under another name, and want it no more."""
    for version in (1, 2):
        assert api.deploy("kept", "named", version)["status"] == "ready"
    back = api.ok("POST", "/deployments/kept/rollback")
    api.deployment("kept", revision=back["revision"])
    assert api.deploy("gone", "named", 1)["status"] == "ready"
    assert api.ok("DELETE", "/deployments/gone")["desired"] == "stopped"


@pytest.mark.promise("R14")
@pytest.mark.parametrize("seed", range(SHUFFLES))
@pytest.mark.parametrize("name", PROJECTIONS)
async def test_a_recorded_log_shuffled_and_tripled_makes_the_same_rows(
    recorded: list[Record], name: str, seed: int, database_url: str, tmp_path: Path, figures: Figures
) -> None:
    projection, mixed = PROJECTIONS[name], recorded * COPIES
    expected = await projection.made_of(recorded, f"sqlite+aiosqlite:///{tmp_path / 'plain.sqlite3'}", tmp_path / "a")
    random.Random(seed).shuffle(mixed)

    assert await projection.made_of(mixed, database_url, tmp_path / "b") == expected
    assert_whole(name, expected, recorded)
    figures(f"{name}: {len(recorded)} recorded events, tripled and shuffled: the same {len(expected)} rows")


def assert_whole(name: str, rows: list[Row], recorded: list[Record]) -> None:
    """The rows tell the end of the story: a log of every event, or what is wanted last of each deployment."""
    if name == "gateway":
        assert sorted(str(row["event_id"]) for row in rows) == sorted(str(each.header("ce_id")) for each in recorded)
        return
    wanted = {row["name"]: (row["revision"], row["desired"]) for row in rows}
    assert wanted == {"kept": (3, "active"), "gone": (2, "stopped")}
