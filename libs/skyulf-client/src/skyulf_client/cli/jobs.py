"""`skyulf jobs`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from skyulf_client.answers import BestTrial, Job
from skyulf_client.cli.context import AsJson, Cursor, Limit, client
from skyulf_client.cli.figures import with_intervals
from skyulf_client.cli.following import follow
from skyulf_client.cli.output import COLOURS, err, out, plain, print_fields, print_json, print_page, why
from skyulf_client.client import Skyulf

app = typer.Typer(no_args_is_help=True, help="Follow, stop and repeat runs.")
_FORMATS = {".html": "html", ".json": "json", ".md": "markdown"}
_MOST_IMPORTANCES = 8
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
def cancel(
    context: typer.Context,
    job: JobId,
    keep_best: Annotated[bool, typer.Option("--keep-best", help="Of a tuning, or AutoML: keep its best trial")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a job."""
    with client(context) as skyulf:
        show_job(skyulf.jobs.cancel(job, keep_best=keep_best), as_json)


@app.command()
def retry(
    context: typer.Context,
    job: JobId,
    trials: Annotated[
        int | None, typer.Option(help="Of a tuning: how many trials it shall have, with those it has", min=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a job again that failed or was cancelled; a tuning goes on where it ended, AutoML begins anew."""
    with client(context) as skyulf:
        show_job(skyulf.jobs.retry(job, n_trials=trials), as_json)


@app.command()
def trials(
    context: typer.Context,
    job: JobId,
    state: Annotated[str | None, typer.Option(help="Only these: running, complete, pruned, failed, stopped")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Show the trials of a tuning, or the candidates of AutoML."""
    with client(context) as skyulf:
        page = skyulf.jobs.trials(job, state=state, limit=limit, cursor=cursor)
    columns = {"Trial": "number", "State": "state", "Score": "score", "Seconds": "seconds", "Parameters": "params"}
    print_page(page, columns, as_json=as_json, nothing="The job has no trials.")


@app.command()
def report(
    context: typer.Context,
    job: JobId,
    to: Annotated[Path | None, typer.Option("--out", help="Write it: a page (.html), .json, or a card (.md)")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a job's model, as a model card; with --out as a page, too."""
    if to is not None and to.suffix.lower() not in _FORMATS:
        raise typer.BadParameter("a report is .html, .json or .md", param_hint="--out")
    with client(context) as skyulf:
        if to is None:
            found = skyulf.jobs.report(job, format="json" if as_json else "markdown").decode()
            sys.stdout.write(found if as_json else "".join(map(_harmless, found)))
            return
        data = skyulf.jobs.report(job, format=_FORMATS[to.suffix.lower()])
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(data)
    err().print(f"The report is in {plain(str(to))}", soft_wrap=True)


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
            "error": why(job.error),
            "best trial": None if job.best is None else _best(job.best),
            "model": job.register_as if job.status == "succeeded" else None,
            "metrics": with_intervals(job.metrics, job.intervals),
            "importances": {each.name: each.importance for each in job.importances[:_MOST_IMPORTANCES]},
            "report": f"skyulf jobs report {job.id} --out report.html" if job.has_report else None,
        }
    )


def _harmless(letter: str) -> str:
    """Spell a character out that would steer the terminal."""
    return letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]


def _best(best: BestTrial) -> str:
    return f"{best.trial} ({best.metric} {best.score:.6g})"
