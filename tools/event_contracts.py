"""The event contracts as documents: one JSON Schema for each type, and AsyncAPI 3 for all of them."""

import json
from pathlib import Path

from pydantic import JsonValue
from pydantic.json_schema import models_json_schema
from skyulf_events import EVENTS, TOPICS, Event, Topic

Document = dict[str, JsonValue]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MINOR = "x-skyulf-minor"
DAY_IN_MILLISECONDS = 24 * 60 * 60 * 1000
UUID_TEXT: Document = {"type": "string", "format": "uuid"}
HEADERS: dict[str, tuple[str, Document]] = {
    "ce_specversion": ("The version of CloudEvents", {"const": "1.0"}),
    "ce_id": ("The event's id (UUIDv7); the key for deduplication", UUID_TEXT),
    "ce_subject": ("The id of the aggregate that the event is about; the record's key", UUID_TEXT),
    "ce_partitionkey": ("The same id as ce_subject", UUID_TEXT),
    "ce_time": ("When it happened: RFC 3339, UTC, with Z", {"type": "string", "format": "date-time"}),
    "content-type": ("The type of the body", {"const": "application/json"}),
}
TRACE: Document = {"type": "string", "description": "The trace that the event belongs to (W3C Trace Context)"}


def schema_of(event: type[Event]) -> Document:
    """Write the JSON Schema of an event's body, as a reader may rely on it."""
    own: Document = event.model_json_schema()
    head: Document = {
        "$schema": DIALECT,
        "$id": f"/contracts/schemas/{event.type}.v{event.major}.json",
        "title": event.__name__,
        "x-skyulf-type": event.ce_type(),
        "x-skyulf-topic": event.topic,
        "x-skyulf-source": event.source,
        MINOR: event.minor,
    }
    return head | {key: value for key, value in own.items() if key != "title"}


def schemas() -> dict[str, Document]:
    """All schemas by file name below ``contracts/``."""
    return {f"schemas/{event.type}.v{event.major}.json": schema_of(event) for event in EVENTS}


def asyncapi(samples: Path) -> Document:
    """Write AsyncAPI 3: the topics, the messages on them with their headers, bodies and first samples."""
    _, components = models_json_schema(
        [(event, "validation") for event in EVENTS], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Skyulf events",
            "version": "1",
            "description": "Facts that Skyulf publishes: CloudEvents 1.0 in Kafka binary mode. Readers ignore fields "
            "that they do not know; a breaking change is a new type.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel_name(topic): channel(topic) for topic in TOPICS},
        "operations": {f"publish-{channel_name(topic)}": operation(topic) for topic in TOPICS},
        "components": {
            "schemas": components["$defs"],
            "messages": {event.__name__: message(event, samples) for event in EVENTS},
        },
    }


def channel_name(topic: Topic) -> str:
    """Shorten a topic's name: ``skyulf.datasets.v1`` is the channel ``datasets``."""
    return topic.name.split(".")[1]


def events_on(topic: Topic) -> list[type[Event]]:
    """List the events of a topic."""
    return [event for event in EVENTS if event.topic == topic.name]


def channel(topic: Topic) -> Document:
    """Describe a topic and how it is made."""
    configuration: Document = {
        "cleanup.policy": [topic.cleanup],
        "retention.ms": topic.retention_days * DAY_IN_MILLISECONDS,
    }
    kafka: Document = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": configuration,
        "bindingVersion": "0.5.0",
    }
    return {
        "address": topic.name,
        "title": channel_name(topic).capitalize(),
        "description": "Events of one aggregate keep their order.",
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in events_on(topic)},
        "bindings": {"kafka": kafka},
    }


def operation(topic: Topic) -> Document:
    """Say that Skyulf sends the topic's events."""
    name = channel_name(topic)
    return {
        "action": "send",
        "title": f"Publish {name}",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{event.__name__}"} for event in events_on(topic)],
    }


def message(event: type[Event], samples: Path) -> Document:
    """Describe one event: its headers, its body and a sample."""
    sample = json.loads((samples / event.type / "001.json").read_text())
    return {
        "name": event.ce_type(),
        "title": event.__name__,
        "summary": (event.__doc__ or "").split("\n", 1)[0],
        "contentType": "application/json",
        "headers": headers(event),
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": UUID_TEXT, "bindingVersion": "0.5.0"}},
        "examples": [{"name": "001", "payload": sample["data"]}],
    }


def headers(event: type[Event]) -> Document:
    """Describe the headers of an event's record (CloudEvents, Kafka binary mode)."""
    fixed: dict[str, tuple[str, Document]] = {
        "ce_type": ("The event's type", {"const": event.ce_type()}),
        "ce_source": ("The service that publishes it", {"const": event.source}),
        "ce_dataschema": ("The schema of the body, with its minor version", {"const": event.data_schema()}),
    }
    required = HEADERS | fixed
    described = {key: schema | {"description": text} for key, (text, schema) in required.items()}
    return {
        "type": "object",
        "title": f"{event.__name__}Headers",
        "properties": {**described, "traceparent": TRACE},
        "required": list(required),
    }
