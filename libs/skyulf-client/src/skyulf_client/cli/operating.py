"""`skyulf events`, `skyulf keys` and `skyulf dead-letters`."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from skyulf_client.answers import Event
from skyulf_client.cli.context import AsJson, Cursor, Limit, Yes, client, confirm
from skyulf_client.cli.output import out, plain, print_fields, print_json, print_page

events = typer.Typer(no_args_is_help=True, help="What happens in the project.")
keys = typer.Typer(no_args_is_help=True, help="API keys.")
dead_letters = typer.Typer(no_args_is_help=True, help="What consumers could not handle.")
LETTERS = {
    "Id": "id", "Service": "service", "Consumer": "consumer", "Type": "type", "Reason": "reason", "Why": "error",
    "When": "parked_at",
}  # fmt: skip


@events.command()
def tail(
    context: typer.Context,
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this type, such as job.completed")] = None,
    subjects: Annotated[list[str] | None, typer.Option("--subject", help="Only events about this id")] = None,
    after: Annotated[int | None, typer.Option(help="Begin behind this number; 0 for the whole log", min=0)] = None,
    count: Annotated[int | None, typer.Option(help="End after so many events", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Follow the events until Ctrl-C; with --json one object per line."""
    with client(context) as skyulf:
        stream = skyulf.events.stream(types=types or (), subjects=subjects or (), after=after)
        for number, event in enumerate(stream, start=1):
            if as_json:
                sys.stdout.write(event.model_dump_json() + "\n")
                sys.stdout.flush()
            else:
                out().print(line_of(event), soft_wrap=True)
            if number == count:
                break


def line_of(event: Event) -> str:
    """An event on one line."""
    time = event.time.strftime("%H:%M:%S.%f")[:-3]
    known = ("name", "pipeline_name", "model", "version", "status", "step", "revision")
    about = " ".join(f"{key}={event.data[key]}" for key in known if event.data.get(key) not in (None, ""))
    return f"[dim]{event.sequence:>6} {time}[/] [bold]{event.name:<18}[/] {plain(about)}"


@keys.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    scopes: Annotated[list[str] | None, typer.Option("--scope", help="A permission or role; default: yours")] = None,
    expires_at: Annotated[datetime | None, typer.Option(help="In UTC; default: never")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown this once."""
    from datetime import UTC

    expires = None if expires_at is None else expires_at.replace(tzinfo=UTC)
    with client(context) as skyulf:
        made = skyulf.keys.create(name, scopes=scopes, expires_at=expires)
    if as_json:
        print_json(made)
        return
    lost = "lost on its way: revoke this key and make another"
    print_fields({"id": str(made.id), "name": made.name, "scopes": made.scopes, "key": made.key or lost})


@keys.command("list")
def list_keys(context: typer.Context, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List the project's keys, newest first."""
    with client(context) as skyulf:
        page = skyulf.keys.list(limit=limit, cursor=cursor)
    columns = {"Id": "id", "Name": "name", "Begins with": "prefix", "Scopes": "scopes", "Revoked": "revoked_at"}
    print_page(page, columns, as_json=as_json, nothing="There are no keys.")


@keys.command()
def revoke(
    context: typer.Context, key: Annotated[str, typer.Argument(help="The key's id", metavar="KEY")], yes: Yes = False
) -> None:
    """Take a key out of use for good."""
    confirm(f"Revoke key {key} for good?", yes)
    with client(context) as skyulf:
        out().print(f"{plain(skyulf.keys.revoke(key).name)} is revoked.")


@dead_letters.command("list")
def list_letters(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List what consumers could not handle, newest first."""
    with client(context) as skyulf:
        page = skyulf.dead_letters.list(limit=min(limit, 100), cursor=cursor)
    print_page(page, LETTERS, as_json=as_json, nothing="There are no dead letters.")
    if page.unavailable and not as_json:
        out().print(f"[yellow]These services did not answer: {', '.join(page.unavailable)}[/]")


@dead_letters.command()
def replay(context: typer.Context, service: str, letter: str) -> None:
    """Let the handler that failed try again."""
    with client(context) as skyulf:
        skyulf.dead_letters.replay(service, letter)
    out().print("It was handled.")


@dead_letters.command()
def discard(context: typer.Context, service: str, letter: str, yes: Yes = False) -> None:
    """Forget a dead letter for good."""
    confirm(f"Discard dead letter {letter} for good?", yes)
    with client(context) as skyulf:
        skyulf.dead_letters.discard(service, letter)
    out().print("It is discarded.")
