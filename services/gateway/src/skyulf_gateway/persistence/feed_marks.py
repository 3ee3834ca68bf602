"""The SQL of the marks in the feeds of services."""

from skyulf_service.database.repository import insert_ignoring_conflict
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_gateway.persistence.tables import feed_marks


class FeedMarks:
    """One mark for each service whose feed is read."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, owner: str) -> tuple[int, str] | None:
        """The number and the id of the last event that was read."""
        chosen = select(feed_marks.c.position, feed_marks.c.event_id).where(feed_marks.c.owner == owner)
        row = (await self._connection.execute(chosen)).first()
        return None if row is None else (row.position, row.event_id)

    async def put(self, owner: str, position: int, event_id: str) -> None:
        """Write a mark. Of two workers the last one wins: all before either mark has been handed on."""
        values = {"position": position, "event_id": event_id}
        changed = await self._connection.execute(update(feed_marks).where(feed_marks.c.owner == owner).values(**values))
        if changed.rowcount == 0:
            await insert_ignoring_conflict(self._connection, feed_marks, {"owner": owner, **values})
