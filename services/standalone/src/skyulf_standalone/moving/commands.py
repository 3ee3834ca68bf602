"""`skyulf export` and `skyulf import`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from skyulf_client import SkyulfClientError
from skyulf_client.cli.context import AsJson, client
from skyulf_client.cli.output import out, plain, print_error, print_json, work_bar

from skyulf_standalone.moving.errors import MovingError
from skyulf_standalone.moving.exporting import Say

MEGABYTE = 1e6


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command("export")(export_command)
    app.command("import")(import_command)


def export_command(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="The project's slug; `default` is that of the first run")],
    file: Annotated[Path, typer.Argument(help="The file to write; it holds the project's data")],
    as_json: AsJson = False,
) -> None:
    """Write a project (datasets, pipelines, models, what is deployed) into a file, for another installation."""
    from skyulf_standalone.moving.exporting import export_project
    from skyulf_standalone.moving.places import READS, working_in

    with (
        _telling(as_json),
        client(context) as skyulf,
        working_in(skyulf, project, READS) as inside,
        _bar(f"export {project}") as say,
    ):
        manifest, found = export_project(inside, project, file, say)
    if as_json:
        print_json(manifest)
        return
    counts = {
        "datasets": len(found.datasets),
        "pipelines": len(found.pipelines),
        "model versions": sum(len(model.versions) for model in found.models),
        "deployments": len(found.deployments),
    }
    size = sum(entry.size for entry in manifest.files)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    out().print(plain(f"{file}: {told}, {size / MEGABYTE:.1f} MB. It holds the project's data: keep it as safe."))


def import_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `skyulf export` has written")],
    slug: Annotated[
        str | None, typer.Option("--as", help="The project to import into, made where missing", metavar="SLUG")
    ] = None,
    deploy: Annotated[bool, typer.Option("--deploy", help="Serve what was served")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring an exported project here. What is here already is kept: an import that broke off can be repeated."""
    from skyulf_standalone.moving.archive import verified
    from skyulf_standalone.moving.importing import import_project
    from skyulf_standalone.moving.places import WRITES, working_in

    with _telling(as_json), verified(file) as archive, client(context) as skyulf:
        wanted = slug or archive.project.slug
        with working_in(skyulf, wanted, WRITES, make=True) as inside, _bar(f"import into {wanted}") as say:
            report = import_project(inside, archive, say, deploy=deploy)
    if as_json:
        print_json({"project": wanted, "made": {**report.made}, "kept": {**report.kept}, "notes": [*report.notes]})
        return
    for what in ("datasets", "pipelines", "model versions", "deployments"):
        if report.made.get(what) or report.kept.get(what):
            out().print(f"{what}: {report.made.get(what, 0)} new, {report.kept.get(what, 0)} were here already")
    for note in report.notes:
        out().print(plain(note), soft_wrap=True)


@contextmanager
def _telling(as_json: bool) -> Iterator[None]:
    """Say what went wrong in a line, and end with 1."""
    try:
        yield
    except SkyulfClientError as error:
        print_error(error, as_json=as_json)
        raise typer.Exit(1) from None
    except OSError as error:  # what passes through files on its way meets full disks too
        what = error.filename or "A file on the way"
        print_error(MovingError(f"{what} cannot be read or written: {error.strerror or error}."), as_json=as_json)
        raise typer.Exit(1) from None


@contextmanager
def _bar(label: str) -> Iterator[Say]:
    with work_bar() as progress:
        task = progress.add_task(label, total=None, step="")
        yield lambda step: progress.update(task, step=plain(step))
