"""A running system: which services answer, and whether an event goes all the way round."""

import asyncio
import json
import os
import secrets
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from skyulf_client import SkyulfClientError, find_credentials
from skyulf_client.errors import DamagedCredentialsError
from skyulf_client.transport import believing
from skyulf_service.settings import SharedSettings

from skyulf_standalone.doctor.finding import FaultError, Finding, State, attempt
from skyulf_standalone.home import in_use

ROUND_SECONDS = 30.0
PROBE = b"doctor,probe\n1,2\n"


async def examine_running(shared: SharedSettings, *, url: str | None = None) -> AsyncIterator[Finding]:
    """Ask the gateway how everybody is, then let a dataset come and go."""
    try:
        credentials = find_credentials(url, home=Path(shared.home))
    except DamagedCredentialsError as error:
        yield Finding("system", "fail", str(error), "restore it from a backup, or set SKYULF_URL and SKYULF_API_KEY")
        return
    except SkyulfClientError as error:
        yield Finding("system", "skipped", str(error))
        return
    if shared.form == "embedded" and not (url or os.environ.get("SKYULF_URL")) and not in_use(shared.home):
        # the address that is kept may be that of the installation which this one is a copy of
        yield Finding("system", "skipped", f"nothing runs on {shared.home}; {credentials.url} was left alone")
        return
    try:
        trust = _trust(shared, credentials.url)
    except SkyulfClientError as error:
        yield Finding("system", "fail", str(error), "put the certificate of who signed the gateway's there")
        return
    headers = {"Authorization": f"Bearer {credentials.api_key}"}
    asking = httpx.AsyncClient(base_url=credentials.url, headers=headers, timeout=10, trust_env=False, verify=trust)
    async with asking as http:
        try:
            await http.get("/livez")
        except httpx.TransportError as error:
            state: State = "skipped" if shared.form == "embedded" else "fail"
            yield Finding("system", state, f"nobody answers at {credentials.url} ({type(error).__name__})", "start it")
            return
        first = await attempt("system", lambda: _system(http), advice="look at the logs of the services named")
        yield first
        if first.state == "ok":
            yield await attempt("round trip", lambda: _round_trip(http), seconds=2 * ROUND_SECONDS)


def _trust(shared: SharedSettings, url: str) -> ssl.SSLContext | bool:
    """Whom other commands believe too: who signed the services' certificates. Raises `SkyulfClientError`."""
    if shared.tls_ca_file is None or not url.startswith("https:"):
        return True
    return believing(str(shared.tls_ca_file))


async def _system(http: httpx.AsyncClient) -> str:
    answer = await http.get("/api/v1/system")
    if answer.status_code in (401, 403):
        raise FaultError(
            f"the key is refused ({answer.status_code})", "set SKYULF_API_KEY to one of the organisation's admin keys"
        )
    answer.raise_for_status()
    found = answer.json()
    bad = [_described(service) for service in found["services"] if service["status"] != "ready"]
    if bad:
        raise FaultError("; ".join(bad))
    return f"version {found['version']}: {', '.join(service['name'] for service in found['services'])} are ready"


def _described(service: dict[str, object]) -> str:
    failing = service["failing"]
    reasons = ", ".join(f"{name}: {why}" for name, why in failing.items()) if isinstance(failing, dict) else ""
    return f"{service['name']} is {service['status']}{f' ({reasons})' if reasons else ''}"


async def _round_trip(http: httpx.AsyncClient) -> str:
    """Upload two cells and delete them; both events must reach the event log. Only these events stay."""
    began = asyncio.get_running_loop().time()
    name = f"doctor-{secrets.token_hex(4)}"
    answer = await http.post(
        "/api/v1/datasets", params={"name": name}, content=PROBE, headers={"Content-Type": "text/csv"}
    )
    if answer.status_code != httpx.codes.ACCEPTED:
        raise FaultError(f"an upload is refused: {answer.status_code} {answer.text[:200]}")
    dataset = answer.json()["id"]
    try:
        await _seen(http, dataset, "dataset.created")
    finally:
        gone = await http.delete(f"/api/v1/datasets/{dataset}")
    if gone.is_error:
        raise FaultError(f"the probe {dataset} cannot be deleted: {gone.status_code} {gone.text[:200]}")
    await _seen(http, dataset, "dataset.deleted")
    seconds = asyncio.get_running_loop().time() - began
    return f"two events from ingestion to the event log in {seconds:.1f} s"


async def _seen(http: httpx.AsyncClient, subject: str, kind: str) -> None:
    try:
        async with asyncio.timeout(ROUND_SECONDS):
            await _follow(http, subject, kind)
    except TimeoutError:
        raise FaultError(
            f"{kind} did not reach the event log within {ROUND_SECONDS:g} s",
            "look at the workers of ingestion (does its relay publish?) and gateway (does it consume?)",
        ) from None


async def _follow(http: httpx.AsyncClient, subject: str, kind: str) -> None:
    headers = {"Last-Event-ID": "0", "Accept": "text/event-stream"}
    async with http.stream("GET", "/api/v1/events", params={"subject": subject}, headers=headers, timeout=None) as told:
        async for line in told.aiter_lines():
            if line.startswith("data: ") and f".{kind}.v" in str(json.loads(line.removeprefix("data: "))["type"]):
                return
    raise FaultError("the event stream ended")
