from contextlib import AsyncExitStack
from datetime import UTC, datetime

import notes_service
import pytest
from skyulf_events import ProjectDeleted
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.http import dead_letters, feed
from skyulf_service.http.feed import FeedItem
from skyulf_service.ids import new_id
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.policy import Delivery, Retries
from skyulf_service.messaging.records import record_of
from sqlalchemy import select


class Handler:
    """Fails as long as it is told to."""

    def __init__(self) -> None:
        self.broken = True
        self.handled = 0

    async def __call__(self, uow: notes_service.Notes, event: ProjectDeleted) -> None:
        if self.broken:
            raise ValueError("cannot handle this")
        self.handled += 1


@pytest.fixture
async def service(sqlite_url: str):
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(notes_service.open_database(sqlite_url))
        handler, consumers = Handler(), Consumers(group="notes")

        @consumers.on(ProjectDeleted)
        async def forget(uow: notes_service.Notes, event: ProjectDeleted) -> None:
            await handler(uow, event)

        delivery = Delivery(consumers, UnitOfWorks(database, notes_service.Notes), retries=Retries(1, 1, 0.01))
        routers = [
            dead_letters.router(database, notes_service.messaging, delivery),
            feed.router(database, notes_service.messaging),
        ]
        app = notes_service.build(database, routers=routers)
        pipeline = await stack.enter_async_context(notes_service.client_of(app, "pipeline"))
        ada = await stack.enter_async_context(notes_service.client_of(app, "ada"))
        yield {"database": database, "delivery": delivery, "handler": handler, "pipeline": pipeline, "ada": ada}


def _event(version: int = 1) -> ProjectDeleted:
    return ProjectDeleted(
        event_id=new_id(),
        occurred_at=datetime.now(UTC),
        project_id=notes_service.PROJECT,
        aggregate_version=version,
        slug="flights",
        name="Flights",
    )


async def _park(service: dict) -> str:
    async with UnitOfWorks(service["database"], notes_service.Notes)() as uow:
        await uow.publish(_event())
        row = (await uow.connection.execute(select(notes_service.messaging.outbox))).mappings().one()
    await service["delivery"].process([record_of(OutboxRow.of(dict(row)))])
    found = (await service["pipeline"].get("/internal/v1/dead-letters")).json()
    assert len(found["items"]) == 1
    return found["items"][0]["id"]


async def test_what_could_not_be_handled_is_listed_with_its_reason(service) -> None:
    letter = await _park(service)

    found = (await service["pipeline"].get(f"/internal/v1/dead-letters/{letter}")).json()

    assert found["consumer"] == "notes.forget"
    assert found["type"] == "io.skyulf.project.deleted.v1"
    assert "cannot handle this" in found["error"]
    assert "flights" in found["value"]


async def test_a_replay_that_fails_says_why_and_keeps_the_letter(service) -> None:
    letter = await _park(service)

    answer = await service["pipeline"].post(f"/internal/v1/dead-letters/{letter}/replay")

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/replay-failed"
    assert "cannot handle this" in answer.json()["detail"]
    assert (await service["pipeline"].get(f"/internal/v1/dead-letters/{letter}")).status_code == 200


async def test_a_replay_that_succeeds_ends_the_letter(service) -> None:
    letter = await _park(service)
    service["handler"].broken = False

    answer = await service["pipeline"].post(f"/internal/v1/dead-letters/{letter}/replay")

    assert (answer.status_code, answer.content) == (204, b"")
    assert service["handler"].handled == 1
    assert (await service["pipeline"].get("/internal/v1/dead-letters")).json() == {"items": [], "next_cursor": None}
    assert (await service["pipeline"].post(f"/internal/v1/dead-letters/{letter}/replay")).status_code == 404


async def test_a_letter_can_be_discarded_once(service) -> None:
    letter = await _park(service)

    assert (await service["pipeline"].delete(f"/internal/v1/dead-letters/{letter}")).status_code == 204
    assert (await service["pipeline"].delete(f"/internal/v1/dead-letters/{letter}")).status_code == 404


async def test_users_see_neither_dead_letters_nor_the_feed(service) -> None:
    assert (await service["ada"].get("/internal/v1/dead-letters")).status_code == 403
    assert (await service["ada"].get("/internal/v1/feed")).status_code == 403


async def test_the_feed_gives_published_events_in_order_and_where_to_go_on(service) -> None:
    outbox = notes_service.messaging.outbox
    async with UnitOfWorks(service["database"], notes_service.Notes)() as uow:
        for version in range(1, 6):
            await uow.publish(_event(version))
        await uow.connection.execute(outbox.update().where(outbox.c.seq <= 4).values(published_at=datetime.now(UTC)))

    first = (await service["pipeline"].get("/internal/v1/feed?limit=3")).json()
    rest = (await service["pipeline"].get(f"/internal/v1/feed?after={first['last']}")).json()
    end = (await service["pipeline"].get(f"/internal/v1/feed?after={rest['last']}")).json()

    rows = [FeedItem(**item).to_row() for item in first["items"] + rest["items"]]
    assert [row.aggregate_version for row in rows] == [1, 2, 3, 4]
    assert isinstance(rows[0], OutboxRow)
    assert record_of(rows[0]).header("ce_type") == "io.skyulf.project.deleted.v1"
    assert end == {"items": [], "last": rest["last"]}


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=1001", "after=99999999999999999999", "after=x"])
async def test_a_feed_query_that_makes_no_sense_is_refused(service, query: str) -> None:
    assert (await service["pipeline"].get(f"/internal/v1/feed?{query}")).status_code == 422
