"""`skyulf backup` and `skyulf restore`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from skyulf_service.database.failures import driver_error
from skyulf_service.errors import SkyulfError
from sqlalchemy.exc import DBAPIError

from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import Manifest
from skyulf_standalone.home import HomeInUseError
from skyulf_standalone.usable import require_usable

Home = Annotated[Path | None, typer.Option(help="Data folder; default: SKYULF_HOME or the platform's")]
MEGABYTE = 1e6


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it holds the private keys")], home: Home = None
) -> None:
    """Write databases, objects and keys of one moment into a file; Skyulf may run meanwhile."""
    from skyulf_standalone.backup.making import back_up, left_out
    from skyulf_standalone.backup.watching import bars

    _use(home)
    try:
        with bars() as watcher:
            made = asyncio.run(back_up(file, watcher))
    except (BackupError, SkyulfError, DBAPIError, OSError) as error:
        raise _failed(error) from None
    typer.echo(f"{file}: {_described(made)}. It holds the private keys: keep it as safe as them.")
    for each in left_out():
        typer.echo(f"Not in it: {each}; copy it yourself.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `skyulf backup` has written")],
    home: Home = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put aside what is there")] = False,
) -> None:
    """Verify a backup and put it in place; nothing of Skyulf may run there."""
    from skyulf_standalone.backup.restoring import restore as put_back
    from skyulf_standalone.backup.watching import bars

    _use(home)
    try:
        with bars() as watcher:
            done = asyncio.run(put_back(file, watcher, replace=replace))
    except (BackupError, HomeInUseError, SkyulfError, DBAPIError, OSError) as error:
        raise _failed(error) from None
    typer.echo(f"Restored: {_described(done.manifest)}.")
    if done.aside is not None:
        typer.echo(f"What was there lies in {done.aside}; remove it when you are sure.")
    if done.beside is not None:
        typer.echo(
            f"The settings of this place were kept. Those of the backup lie in {done.beside}, because they name other "
            f"places: {'; '.join(done.elsewhere)}. Take over by hand what else they say."
        )


def _use(home: Path | None) -> None:
    if home is not None:
        os.environ["SKYULF_HOME"] = str(home)
    require_usable()


def _described(made: Manifest) -> str:
    return (
        f"Skyulf {made.version} ({made.form}) as of {made.moment:%Y-%m-%d %H:%M:%S} UTC, "
        f"{len(made.files)} files, {made.size / MEGABYTE:.1f} MB"
    )


def _failed(error: Exception) -> typer.Exit:
    said = error.detail if isinstance(error, SkyulfError) else str(error)
    if isinstance(error, DBAPIError):
        said = f"A database cannot be used ({driver_error(error)}); `skyulf doctor` says which."
    typer.echo(said, err=True)
    return typer.Exit(1)
