"""A record that could not be handled, as it is kept."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from skyulf_service.database.types import storable_text
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.records import Record, UnreadableRecordError, fingerprint_of, id_of, type_of

MAX_ERROR = 4_000
HANDLER_FAILED, TRANSIENT = "handler-failed", "transient"
# the reasons of events that were read and reached their handler; all others are of records that nobody could read
TRIED = (HANDLER_FAILED, TRANSIENT)


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
        "fingerprint": fingerprint_of(record),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": [[storable_text(name), base64.b64encode(value or b"").decode()] for name, value in record.headers],
        "type": _short(_said_by(record, type_of), 200),
        "event_id": _short(_said_by(record, id_of), 80),
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


def _said_by(record: Record, name: Callable[[Record], str | None]) -> str | None:
    try:
        return name(record)
    except UnreadableRecordError:
        return None


def _short(text: str | None, length: int) -> str | None:
    return None if not text else storable_text(text, length)
