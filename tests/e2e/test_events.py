"""The story as its events tell it: to a stream that keeps breaking, and to a reader who knows nothing of Skyulf."""

import json
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from harness.stream import Seen, read_stream
from harness.told import Told
from harness.topics import Published

ROOT = Path(__file__).parents[2]
STORY = [
    "dataset.created",
    "dataset.profiled",
    "job.queued",
    "job.started",
    "job.completed",
    "model.registered",
    "model.deployed",
    "deployment.ready",
]
STREAM_ONLY = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "sequence"}


def test_a_stream_that_keeps_breaking_shows_each_event_once_and_in_order(told: Told) -> None:
    numbers = [seen.number for seen in told.events]

    assert told.connections > max(5.0, told.seconds / 2), "it came back about every second"
    assert numbers == sorted(set(numbers))
    assert len({seen.event["id"] for seen in told.events}) == len(told.events)
    assert [one.event for one in read_stream(told.api)][: len(numbers)] == [one.event for one in told.events]
    for versions in by_aggregate(told.events).values():
        assert all(earlier < later for earlier, later in pairwise(versions))


def test_the_stream_shows_what_the_services_announced_no_more_and_no_less(told: Told) -> None:
    shown: dict[tuple[str, str], list[str]] = defaultdict(list)
    for seen in told.events:
        shown[seen.event["source"], seen.event["subject"]].append(seen.event["id"])
    announced: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in told.announced:
        announced[event.source, event.subject].append(event.id)

    assert sorted(seen.event["id"] for seen in told.events) == sorted(event.id for event in told.announced)
    assert shown == announced


def test_the_stream_tells_the_whole_story(told: Told) -> None:
    for name in told.jobs:
        happened = [seen.type for seen in of_story(told, name)]
        assert sorted(happened) == sorted(STORY)
        for area in ("dataset", "job"):  # one aggregate each: in order; across aggregates nothing is promised
            assert in_area(happened, area) == in_area(STORY, area)
    assert all(set(seen.event) == STREAM_ONLY | {"data"} for seen in told.events)
    assert {seen.data["project_id"] for seen in told.events} == {told.api.project_id}


def test_a_later_reader_begins_where_it_wants(told: Told) -> None:
    middle = told.events[len(told.events) // 2].number
    later = list(read_stream(told.api, after=middle, at_most=len(told.events) // 2 - 1))

    assert [seen.number for seen in later] == [seen.number for seen in told.events if seen.number > middle][
        : len(later)
    ]


def test_one_trace_joins_upload_profile_job_version_and_deployment(told: Told) -> None:
    traceparents = told.skyulf.traceparents()

    for name in told.jobs:
        traces = {seen.type: traceparents[seen.event["id"]][3:35] for seen in of_story(told, name)}
        assert traces == dict.fromkeys(STORY, told.trace_id)


@pytest.mark.parametrize("skyulf", ["distributed"], indirect=True)
def test_somebody_elses_program_reads_the_topics(told: Told) -> None:
    """aiokafka, the CloudEvents package and the published schemas, and nothing of Skyulf."""
    found: dict[str, list[Published]] = defaultdict(list)
    for record in [event.record for event in told.announced if event.record is not None]:
        event = from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value))
        body = event.get_data()
        assert isinstance(body, dict)
        assert record.key == str(event.get_subject()).encode()
        assert event.get_id() == body["event_id"]
        jsonschema.validate(body, schema_of(event.get_dataschema()))
        assert body["project_id"] == told.api.project_id
        found[event.get_id()].append(record)

    assert all(len(records) == 1 for records in found.values())
    assert {seen.event["id"] for seen in told.events} == set(found)
    places: dict[tuple[str, str], list[Published]] = defaultdict(list)
    for [record] in found.values():
        places[record.headers["ce_source"].decode(), record.headers["ce_subject"].decode()].append(record)
    for records in places.values():
        assert len({(record.topic, record.partition) for record in records}) == 1
        versions = [json.loads(record.value)["aggregate_version"] for record in records]
        assert all(earlier < later for earlier, later in pairwise(versions))


def of_story(told: Told, name: str) -> list[Seen]:
    """The events of one model's way from the file to its deployment, without the reports of progress."""

    def is_mine(seen: Seen) -> bool:
        area, data = seen.type.partition(".")[0], seen.data
        if area == "dataset":
            return bool(data["dataset_id"] == told.dataset["id"])
        if seen.type in ("model.deployed", "deployment.ready"):
            return bool(data["name"] == name)
        job = data.get("job_id") or data.get("lineage", {}).get("job_id")
        return bool(job == told.jobs[name]["id"]) and seen.type != "job.progressed"

    return [seen for seen in told.events if is_mine(seen)]


def by_aggregate(events: list[Seen]) -> dict[tuple[str, str], list[int]]:
    """The versions that a reader saw of each aggregate, in the order in which they came."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for seen in events:
        found[seen.event["source"], seen.event["subject"]].append(seen.data["aggregate_version"])
    return found


def in_area(types: list[str], area: str) -> list[str]:
    """The types of one area, in their order."""
    return [name for name in types if name.startswith(f"{area}.")]


@cache
def schema_of(address: str) -> dict[str, object]:
    """The published schema that an event names."""
    schema: dict[str, object] = json.loads((ROOT / address.partition("?")[0].lstrip("/")).read_text())
    return schema
