"""Reading the event stream line by line, and going on where it broke off."""

import json

import pytest
from skyulf_client import SkyulfApiError, SkyulfConnectionError
from skyulf_client.answers import Event
from skyulf_client.event_stream import EventPosition

LOST = SkyulfConnectionError("lost", unsent=False)


def lines(sequence: int, name: str = "job.completed") -> list[str]:
    event = {
        "id": f"e{sequence}", "type": f"io.skyulf.{name}.v1", "source": "/services/pipeline", "subject": "j",
        "time": "2026-01-01T00:00:00Z", "sequence": str(sequence), "data": {"status": "succeeded"},
    }  # fmt: skip
    return [f"id: {sequence}", f"data: {json.dumps(event)}", ""]


def feed(position: EventPosition, *some: str) -> list[Event]:
    return [event for line in some if (event := position.feed(line)) is not None]


def test_events_are_read_and_comments_are_not() -> None:
    position = EventPosition()

    events = feed(position, "retry: 1000", ": welcome", "", *lines(4), ": still here", "", *lines(5, "model.deployed"))

    assert [(event.sequence, event.name) for event in events] == [(4, "job.completed"), (5, "model.deployed")]


def test_a_connection_goes_on_behind_the_last_whole_event() -> None:
    position = EventPosition(subjects=["j"], after=2)
    assert position.request().headers["Last-Event-ID"] == "2"

    feed(position, *lines(4), *lines(5)[:2])  # the fifth lacks its end

    assert position.request().headers["Last-Event-ID"] == "4"
    assert position.request().query == {"subject": ["j"]}
    assert [event.sequence for event in feed(position, "", *lines(5))] == [5]


def test_a_reader_cut_off_before_the_first_event_goes_on_from_where_the_stream_began() -> None:
    position = EventPosition()

    assert feed(position, "retry: 1000", "id: 41", ": welcome", "", *lines(42)[:2]) == []

    assert position.request().headers["Last-Event-ID"] == "41"
    assert feed(position, ": welcome", "", *lines(42)) != []


def test_a_new_reader_names_no_event() -> None:
    assert "Last-Event-ID" not in EventPosition().request().headers


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_refusal_ends_the_stream(status: int) -> None:
    refusal = SkyulfApiError(status, "no", "No.")

    with pytest.raises(SkyulfApiError):
        EventPosition().pause(refusal)


def test_a_server_that_stays_away_ends_the_stream() -> None:
    position = EventPosition(patience=3)

    pauses = [position.pause(LOST) for _ in range(3)]

    assert pauses == [0.5, 1.0, 2.0]
    with pytest.raises(SkyulfConnectionError):
        position.pause(LOST)


def test_patience_begins_anew_with_every_line() -> None:
    position = EventPosition(patience=2)

    for _ in range(10):
        position.pause(LOST)
        feed(position, ": welcome")

    assert position.pause(None) == 0.5


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    assert EventPosition().pause(SkyulfApiError(429, "rate-limited", "Later.", retry_after=5)) == 5
