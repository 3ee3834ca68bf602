"""`skyulf models`, `skyulf deployments` and `skyulf predict`."""

from typing import Annotated

import typer

from skyulf_client.answers import Deployment, ModelVersion
from skyulf_client.cli.context import AsJson, Cursor, Limit, Yes, client, confirm
from skyulf_client.cli.figures import with_intervals
from skyulf_client.cli.output import err, out, plain, print_fields, print_json, print_page, print_rows, why
from skyulf_client.cli.render import render

app = typer.Typer(no_args_is_help=True, help="Models, their versions, stages and aliases.")
deployments = typer.Typer(no_args_is_help=True, help="What is served under a name.")
Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("list")
def list_models(context: typer.Context, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List the project's models, newest first."""
    with client(context) as skyulf:
        page = skyulf.models.list(limit=limit, cursor=cursor)
    columns = {"Name": "name", "Newest version": "latest_version", "Aliases": "aliases", "Changed": "updated_at"}
    print_page(page, columns, as_json=as_json, nothing="There are no models; training a pipeline makes one.")


@app.command("show")
def show_model(
    context: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option(help="Show all of this version", min=1)] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show a model's versions, newest first, or all of one: metrics with their 95 % intervals, what it goes by."""
    with client(context) as skyulf:
        if version is not None:
            _show_version(skyulf.models.version(name, version), as_json)
            return
        page = skyulf.models.versions(name, limit=limit)
    if as_json:
        print_json(page)
        return
    if not page.items:
        out().print("[dim]The model has no versions.[/]")
        return
    rows = [[v.version, v.stage, v.estimator, with_intervals(v.metrics, v.intervals), v.created_at] for v in page.items]
    print_rows(["Version", "Stage", "Estimator", "Metrics", "Made"], rows)
    if page.next_cursor:
        out().print(f"[dim]There are more: --limit {limit * 2}[/]")


def _show_version(found: ModelVersion, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    lineage = found.lineage
    print_fields(
        {
            "model": f"{found.model} version {found.version}",
            "stage": found.stage,
            "status": found.status,
            "estimator": f"{found.estimator} ({found.task} of {found.target})",
            "pipeline": f"{lineage.pipeline_name} (version {lineage.pipeline_version})",
            "job": str(lineage.job_id),
            "made": found.created_at,
            "decisions": found.decisions,
        }
    )
    figures = with_intervals(found.metrics, found.intervals)
    print_rows(["Metric", "Value, 95 % interval"], list(figures.items()))
    if found.importances:
        print_rows(["Column", "Importance"], [[each.name, each.importance] for each in found.importances])


@app.command()
def promote(
    context: typer.Context,
    name: Name,
    version: int,
    stage: Annotated[str | None, typer.Option(help="none, development, staging, production, archived")] = None,
    alias: Annotated[str | None, typer.Option(help="A name for this version, such as champion")] = None,
    as_json: AsJson = False,
) -> None:
    """Put a version into a stage, or make an alias name it."""
    if stage is None and alias is None:
        raise typer.BadParameter("name --stage, --alias or both")
    with client(context) as skyulf:
        if alias is not None:
            skyulf.models.set_alias(name, version, alias)
        found = skyulf.models.version(name, version) if stage is None else skyulf.models.set_stage(name, version, stage)
    if as_json:
        print_json(found)
        return
    print_fields({"model": found.model, "version": found.version, "stage": found.stage, "alias": alias})


@deployments.command()
def create(
    context: typer.Context,
    name: Name,
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    version: Annotated[int | None, typer.Option(help="Default: the newest")] = None,
    alias: Annotated[str | None, typer.Option(help="In place of a version")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is served")] = True,
    as_json: AsJson = False,
) -> None:
    """Serve a model under a name; ends with 1 where it cannot be served."""
    with client(context) as skyulf:
        found = skyulf.deployments.create(name, model, version=version, alias=alias)
        if wait:
            with err().status(f"Loading {plain(model)}"):
                found = skyulf.deployments.wait(name)
    show_deployment(found, as_json)
    raise typer.Exit(1 if wait and found.status != "ready" else 0)


@deployments.command("list")
def list_deployments(context: typer.Context, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List the project's deployments, newest first."""
    with client(context) as skyulf:
        page = skyulf.deployments.list(limit=limit, cursor=cursor)
    columns = {"Name": "name", "Model": "model", "Version": "version", "Status": "status", "Revision": "revision"}
    print_page(page, columns, as_json=as_json, nothing="Nothing is deployed; do it with: skyulf deployments create")


@deployments.command("show")
def show_one(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show what is wanted of a deployment and what is really served."""
    with client(context) as skyulf:
        show_deployment(skyulf.deployments.get(name), as_json)


@deployments.command()
def rollback(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Go back to the version that was served before."""
    with client(context) as skyulf:
        show_deployment(skyulf.deployments.rollback(name), as_json)


@deployments.command()
def delete(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Stop serving under a name."""
    confirm(f"Stop serving {name}?", yes)
    with client(context) as skyulf:
        skyulf.deployments.delete(name)
    out().print(f"{plain(name)} is no longer served.")


@deployments.command()
def history(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show what a deployment was told to serve, newest first."""
    with client(context) as skyulf:
        found = skyulf.deployments.history(name)
    columns = {"Revision": "revision", "Why": "reason", "Model": "model", "Version": "version", "When": "created_at"}
    print_page(found, columns, as_json=as_json, nothing="There is no history.")


deployments.command()(render)


def show_deployment(found: Deployment, as_json: bool) -> None:
    """Print one deployment."""
    if as_json:
        print_json(found)
        return
    serving = f"{found.serving.model} version {found.serving.version}" if found.serving else None
    wanted = f"{found.model} version {found.version}" if found.model else found.desired
    fields = {"name": found.name, "revision": found.revision, "wanted": wanted, "status": found.status}
    print_fields({**fields, "serving": serving, "replicas": found.replicas, "error": why(found.error)})
