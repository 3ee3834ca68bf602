"""Copies of SQLite databases as they were at one moment, taken while others go on writing."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from skyulf_standalone.backup.errors import BackupError

LOCK_SECONDS = 4.0  # writers of the services wait for 10 s
ATTEMPTS = 5
PAGES = 2048


@contextmanager
def one_moment(paths: Mapping[str, Path]) -> Iterator[dict[str, sqlite3.Connection]]:
    """Readers, one per database, that all see what was committed at one and the same moment.

    For some milliseconds every database is locked for writing; in that pause each reader pins what it sees, and goes on
    seeing it when the writers go on. Raises `BackupError` where a database stays locked by somebody else.
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(closing(_opened(path))) for name, path in paths.items()}
        with _all_locked(list(paths.values())):
            for reader in readers.values():
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now the snapshot is taken
        yield readers


def copy(reader: sqlite3.Connection, target: Path, told: Callable[[int], None]) -> None:
    """Write what a reader sees to a new file, and check the file. ``told`` hears of pages."""
    left: list[int] = []

    def progress(_status: int, remaining: int, total: int) -> None:
        told((left[-1] if left else total) - remaining)
        left[:] = [remaining]

    try:
        with closing(sqlite3.connect(target)) as connection:
            reader.backup(connection, pages=PAGES, progress=progress)
            connection.execute("PRAGMA journal_mode=DELETE")  # one file, not three
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:  # the disk is full, or the database damaged
        raise BackupError(f"The database of {target.stem} cannot be copied into {target.parent}: {error}.") from error
    if found != "ok":
        raise BackupError(f"The copied database {target.name} is damaged: {found}.")


@contextmanager
def _all_locked(paths: Sequence[Path]) -> Iterator[None]:
    with ExitStack() as stack:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _lock(paths, stack)
                break
            except sqlite3.OperationalError as error:
                stack.pop_all().close()  # who waits for the others shall not wait for us
                if attempt == ATTEMPTS:
                    raise BackupError(f"The databases stay locked by somebody else ({error}); try again.") from error
                time.sleep(0.2 * attempt)
        yield


def _lock(paths: Sequence[Path], stack: ExitStack) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    for path in paths:
        connection = stack.enter_context(closing(_opened(path)))
        patience = max(deadline - time.monotonic(), 0.05)
        connection.execute(f"PRAGMA busy_timeout={round(patience * 1000)}")
        connection.execute("BEGIN IMMEDIATE")  # closing the connection rolls back


def _opened(path: Path) -> sqlite3.Connection:
    # never create: a mistyped folder is no empty database
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
