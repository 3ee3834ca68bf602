"""What transports carry: raw records, and the CloudEvents in them (binary and structured mode)."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote
from uuid import UUID

from skyulf_events import EVENTS_BY_TYPE, Event, rfc3339

from skyulf_service.database.outbox_row import OutboxRow

STRUCTURED = "application/cloudevents+json"
JSON_TYPE = "application/json"


class UnreadableRecordError(Exception):
    """A record is no CloudEvent that we understand. ``reason`` is a short stable code."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a transport delivers it."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int = 0
    offset: int = 0

    def header(self, name: str) -> str | None:
        """A header's text, percent-decoded; None where it is missing or not UTF-8."""
        for known, value in self.headers:
            if known.lower() == name:
                try:
                    return unquote((value or b"").decode(), errors="strict")
                except UnicodeDecodeError:
                    return None
        return None


@dataclass(frozen=True)
class Message:
    """A well-formed CloudEvent, whose body is not yet checked against a contract."""

    id: UUID
    type: str
    source: str
    subject: str
    time: str
    data_schema: str
    traceparent: str | None
    body: bytes
    record: Record

    @cached_property
    def event(self) -> Event | None:
        """The event by its contract, or None for a type that this release does not know."""
        known = EVENTS_BY_TYPE.get(self.type)
        return None if known is None else known.model_validate_json(self.body)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of its record."""
        return fingerprint_of(self.record)


def record_of(row: OutboxRow) -> Record:
    """The record of an outbox row: CloudEvents binary mode, keyed by the aggregate."""
    headers = {
        "ce_id": str(row.event_id),
        "ce_type": row.type,
        "ce_source": row.source,
        "ce_subject": row.aggregate_id,
        "ce_time": rfc3339(row.occurred_at),
        "ce_specversion": "1.0",
        "ce_partitionkey": row.aggregate_id,
        "ce_dataschema": row.data_schema,
        "content-type": JSON_TYPE,
    }
    if row.traceparent:
        headers["traceparent"] = row.traceparent
    return Record(
        topic=row.topic,
        key=row.aggregate_id.encode(),
        value=row.body.encode(),
        headers=[(name, _ascii(value)) for name, value in headers.items()],
        offset=row.seq,
    )


def fingerprint_of(record: Record) -> str:
    """What tells a record from others when it comes again, by whatever way."""
    # An event comes by the topic and by its publisher's feed, and is one: its id is among the headers. What has none is
    # told by its place; with its content, because a topic that is made anew counts its records from 0 again.
    place = "" if record.header("ce_id") else f"{record.partition}/{record.offset}"
    parts = [record.topic.encode(), place.encode()]
    for name, value in record.headers:
        parts += [name.encode("utf-8", "surrogatepass"), value or b""]
    digest = hashlib.sha256()
    for part in [*parts, record.value]:
        # Each with its length: else garbage could put headers into its body, and bear a real event's fingerprint.
        # Letters of releases that left the lengths out are not known again; such a record is parked once more at worst.
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def type_of(record: Record) -> str | None:
    """The CloudEvents type of a record, without reading more of it than is needed; None where it names none."""
    found = record.header("ce_type")
    if found is None and _is_structured(record):
        envelope = _structured(record)
        found = _text(envelope, "type") or None
    return found


def id_of(record: Record) -> str | None:
    """The event id that a record bears, well-formed or not; None where it bears none."""
    if record.header("ce_type") is None and _is_structured(record):
        return _text(_structured(record), "id") or None
    return record.header("ce_id")


def message_of(record: Record) -> Message:
    """Read a record's envelope, or raise `UnreadableRecordError`."""
    if record.header("ce_type") is None and _is_structured(record):
        envelope = _structured(record)
        return _message(record, {key: _text(envelope, key) for key in envelope}, _data(envelope))
    names = ("id", "type", "source", "subject", "time", "specversion", "dataschema")
    attributes = {name: record.header(f"ce_{name}") or "" for name in names}
    content_type = record.header("content-type") or JSON_TYPE
    if not content_type.lower().startswith(JSON_TYPE):
        raise UnreadableRecordError("unsupported-content-type", f"the content type is {content_type!r}")
    attributes["traceparent"] = record.header("traceparent") or ""
    return _message(record, attributes, record.value)


def _message(record: Record, attributes: Mapping[str, str], body: bytes) -> Message:
    missing = [name for name in ("id", "type", "source", "specversion") if not attributes.get(name)]
    if missing:
        raise UnreadableRecordError("missing-headers", f"the record does not name its {', '.join(missing)}")
    if attributes["specversion"] != "1.0":
        raise UnreadableRecordError("unsupported-specversion", f"specversion {attributes['specversion']!r} is not 1.0")
    try:
        identity = UUID(attributes["id"])
    except ValueError:
        raise UnreadableRecordError("invalid-id", f"the id {attributes['id']!r} is not a UUID") from None
    return Message(
        id=identity,
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes.get("subject", ""),
        time=attributes.get("time", ""),
        data_schema=attributes.get("dataschema", ""),
        traceparent=attributes.get("traceparent") or record.header("traceparent"),
        body=body,
        record=record,
    )


def _is_structured(record: Record) -> bool:
    return (record.header("content-type") or "").lower().startswith(STRUCTURED)


def _structured(record: Record) -> dict[str, object]:
    try:
        envelope = json.loads(record.value)
    except (ValueError, RecursionError) as error:
        raise UnreadableRecordError("bad-json", f"the structured event is not JSON: {error}") from None
    if not isinstance(envelope, dict):
        raise UnreadableRecordError("bad-json", "the structured event is not a JSON object")
    return envelope


def _data(envelope: Mapping[str, object]) -> bytes:
    if "data_base64" not in envelope:
        return json.dumps(envelope.get("data")).encode()
    try:
        return base64.b64decode(str(envelope["data_base64"]), validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableRecordError("bad-json", "data_base64 is not base64") from None


def _text(envelope: Mapping[str, object], key: str) -> str:
    value = envelope.get(key)
    return value if isinstance(value, str) else ""


def _ascii(value: str) -> bytes:
    # CloudEvents' own rule for headers: what is not printable ASCII, and the sign that says so, is percent-encoded
    return quote(value, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~").encode()
