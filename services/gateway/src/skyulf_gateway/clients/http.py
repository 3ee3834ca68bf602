"""Services in other processes, over HTTP/1.1 with pooled connections."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from skyulf_service.errors import UnavailableError
from skyulf_service.http.problems import ELSEWHERE
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from yarl import URL

from skyulf_gateway.clients.forwarding import AnswerCutOffError, unknown
from skyulf_gateway.clients.renewed import Renewed, Shuffled
from skyulf_gateway.domain.errors import BadGatewayError, GatewayTimeoutError

SMALL_BODY = 64 * 1024
# Shorter than the 5 s after which uvicorn closes an idle connection: a POST must not meet one that is just closing.
KEEP_IDLE_SECONDS = 4.0
# A name may stand for several replicas: whoever keeps his connections never meets the new ones.
RENEW_SECONDS = 15.0
DNS_SECONDS = 5
ATTEMPTS = 3
NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        ELSEWHERE.lower().encode(),
    }
)


class HttpForwarder:
    """Forwards to services at base URLs.

    ``connect`` and ``silence`` are in seconds: how long a connection may take, and how long a service may keep silent.
    With ``others`` there are others who may answer what one says it has not begun: `UnavailableError` at once.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        connect: float = 2.0,
        silence: float = 60.0,
        connections: int = 256,
        renew: float = RENEW_SECONDS,
        others: bool = False,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._bases = {name: URL(url.rstrip("/")) for name, url in urls.items()}
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=silence)
        self._connections = connections
        self._others = others
        self._resolver = resolver
        self._pools = Renewed(self._open, seconds=renew)

    @property
    def services(self) -> frozenset[str]:
        """The names of the services with an address."""
        return frozenset(self._bases)

    async def run(self) -> None:
        """Keep the pool until cancelled, then close it. The pool opens with the first request."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the pool."""
        await self._pools.close()

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the request and stream the answer."""
        base = self._bases.get(service)
        if base is None:
            raise unknown(service)
        body = _RequestBody(scope, receive)
        data = await body.data()
        async with self._pools.use() as session, AsyncExitStack() as held:
            try:
                response = await self._request(session, service, scope, _target(base, scope), data)
                if self._others and ELSEWHERE in response.headers:
                    response.close()
                    raise UnavailableError(f"{service} leaves this to others.")
                if ELSEWHERE in response.headers and (data is None or isinstance(data, bytes)):
                    fresh = await held.enter_async_context(self._open(keep=False))
                    response = await self._elsewhere(response, fresh, service, scope, _target(base, scope), data)
                if _is_small(response):
                    # nothing has been said to the client yet: where the service breaks off now, that can still be told
                    await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if body.gone:
                    raise ClientDisconnect from error
                raise _refusal(service, error) from error
            try:
                await self._answer(response, body, send)
            finally:
                # a connection on which a body is still being sent cannot be used again
                response.release() if body.complete else response.close()

    async def _request(
        self,
        session: aiohttp.ClientSession,
        service: str,
        scope: Scope,
        url: URL,
        data: "bytes | AsyncIterator[bytes] | None",
    ) -> aiohttp.ClientResponse:
        # aiohttp writes Transfer-Encoding itself for a body without a length
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name != b"transfer-encoding"
        )
        # where no connection was made nothing was asked; a stream can be sent only once
        attempts = ATTEMPTS if data is None or isinstance(data, bytes) else 1
        for attempt in range(1, attempts + 1):
            try:
                return await session.request(scope["method"], url, headers=headers, data=data, allow_redirects=False)
            except aiohttp.ClientConnectorError:
                if attempt == attempts:
                    raise
                await asyncio.sleep(0.05 * attempt)
        raise UnavailableError(f"The service {service} does not accept connections.")

    async def _elsewhere(
        self,
        response: aiohttp.ClientResponse,
        session: aiohttp.ClientSession,
        service: str,
        scope: Scope,
        url: URL,
        data: "bytes | None",
    ) -> aiohttp.ClientResponse:
        """Ask other replicas what one has not begun; the session takes the name's addresses in turn."""
        for attempt in range(1, ATTEMPTS):
            if ELSEWHERE not in response.headers:
                break
            response.close()
            await asyncio.sleep(0.05 * (attempt - 1))
            response = await self._request(session, service, scope, url, data)
        return response

    async def _answer(self, response: aiohttp.ClientResponse, body: "_RequestBody", send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": response.status, "headers": end_to_end(response.raw_headers)}
        )
        if _is_small(response):
            await send({"type": "http.response.body", "body": await response.read()})
            return
        watch = asyncio.create_task(_close_when_gone(response, body))
        try:
            await _stream(response, send)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClientDisconnect if body.gone else AnswerCutOffError(str(response.url.path)) from error
        finally:
            watch.cancel()

    def _open(self, *, keep: bool = True) -> aiohttp.ClientSession:
        idle = {"keepalive_timeout": KEEP_IDLE_SECONDS} if keep else {"force_close": True}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=self._connections,
                **idle,
                ttl_dns_cache=DNS_SECONDS,
                resolver=Shuffled(self._resolver or aiohttp.DefaultResolver()),
            ),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=NOT_ADDED,
        )


