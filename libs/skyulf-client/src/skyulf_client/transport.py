"""The two transports: they drive operations, one with blocking calls and one with awaited ones."""

import asyncio
import json
import os
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import httpx
from pydantic import JsonValue

from skyulf_client.credentials import Credentials
from skyulf_client.errors import CredentialsError, SkyulfApiError, SkyulfClientError, SkyulfConnectionError
from skyulf_client.operations import Attempt, Effect, Reply, Request, Retries, Steps, Upload, attempts

T = TypeVar("T")
CHUNK = 256 << 10
TIMEOUT = httpx.Timeout(60.0, connect=5.0)
SILENCE = httpx.Timeout(60.0, connect=5.0, read=45.0)  # the server breaks its silence every 15 s
CA_FILE = "SKYULF_TLS_CA_FILE"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class BlockingTransport:
    """Drives operations with blocking calls."""

    def __init__(self, credentials: Credentials, retries: Retries, timeout: httpx.Timeout = TIMEOUT) -> None:
        self.retries = retries
        self._http = httpx.Client(**_settings(credentials), timeout=timeout)

    def run(self, steps: Steps[T]) -> T:
        """Do the steps and return what they end with."""
        reply: Reply | None = None
        problem: SkyulfClientError | None = None
        while True:
            try:
                effect = steps.send(reply) if problem is None else steps.throw(problem)
            except StopIteration as end:
                return cast("T", end.value)
            reply = problem = None
            try:
                reply = self._do(effect)
            except SkyulfClientError as error:
                problem = error

    @contextmanager
    def stream(self, request: Request) -> Iterator[Iterator[str]]:
        """Open an answer without end, as its lines."""
        built = self._http.build_request(**_arguments(request), timeout=SILENCE)
        with _telling(self._http.base_url):
            response = self._http.send(built, stream=True)
            try:
                if response.status_code >= 400:
                    raise SkyulfApiError.of(response.status_code, response.headers, response.read())
                yield response.iter_lines()
            finally:
                response.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _do(self, effect: Effect) -> Reply | None:
        if isinstance(effect, Request):
            return self.run(attempts(effect, self.retries))
        if isinstance(effect, Attempt):
            upload, download = effect.request.upload, effect.request.download
            with _telling(self._http.base_url):
                if download is not None:
                    return self._download(effect.request, download)
                body = {} if upload is None else {"content": _chunks(upload)}
                return _reply(self._http.request(**{**_arguments(effect.request), **body}))
        time.sleep(effect.seconds)
        return None

    def _download(self, request: Request, path: Path) -> Reply:
        with self._http.stream(**_arguments(request)) as response:
            if response.status_code >= 400:
                response.read()
                return _reply(response)
            with _whole(path) as file:
                for chunk in response.iter_bytes(CHUNK):
                    file.write(chunk)
            return Reply(response.status_code, _headers(response), b"")


class AsyncTransport:
    """Drives operations with awaited calls."""

    def __init__(self, credentials: Credentials, retries: Retries, timeout: httpx.Timeout = TIMEOUT) -> None:
        self.retries = retries
        self._http = httpx.AsyncClient(**_settings(credentials), timeout=timeout)

    async def run(self, steps: Steps[T]) -> T:
        """Do the steps and return what they end with."""
        reply: Reply | None = None
        problem: SkyulfClientError | None = None
        while True:
            try:
                effect = steps.send(reply) if problem is None else steps.throw(problem)
            except StopIteration as end:
                return cast("T", end.value)
            reply = problem = None
            try:
                reply = await self._do(effect)
            except SkyulfClientError as error:
                problem = error

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[str]]:
        """Open an answer without end, as its lines."""
        built = self._http.build_request(**_arguments(request), timeout=SILENCE)
        with _telling(self._http.base_url):
            response = await self._http.send(built, stream=True)
            try:
                if response.status_code >= 400:
                    raise SkyulfApiError.of(response.status_code, response.headers, await response.aread())
                yield response.aiter_lines()
            finally:
                await response.aclose()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _do(self, effect: Effect) -> Reply | None:
        if isinstance(effect, Request):
            return await self.run(attempts(effect, self.retries))
        if isinstance(effect, Attempt):
            upload, download = effect.request.upload, effect.request.download
            with _telling(self._http.base_url):
                if download is not None:
                    return await self._download(effect.request, download)
                body = {} if upload is None else {"content": _chunks_async(upload)}
                return _reply(await self._http.request(**{**_arguments(effect.request), **body}))
        await asyncio.sleep(effect.seconds)
        return None

    async def _download(self, request: Request, path: Path) -> Reply:
        async with self._http.stream(**_arguments(request)) as response:
            if response.status_code >= 400:
                await response.aread()
                return _reply(response)
            with _whole(path) as file:
                async for chunk in response.aiter_bytes(CHUNK):
                    await asyncio.to_thread(file.write, chunk)
            return Reply(response.status_code, _headers(response), b"")


def _settings(credentials: Credentials) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {credentials.api_key}", "User-Agent": "skyulf-client"}
    # a proxy of the environment does not know this machine's own addresses
    local = httpx.URL(credentials.url).host in LOOPBACK
    settings: dict[str, Any] = {"base_url": f"{credentials.url}/api/v1", "headers": headers, "trust_env": not local}
    if (ca_file := os.environ.get(CA_FILE)) and credentials.url.startswith("https:"):
        settings["verify"] = believing(ca_file)
    return settings


def believing(ca_file: str) -> ssl.SSLContext:
    """A context that believes who signed Skyulf's certificates, and whom this machine believes."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(f"{CA_FILE}={ca_file} holds no certificates that can be read: {error}.") from error
    return context


def _arguments(request: Request) -> dict[str, Any]:
    headers = dict(request.headers)
    if request.upload is not None:
        size = request.upload.path.stat().st_size
        headers |= {"Content-Type": request.upload.content_type, "Content-Length": str(size)}
    query = {name: value for name, value in request.query.items() if value is not None}
    content = None if request.json is None else _json(request.json)
    if content is not None:
        headers["Content-Type"] = "application/json"
    return {"method": request.method, "url": request.path, "params": query, "content": content, "headers": headers}


def _json(value: JsonValue) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        raise SkyulfClientError(f"The request cannot be written as JSON: {error}.") from error


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, _headers(response), response.content)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {key.lower(): value for key, value in response.headers.items()}


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the path's place when the block ends well; a part of one must not be taken for the whole."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as file:
            yield file
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _chunks(upload: Upload) -> Iterator[bytes]:
    size, sent = upload.path.stat().st_size, 0
    with upload.path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            sent += len(chunk)
            if upload.on_progress is not None:
                upload.on_progress(sent, size)


async def _chunks_async(upload: Upload) -> AsyncIterator[bytes]:
    chunks = _chunks(upload)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


@contextmanager
def _telling(url: httpx.URL) -> Iterator[None]:
    """Turn httpx's errors into one of ours that names the server."""
    server = str(url).removesuffix("/").removesuffix("/api/v1")
    try:
        yield
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, UNSENT):
            raise SkyulfConnectionError(f"Skyulf cannot be reached at {server}: {reason}", unsent=True) from error
        raise SkyulfConnectionError(f"The connection to {server} was lost: {reason}", unsent=False) from error
    except httpx.InvalidURL as error:
        raise SkyulfConnectionError(f"{server} is no address: {error}", unsent=True) from error
