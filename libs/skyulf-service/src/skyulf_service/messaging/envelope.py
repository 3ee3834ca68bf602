"""CloudEvents 1.0 over Kafka: written in binary mode, read in binary and structured mode."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote
from uuid import UUID

from skyulf_events.envelope import rfc3339

from skyulf_service.outbox.rows import OutboxRow

Headers = list[tuple[str, bytes]]
REQUIRED = ("id", "type", "source", "specversion")
STRUCTURED = "application/cloudevents+json"


class UnreadableRecordError(Exception):
    """A record that is no CloudEvent of ours; ``reason`` is stable, the text says what is missing or wrong."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it comes from a transport."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A record's envelope; ``data`` is the body as JSON text."""

    id: UUID
    type: str
    source: str
    subject: str
    time: str
    data_schema: str
    traceparent: str | None
    data: bytes


def write_record(row: OutboxRow) -> Record:
    """Write an outbox row in binary mode; the key is the aggregate's id, so that its events keep their order."""
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(row.event_id).encode()),
        ("ce_type", _ascii(row.type)),
        ("ce_source", _ascii(row.source)),
        ("ce_subject", _ascii(row.aggregate_id)),
        ("ce_time", rfc3339(row.occurred_at).encode()),
        ("ce_partitionkey", _ascii(row.aggregate_id)),
        ("ce_dataschema", _ascii(row.data_schema)),
        ("content-type", b"application/json"),
    ]
    if row.traceparent:
        headers.append(("traceparent", _ascii(row.traceparent)))
    return Record(row.topic, row.aggregate_id.encode(), row.body.encode(), headers, offset=row.seq)


def read_record(record: Record) -> CloudEvent:
    """Read a record's envelope. Raises `UnreadableRecordError` when it is no CloudEvent with a UUID."""
    headers = {name.lower(): value.decode("ascii", "replace") for name, value in record.headers}
    if headers.get("content-type", "").split(";")[0].strip().lower() == STRUCTURED:
        return _structured(record.value, headers)
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce_")}
    return _event(attributes, record.value, headers.get("traceparent"))


def traceparent_of(record: Record) -> str | None:
    """The trace that a record belongs to, if it says so."""
    found = next((value for name, value in record.headers if name.lower() == "traceparent"), None)
    return None if found is None else found.decode("ascii", "replace")[:80]


def _structured(value: bytes, headers: dict[str, str]) -> CloudEvent:
    try:
        document = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UnreadableRecordError("bad-json", f"The structured CloudEvent is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise UnreadableRecordError("bad-envelope", "The structured CloudEvent is not a JSON object.")
    attributes = {name: found for name, found in document.items() if isinstance(found, str)}
    data = json.dumps(document.get("data")).encode()
    return _event(attributes, data, headers.get("traceparent") or attributes.get("traceparent"))


def _event(attributes: dict[str, str], data: bytes, traceparent: str | None) -> CloudEvent:
    missing = [name for name in REQUIRED if not attributes.get(name)]
    if missing:
        raise UnreadableRecordError("bad-envelope", f"The CloudEvent lacks: {', '.join(missing)}.")
    try:
        event_id = UUID(attributes["id"])
    except ValueError:
        raise UnreadableRecordError("bad-envelope", f"The CloudEvent's id {attributes['id']!r} is no UUID.") from None
    return CloudEvent(
        id=event_id,
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes.get("subject", ""),
        time=attributes.get("time", ""),
        data_schema=attributes.get("dataschema", ""),
        traceparent=traceparent,
        data=data,
    )


def _ascii(text: str) -> bytes:
    return quote(text, safe="/:._-?=&+~!*'()@$,;[]{}|^` ").encode("ascii")
