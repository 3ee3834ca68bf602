"""Events as the services publish them, and a reader of the stream."""

import asyncio
import json
from uuid import UUID

import httpx
from skyulf_events import DatasetCreated, DatasetFailed, Event, Failure
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.records import Record


def created(project_id: UUID, *, dataset_id: UUID | None = None, version: int = 1) -> Event:
    return DatasetCreated(
        event_id=new_id(),
        project_id=project_id,
        aggregate_version=version,
        occurred_at=utc_now(),
        dataset_id=dataset_id or new_id(),
        name="flights",
        version=1,
        format="csv",
        bytes=12,
    )


def failed(project_id: UUID) -> Event:
    known = created(project_id)
    return DatasetFailed(
        event_id=new_id(),
        project_id=project_id,
        aggregate_version=2,
        occurred_at=utc_now(),
        dataset_id=known.dataset_id,
        name="flights",
        version=1,
        status="failed",
        error=Failure(code="ragged", message="line 7"),
    )


def record(event: Event, **headers: str) -> Record:
    found = {
        "ce_id": str(event.event_id),
        "ce_type": event.ce_type(),
        "ce_source": event.source,
        "ce_subject": event.subject,
        "ce_time": event.ce_time(),
        "ce_specversion": "1.0",
        "ce_dataschema": event.data_schema(),
        **headers,
    }
    body = event.model_dump_json().encode()
    return Record(event.topic, event.subject.encode(), body, [(key, value.encode()) for key, value in found.items()])


class Stream:
    """A reader of server-sent events."""

    def __init__(self, client: httpx.AsyncClient, **params: object) -> None:
        self.client, self.params = client, params
        self.events: list[tuple[int, dict[str, object]]] = []
        self.comments = 0
        self.last: int | None = None

    async def read(self, until: int, *, last: int | None = None, seconds: float = 20) -> None:
        """Read until so many events were seen in all."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        async with (
            asyncio.timeout(seconds),
            self.client.stream("GET", "/api/v1/events", params=self.params, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            seq = 0
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    seq = self.last = int(line[4:])
                elif line.startswith("data: "):
                    self.events.append((seq, json.loads(line[6:])))
                    if len(self.events) >= until:
                        return
                elif line.startswith(":"):
                    self.comments += 1

    @property
    def ids(self) -> list[object]:
        return [event["id"] for _, event in self.events]
