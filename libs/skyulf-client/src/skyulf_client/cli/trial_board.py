"""Trials as they end: a table that changes on a terminal, plain lines elsewhere."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from types import FrameType
from typing import cast

from pydantic import JsonValue
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from skyulf_client.cli.output import err, plain, table

_LINES = (3, 12)
"""So few and so many trials are shown."""
_FRAME = 8
"""Lines of a terminal that hold no trial."""
_PARAMS = 60
_HEADINGS = ("Trial", "Model", "Score", "Folds", "Seconds", "State", "Parameters")
_WIDTHS = ((90, 7), (60, 6), (0, 4))
"""From so many letters of a line on, so many of the columns."""
_STOPPING = "stopping with the best so far; Ctrl-C again ends at once"

Fields = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Shown:
    """Who is told of trials and progress, and whether the person wants no more."""

    on_trial: Callable[[Fields], None]
    on_progress: Callable[[float, str], None]
    should_stop: Callable[[], bool]


@contextmanager
def shown(*, searches: bool) -> Iterator[Shown]:
    """Show trials as they end, on standard error: a live table on a terminal, else plain lines.

    Where something is searched for the first Ctrl-C asks to stop with the best so far; others raise KeyboardInterrupt.
    """
    console, board = err(), _Board()
    draws = console.is_terminal and not console.is_dumb_terminal

    def stopping() -> None:
        board.stopping = True
        if not draws:
            # a handler runs in the middle of anything, also of a write to the same stream, which cannot be begun again
            Thread(target=console.print, args=(_STOPPING,), kwargs={"soft_wrap": True}).start()

    with _interrupts(stopping if searches else None):
        if not draws:
            told = Shown(lambda trial: _say(console, trial), lambda fraction, message: None, lambda: board.stopping)
            yield told
            return
        with Live(board, console=console, refresh_per_second=8, transient=True):
            yield Shown(board.add, board.progress, lambda: board.stopping)


@contextmanager
def _interrupts(first: Callable[[], None] | None) -> Iterator[None]:
    """Call `first` at the first Ctrl-C; whatever comes after ends the program as ever."""
    if first is None:
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        first()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Board:
    """The last trials and the best one, and how far the work is."""

    def __init__(self) -> None:
        self._trials: list[Fields] = []
        self._fraction, self._message = 0.0, "starting"
        self.stopping = False

    def add(self, trial: Fields) -> None:
        """Show a trial that has ended."""
        self._trials.append(trial)

    def progress(self, fraction: float, message: str) -> None:
        """Show how far the work is."""
        self._fraction, self._message = fraction, message

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw what fits into the terminal as it is now: a line for each trial, never a wrapped one."""
        bar = Table.grid(padding=(0, 1))
        said = f"{self._message} – {_STOPPING}" if self.stopping else self._message
        width = min(30, max(options.max_width // 3, 5))
        bar.add_row(
            ProgressBar(total=1.0, completed=self._fraction, width=width), f"{self._fraction:4.0%}", plain(said)
        )
        least, most = _LINES
        lines = min(max(console.height - _FRAME, least), most)
        columns = next(count for least_width, count in _WIDTHS if options.max_width >= least_width)
        rows = [cells(trial)[:columns] for trial in self._trials[-lines:]]
        if not rows:
            yield bar
            return
        made = table(_HEADINGS[:columns], rows)
        for column in made.columns:
            column.no_wrap, column.overflow = True, "ellipsis"
        yield Group(made, bar)


def _say(console: Console, trial: Fields) -> None:
    console.print(plain(_line(trial)), soft_wrap=True)


def cells(trial: Fields) -> list[object]:
    """What a table shows of a trial."""
    params = cast("Fields", trial["params"])
    folds, seconds = cast("list[JsonValue]", trial["folds"]), round(cast("float", trial["seconds"]), 2)
    named = params_text(params)
    return [trial["number"], params.get("family"), trial["score"], len(folds), seconds, trial["state"], named]


def _line(trial: Fields) -> str:
    number, family, score, folds, seconds, state, params = cells(trial)
    score = f"{score:.5g}" if isinstance(score, float) else "-"
    error = f": {trial['error']}" if trial.get("error") else ""
    judged = f"{score}  {folds} fold{'s' if folds != 1 else ''}  {seconds} s"
    return f"trial {number}  {family}  {judged}  {state}  {params}{error}".rstrip()


def params_text(params: Fields) -> str:
    """Parameters in a line that is not too long."""
    assigned = (
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in params.items()
        if name not in ("family", "random_state")
    )
    text = ", ".join(assigned)
    return text if len(text) <= _PARAMS else f"{text[: _PARAMS - 1]}…"
