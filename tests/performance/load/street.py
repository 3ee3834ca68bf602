"""The whole load on a running system: everything at once, then the ends awaited, then what was published compared."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from harness.api import Api
from harness.distributed import SERVICES, Distributed

from performance.load.client import Client, Tally
from performance.load.labour import Labour
from performance.load.order import Seen
from performance.load.plan import Plan
from performance.load.readers import News, Reader
from performance.load.soak import Soak

LEAVING_SECONDS = 20.0
TELLING_SECONDS = 30.0
# no event for so long, and nothing is on its way any more
QUIET_SECONDS = 10.0
MOST_LOOKS = 12
OUTBOX = "SELECT event_id, published_at IS NULL AS waits FROM outbox WHERE project_id = $1"


@dataclass
class Found:
    """What one run showed."""

    tally: Tally
    news: News
    began: float
    swaps: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    unended: int = 0
    committed: int = 0
    waiting: int = 0
    on_kafka: int = 0
    readers: list[Seen] = field(default_factory=list)
    connections: int = 0


class Street:
    """One run on one system, in a project of its own."""

    def __init__(self, running: Distributed, api: Api, plan: Plan, tell: Callable[[str], None]) -> None:
        self._running, self._api, self._plan, self._tell = running, api, plan, tell
        self._tally, self._news = Tally(), News()

    async def run(self) -> Found:
        """Load the system as planned."""
        async with Client(self._api.url, str(self._api.key), self._tally) as client, AsyncExitStack() as stack:
            readers = self._readers(client)
            following = [asyncio.create_task(reader.run()) for reader in readers]
            stack.push_async_callback(_cancelled, following)
            labour, soak = Labour(client, self._news, self._plan), Soak(client, self._news, self._plan)
            await asyncio.to_thread(labour.prepare, self._api)
            await soak.prepare()
            found = Found(self._tally, self._news, began=time.monotonic())
            self._tell("the load begins")
            found.unended = await self._load(labour, soak, following)
            found.swaps, found.answers = soak.swaps, dict(soak.answers)
            self._tell("the load has ended; what was published is compared with what was seen")
            await self._compare(found, readers)
            found.connections = sum(reader.connections for reader in readers)
            return found

    def _readers(self, client: Client) -> list[Reader]:
        """The first one tells the news; every other one keeps leaving and coming back."""
        return [
            Reader(
                client, leaving=LEAVING_SECONDS if number % 2 else None, listener=None if number else self._news.take
            )
            for number in range(self._plan.readers)
        ]

    async def _load(self, labour: Labour, soak: Soak, following: list["asyncio.Task[None]"]) -> int:
        """Everything at once until the time is over; returns how much had not ended when patience was."""
        over = asyncio.Event()
        asked = (labour.run(), labour.trickle(over), soak.run(over))
        works = [asyncio.create_task(work) for work in asked]
        telling = asyncio.create_task(self._keep_telling())
        # readers never end by themselves: without them the time would be over only when it is
        every = [*works, *following]
        await asyncio.wait(every, timeout=self._plan.seconds, return_when=asyncio.FIRST_EXCEPTION)
        over.set()
        self._tell("the time is over; what was begun shall end")
        await asyncio.wait(works, timeout=self._plan.patience)
        left = [work for work in works if not work.done()]
        await _cancelled([telling, *left])
        unended = await labour.give_up()
        for work in works:
            if not work.cancelled():
                work.result()
        return max(unended, len(left))

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TELLING_SECONDS)
            jobs, files = len(self._news.all("job.completed")), len(self._news.all("dataset.judged"))
            asked = sum(map(len, self._tally.took.values()))
            failed, again = self._tally.failed.total(), self._tally.retried.total()
            self._tell(f"{asked} requests, {again} sent again, {failed} failed; {files} datasets, {jobs} jobs ended")

    async def _compare(self, found: Found, readers: list[Reader]) -> None:
        """Compare what was committed with what lies on Kafka and with what each reader saw."""
        await _quiet(readers)
        committed: set[str] = set()
        for service in SERVICES:
            rows = await asyncio.to_thread(self._running.sql, service, OUTBOX, self._api.project_id)
            committed |= {str(row["event_id"]) for row in rows}
            found.waiting += sum(row["waits"] for row in rows)
        found.committed = len(committed)
        await _quiet(readers)
        on_kafka = await asyncio.to_thread(self._running.announced, self._api.project_id)
        found.on_kafka = len({event.id for event in on_kafka})
        found.readers = [Seen.of(committed, reader.seen) for reader in readers]


async def _quiet(readers: list[Reader]) -> None:
    """Wait until no reader has seen anything new for a while, two minutes at most."""
    before = -1
    for _ in range(MOST_LOOKS):
        now = sum(len(reader.seen) for reader in readers)
        if now == before:
            return
        before = now
        await asyncio.sleep(QUIET_SECONDS)


async def _cancelled(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
