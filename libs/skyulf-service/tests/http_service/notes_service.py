"""A small service for the tests of skyulf_service.http: notes, kept in a real database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, JsonValue
from skyulf_service.database.engine import Database
from skyulf_service.database.tables import add_messaging_tables, new_metadata
from skyulf_service.database.types import Uuid
from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.errors import ConflictError, NotFoundError, UnauthenticatedError, UnavailableError
from skyulf_service.http import (
    CurrentScope,
    Idempotency,
    IfMatch,
    PageQuery,
    allow_anyone,
    create_app,
    etag,
    requires,
    requires_identity,
    requires_service,
    requires_socket,
    unit_of_work,
)
from skyulf_service.scope import Scope
from sqlalchemy import Column, Integer, String, Table, func, insert, select
from sqlalchemy.exc import OperationalError

PROJECT = UUID("0198c5a0-0000-7000-8000-000000000001")
OTHER_PROJECT = UUID("0198c5a0-0000-7000-8000-000000000002")
metadata = new_metadata()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("text", String(200), nullable=False),
)
# a ledger without any unique constraint counts the effects
messaging = add_messaging_tables(metadata)


class Notes(UnitOfWork):
    tables = messaging


Uow = Annotated[Notes, Depends(unit_of_work(Notes), scope="function")]


class NoteCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    number: float = 0
    tags: list[str] = []
    extra: dict[str, JsonValue] = {}


class NoteRead(BaseModel):
    id: int
    text: str


@dataclass
class Verifier:
    """Tokens are keys of a table here; `signing` has its own tests."""

    scopes: dict[str, Scope] = field(
        default_factory=lambda: {
            "ada": Scope(PROJECT, "user:ada", frozenset({"notes:read", "notes:write"})),
            "bob": Scope(OTHER_PROJECT, "user:bob", frozenset({"notes:read", "notes:write"})),
            "guest": Scope(PROJECT, "user:guest", frozenset()),
            "operator": Scope(None, "user:op", frozenset({"system:operate"})),
            "pipeline": Scope.system("pipeline"),
        }
    )

    def verify(self, token: str) -> Scope:
        if token not in self.scopes:
            raise UnauthenticatedError("The token is not valid.")
        return self.scopes[token]


router = APIRouter(prefix="/api/v1/notes", tags=["notes"])


@router.post("", status_code=201, **requires("notes:write"))
async def create_note(
    body: NoteCreate, uow: Uow, scope: CurrentScope, idempotency: Idempotency, response: Response
) -> NoteRead:
    """Write a note down."""

    async def create() -> NoteRead:
        if body.text == "conflict":
            raise ConflictError("There is one already.")
        values = {"project_id": scope.require_project(), "text": body.text}
        row = (await uow.connection.execute(insert(notes).values(values).returning(notes.c.id))).one()
        if body.text.startswith("slow"):
            await asyncio.sleep(float(body.text.removeprefix("slow")))
        response.headers["ETag"] = etag(1)
        return NoteRead(id=row.id, text=body.text)

    return await idempotency.once(uow, scope, body, create)


@router.get("/count", **requires("notes:read"))
async def count_notes(uow: Uow) -> int:
    return (await uow.connection.scalar(select(func.count()).select_from(notes))) or 0


@router.get("/page", **requires("notes:read"))
async def list_notes(page: PageQuery, flag: Annotated[int, Query(ge=0)] = 0) -> dict[str, JsonValue]:
    return {"limit": page.limit, "cursor": page.cursor}


@router.get("/{number}", **requires("notes:read"))
async def get_note(number: Annotated[int, Path(ge=1)]) -> NoteRead:
    raise NotFoundError(f"There is no note {number}.")


@router.patch("/{number}", **requires("notes:write"))
async def change_note(number: int, if_match: IfMatch) -> NoteRead:
    if_match.check(3)
    return NoteRead(id=number, text="changed")


odd = APIRouter(prefix="/api/v1/odd", tags=["odd"])


@odd.get("/bug", **allow_anyone())
async def bug() -> None:
    raise ZeroDivisionError("secret inside")


@odd.get("/late-bug", **allow_anyone())
async def late_bug() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError("secret inside")

    return StreamingResponse(chunks())


@odd.get("/recursion", **allow_anyone())
async def recursion() -> None:
    def deeper(level: int) -> int:
        return deeper(level + 1)

    deeper(0)


@odd.get("/unavailable", **allow_anyone())
async def unavailable() -> None:
    raise UnavailableError("Kafka is away.", retry_after=2.3)


@odd.get("/database", **allow_anyone())
async def database_away() -> None:
    raise OperationalError("SELECT 1", {}, Exception("connection refused to 10.0.0.1"))


@odd.get("/me", **requires_identity())
async def me(scope: CurrentScope) -> str:
    return scope.subject


@odd.get("/id/{name}", **allow_anyone())
async def request_id(request: Request, name: str) -> str:
    return str(request.state.request_id)


@odd.post("/upload", **requires("notes:write", max_body_bytes=64_000))
async def upload(request: Request) -> int:
    return sum([len(chunk) async for chunk in request.stream()])


@odd.get("/sleep/{seconds}", **allow_anyone())
async def sleep(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@odd.websocket("/socket", **requires_socket("notes:read"))
async def socket(websocket: WebSocket, scope: CurrentScope) -> None:
    await websocket.accept()
    await websocket.send_text(scope.subject)
    await websocket.close()


internal = APIRouter(prefix="/internal/v1", include_in_schema=False)


@internal.get("/secrets", **requires_service())
async def secrets() -> str:
    return "for services"


@dataclass(frozen=True)
class Settings:
    max_body_bytes: int = 20_000


def build(database: Database | None, routers: Sequence[APIRouter] = (router, odd, internal), **more: object) -> FastAPI:
    uows = None if database is None else UnitOfWorks(database, Notes)
    arguments: dict = {"settings": Settings(), "verifier": Verifier(), **more}
    return create_app(service="notes", routers=routers, uows=uows, **arguments)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    database = Database.open(url, name="notes")
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    yield database
    await database.close()


@asynccontextmanager
async def client_of(app: FastAPI, token: str | None = "ada") -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notes", headers=headers) as client:
        yield client
