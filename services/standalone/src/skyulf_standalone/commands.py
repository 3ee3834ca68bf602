"""The server commands of `skyulf`: up, demo, serve, migrate, doctor, token, backup, restore, export, import, …"""

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from skyulf_service.errors import SkyulfError
from skyulf_service.settings import SharedSettings, home_folder

from skyulf_standalone.backup.commands import register as register_backup
from skyulf_standalone.demo import demo
from skyulf_standalone.doctor.commands import doctor
from skyulf_standalone.moving.commands import register as register_moving
from skyulf_standalone.operating import retention, rotate_keys
from skyulf_standalone.usable import require_usable, usable

SERVICES = ("ingestion", "pipeline", "registry", "inference", "gateway")
Service = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}", metavar="SERVICE")]


def register(app: typer.Typer) -> None:
    """Add the server commands to the `skyulf` command."""
    app.command()(up)
    app.command()(serve)
    app.command()(migrate)
    app.command()(doctor)
    app.command()(token)
    app.command()(demo)
    register_backup(app)
    register_moving(app)
    app.command()(rotate_keys)
    app.command()(retention)


def up(
    port: Annotated[int, typer.Option(help="Port of the gateway")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    home: Annotated[Path | None, typer.Option(help="Data folder; default: SKYULF_HOME or the platform's")] = None,
) -> None:
    """Start all of Skyulf in this process, on SQLite and folders."""
    import uvloop
    from skyulf_gateway.service.first_run import remember_address
    from skyulf_service.telemetry.logging import configure_logging
    from skyulf_service.telemetry.metrics import configure_metrics
    from skyulf_service.telemetry.tracing import configure_tracing

    from skyulf_standalone.home import HomeInUseError
    from skyulf_standalone.main import AddressInUseError, Embedded

    if home is not None:
        os.environ["SKYULF_HOME"] = str(home)
    shared = usable(lambda: SharedSettings(home=home_folder(), form="embedded", host=host))
    require_usable(shared)
    configure_logging(service="standalone", level=shared.log_level, log_format=shared.log_format)
    configure_tracing(service="standalone", role="embedded")
    configure_metrics()

    def say() -> None:
        remember_address(shared.home, f"http://127.0.0.1:{port}")
        typer.echo(f"Skyulf is at http://{host}:{port} (API: /api/v1, documentation: /docs), data in {shared.home}")
        typer.echo(f"Your key is in {shared.home / 'credentials.json'}; stop with Ctrl-C.")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            code = runner.run(Embedded(shared).run(port=port, on_ready=say))
        except (HomeInUseError, AddressInUseError, SkyulfError) as error:
            typer.echo(error.detail if isinstance(error, SkyulfError) else str(error), err=True)
            code = 1
    raise typer.Exit(code)


def serve(service: Service, role: Annotated[str, typer.Argument(help="api, worker or runner")]) -> None:
    """Run one role of one service in this process (distributed form)."""
    raise typer.Exit(_run(service, role))


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="Services; default: all", metavar="[SERVICE]...")] = None,
) -> None:
    """Bring databases to the newest schema and close them to other roles, make buckets and topics."""
    for service in services or SERVICES:
        code = _run(service, "migrate")
        typer.echo(f"{service}: {'up to date' if code == 0 else 'failed'}")
        if code:
            raise typer.Exit(code)


def token(
    service: Service,
    project: Annotated[UUID, typer.Option(help="Project that the token acts in")],
    permission: Annotated[list[str] | None, typer.Option(help="Permission; may be repeated")] = None,
) -> None:
    """Print a token of 60 seconds for calling a service directly; needs read access to the gateway's key."""
    from skyulf_service.scope import Scope
    from skyulf_service.signing.keys import KeyFileError, load
    from skyulf_service.signing.tokens import InternalTokenIssuer

    _known(service)
    try:
        key = load(usable(SharedSettings).keys_folder, "gateway")  # one that was made here nobody would believe
    except (KeyFileError, OSError) as error:
        typer.echo(f"{error}.", err=True)
        raise typer.Exit(1) from None
    issuer = InternalTokenIssuer(key, "gateway")
    scope = Scope(project, "user:operator", frozenset(permission or ["predictions:make"]))
    typer.echo(issuer.mint(service, scope))


def _run(service: str, role: str) -> int:
    _known(service)
    code: int = importlib.import_module(f"skyulf_{service}.main").main([role])
    return code


def _known(service: str) -> None:
    if service not in SERVICES:
        typer.echo(f"There is no service {service!r}; there are: {', '.join(SERVICES)}.", err=True)
        raise typer.Exit(2)


def main() -> None:
    """The server commands alone, for `python -m skyulf_standalone`."""
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    register(app)
    app(args=sys.argv[1:])
