"""The event stream: every event once and in order, however often the reader comes back."""

import asyncio
import contextlib
import json
from datetime import timedelta
from statistics import median
from time import monotonic
from uuid import UUID, uuid4

import httpx
import pytest
from gateway_stream import Stream, created, failed, record
from skyulf_events import Event
from skyulf_gateway.consumers import consumers
from skyulf_gateway.persistence.tables import event_log
from skyulf_gateway.service.event_log import forget_old_events
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record


@pytest.fixture
async def log(gateway):
    """The gateway's consumers, as a worker in another process has them."""
    project = (await gateway.client.get("/api/v1/auth/me")).json()["project"]["id"]
    return Delivery(consumers, gateway.parts.uows), UUID(project)


async def test_an_event_is_a_cloud_event_on_one_line(gateway, log):
    delivery, project = log
    event = created(project)
    await delivery.process([record(event)])

    stream = Stream(gateway.client, after=0)
    await stream.read(1)

    ((seq, shown),) = stream.events
    assert seq == 1
    assert shown == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": "/services/ingestion",
        "type": "io.skyulf.dataset.created.v1",
        "subject": event.subject,
        "time": event.ce_time(),
        "datacontenttype": "application/json",
        "dataschema": event.data_schema(),
        "sequence": "1",
        "data": json.loads(event.model_dump_json()),
    }


async def test_a_new_event_arrives_within_a_tenth_of_a_second(gateway, log):
    delivery, project = log
    stream, took = Stream(gateway.client), list[float]()
    reading = asyncio.create_task(stream.read(5))
    await asyncio.sleep(0.3)

    for number in range(1, 6):
        await delivery.process([record(created(project))])
        began = monotonic()
        async with asyncio.timeout(10):
            while len(stream.events) < number:
                await asyncio.sleep(0.005)
        took.append(monotonic() - began)
    await reading

    assert [seq for seq, _ in stream.events] == [1, 2, 3, 4, 5]
    assert median(took) < 0.1  # the machine may stall during one of them


async def test_the_same_event_delivered_twice_is_logged_once(gateway, log):
    delivery, project = log
    one, two = record(created(project)), record(created(project))

    await delivery.process([one, two, one])
    await delivery.process([two])

    stream = Stream(gateway.client, after=0)
    await stream.read(2)
    with contextlib.suppress(TimeoutError):
        await stream.read(3, last=2, seconds=0.3)
    assert len(stream.events) == 2


async def test_a_type_that_this_release_does_not_know_is_logged_too(gateway, log):
    delivery, project = log
    body = json.dumps({"event_id": str(new_id()), "project_id": str(project), "new": [1, 2]}, indent=2).encode()
    headers = {"ce_id": str(new_id()), "ce_type": "io.skyulf.moon.landed.v1", "ce_source": "/services/moon"}
    headers |= {"ce_specversion": "1.0", "ce_subject": "m", "ce_time": "2026-01-02T03:04:05Z", "ce_dataschema": ""}
    await delivery.process([Record("t", b"m", body, [(key, value.encode()) for key, value in headers.items()])])

    stream = Stream(gateway.client, after=0)
    await stream.read(1)

    assert stream.events[0][1]["type"] == "io.skyulf.moon.landed.v1"
    assert stream.events[0][1]["data"]["new"] == [1, 2]


async def test_readers_choose_types_and_subjects(gateway, log):
    delivery, project = log
    mine = created(project)
    await delivery.process([record(event) for event in (created(project), failed(project), mine, created(project))])

    by_type, by_subject = (
        Stream(gateway.client, after=0, type="dataset.failed"),
        Stream(gateway.client, after=0, subject=mine.subject),
    )
    await by_type.read(1)
    await by_subject.read(1)
    full = Stream(gateway.client, after=0, type=["io.skyulf.dataset.failed.v1", "dataset.created"])
    await full.read(4)

    assert [seq for seq, _ in by_type.events] == [2]
    assert by_subject.ids == [str(mine.event_id)]
    assert [seq for seq, _ in full.events] == [1, 2, 3, 4]


