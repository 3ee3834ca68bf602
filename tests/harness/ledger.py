"""What services told of a project's work, counted where nothing keeps a second telling away.

Tables of models and datasets have unique constraints, and who writes to them looks before: they show one row however
often the work was done. An outbox takes every event that somebody commits, each with an id of its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.api import Api
from harness.stream import read_until

# what an event of a type says has happened, by the fields that name it: all of them happen once
ONCE = {
    "dataset.created": [("dataset_id",)],
    "dataset.profiled": [("dataset_id",)],
    "dataset.failed": [("dataset_id",)],
    "job.queued": [("job_id",)],
    "job.completed": [("job_id",)],
    "model.registered": [("job_id",), ("model", "version"), ("version_id",)],
}
Effect = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One event as its service committed it."""

    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def effects(self) -> list[Effect]:
        """What it says has happened."""
        return [(self.type, *(str(self.data[name]) for name in names)) for names in ONCE.get(self.type, [])]


class Keeper(Protocol):
    """An installation whose outboxes can be read."""

    def outboxes(self, project_id: str) -> list[Entry]:
        """Every event about a project that a service has committed."""
        ...


def entry(event_id: object, type: str, body: Mapping[str, Any]) -> Entry:
    """An entry of an outbox's columns."""
    return Entry(str(event_id), type.removeprefix("io.skyulf.").removesuffix(".v1"), body)


def told_twice(entries: Iterable[Entry]) -> dict[Effect, int]:
    """What was told more than once to have happened, and how often."""
    counted = Counter(effect for each in entries for effect in each.effects)
    return {effect: times for effect, times in counted.items() if times > 1}


def assert_told_once(skyulf: Keeper, api: Api, *, datasets: Iterable[str], jobs: Iterable[str]) -> int:
    """Each dataset and job has ended and made what it makes, once; returns how many events the services told.

    The stream shows what the outboxes hold, each event once and nothing else.
    """
    known = {each.id for each in skyulf.outboxes(api.project_id)}
    seen = read_until(api, lambda events: known <= {each.event["id"] for each in events})
    entries = skyulf.outboxes(api.project_id)  # what came until the stream was quiet too
    wanted = {("dataset.profiled", each) for each in datasets}
    wanted |= {(kind, each) for kind in ("job.queued", "job.completed", "model.registered") for each in jobs}
    untold = wanted - {effect for each in entries for effect in each.effects}
    assert not untold, f"nobody told {untold}"
    twice = told_twice(entries)
    assert not twice, f"told more than once: {twice}"
    shown = Counter(each.event["id"] for each in seen)
    assert set(shown.values()) == {1}, f"the stream shows an event more than once: {shown}"
    foreign = shown.keys() - {each.id for each in entries}
    assert not foreign, f"nobody committed {foreign}"
    return len(entries)