class _RequestBody:
    """The client's body on its way: whole when small, as a stream otherwise."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._length = _body_length(scope)
        self.complete = self._length == 0
        self.gone = False

    async def data(self) -> "bytes | AsyncIterator[bytes] | None":
        """What to send: None without a body."""
        if self._length == 0:
            return None
        if self._length is not None and self._length <= SMALL_BODY:
            return b"".join([chunk async for chunk in self._chunks()])
        return self._chunks()

    async def until_gone(self) -> None:
        """Return when the client has gone away; only after the body was read."""
        while not self.gone:
            self.gone = (await self._receive())["type"] == "http.disconnect"

    async def _chunks(self) -> AsyncIterator[bytes]:
        while not self.complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                # raising leaves the service's request unfinished: it must not take the part for the whole
                self.gone = True
                raise ClientDisconnect
            self.complete = not message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that are meant for the far end, in lower case."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = {token.strip().lower() for name, value in pairs if name == b"connection" for token in value.split(b",")}
    dropped = HOP_BY_HOP | named if named else HOP_BY_HOP
    return [(name, value) for name, value in pairs if name not in dropped]


def _is_small(response: aiohttp.ClientResponse) -> bool:
    """Say whether the answer is taken in whole before it goes on."""
    return response.content_length is not None and response.content_length <= SMALL_BODY


async def _stream(response: aiohttp.ClientResponse, send: Send) -> None:
    content = response.content
    while True:
        chunk = await content.readany()
        last = content.at_eof()
        await send({"type": "http.response.body", "body": chunk, "more_body": not last})
        if last:
            return


async def _close_when_gone(response: aiohttp.ClientResponse, body: _RequestBody) -> None:
    """Stop a long answer when nobody listens any more."""
    if body.complete:
        await body.until_gone()
        response.close()


def _target(base: URL, scope: Scope) -> URL:
    # encoded=True: the client's path and query go on byte for byte; the door has checked the path
    return URL.build(
        scheme=base.scheme,
        host=base.host or "",
        port=base.port,
        path=base.raw_path.rstrip("/") + scope["raw_path"].decode("ascii"),
        query_string=scope["query_string"].decode("latin-1"),
        encoded=True,
    )


def _body_length(scope: Scope) -> int | None:
    """The declared length of the request's body; None where it comes in chunks of unknown number."""
    length = 0
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length


def _refusal(service: str, error: BaseException) -> UnavailableError | BadGatewayError | GatewayTimeoutError:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return UnavailableError(f"The service {service} is away at the moment; try again shortly.")
    if isinstance(error, TimeoutError):
        return GatewayTimeoutError(f"The service {service} did not answer in time.")
    return BadGatewayError(f"The service {service} broke off before it answered; whether it did its work is unknown.")
