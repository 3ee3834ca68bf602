"""`skyulf datasets`."""

import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from skyulf_client.answers import Dataset, Profile
from skyulf_client.cli.context import AsJson, Cursor, Limit, Yes, client, confirm
from skyulf_client.cli.output import err, out, plain, print_fields, print_json, print_page, print_rows, upload_bar, why
from skyulf_client.client import Skyulf

app = typer.Typer(no_args_is_help=True, help="Upload data and look at it.")
WIDE = 110
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
DatasetId = Annotated[str, typer.Argument(help="The dataset's id", metavar="DATASET")]


@app.command()
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file", exists=True, dir_okay=False, readable=True)],
    name: Annotated[str | None, typer.Option(help="Default: the file's name")] = None,
    separator: Annotated[str | None, typer.Option(help="Default: detected")] = None,
    encoding: Annotated[str | None, typer.Option(help="Default: UTF-8, or by its byte order mark")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the file is read and profiled")] = True,
    as_json: AsJson = False,
) -> None:
    """Upload a file as a new dataset."""
    with client(context) as skyulf:
        dataset = send_file(skyulf, file, name=name, separator=separator, encoding=encoding)
        if wait:
            dataset = wait_for(skyulf, dataset)
    show_dataset(dataset, as_json)
    raise typer.Exit(1 if dataset.status == "failed" else 0)


def send_file(
    skyulf: Skyulf, file: Path, *, name: str | None = None, separator: str | None = None, encoding: str | None = None
) -> Dataset:
    """Upload a file with a progress bar."""
    with upload_bar(f"Uploading {file.name}") as bar:
        return skyulf.datasets.upload(
            file,
            name=name,
            separator=separator,
            encoding=encoding,
            on_progress=lambda sent, size: bar.update(bar.task_ids[0], completed=sent, total=size),
        )


def wait_for(skyulf: Skyulf, dataset: Dataset) -> Dataset:
    """Wait until a dataset is read, with a spinner."""
    with err().status(f"Reading and profiling {plain(dataset.name)}"):
        return skyulf.datasets.wait(dataset.id)


@app.command("list")
def list_datasets(context: typer.Context, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List the project's datasets, newest first."""
    with client(context) as skyulf:
        page = skyulf.datasets.list(limit=limit, cursor=cursor)
    columns = {
        "Id": "id",
        "Name": "name",
        "Status": "status",
        "Rows": "rows",
        "Columns": "columns",
        "Made": "created_at",
    }
    print_page(page, columns, as_json=as_json, nothing="There are no datasets; upload one with: skyulf datasets upload")


@app.command()
def show(context: typer.Context, dataset: DatasetId, as_json: AsJson = False) -> None:
    """Show a dataset."""
    with client(context) as skyulf:
        show_dataset(skyulf.datasets.get(dataset), as_json)


@app.command()
def profile(context: typer.Context, dataset: DatasetId, as_json: AsJson = False) -> None:
    """Show what a dataset holds, column by column."""
    with client(context) as skyulf:
        found = skyulf.datasets.profile(dataset)
    if as_json:
        print_json(found)
    else:
        print_profile(found)


def print_profile(found: Profile) -> None:
    """Print a profile as a table; a narrow terminal gets one frequent value per column, and no mean."""
    wide = out().width >= WIDE
    rows = [
        [
            column.name,
            column.type,
            f"{column.null_share:.1%}",
            column.distinct,
            _short(column.min),
            *([column.mean] if wide else []),
            _short(column.max),
            ", ".join(f"{_short(top.value)} ({top.count:,})" for top in column.top_values[: 3 if wide else 1]),
        ]
        for column in found.columns
    ]
    headings = ["Column", "Type", "Missing", "Distinct", "Least", *(["Mean"] if wide else []), "Most", "Frequent"]
    title = f"{found.rows:,} rows, {len(found.columns)} columns, {found.missing_cells:,} missing cells"
    print_rows(headings, rows, title=title)
    for column in found.columns:
        for warning in column.warnings:
            out().print(f"[yellow]![/] {plain(column.name)}: {plain(warning.message)}", soft_wrap=True)


def _short(value: JsonValue) -> JsonValue:
    """Moments to the minute; anything else as it is."""
    return value[:16].replace("T", " ") if isinstance(value, str) and MOMENT.match(value) else value


@app.command()
def sample(context: typer.Context, dataset: DatasetId, as_json: AsJson = False) -> None:
    """Show a dataset's first rows."""
    with client(context) as skyulf:
        found = skyulf.datasets.sample(dataset)
    if as_json:
        print_json(found)
        return
    headings = list(found.rows[0]) if found.rows else []
    print_rows(headings, [[row.get(name) for name in headings] for row in found.rows[:20]])


@app.command()
def cancel(context: typer.Context, dataset: DatasetId, as_json: AsJson = False) -> None:
    """Stop reading an upload."""
    with client(context) as skyulf:
        show_dataset(skyulf.datasets.cancel(dataset), as_json)


@app.command()
def delete(context: typer.Context, dataset: DatasetId, yes: Yes = False) -> None:
    """Delete a dataset."""
    confirm(f"Delete dataset {dataset} for good?", yes)
    with client(context) as skyulf:
        skyulf.datasets.delete(dataset)
    out().print(f"Deleted {plain(dataset)}.")


def show_dataset(dataset: Dataset, as_json: bool) -> None:
    """Print one dataset."""
    if as_json:
        print_json(dataset)
        return
    fields = {"id": str(dataset.id), "name": dataset.name, "status": dataset.status, "version": dataset.version}
    sizes = {"rows": dataset.rows, "columns": dataset.columns, "bytes": dataset.bytes, "made": dataset.created_at}
    print_fields({**fields, **sizes, "error": why(dataset.error)})
