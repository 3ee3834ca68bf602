"""Health: ``/livez`` (this process), ``/readyz`` (what it needs), ``/metrics``."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson
from fastapi import APIRouter, Request, Response

from skyulf_service.errors import SkyulfError
from skyulf_service.telemetry.metrics import render

CHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that readiness asks for. It fails by raising, by returning False, or by taking over a second."""

    name: str
    ask: Callable[[], Awaitable[object]]


def named(check: "Check | Callable[[], Awaitable[object]]") -> Check:
    """Accept a plain coroutine function as a check, under its own name."""
    if isinstance(check, Check):
        return check
    return Check(getattr(check, "__qualname__", type(check).__name__).rpartition(".")[2], check)


async def failing(checks: Sequence[Check]) -> dict[str, str]:
    """Ask all checks at once; return those that fail, with a reason that gives away nothing."""
    reasons = await asyncio.gather(*(_ask(check) for check in checks))
    return {check.name: reason for check, reason in zip(checks, reasons, strict=True) if reason is not None}


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            answer = await check.ask()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except SkyulfError as error:
        return error.detail
    except Exception as error:  # whatever a check raises means: not ready
        return type(error).__name__
    return "not ready" if answer is False else None


def health_router(checks: Sequence[Check], draining: Callable[[Request], bool] | None = None) -> APIRouter:
    """Serve the three addresses; while the process drains it is not ready, but alive."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> Response:
        return _json(200, {"status": "alive"})

    @router.get("/readyz")
    async def readyz(request: Request) -> Response:
        if draining is not None and draining(request):
            return _json(503, {"status": "draining", "failing": {}})
        found = await failing(checks)
        return _json(503 if found else 200, {"status": "failing" if found else "ready", "failing": found})

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        text, media_type = render(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    return router


def _json(status: int, body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
