"""The catalogue of events and topics is complete and consistent."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
import skyulf_events
from skyulf_events import EVENTS, EVENTS_BY_TYPE, TOPICS, Event

PRODUCERS = {f"/services/{name}" for name in ("ingestion", "pipeline", "registry", "inference", "gateway")}


def declared(base: type[Event]) -> Iterator[type[Event]]:
    """All subclasses that name a type of their own."""
    for child in base.__subclasses__():
        if "type" in vars(child) and child.__module__.startswith("skyulf_events."):  # other tests make their own
            yield child
        yield from declared(child)


def test_every_declared_event_is_in_the_catalogue() -> None:
    for module in pkgutil.iter_modules(skyulf_events.__path__):
        importlib.import_module(f"skyulf_events.{module.name}")

    assert set(declared(Event)) == set(EVENTS)


def test_types_are_unique() -> None:
    assert len(EVENTS_BY_TYPE) == len(EVENTS)
    assert len({event.__name__ for event in EVENTS}) == len(EVENTS)


def test_topics_are_those_of_the_events_and_each_is_named_once() -> None:
    names = [topic.name for topic in TOPICS]

    assert sorted(names) == sorted({event.topic for event in EVENTS})
    assert all(topic.partitions >= 1 and topic.retention_days >= 1 for topic in TOPICS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_says_who_publishes_it_and_what_it_is_about(event: type[Event]) -> None:
    assert event.source in PRODUCERS
    assert event.subject_field in event.model_fields
    assert event.model_fields[event.subject_field].is_required()
    assert event.topic.startswith("skyulf.")
    assert event.topic.endswith(f".v{event.major}")


def test_one_service_owns_the_subject_of_a_topic_s_events() -> None:
    """Two services may share a topic, but never count the versions of one aggregate together."""
    owners: dict[tuple[str, str], set[str]] = {}
    for event in EVENTS:
        owners.setdefault((event.topic, event.subject_field), set()).add(event.source)

    assert all(len(sources) == 1 for sources in owners.values())
