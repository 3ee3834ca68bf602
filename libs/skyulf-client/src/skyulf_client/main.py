"""The `skyulf` command. Ends with 0, with 1 where something failed, with 2 where it was called wrongly."""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as version_of
from typing import Annotated

import typer
from rich.markup import escape

from skyulf_client.cli import datasets, jobs, models, nodes, operating, pipelines
from skyulf_client.cli.context import Where
from skyulf_client.cli.explain import explain
from skyulf_client.cli.output import err, out, print_error
from skyulf_client.cli.predict import predict
from skyulf_client.cli.train import train
from skyulf_client.cli.tune import tune
from skyulf_client.errors import SkyulfClientError

GROUP = "skyulf.commands"


def create_app() -> typer.Typer:
    """The command with all groups that are installed."""
    app = typer.Typer(name="skyulf", no_args_is_help=True, pretty_exceptions_enable=False, callback=_root)
    app.add_typer(datasets.app, name="datasets")
    app.add_typer(pipelines.app, name="pipelines")
    app.add_typer(nodes.app, name="nodes")
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(models.app, name="models")
    app.add_typer(models.deployments, name="deployments")
    app.command()(predict)
    app.command()(explain)
    app.command()(tune)
    app.command()(train)
    app.add_typer(operating.events, name="events")
    app.add_typer(operating.keys, name="keys")
    app.add_typer(operating.dead_letters, name="dead-letters")
    for plugin in entry_points(group=GROUP):
        _join(app, plugin)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    return run(create_app(), arguments)


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run a command line; errors are told in a line and never with a traceback."""
    try:
        app(args=list(arguments), prog_name="skyulf")
    except SkyulfClientError as error:
        print_error(error, as_json="--json" in arguments)
        return 1
    except SystemExit as end:  # how typer ends a command, also where it was called wrongly
        return end.code if isinstance(end.code, int) else 0
    return 0


def _say_version(wanted: bool) -> None:
    if wanted:
        out().print(f"skyulf {version_of('skyulf-client')}")
        raise typer.Exit


def _root(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Where Skyulf is", envvar="SKYULF_URL")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="The key; better in the environment", envvar="SKYULF_API_KEY", show_envvar=True)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Say the version and end", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Skyulf: from a data file to a served model."""
    context.obj = Where(url, api_key)


def _join(app: typer.Typer, plugin: EntryPoint) -> None:
    try:
        register: Callable[[typer.Typer], None] = plugin.load()
        register(app)
    except Exception as error:  # somebody else's package must not take the command away
        reason = escape(f"{type(error).__name__}: {error}")
        err().print(f"[yellow]The commands of {escape(plugin.value)} are not available: {reason}[/]", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
