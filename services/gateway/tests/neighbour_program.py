"""A service behind the gateway, as small as it can be: `python neighbour_program.py PORT KEYS_FOLDER` serves it."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import JsonValue
from skyulf_service.errors import ConflictError
from skyulf_service.http.app import create_app
from skyulf_service.http.dependencies import CurrentScope
from skyulf_service.http.requires import allow_anyone, requires, requires_service
from skyulf_service.signing.keys import load_or_create, load_public
from skyulf_service.signing.tokens import InternalTokenVerifier

NAME = "registry"
MIB = 2**20
router = APIRouter()
calls: list[str] = []


@router.get("/api/v1/things/{name}", **requires("models:read"))
async def show_thing(name: str, request: Request, scope: CurrentScope) -> JsonValue:
    calls.append(request.url.path)
    return {
        "name": name,
        "path": request.scope["path"],
        "raw_path": request.scope["raw_path"].decode(),
        "query": request.url.query,
        "headers": dict(request.headers.items()),
        "project": str(scope.project_id),
        "subject": scope.subject,
        "permissions": sorted(scope.permissions),
    }


@router.get("/api/v1/pages/{name}", response_class=HTMLResponse, **requires("models:read"))
async def show_page(name: str) -> HTMLResponse:
    open_door = {"Content-Security-Policy": "default-src *; script-src 'unsafe-inline'"}
    return HTMLResponse(f"<!doctype html><script>{name}</script>", headers=open_door)


@router.put("/api/v1/things/{name}", status_code=202, **requires("models:write"))
async def write_thing(name: str, body: dict[str, JsonValue], response: Response) -> JsonValue:
    calls.append(name)
    response.headers["ETag"] = '"7"'
    response.headers["Connection"] = "x-hop"
    response.headers["X-Hop"] = "1"
    return {"name": name, "body": body}


@router.delete("/api/v1/things/{name}", status_code=204, **requires("models:write"))
async def delete_thing(name: str) -> None:
    raise ConflictError("The thing is in use.")


@router.post("/api/v1/deployments/{name}/predict", **requires("predictions:make"))
async def predict(name: str, body: dict[str, JsonValue]) -> JsonValue:
    return {"predictions": [1.0], "model": name, "model_version": 1}


@router.post("/api/v1/deployments/{name}/explain", **requires("predictions:make"))
async def explain(name: str, body: dict[str, JsonValue]) -> JsonValue:
    return {"explanations": [{"sentence": f"{name} is late because."}], "model": name, "model_version": 1}


@router.post("/api/v1/uploads", **requires("datasets:write", max_body_bytes=200 * MIB))
async def upload(request: Request) -> JsonValue:
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    calls.append(f"upload of {size}")
    return {"size": size, "sha256": digest.hexdigest()}


@router.post("/api/v1/small-uploads", **requires("datasets:write", max_body_bytes=1000))
async def small_upload(request: Request) -> JsonValue:
    return {"size": len(await request.body())}


@router.get("/api/v1/downloads/{mebibytes}", **requires("datasets:read"))
async def download(mebibytes: int) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(mebibytes):
            yield bytes(MIB)

    return StreamingResponse(chunks(), media_type="application/octet-stream")


@router.get("/api/v1/endless", **requires("events:read"))
async def endless() -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        calls.append("endless begins")
        try:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0.05)
        finally:
            calls.append("endless ends")

    return StreamingResponse(ticks(), media_type="text/event-stream")


@router.get("/api/v1/breaks-off", **requires("datasets:read"))
async def breaks_off() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"the first half"
        await asyncio.sleep(0.05)
        raise RuntimeError("a bug in the middle of an answer")

    return StreamingResponse(chunks(), media_type="text/plain")


@router.get("/api/v1/slow", **requires("datasets:read"))
async def slow() -> str:
    await asyncio.sleep(3)
    return "at last"


@router.get("/v2/health/live", **allow_anyone())
async def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/internal/v1/calls", include_in_schema=False, **requires_service())
async def list_calls() -> JsonValue:
    return list(calls)


def neighbour(keys: Path) -> FastAPI:
    """The app, believing tokens that are signed by the keys in a folder."""
    for name in (NAME, "gateway"):  # whoever starts first makes the keys that both need
        load_or_create(keys, name)
    return create_app(service=NAME, verifier=InternalTokenVerifier(load_public(keys), NAME), routers=[router])


def resident_mebibytes() -> float:
    """The memory of this process."""
    return psutil.Process().memory_info().rss / MIB


if __name__ == "__main__":
    uvicorn.run(
        neighbour(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False
    )
