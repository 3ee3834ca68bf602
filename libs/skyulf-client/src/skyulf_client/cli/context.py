"""What the commands share: the client, and the options that all of them have."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from skyulf_client.client import Skyulf
from skyulf_client.operations import Retries

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs")]
Limit = Annotated[int, typer.Option(help="How many to show", min=1, max=200)]
Cursor = Annotated[str | None, typer.Option(help="Where to go on: next_cursor of the page before")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]
WAITING = Retries(attempts=3)  # a person waits: say soon that nobody answers


@dataclass(frozen=True, slots=True)
class Where:
    """Where the commands go."""

    url: str | None = None
    api_key: str | None = None


@contextmanager
def client(context: typer.Context) -> Iterator[Skyulf]:
    """The client for a command."""
    where = context.find_object(Where) or Where()
    with Skyulf(where.url, where.api_key, retries=WAITING) as skyulf:
        yield skyulf


def finite(value: float | None) -> float | None:
    """Refuse an option that is no finite number: nan is neither too small nor too large for typer."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no finite number.")
    return value


def confirm(question: str, yes: bool) -> None:
    """Ask before something is lost; ends the command with 1 on a no."""
    if not yes:
        typer.confirm(question, abort=True)
