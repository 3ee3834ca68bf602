"""What every event promises: its CloudEvents attributes, its strictness and its tolerance."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from pydantic import ValidationError
from skyulf_events import EVENTS, ProjectCreated, rfc3339

PROJECT = UUID("01a1f324-3a3b-7244-8439-210ded955a60")
FIELDS: dict[str, object] = {
    "event_id": "01a1f324-3a3b-7244-8439-210ded955a61",
    "project_id": str(PROJECT),
    "aggregate_version": 1,
    "occurred_at": "2026-11-20T10:30:00+01:00",
    "slug": "default",
    "name": "Default project",
}


def test_an_event_names_its_type_schema_subject_and_time() -> None:
    event = ProjectCreated.model_validate(FIELDS)

    assert event.ce_type() == "io.skyulf.project.created.v1"
    assert event.data_schema() == "/contracts/schemas/project.created.v1.json?minor=0"
    assert event.subject == str(PROJECT)
    assert event.ce_time() == "2026-11-20T09:30:00.000000Z"


def test_time_is_written_in_utc_with_z_whatever_its_zone() -> None:
    zone = timezone(timedelta(hours=-3, minutes=-30))

    assert rfc3339(datetime(2026, 1, 1, 0, 0, tzinfo=zone)) == "2026-01-01T03:30:00.000000Z"
    assert rfc3339(datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)) == "2026-01-01T00:00:00.000005Z"


def test_a_reader_ignores_fields_of_a_newer_publisher() -> None:
    event = ProjectCreated.model_validate(FIELDS | {"colour": "blue"})

    assert not hasattr(event, "colour")


def test_an_event_cannot_be_changed() -> None:
    event = ProjectCreated.model_validate(FIELDS)

    with pytest.raises(ValidationError):
        event.name = "Other"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("occurred_at", "2026-11-20T10:30:00"),
        ("aggregate_version", 0),
        ("event_id", "not-a-uuid"),
        ("project_id", None),
        ("slug", None),
    ],
)
def test_an_event_refuses_what_no_publisher_may_send(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        ProjectCreated.model_validate(FIELDS | {field: value})

    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_header_values_are_ascii(event: type[ProjectCreated]) -> None:
    assert (event.ce_type() + event.source + event.data_schema() + event.topic).isascii()
