"""Who is at the door: API keys, verified against the database and remembered for a few seconds."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from skyulf_service.errors import UnauthenticatedError
from skyulf_service.ids import utc_now

from skyulf_gateway.domain.keys import KeyMaterial, Principal

Lookup = Callable[[KeyMaterial], Awaitable[Principal | None]]

REMEMBER_SECONDS = 5.0
MOST_REMEMBERED = 10_000
NO_KEY = "Send an API key in the header Authorization, as: Bearer sk_…, or in the header X-API-Key."
BAD_KEY = "The API key is unknown, revoked or expired."


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    until: float


class Identity:
    """Finds the principal of a request.

    A verified key is remembered for ``remember`` seconds at most, so a revocation reaches every replica within that
    time; `forget` makes it felt here at once. The memory holds digests, never keys.
    """

    def __init__(self, lookup: Lookup, *, remember: float = REMEMBER_SECONDS) -> None:
        self._lookup = lookup
        self._remember = min(remember, REMEMBER_SECONDS)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[Principal]] = {}
        self._changes = 0

    async def principal(self, headers: list[tuple[bytes, bytes]]) -> Principal:
        """Return who sends these headers, or raise `UnauthenticatedError`."""
        text = key_in(headers)
        mark = hashlib.sha256(text).digest()
        known = self._known.get(mark)
        if known is None or known.until < monotonic():
            return await self._ask_once(mark, text)
        return _unexpired(known.principal)

    def forget(self, key_id: UUID) -> None:
        """Do not rely on what is remembered of a key: it was revoked or changed."""
        self._changes += 1
        for mark in [mark for mark, known in self._known.items() if known.principal.key_id == key_id]:
            del self._known[mark]

    async def _ask_once(self, mark: bytes, text: bytes) -> Principal:
        # one query however many requests wait for it: every key comes due again every few seconds
        task = self._asked.get(mark)
        if task is None:
            task = self._asked[mark] = asyncio.create_task(self._ask(mark, text))
            task.add_done_callback(lambda _: self._asked.pop(mark, None))
        return await asyncio.shield(task)

    async def _ask(self, mark: bytes, text: bytes) -> Principal:
        changes = self._changes
        material = KeyMaterial.parse(text.decode("ascii", "replace"))
        principal = await self._lookup(material) if material is not None else None
        if principal is None:
            self._known.pop(mark, None)
            raise UnauthenticatedError(BAD_KEY)
        if changes == self._changes:  # else it may have been revoked after we read it
            self._keep(mark, principal)
        return principal

    def _keep(self, mark: bytes, principal: Principal) -> None:
        self._known[mark] = _Known(principal, monotonic() + self._remember)
        self._known.move_to_end(mark)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)


def key_in(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the one key that a request carries, or raise `UnauthenticatedError`."""
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, offered = value.partition(b" ")
            if scheme.lower() != b"bearer":
                raise UnauthenticatedError(NO_KEY)
        elif name == b"x-api-key":
            offered = value
        else:
            continue
        if found is not None and found != offered.strip():
            raise UnauthenticatedError("The request carries two different keys; send one.")
        found = offered.strip()
    if not found:
        raise UnauthenticatedError(NO_KEY)
    return found


def _unexpired(principal: Principal) -> Principal:
    if principal.expires_at is not None and principal.expires_at <= utc_now():
        raise UnauthenticatedError(BAD_KEY)
    return principal