async def test_readers_see_their_own_project_only(gateway, log):
    delivery, project = log
    other = (await gateway.client.post("/api/v1/projects", json={"slug": "other"})).json()["id"]
    key = await gateway.new_key("viewer", project_id=other)
    theirs = created(UUID(other))
    await delivery.process([record(created(project)), record(theirs), record(created(project))])

    async with gateway.as_key(key) as client:
        stream = Stream(client, after=0)
        await stream.read(1)
        with contextlib.suppress(TimeoutError):
            await stream.read(2, last=2, seconds=0.3)

    assert stream.ids == [str(theirs.event_id)]


async def test_readers_that_come_back_miss_nothing_and_see_nothing_twice(gateway, log):
    """Four writers append at the same time, in batches; one reader is cut off again and again."""
    _, project = log
    batches = [[created(project) for _ in range(1 + number % 4)] for number in range(120)]
    expected = {str(event.event_id) for batch in batches for event in batch}

    async def write(part: list[list[Event]]) -> None:
        own = Delivery(consumers, gateway.parts.uows)
        for batch in part:
            await own.process([record(event) for event in batch])
            await asyncio.sleep(0.002)

    async def read(step: int) -> Stream:
        stream = Stream(gateway.client, after=0)
        while len(stream.events) < len(expected):
            seen = stream.events[-1][0] if stream.events else None
            await stream.read(min(len(stream.events) + step, len(expected)), last=seen)
        return stream

    writers = [asyncio.create_task(write(batches[at::4])) for at in range(4)]
    readers = await asyncio.gather(read(7), read(23), read(1000))
    await asyncio.gather(*writers)

    for stream in readers:
        assert [seq for seq, _ in stream.events] == list(range(1, len(expected) + 1))
        assert set(stream.ids) == expected
    assert readers[0].ids == readers[1].ids == readers[2].ids


async def test_a_reader_far_behind_pages_through_the_stored_log(gateway, log):
    delivery, project = log
    for _ in range(6):
        await delivery.process([record(created(project)) for _ in range(100)])

    stream = Stream(gateway.client, after=50)
    await stream.read(550)

    assert [seq for seq, _ in stream.events] == list(range(51, 601))


async def test_the_numbers_go_on_after_old_events_were_forgotten(gateway, log):
    delivery, project = log
    await delivery.process([record(created(project)) for _ in range(5)])

    gone = await forget_old_events(gateway.parts.uows, keep=timedelta(seconds=-5))
    await delivery.process([record(created(project))])
    stream = Stream(gateway.client, after=2)
    await stream.read(1)

    assert gone == 5
    assert [seq for seq, _ in stream.events] == [6]


async def test_a_number_from_another_installation_means_from_now_on(gateway, log):
    delivery, project = log
    stream = Stream(gateway.client)
    reading = asyncio.create_task(stream.read(1, last=10**12))
    await asyncio.sleep(0.3)

    await delivery.process([record(created(project))])
    await reading

    assert [seq for seq, _ in stream.events] == [1]


async def test_a_silent_stream_sends_heartbeats(start, sqlite_url):
    async with start(sqlite_url, heartbeat_seconds=0.1) as gateway:
        stream, began = Stream(gateway.client), monotonic()
        reading = asyncio.create_task(stream.read(1))
        async with asyncio.timeout(10):
            while stream.comments < 6:
                await asyncio.sleep(0.01)
        took = monotonic() - began
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    assert took > 0.35, "not more often than they shall come"


async def test_streams_end_when_the_server_stops(start, sqlite_url):
    async with start(sqlite_url) as gateway:
        stream = Stream(gateway.client)
        reading = asyncio.create_task(stream.read(1))
        await asyncio.sleep(0.3)

        gateway.app.state.draining = True

        await asyncio.wait_for(reading, 5)  # of the twenty that it would read


async def test_streams_are_bounded_in_number(start, sqlite_url):
    async with start(sqlite_url, most_event_streams=2) as gateway:
        readers = [asyncio.create_task(Stream(gateway.client).read(1)) for _ in range(2)]
        await asyncio.sleep(0.3)

        refused = await gateway.client.get("/api/v1/events")

        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")


