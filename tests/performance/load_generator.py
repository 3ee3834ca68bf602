"""The load generator: a process of its own that speaks HTTP/1.1 over raw sockets, so that it is never the bottleneck.

It reads a specification as JSON from standard input and writes what it saw as JSON to standard output.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import orjson
import uvloop

END = b"\r\n\r\n"
LENGTH = b"content-length:"
MOST_SILENCE = 30.0


@dataclass
class Run:
    """What all connections share."""

    requests: list[bytes]
    warm_until: float
    ends: float
    next: int = 0
    took: list[float] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def fail(self, why: str) -> None:
        """Count an answer that is none."""
        self.errors[why] = self.errors.get(why, 0) + 1


class Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, and asks again until the time is over."""

    def __init__(self, run: Run, over: "asyncio.Future[None]") -> None:
        self._run, self._over = run, over
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._need = 0
        self._row, self._asked = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first row."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's, which is not asyncio's by type
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Collect the answer; most come in one piece."""
        received = self._received = self._received + data if self._received else data
        if not self._need:
            head = received.find(END)
            if head < 0:
                return
            at = received[:head].lower().find(LENGTH)
            if at < 0:
                self._end("answer without a length")
                return
            self._need = head + len(END) + int(received[at + len(LENGTH) : head].split(b"\r\n", 1)[0])
        if len(received) >= self._need:
            self._take(received)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up ends this connection's part."""
        if not self._over.done():
            self._end("connection lost")

    def _ask(self) -> None:
        run, transport = self._run, self._transport
        assert transport is not None
        self._row = run.next % len(run.requests)
        run.next += 1
        self._received, self._need = b"", 0
        self._asked = time.perf_counter()
        transport.write(run.requests[self._row])

    def _take(self, received: bytes) -> None:
        now, run = time.perf_counter(), self._run
        if not received.startswith(b"HTTP/1.1 200 "):
            run.fail(received[:400].decode("latin-1"))
        elif self._asked >= run.warm_until:
            run.took.append(now - self._asked)
        if self._row not in run.bodies:
            run.bodies[self._row] = received[received.find(END) + len(END) :]
        if now >= run.ends or sum(run.errors.values()) > 100:
            self._end(None)
        else:
            self._ask()

    def _end(self, why: str | None) -> None:
        if why is not None:
            self._run.fail(why)
        if not self._over.done():
            self._over.set_result(None)
        if self._transport is not None:
            self._transport.close()


def request(host: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def drive(spec: dict[str, object]) -> dict[str, object]:
    """Load a server as the specification says."""
    rows = orjson.loads(open(str(spec["rows"]), "rb").read())  # noqa: ASYNC230, SIM115 - before anything runs
    host, port = "127.0.0.1", int(str(spec["port"]))
    headers = {str(name): str(value) for name, value in json.loads(json.dumps(spec["headers"])).items()}
    asked = [request(f"{host}:{port}", str(spec["path"]), headers, orjson.dumps({"rows": [row]})) for row in rows]
    began = time.perf_counter()
    warm = began + float(str(spec["warm"]))
    run = Run(asked, warm, warm + float(str(spec["seconds"])))
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = []
    cpu = time.process_time()
    for _ in range(int(str(spec["connections"]))):
        over: asyncio.Future[None] = loop.create_future()
        ends.append(over)
        await loop.create_connection(partial(Connection, run, over), host, port)
    async with asyncio.timeout(run.ends - began + MOST_SILENCE):
        await asyncio.gather(*ends)
    elapsed = time.perf_counter() - warm
    return {
        "per_second": len(run.took) / elapsed,
        "p50_ms": _quantile(run.took, 0.50) * 1000,
        "p99_ms": _quantile(run.took, 0.99) * 1000,
        "answers": len(run.took),
        "errors": run.errors,
        "client_cpu": (time.process_time() - cpu) / (time.perf_counter() - began),
        "probabilities": {row: orjson.loads(body).get("probabilities") for row, body in run.bodies.items()},
    }


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


if __name__ == "__main__":
    found = uvloop.run(drive(json.load(sys.stdin)))
    sys.stdout.write(json.dumps(found))
