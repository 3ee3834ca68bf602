"""Our proxies before servers, worked from ordinary code: they run in a thread of their own."""

import asyncio
import random
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from skyulf_service.testing.tcp_proxy import TcpProxy

T = TypeVar("T")
Fault = Literal["cut", "delay", "reset"]
FAULTS: tuple[Fault, ...] = ("cut", "delay", "reset")

AWAY_SECONDS, BETWEEN_SECONDS = 2.0, 1.0
DELAY_SECONDS = 0.05
EVERY_SECONDS = 0.5
MOST_BYTES = 40_000


class Wire:
    """The way to one server."""

    def __init__(self, proxy: TcpProxy, loop: asyncio.AbstractEventLoop) -> None:
        self.proxy, self._loop = proxy, loop

    @property
    def address(self) -> str:
        """What clients connect to, ``host:port``."""
        return self.proxy.address

    def cut(self) -> None:
        """Reset every connection and accept no new one."""
        self._do(self.proxy.cut())

    def mend(self) -> None:
        """Accept connections, and pass on whatever comes, at once."""
        self.proxy.delay, self.proxy.reset_after = 0.0, None
        self._do(self.proxy.restore())

    def delay(self, seconds: float) -> None:
        """Let every chunk wait, in both directions."""
        self.proxy.delay = seconds

    def reset_after(self, passed: int) -> None:
        """Reset each connection, those that live too, after so many bytes of it."""
        self.proxy.reset_after = passed

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


class Wires:
    """All ways to the servers of an installation. ``close`` ends them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="wires")
        self._thread.start()
        self._wires: list[Wire] = []

    def to(self, address: str, *, port: int | None = None) -> Wire:
        """A way to ``host:port``, or to a URL's."""
        place = urlsplit(address if "//" in address else f"//{address}")
        wire = Wire(TcpProxy(str(place.hostname), int(place.port or 0), port=port), self._loop)
        wire.mend()
        self._wires.append(wire)
        return wire

    def close(self) -> None:
        """End all connections, and the thread."""
        for wire in self._wires:
            wire.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def disturbed(wires: list[Wire], fault: Fault) -> Iterator[list[float]]:
    """Do a fault to wires, again and again for as long as the block takes; gives the moments of each; then mend them.

    cut: away for two seconds in three. delay: each chunk waits. reset: twice a second another number of bytes is drawn,
    after which every connection breaks.
    """
    over, times = threading.Event(), list[float]()
    chance = random.Random(7)

    def disturb() -> None:
        while not over.is_set():
            times.append(time.monotonic())
            for wire in wires:
                _once(wire, fault, chance)
            over.wait(EVERY_SECONDS if fault == "reset" else AWAY_SECONDS)
            if fault == "cut":
                for wire in wires:
                    wire.mend()
                over.wait(BETWEEN_SECONDS)

    thread = threading.Thread(target=disturb, name=fault)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()
        for wire in wires:
            wire.mend()


def _once(wire: Wire, fault: Fault, chance: random.Random) -> None:
    if fault == "cut":
        wire.cut()
    elif fault == "delay":
        wire.delay(DELAY_SECONDS)
    else:
        wire.reset_after(chance.randrange(MOST_BYTES))
