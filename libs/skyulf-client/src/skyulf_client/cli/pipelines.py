"""`skyulf pipelines`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from skyulf_client.cli.context import AsJson, Cursor, Limit, client
from skyulf_client.cli.jobs import end_of, show_job
from skyulf_client.cli.output import out, plain, print_fields, print_json, print_page
from skyulf_client.errors import SkyulfClientError

app = typer.Typer(no_args_is_help=True, help="Say how a model is made, and make it.")
ConfigFile = Annotated[Path, typer.Argument(help="A JSON file with steps and model; - for standard input")]
SourceOption = Annotated[
    list[str] | None, typer.Option(help="The dataset of a graph's further source; repeatable", metavar="NAME=DATASET")
]


@app.command()
def create(
    context: typer.Context,
    config: ConfigFile,
    name: Annotated[str, typer.Option(help="How people call it")],
    description: Annotated[str, typer.Option()] = "",
    register_as: Annotated[str | None, typer.Option(help="The model that its jobs make; default: the name")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a configuration as a pipeline."""
    body = read_config(config)
    with client(context) as skyulf:
        made = skyulf.pipelines.create(name, body, description=description, register_as=register_as)
    if as_json:
        print_json(made)
        return
    print_fields({"id": str(made.id), "name": made.name, "version": made.latest_version, "model": made.register_as})


@app.command()
def validate(
    context: typer.Context,
    config: ConfigFile,
    dataset: Annotated[str | None, typer.Option(help="Check its columns too")] = None,
    source: SourceOption = None,
    as_json: AsJson = False,
) -> None:
    """Check a configuration without keeping it; ends with 1 where it has problems."""
    body = read_config(config)
    with client(context) as skyulf:
        found = skyulf.pipelines.validate(body, dataset_id=dataset, sources=read_sources(source))
    if as_json:
        print_json(found)
    elif found.valid:
        out().print("[green]The configuration is valid.[/]")
    for problem in () if as_json else found.problems:
        hint = f" [dim]{plain(problem.suggestion)}[/]" if problem.suggestion else ""
        out().print(f"[bold]{plain(problem.pointer or '/')}[/]  {plain(problem.message)}{hint}", soft_wrap=True)
    raise typer.Exit(0 if found.valid else 1)


@app.command("list")
def list_pipelines(context: typer.Context, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List the project's pipelines, newest first."""
    with client(context) as skyulf:
        page = skyulf.pipelines.list(limit=limit, cursor=cursor)
    columns = {"Id": "id", "Name": "name", "Version": "latest_version", "Model": "register_as", "Changed": "updated_at"}
    print_page(page, columns, as_json=as_json, nothing="There are no pipelines; make one with: skyulf pipelines create")


@app.command()
def run(
    context: typer.Context,
    pipeline: Annotated[str, typer.Argument(help="The pipeline's id", metavar="PIPELINE")],
    dataset: Annotated[str, typer.Argument(help="The dataset's id", metavar="DATASET")],
    source: SourceOption = None,
    priority: Annotated[int, typer.Option(help="A higher one goes first", min=-100, max=100)] = 0,
    wait: Annotated[bool, typer.Option(help="Watch the job until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a pipeline on a dataset; ends with 1 where the job fails."""
    with client(context) as skyulf:
        job = skyulf.pipelines.run(pipeline, dataset, sources=read_sources(source), priority=priority)
        if wait:
            job = end_of(skyulf, job)
    show_job(job, as_json)
    raise typer.Exit(1 if wait and job.status != "succeeded" else 0)


def read_sources(options: Sequence[str] | None) -> dict[str, str] | None:
    """Read `NAME=DATASET` options; raises `SkyulfClientError` for one without a name or a dataset."""
    found = [option.partition("=") for option in options or ()]
    for name, _, dataset in found:
        if not name or not dataset:
            raise SkyulfClientError(f"--source takes NAME=DATASET, as in customers=<id>; {name!r} is neither.")
    return {name: dataset for name, _, dataset in found} or None


def read_config(path: Path) -> dict[str, object]:
    """Read a configuration; raises `SkyulfClientError` for what is no JSON object."""
    try:
        found = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text())
    except OSError as error:
        raise SkyulfClientError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SkyulfClientError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise SkyulfClientError(f"{path} must hold an object with steps and model.")
    return found
