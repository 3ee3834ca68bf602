"""A place that a restore was broken off in: nothing starts there until it is restored again.

The mark lies in the data folder; where databases are PostgreSQL's, also in each of them, because roles have folders of
their own there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.durable import sync_folder
from skyulf_service.errors import SkyulfError

RESTORING = ".restoring"
PLACING = "placing"
TABLE = "half_restored"
_LAST: ContextVar[Callable[[], None] | None] = ContextVar("what comes before marks go", default=None)


class HalfRestoredError(SkyulfError):
    """What is there does not belong together."""

    code = "half-restored"
    status = 500
    title = "Half restored"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"A restore into {where} was broken off, and what is there does not belong together: "
            "run `skyulf restore FILE --replace` again."
        )


def refuse_half_restored(home: Path) -> None:
    """Raise `HalfRestoredError` where a restore was broken off while it put files in place."""
    if (home / RESTORING / PLACING).exists():
        raise HalfRestoredError(str(home))


def mark_folder(home: Path) -> None:
    """Say in a data folder that a restore begins to put things in place; on disk before anything is."""
    folder = home / RESTORING
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / PLACING).touch()
    sync_folder(folder)
    sync_folder(home)


def unmark_folder(home: Path) -> None:
    """Say that everything is in place; it has to be on disk by then, and this is too when it returns."""
    (home / RESTORING / PLACING).unlink()
    sync_folder(home / RESTORING)


@contextmanager
def before_marks_go(last: Callable[[], None]) -> Iterator[None]:
    """Let a restore in this block call ``last`` when everything is in its place, and still marked: it brings things to
    other places too. Where it raises `OSError` or `KeyFileError`, the marks stay.
    """
    token = _LAST.set(last)
    try:
        yield
    finally:
        _LAST.reset(token)


def marks_go() -> None:
    """Do what somebody wants done before; the caller removes the marks then."""
    if (last := _LAST.get()) is not None:
        last()


async def mark_database(connection: AsyncConnection) -> None:
    """Say the same in a database; a dump that is loaded beside it leaves it there."""
    await connection.execute(text(f"CREATE TABLE IF NOT EXISTS {TABLE} (id integer PRIMARY KEY)"))


async def unmark_database(connection: AsyncConnection) -> None:
    """What is there belongs together."""
    await connection.execute(text(f"DROP TABLE {TABLE}"))


def is_marked(connection: Connection) -> bool:
    """Whether a database says so."""
    return inspect(connection).has_table(TABLE)
