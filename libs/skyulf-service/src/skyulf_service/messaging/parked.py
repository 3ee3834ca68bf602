"""A record that could not be handled, as it is kept."""

import base64
import hashlib
from dataclasses import dataclass

from skyulf_service.database.types import storable_text
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.records import Record, UnreadableRecordError, type_of

MAX_ERROR = 4_000


@dataclass(frozen=True, slots=True)
class Parked:
    """A record, the consumer that could not take it, why (a short code, then a text), and how often it was tried."""

    record: Record
    consumer: str
    reason: str
    error: str
    attempts: int = 1


def row_of(parked: Parked) -> dict[str, object]:
    """The row of ``dead_letters``. Whatever is in the record, it can be stored."""
    record = parked.record
    return {
        "id": new_id(),
        "consumer": parked.consumer,
        "fingerprint": _fingerprint(record),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": [[storable_text(name), base64.b64encode(value or b"").decode()] for name, value in record.headers],
        "type": _short(_type(record), 200),
        "event_id": _short(record.header("ce_id"), 80),
        "reason": parked.reason,
        "error": storable_text(parked.error, MAX_ERROR),
        "traceparent": _short(record.header("traceparent"), 80),
        "attempts": parked.attempts,
        "parked_at": utc_now(),
    }


def record_from(
    topic: str, key: bytes | None, value: bytes, headers: list[list[str]], place: tuple[int, int]
) -> Record:
    """The record of a row, byte for byte."""
    decoded = [(name, base64.b64decode(encoded)) for name, encoded in headers]
    return Record(topic, key, value, decoded, partition=place[0], offset=place[1])


def _fingerprint(record: Record) -> str:
    # An event comes by the topic and by its publisher's feed, and is one: its id is among the headers. What has none is
    # told by its place; with its content, because a topic that is made anew counts its records from 0 again.
    place = "" if record.header("ce_id") else f"{record.partition}/{record.offset}/"
    digest = hashlib.sha256(f"{record.topic}/{place}".encode())
    for name, value in record.headers:
        digest.update(name.encode("utf-8", "replace") + b"\x00" + (value or b"") + b"\x00")
    digest.update(record.value)
    return digest.hexdigest()


def _type(record: Record) -> str | None:
    try:
        return type_of(record)
    except UnreadableRecordError:
        return None


def _short(text: str | None, length: int) -> str | None:
    return None if not text else storable_text(text, length)
