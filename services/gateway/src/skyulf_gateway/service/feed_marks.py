"""How far the feeds of services were read, kept over restarts: the log takes all events, which may be a million."""

from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.messaging.marks import Mark

from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork


class StoredMarks:
    """The marks in the gateway's database, each read and written in a transaction of its own."""

    def __init__(self, uows: UnitOfWorks[GatewayUnitOfWork]) -> None:
        self._uows = uows

    async def find(self, owner: str) -> Mark:
        """The mark in an owner's feed; the beginning where there is none."""
        async with self._uows.read() as uow:
            found = await uow.feed_marks.find(owner)
        return Mark() if found is None else Mark(*found)

    async def put(self, owner: str, mark: Mark) -> None:
        """Keep a mark in place of the one before."""
        async with self._uows() as uow:
            await uow.feed_marks.put(owner, mark.position, mark.event_id)
