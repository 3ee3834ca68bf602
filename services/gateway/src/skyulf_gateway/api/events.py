"""The event stream: what happens in the project, as server-sent events."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from time import monotonic
from typing import Annotated, cast

import orjson
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from skyulf_events import rfc3339
from skyulf_service.errors import FieldProblem, InvalidInputError
from skyulf_service.http.dependencies import CurrentScope
from skyulf_service.http.requires import requires

from skyulf_gateway.api.dependencies import SharedParts
from skyulf_gateway.api.shared import Shared
from skyulf_gateway.domain.log import EventFilter, LoggedEvent

router = APIRouter(prefix="/api/v1/events", tags=["events"])

LARGEST = 2**63 - 1
Types = Annotated[
    list[Annotated[str, Query(max_length=120)]],
    Query(alias="type", max_length=50, description="Only these types, such as `job.completed`; repeatable"),
]
Subjects = Annotated[
    list[Annotated[str, Query(max_length=120)]],
    Query(alias="subject", max_length=50, description="Only events about these ids; repeatable"),
]
After = Annotated[
    int | None, Query(ge=0, le=LARGEST, description="Go on behind this event's number; 0 for the whole log")
]
LastEventId = Annotated[str | None, Header(description="As `after`; what an event source sends when it reconnects")]
HEADERS = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}
STREAM = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The events"}}


@router.get("", response_class=StreamingResponse, responses=STREAM, **requires("events:read"))  # type: ignore[arg-type]
async def stream_events(
    scope: CurrentScope,
    shared: SharedParts,
    types: Types = [],  # noqa: B006 - FastAPI copies it
    subjects: Subjects = [],  # noqa: B006
    after: After = None,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """Follow the project's events. Without `after` or `Last-Event-ID` the stream starts now.

    Each `data` is a CloudEvent as JSON, each `id` its number in the log; reconnecting with the last number seen goes on
    without gap or repetition. It begins with the number to go on from, before any event, and ends within five seconds
    after the key was revoked or has expired. A comment comes every 15 seconds when nothing else does.
    """
    wanted = EventFilter.of(scope.require_project(), types, subjects)
    position = _number(last_event_id) if last_event_id else after
    shared.feed.require_room()
    lines = _lines(shared, wanted, position, subject=scope.subject)
    return StreamingResponse(lines, media_type="text/event-stream", headers=HEADERS)


async def _lines(shared: Shared, wanted: EventFilter, after: int | None, *, subject: str) -> AsyncIterator[bytes]:
    async with aclosing(shared.feed.follow(wanted, after)) as found:
        # the number comes at once: who is cut off before the first event must know where the stream began
        yield b"retry: 1000\nid: %d\n: welcome\n\n" % cast("int", await anext(found))
        spoke = monotonic()
        async for event in found:
            if not await shared.standing.holds(subject):
                return
            if isinstance(event, LoggedEvent):
                yield b"id: %d\ndata: %b\n\n" % (event.seq, cloud_event(event))
            elif monotonic() - spoke < shared.feed.heartbeat:
                continue
            else:
                yield b": still here\n\n"
            spoke = monotonic()


def cloud_event(event: LoggedEvent) -> bytes:
    """The event in CloudEvents' structured mode, on one line."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(event.event_id),
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": rfc3339(event.occurred_at),
            "datacontenttype": "application/json",
            "dataschema": event.data_schema,
            "sequence": str(event.seq),
            "data": orjson.Fragment(event.data),
        }
    )


def _number(last_event_id: str) -> int:
    # Python itself refuses to read a number of thousands of digits
    if len(last_event_id) <= len(str(LARGEST)) and last_event_id.isascii() and last_event_id.isdigit():
        number = int(last_event_id)
        if number <= LARGEST:
            return number
    problem = FieldProblem("/header/Last-Event-ID", "is not the id of an event of this stream", "invalid-event-id")
    raise InvalidInputError("Last-Event-ID must be the number of an event.", errors=[problem])
