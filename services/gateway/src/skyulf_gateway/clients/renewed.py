"""Pools of connections that are exchanged from time to time, so that a name is looked up anew and load spreads."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from socket import AddressFamily
from time import monotonic

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult


@dataclass(slots=True, eq=False)
class _Pool:
    session: aiohttp.ClientSession
    until: float
    users: int = 0


class Renewed:
    """Gives each request the youngest pool; one that is too old is closed when its last request has its answer."""

    def __init__(self, make: Callable[[], aiohttp.ClientSession], *, seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._pools: list[_Pool] = []

    @asynccontextmanager
    async def use(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Hold a pool for the block; the first one opens here."""
        if not self._pools or monotonic() >= self._pools[-1].until:
            self._pools.append(_Pool(self._make(), monotonic() + self._seconds))
        pool = self._pools[-1]
        pool.users += 1
        try:
            yield pool.session
        finally:
            pool.users -= 1
            await self._close_old()

    async def close(self) -> None:
        """Close all pools."""
        pools, self._pools = self._pools, []
        for pool in pools:
            await pool.session.close()

    async def _close_old(self) -> None:
        idle = [pool for pool in self._pools[:-1] if not pool.users]
        for pool in idle:
            self._pools.remove(pool)
        for pool in idle:
            await pool.session.close()


class Shuffled(AbstractResolver):
    """Finds the addresses of a name in an order of chance: the system sorts them, and the first would get it all."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner
        self._random = SystemRandom()

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Return the name's addresses."""
        found = await self._inner.resolve(host, port, family)
        self._random.shuffle(found)
        return found

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._inner.close()
