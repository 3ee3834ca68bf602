"""Dead letters of all services: records that a consumer could not handle, listed, replayed, discarded."""

import asyncio
import base64
import binascii
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field, JsonValue
from skyulf_service.database.pagination import invalid_cursor
from skyulf_service.errors import NotFoundError, SkyulfError, UnavailableError
from skyulf_service.http.dead_letters import ReplayFailedError
from skyulf_service.http.requires import requires
from skyulf_service.messaging.dead_letters import NoHandlerError

from skyulf_gateway.api.dependencies import SharedParts
from skyulf_gateway.clients.forwarding import unknown
from skyulf_gateway.clients.neighbours import Answer, Neighbours

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

INTERNAL = "/internal/v1/dead-letters"
UNPROCESSABLE = 422
ServiceName = Annotated[str, Path(pattern=r"^[a-z][a-z-]{0,39}$", examples=["registry"])]
LetterId = Annotated[UUID, Path(description="The dead letter's id")]
PerService = Annotated[int, Query(ge=1, le=100, description="Dead letters per service and page")]
Cursor = Annotated[str | None, Query(max_length=8192, description="Where to go on: `next_cursor` of the page before")]


class DeadLetterRead(BaseModel):
    """A record that a consumer could not handle, and why."""

    service: str
    id: UUID
    consumer: str
    topic: str
    type: str | None = None
    event_id: str | None = None
    reason: str
    error: str
    attempts: int
    parked_at: AwareDatetime
    traceparent: str | None = None
    value: str = Field(description="The record's beginning as text")


class DeadLettersRead(BaseModel):
    """One page of every service's dead letters, the newest first."""

    items: list[DeadLetterRead]
    next_cursor: str | None = None
    unavailable: list[str] = Field(description="Services that did not answer; their dead letters are missing here")


@router.get("", **requires("system:operate"))
async def list_all_dead_letters(shared: SharedParts, limit: PerService = 20, cursor: Cursor = None) -> DeadLettersRead:
    """List what consumers could not handle, of all services and projects."""
    neighbours = shared.neighbours
    places = dict.fromkeys(neighbours.names, "") if cursor is None else _read_cursor(cursor, neighbours)
    answers = await asyncio.gather(*(_page(neighbours, name, place, limit) for name, place in places.items()))
    items: list[DeadLetterRead] = []
    further: dict[str, str] = {}
    unavailable: list[str] = []
    for (name, place), page in zip(places.items(), answers, strict=True):
        if page is None:
            unavailable.append(name)
            further[name] = place
            continue
        items.extend(page.letters(name))
        if page.next_cursor:
            further[name] = page.next_cursor
    items.sort(key=lambda item: (item.parked_at, item.id), reverse=True)
    more = further if any(name not in unavailable for name in further) else {}
    return DeadLettersRead(items=items, next_cursor=_write_cursor(more), unavailable=unavailable)


@router.post("/{service}/{letter_id}/replay", status_code=204, **requires("system:operate"))
async def replay_one_dead_letter(service: ServiceName, letter_id: LetterId, shared: SharedParts) -> None:
    """Let the handler that failed try again; the dead letter stays where it fails again."""
    await _call(shared.neighbours, service, "POST", f"{INTERNAL}/{letter_id}/replay")


@router.delete("/{service}/{letter_id}", status_code=204, **requires("system:operate"))
async def discard_one_dead_letter(service: ServiceName, letter_id: LetterId, shared: SharedParts) -> None:
    """Forget a dead letter for good."""
    await _call(shared.neighbours, service, "DELETE", f"{INTERNAL}/{letter_id}")


class _Page(BaseModel):
    """A page as a service answers it."""

    items: list[dict[str, JsonValue]]
    next_cursor: str | None = None

    def letters(self, service: str) -> list[DeadLetterRead]:
        return [DeadLetterRead.model_validate({**item, "service": service}) for item in self.items]


async def _page(neighbours: Neighbours, service: str, place: str, limit: int) -> _Page | None:
    """Return a service's page, or None where it does not answer; raises `InvalidInputError` for a place it refuses."""
    query = {"limit": str(limit), **({"cursor": place} if place else {})}
    try:
        answer = await neighbours.call(service, "GET", INTERNAL, query)
    except SkyulfError:
        return None
    if place and answer.status == UNPROCESSABLE:
        raise invalid_cursor()
    return _Page.model_validate_json(bytes(answer.body)) if answer.status == 200 else None


async def _call(neighbours: Neighbours, service: str, method: str, path: str) -> None:
    if service not in neighbours.names:
        raise unknown(service)
    answer = await neighbours.call(service, method, path)
    if answer.status >= 400:
        raise _as_error(answer, service)


def _as_error(answer: Answer, service: str) -> SkyulfError:
    problem = answer.json()
    detail, type = (str(problem.get(key, "")) for key in ("detail", "type")) if isinstance(problem, dict) else ("", "")
    if answer.status == 404:
        return NotFoundError(detail or "There is no such dead letter.")
    if answer.status == 503:
        return UnavailableError(detail or f"The service {service} does not answer; try again.")
    if type == f"/problems/{NoHandlerError.code}":
        return NoHandlerError(detail)
    return ReplayFailedError(detail or f"The service {service} could not do it; its log says why.")


def _write_cursor(places: dict[str, str]) -> str | None:
    return base64.urlsafe_b64encode(orjson.dumps(places)).decode() if places else None


def _read_cursor(cursor: str, neighbours: Neighbours) -> dict[str, str]:
    try:
        found: JsonValue = orjson.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error):
        raise invalid_cursor() from None
    if not isinstance(found, dict) or not found or not set(found) <= set(neighbours.names):
        raise invalid_cursor()
    places = {name: place for name, place in found.items() if isinstance(place, str)}
    if len(places) < len(found):
        raise invalid_cursor()
    return places