@pytest.mark.parametrize("last", ["abc", "-1", "1.5", str(2**63), str(2**70), "9" * 5_000])
async def test_bad_numbers_are_refused(quick, last):
    answer = await quick.client.get("/api/v1/events", headers={"Last-Event-ID": last})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid-event-id")


async def test_the_log_has_no_event_of_a_rolled_back_transaction(gateway, log):
    _, project = log
    with contextlib.suppress(RuntimeError):
        async with gateway.parts.uows() as uow:
            await uow.event_log.append(_logged(project))
            raise RuntimeError("rolled back")

    async with gateway.parts.uows() as uow:
        seq = await uow.event_log.append(_logged(project))

    async with gateway.parts.database.read() as connection:
        rows = (await connection.execute(event_log.select())).all()
    assert (seq, len(rows)) == (1, 1)


async def test_a_stream_begins_with_the_number_to_come_back_with(gateway, log):
    delivery, project = log
    await delivery.process([record(created(project)) for _ in range(3)])
    cut_off, again = Stream(gateway.client), Stream(gateway.client)

    with contextlib.suppress(TimeoutError):
        await cut_off.read(1, seconds=0.5)
    await delivery.process([record(created(project)) for _ in range(2)])
    await again.read(2, last=cut_off.last)

    assert cut_off.last == 3
    assert [seq for seq, _ in again.events] == [4, 5]


async def test_a_stream_of_a_revoked_key_ends_within_five_seconds(start, database_url):
    async with start(database_url) as one, start(database_url) as other:
        made = (await one.client.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["viewer"]})).json()
        readers = [_reading(gateway.as_key(made["key"])) for gateway in (one, other)]
        stays = _reading(one.client)
        await asyncio.sleep(0.5)
        assert not any(reading.done() for reading in readers)

        await one.client.delete(f"/api/v1/api-keys/{made['id']}")
        await asyncio.wait_for(asyncio.gather(*readers), 5)

        assert not stays.done()
        stays.cancel()
        await asyncio.gather(stays, return_exceptions=True)


async def test_a_stream_of_a_revoked_key_ends_though_events_keep_coming(gateway, log):
    delivery, project = log
    made = (await gateway.client.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["viewer"]})).json()
    reading = _reading(gateway.as_key(made["key"]))
    await asyncio.sleep(0.3)

    await gateway.client.delete(f"/api/v1/api-keys/{made['id']}")
    revoked = monotonic()
    while not reading.done() and monotonic() - revoked < 6:
        await delivery.process([record(created(project))])
        await asyncio.sleep(0.05)

    assert reading.done()
    assert monotonic() - revoked < 5


async def test_a_stream_ends_when_its_key_expires(quick):
    key = await quick.new_key("viewer", expires_at=(utc_now() + timedelta(seconds=1)).isoformat())
    reading = _reading(quick.as_key(key))
    await asyncio.sleep(0.5)
    assert not reading.done()

    await asyncio.wait_for(reading, 5.5)


async def test_a_silent_project_in_a_busy_installation_gets_heartbeats(start, sqlite_url):
    async with start(sqlite_url, heartbeat_seconds=0.2) as gateway:
        delivery = Delivery(consumers, gateway.parts.uows)
        stream = Stream(gateway.client)
        reading = asyncio.create_task(stream.read(1))
        for _ in range(30):
            await delivery.process([record(created(uuid4()))])
            await asyncio.sleep(0.03)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    assert stream.comments >= 3


def _reading(client: httpx.AsyncClient) -> asyncio.Task[None]:
    """Reads until the server ends the stream."""
    return asyncio.create_task(Stream(client).read(10**6))


def _logged(project: UUID):
    from skyulf_gateway.domain.log import LoggedEvent

    return LoggedEvent(
        event_id=uuid4(),
        project_id=project,
        type="io.skyulf.dataset.created.v1",
        source="/services/ingestion",
        subject="s",
        data_schema="",
        occurred_at=utc_now(),
        data="{}",
    )
