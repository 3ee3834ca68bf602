"""Events as a transport hands them over, without an outbox that they would have to leave first."""

from skyulf_events import Event

from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.messaging.records import Record, record_of


def record_of_event(event: Event, *, seq: int = 1, traceparent: str | None = None) -> Record:
    """The record of an event; ``seq`` is its place in its publisher's outbox."""
    row = OutboxRow(
        seq=seq,
        event_id=event.event_id,
        topic=event.topic,
        type=event.ce_type(),
        source=event.source,
        data_schema=event.data_schema(),
        aggregate_id=event.subject,
        aggregate_version=event.aggregate_version,
        project_id=event.project_id,
        body=event.model_dump_json(),
        traceparent=traceparent,
        occurred_at=event.occurred_at,
    )
    return record_of(row)
