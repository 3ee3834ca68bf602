"""`skyulf rotate-keys` and `skyulf retention`."""

import asyncio
import math
from datetime import timedelta
from typing import Annotated

import typer
from skyulf_service.database.failures import driver_error
from skyulf_service.errors import SkyulfError
from skyulf_service.settings import SharedSettings
from skyulf_service.signing import rotation
from skyulf_service.signing.keys import KeyFileError
from sqlalchemy.exc import DBAPIError

from skyulf_standalone.services import SERVICES
from skyulf_standalone.usable import require_usable, usable

MOST_DAYS = 36_500.0


def rotate_keys(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}", metavar="SERVICE")],
    prepare: Annotated[bool, typer.Option("--prepare", help="Only make the next key, and let it be trusted")] = False,
    distrust: Annotated[str | None, typer.Option(help="End the trust in a key instead", metavar="KEY_ID")] = None,
    show: Annotated[bool, typer.Option("--list", help="Only say which keys are trusted")] = False,
) -> None:
    """Give a service a new signing key. Running processes follow within a second or two; what the old key signed stays
    trusted until --distrust.
    """
    if service not in SERVICES:
        typer.echo(f"There is no service {service!r}; there are: {', '.join(SERVICES)}.", err=True)
        raise typer.Exit(2)
    if sum((prepare, distrust is not None, show)) > 1:
        typer.echo("--prepare, --distrust and --list are three different things: name one of them.", err=True)
        raise typer.Exit(2)
    folder = usable(SharedSettings).keys_folder
    try:
        if distrust is not None:
            rotation.distrust(folder, service, distrust)
        elif prepare:
            rotation.prepare(folder, service)
        elif not show:
            rotation.rotate(folder, service)
        for each in rotation.trusted(folder, service):
            typer.echo(f"{each.key.kid}  {service}  {'signs' if each.current else 'trusted'}")
    except (KeyFileError, OSError) as error:
        typer.echo(f"{error}.", err=True)
        raise typer.Exit(1) from None


def retention(
    apply: Annotated[bool, typer.Option("--apply", help="Remove it; without, nothing is changed")] = False,
    dead_letters: Annotated[
        float | None,
        typer.Option(
            help="Discard dead letters that have waited for so many days", min=0, max=MOST_DAYS, metavar="DAYS"
        ),
    ] = None,
) -> None:
    """Show what is older than it is kept: events, audit, logs of jobs, claims, keys, dead letters, orphaned objects."""
    from skyulf_standalone.retention import Removable, examine

    if dead_letters is not None and math.isnan(dead_letters):
        raise typer.BadParameter("a number of days is wanted", param_hint="--dead-letters")
    require_usable()

    async def found() -> list[Removable]:
        waited = timedelta(days=dead_letters) if dead_letters is not None else None
        return [each async for each in examine(dead_letters=waited, apply=apply)]

    try:
        rows = asyncio.run(found())
    except SkyulfError as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(1) from None
    except DBAPIError as error:
        typer.echo(f"A database cannot be used ({driver_error(error)}); `skyulf doctor` says which.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{'service':<11} {'what':<28} {'kept for':<12} {'removed' if apply else 'would go':>9}")
    for each in rows:
        typer.echo(f"{each.service:<11} {each.what:<28} {each.kept:<12} {each.count:>9}")
    if not apply:
        typer.echo("Nothing was changed; --apply removes what is shown.")
