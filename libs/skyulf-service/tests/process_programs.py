"""Programs that the tests of skyulf_service.process start as real processes: ``<name> <port> <folder>``."""

import asyncio
import gc
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fastapi import APIRouter, Request
from skyulf_service.errors import UnavailableError
from skyulf_service.http import allow_anyone, create_app
from skyulf_service.process import run_api, run_role
from skyulf_service.scope import Scope
from skyulf_service.telemetry.logging import configure_logging
from skyulf_service.tls import serving_context

PORT, FOLDER = int(sys.argv[2]), Path(sys.argv[3])


class Nobody:
    def verify(self, token: str) -> Scope:
        return Scope(None, "nobody")


def note(text: str) -> None:
    with (FOLDER / "notes").open("a") as file:
        file.write(text + "\n")


def api(grace: float = 20.0, drain: float = 0.5, tls: ssl.SSLContext | None = None) -> int:
    router = APIRouter(prefix="/api/v1")

    @router.get("/sleep/{seconds}", **allow_anyone())
    async def sleep(seconds: float) -> str:
        note("asleep")
        await asyncio.sleep(seconds)
        return "slept"

    @router.get("/hold", **allow_anyone())
    async def held_threads() -> None:
        hold()

    @router.get("/kept", **allow_anyone())
    async def kept() -> int:
        return gc.get_freeze_count()

    @router.post("/upload", **allow_anyone())
    async def upload(request: Request) -> int:
        try:
            return sum([len(chunk) async for chunk in request.stream()])
        except Exception as error:
            note(type(error).__name__)
            raise

    app = create_app(service="sample", verifier=Nobody(), routers=[router])
    return run_api(app, host="127.0.0.1", port=PORT, grace=grace, drain=drain, tls=tls)


def with_tls() -> int:
    return api(tls=serving_context(FOLDER / "tls.crt", FOLDER / "tls.key"))


async def steady(name: str) -> None:
    note(f"{name} begins")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.1)
        note(f"{name} ends")
        raise


def worker() -> int:
    tasks = {"consumers": lambda: steady("consumers"), "relay": lambda: steady("relay")}
    return run_role("worker", tasks, health_port=PORT)


def keeps() -> int:
    async def told() -> None:
        while not gc.get_freeze_count():
            await asyncio.sleep(0.01)
        note(str(gc.get_freeze_count()))
        await steady("steady")

    return run_role("worker", {"told": told}, health_port=PORT)


def breaks() -> int:
    async def bug() -> None:
        await asyncio.sleep(0.2)
        raise ValueError("a bug")

    return run_role("worker", {"steady": lambda: steady("steady"), "bug": bug}, health_port=PORT)


def returns() -> int:
    async def done() -> None:
        await asyncio.sleep(0.2)

    return run_role("worker", {"done": done}, health_port=PORT)


def outage() -> int:
    attempts = iter(range(100))

    async def flaky() -> None:
        if next(attempts) < 2:
            note("away")
            raise UnavailableError("The database is away.")
        await steady("flaky")

    return run_role("worker", {"flaky": flaky}, health_port=PORT)


def stuck() -> int:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                note("refused")

    return run_role("worker", {"stubborn": stubborn}, health_port=PORT, grace=0.5)


def hold() -> None:
    for pool in (ThreadPoolExecutor(1), None):
        asyncio.get_running_loop().run_in_executor(pool, time.sleep, 60)
    note("calls")


def held() -> int:
    async def calling() -> None:
        hold()
        await asyncio.Event().wait()

    return run_role("worker", {"calling": calling}, health_port=PORT)


if __name__ == "__main__":
    configure_logging(service="sample", log_format="json")
    programs = {"api": api, "short": lambda: api(grace=1, drain=0.1), "worker": worker, "breaks": breaks}
    programs |= {"tls": with_tls, "keeps": keeps, "returns": returns, "outage": outage, "stuck": stuck, "held": held}
    sys.exit(programs[sys.argv[1]]())
