"""`skyulf jobs`."""

from typing import Annotated

import typer

from skyulf_client.answers import Job
from skyulf_client.cli.context import AsJson, Cursor, Limit, client
from skyulf_client.cli.following import follow
from skyulf_client.cli.output import COLOURS, out, plain, print_fields, print_json, print_page
from skyulf_client.client import Skyulf

app = typer.Typer(no_args_is_help=True, help="Follow, stop and repeat runs.")
JobId = Annotated[str, typer.Argument(help="The job's id", metavar="JOB")]


@app.command("list")
def list_jobs(
    context: typer.Context,
    status: Annotated[
        str | None, typer.Option(help="Only these: queued, running, succeeded, failed, cancelled")
    ] = None,
    pipeline: Annotated[str | None, typer.Option(help="Only this pipeline's")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the project's jobs, newest first."""
    with client(context) as skyulf:
        page = skyulf.jobs.list(status=status, pipeline_id=pipeline, limit=limit, cursor=cursor)
    columns = {
        "Id": "id",
        "Pipeline": "pipeline_name",
        "Dataset": "dataset_name",
        "Status": "status",
        "Attempt": "attempt",
        "Seconds": "seconds",
        "Queued": "queued_at",
    }
    print_page(page, columns, as_json=as_json, nothing="There are no jobs; make one with: skyulf pipelines run")


@app.command()
def show(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Show a job with its metrics."""
    with client(context) as skyulf:
        show_job(skyulf.jobs.get(job), as_json)


@app.command()
def watch(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Follow a job until it has ended; ends with 1 where it fails."""
    with client(context) as skyulf:
        found = end_of(skyulf, skyulf.jobs.get(job))
    show_job(found, as_json)
    raise typer.Exit(0 if found.status == "succeeded" else 1)


@app.command()
def cancel(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Stop a job."""
    with client(context) as skyulf:
        show_job(skyulf.jobs.cancel(job), as_json)


@app.command()
def retry(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Try a job again that failed or was cancelled."""
    with client(context) as skyulf:
        show_job(skyulf.jobs.retry(job), as_json)


@app.command()
def logs(context: typer.Context, job: JobId, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """Show what a job has logged."""
    with client(context) as skyulf:
        page = skyulf.jobs.logs(job, cursor=cursor)
        while page.next_cursor and not as_json:
            following = skyulf.jobs.logs(job, cursor=page.next_cursor)
            page = following.model_copy(update={"items": page.items + following.items})
    if as_json:
        print_json(page)
        return
    for line in page.items:
        time = line.at.strftime("%H:%M:%S")
        colour = COLOURS.get(line.level, "default")
        out().print(f"[dim]{time} #{line.attempt}[/] [{colour}]{plain(line.message)}[/]", soft_wrap=True)


def end_of(skyulf: Skyulf, job: Job) -> Job:
    """Follow a job to its end, with a progress bar."""
    return follow(skyulf, [job])[0]


def show_job(job: Job, as_json: bool) -> None:
    """Print one job."""
    if as_json:
        print_json(job)
        return
    print_fields(
        {
            "id": str(job.id),
            "pipeline": f"{job.pipeline_name} (version {job.pipeline_version})",
            "dataset": f"{job.dataset_name} (version {job.dataset_version})",
            "status": job.status,
            "step": None if job.done else f"{job.step} ({job.progress:.0%})",
            "seconds": job.seconds,
            "error": job.error.message if job.error else None,
            "model": job.register_as if job.status == "succeeded" else None,
            "metrics": job.metrics,
        }
    )
