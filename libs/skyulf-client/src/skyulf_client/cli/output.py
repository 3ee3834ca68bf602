"""What people and programs get to see."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, JsonValue
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from skyulf_client.answers import Failure, Page
from skyulf_client.errors import SkyulfApiError, SkyulfClientError

T = TypeVar("T", bound=BaseModel)
PIPE_WIDTH = 160
COLOURS = {
    "ready": "green", "succeeded": "green", "failed": "red", "cancelled": "yellow", "processing": "cyan",
    "running": "cyan", "loading": "cyan", "queued": "blue", "pending": "blue", "stopped": "dim", "error": "red",
    "warning": "yellow", "archived": "dim", "production": "green",
}  # fmt: skip


def out() -> Console:
    """Standard output; into a file or pipe lines are long, so that tables stay tables."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False)


def print_json(value: BaseModel | JsonValue) -> None:
    """Print an answer for programs, on standard output and without colours."""
    text = value.model_dump_json(indent=2) if isinstance(value, BaseModel) else json.dumps(value, indent=2)
    sys.stdout.write(text + "\n")


def print_page(page: Page[T], columns: Mapping[str, str], *, as_json: bool, nothing: str) -> None:
    """Print a list. ``columns``: heading to the attribute's name."""
    if as_json:
        print_json(page)
        return
    if not page.items:
        out().print(f"[dim]{nothing}[/]")
        return
    print_rows(list(columns), [[getattr(item, name) for name in columns.values()] for item in page.items])
    if page.next_cursor:
        out().print(f"[dim]There are more: --cursor {page.next_cursor}[/]")


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; on a narrow output its cells are wrapped, never cut."""
    out().print(table(headings, rows, title=title))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> Table:
    """A table; columns of numbers are set right, and what a row is about is never wrapped."""
    made = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", header_style="bold", pad_edge=False
    )
    for index, heading in enumerate(headings):
        numbers = all(isinstance(row[index], int | float) or row[index] is None for row in rows)
        made.add_column(
            plain(heading),
            justify="right" if rows and numbers else "left",
            overflow="fold",
            no_wrap=index == 0,
        )
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one thing, a line per field; fields without value are left out."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", {}, [])}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        out().print(f"[bold]{name:<{width}}[/]  {cell(value)}", soft_wrap=True)


def cell(value: object) -> str:
    """A value as rich text."""
    if value is None:
        return "[dim]–[/]"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(key))} {cell(item)}" for key, item in value.items()) or "[dim]–[/]"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    text = plain(str(value))
    return f"[{COLOURS[text]}]{text}[/]" if text in COLOURS else text


def why(failure: Failure | None) -> str | None:
    """What did not work, as a sentence, with the code that guides and programs go by."""
    return f"{failure.message} ({failure.code})" if failure else None


def plain(text: str) -> str:
    """Text as nothing but text: no markup, and its control and direction characters spelt out.

    Data must not steer the terminal.
    """
    return escape("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text))


def print_error(error: SkyulfClientError, *, as_json: bool) -> None:
    """Print what went wrong on standard error: one line, and one for each field."""
    if as_json:
        sys.stderr.write(json.dumps(_document(error)) + "\n")
        return
    about = ""
    if isinstance(error, SkyulfApiError):
        about = f" [dim]({escape(error.code)}{', request ' + escape(error.request_id) if error.request_id else ''})[/]"
    err().print(f"[bold red]Error:[/] {plain(str(error))}{about}", soft_wrap=True)
    for problem in getattr(error, "errors", ()):
        err().print(f"  [bold]{plain(problem.pointer or '/')}[/]  {plain(problem.detail)}", soft_wrap=True)


@contextmanager
def upload_bar(label: str) -> Iterator[Progress]:
    """A progress bar in bytes, on standard error; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = err()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task(escape(label))
        yield bar


@contextmanager
def work_bar() -> Iterator[Progress]:
    """Progress bars of jobs, on standard error; nothing where that is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    console = err()
    with Progress(
        *columns, TextColumn("[dim]{task.fields[step]}"), console=console, disable=not console.is_terminal
    ) as bar:
        yield bar


def _document(error: SkyulfClientError) -> dict[str, JsonValue]:
    if not isinstance(error, SkyulfApiError):
        return {"code": type(error).__name__, "detail": str(error)}
    errors: list[JsonValue] = [
        {"pointer": problem.pointer, "detail": problem.detail, "code": problem.code} for problem in error.errors
    ]
    return {
        "code": error.code,
        "status": error.status,
        "detail": error.detail,
        "request_id": error.request_id,
        "errors": errors,
    }
