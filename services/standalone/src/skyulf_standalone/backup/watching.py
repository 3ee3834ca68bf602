"""Who looks while a backup is made or restored."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from skyulf_standalone.backup.archive import Told, untold


class Watcher(Protocol):
    """Hears of the steps."""

    def begin(self, step: str, total: int) -> Told:
        """A step of so many bytes begins; the result is to be told of bytes done."""
        ...


class Nobody:
    """Nobody looks."""

    def begin(self, step: str, total: int) -> Told:
        """Nothing is shown."""
        return untold


class Bars:
    """A progress bar per step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, step: str, total: int) -> Told:
        """Show a bar."""
        task = self._progress.add_task(step, total=total)
        return lambda done: self._progress.update(task, advance=done)


@contextmanager
def bars() -> Iterator[Watcher]:
    """Progress bars on a terminal, nothing elsewhere."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        yield Bars(progress)
