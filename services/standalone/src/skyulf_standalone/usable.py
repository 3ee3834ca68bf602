"""Settings are read before a command does anything. What is wrong with them is said without what was read: that may be
a password, and a traceback would show it.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from skyulf_service.settings import SharedSettings, in_words

from skyulf_standalone.services import SERVICES, service_of

T = TypeVar("T")


def usable(read: Callable[[], T]) -> T:
    """Read settings; ends the command with 2 and a sentence where they cannot be used."""
    try:
        return read()
    except (ValidationError, SettingsError) as error:
        said = in_words(error) if isinstance(error, ValidationError) else str(error)
        typer.echo(f"These settings cannot be used: {said.rstrip('.')}.", err=True)
        raise typer.Exit(2) from None


def require_usable(shared: SharedSettings | None = None) -> None:
    """Read the settings of all services, with those that they share where these are known already."""
    for name in SERVICES:
        kind = service_of(name).settings
        usable(kind if shared is None else partial(kind, shared=shared))
