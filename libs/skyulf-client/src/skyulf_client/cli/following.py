"""Following jobs by the event stream, with a bar for each."""

from collections.abc import Sequence
from datetime import datetime

from rich.progress import Progress, TaskID

from skyulf_client.answers import Event, Job
from skyulf_client.answers.jobs import ENDS
from skyulf_client.cli.output import plain, work_bar
from skyulf_client.client import Skyulf

TYPES = ("job.queued", "job.started", "job.progressed", "job.completed")


def follow(skyulf: Skyulf, jobs: Sequence[Job]) -> list[Job]:
    """Follow jobs until all have ended; returns them as they are then, in the order given."""
    with work_bar() as bar:
        bars = {str(job.id): bar.add_task(plain(job.pipeline_name), total=1.0, step=job.status) for job in jobs}
        waiting = {str(job.id): job.queued_at for job in jobs if not job.done}
        # from the log's beginning: what happened before this connection was made counts too
        for event in skyulf.events.stream(types=TYPES, subjects=list(waiting), after=0) if waiting else ():
            if not _is_old(event, waiting.get(event.subject)):
                _show(bar, bars[event.subject], event)
                if event.data.get("status") in ENDS:
                    del waiting[event.subject]
            if not waiting:
                break
    return [skyulf.jobs.get(job.id) for job in jobs]


def _is_old(event: Event, queued_at: datetime | None) -> bool:
    """Whether an event is of an attempt before the job was queued again (or of a job that has ended)."""
    if queued_at is None:
        return True
    return datetime.fromisoformat(str(event.data["queued_at"])) < queued_at


def _show(bar: Progress, task: TaskID, event: Event) -> None:
    status = str(event.data.get("status"))
    progress, step = event.data.get("progress"), str(event.data.get("step") or status)
    if status in ENDS:
        bar.update(task, completed=1.0 if status == "succeeded" else None, step=status)
        bar.stop_task(task)
    elif isinstance(progress, int | float):
        bar.update(task, completed=float(progress), step=plain(step))
    else:
        bar.update(task, step=status)
