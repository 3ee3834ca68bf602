"""An honest client: it sends again only what was promised to be fit for it, waits as it was told, and counts it all."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import aiohttp

Json = dict[str, Any]
PREFIX = "/api/v1"
# such an answer with Retry-After promises that the same request may be sent again, and that nothing was done
PROMISED = (429, 503)
PATIENCE_SECONDS = 120.0
# servers close idle connections after 5 s: a request sent at that moment would be cut off, and nobody to blame
IDLE_SECONDS = 2.0


class RequestFailedError(Exception):
    """A request failed in a way that nobody promised; it is counted already."""


@dataclass
class Tally:
    """What became of all requests, by what they were for."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    retried: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def fail(self, what: str, kind: str, words: str = "") -> None:
        """Count a failure; the words of the first of its kind are kept."""
        self.failed[what, kind] += 1
        self.examples.setdefault((what, kind), words[:400])


class Client:
    """Calls the API with one key; as many connections as there are requests at a time."""

    def __init__(self, url: str, key: str, tally: Tally, *, patience: float = PATIENCE_SECONDS) -> None:
        self.tally = tally
        self._patience = patience
        self.http = aiohttp.ClientSession(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90),
            trust_env=False,
            read_bufsize=2**20,  # the longest line of an event stream
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def ask(self, what: str, method: str, path: str, *, fine: Collection[str] = (), **options: Any) -> Json:
        """Make a call below ``/api/v1``, again where that was promised; the time of all attempts is what it took.

        A POST carries an Idempotency-Key, so that sending it again cannot have a second effect. A problem whose code
        is ``fine`` is an answer. Raises `RequestFailedError`.
        """
        headers = dict(options.pop("headers", {}))
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid4().hex)
        began = time.monotonic()
        while True:
            again = await self._once(what, method, path, headers, fine, options)
            if not isinstance(again, float):
                self.tally.took[what].append(time.monotonic() - began)
                return again
            if time.monotonic() - began + again > self._patience:
                self.tally.fail(what, "gave up", f"told to come back for {self._patience:g} s")
                raise RequestFailedError(f"{method} {path}: told to come back for too long")
            # those that were sent away together shall not come back together
            await asyncio.sleep(again * random.uniform(1.0, 1.5))

    async def _once(
        self,
        what: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        fine: Collection[str],
        options: Mapping[str, Any],
    ) -> Json | float:
        """One attempt: the body of its answer, or the seconds to wait before the next one."""
        try:
            async with self.http.request(method, PREFIX + path, headers=headers, **options) as answer:
                body = await answer.read()
                if answer.status < 400 or _code(body) in fine:
                    found: Json = await answer.json() if body else {}
                    return found
                kind = f"{answer.status} {_code(body)}"
                told = answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.tally.fail(what, type(error).__name__, f"{method} {path}: {error!r}")
            raise RequestFailedError(f"{method} {path}: {error!r}") from error
        if answer.status in PROMISED and told.isdecimal():
            self.tally.retried[what, kind] += 1
            return float(told)
        self.tally.fail(what, kind, f"{method} {path}: {body[:400].decode(errors='replace')}")
        raise RequestFailedError(f"{method} {path}: {kind}")


def _code(body: bytes) -> str:
    """The code of a problem document; a few letters of whatever else it is."""
    found = body.partition(b'"/problems/')[2].partition(b'"')[0]
    return (found or body[:40]).decode(errors="replace")
