"""The newest events in memory: bounded by number and by bytes, and never with a gap."""

from uuid import uuid4

from skyulf_gateway.domain.log import LoggedEvent
from skyulf_gateway.runtime.newest import Newest
from skyulf_service.ids import new_id, utc_now


def logged(seq: int, size: int = 10) -> LoggedEvent:
    return LoggedEvent(
        event_id=new_id(),
        project_id=uuid4(),
        type="io.skyulf.dataset.profiled.v1",
        source="/services/ingestion",
        subject="s",
        data_schema="1.0",
        occurred_at=utc_now(),
        data="x" * size,
        seq=seq,
    )


def numbers(newest: Newest, behind: int, limit: int = 100) -> list[int] | None:
    found = newest.behind(behind, limit=limit)
    return None if found is None else [event.seq for event in found]


def test_events_behind_a_number_come_in_order():
    newest = Newest(most=5, most_bytes=10_000)

    newest.extend(map(logged, range(7, 10)))

    assert (numbers(newest, 6), numbers(newest, 7), numbers(newest, 9)) == ([7, 8, 9], [8, 9], [])
    assert numbers(newest, 6, limit=2) == [7, 8]
    assert numbers(newest, 5) is None


def test_the_oldest_go_where_there_are_too_many():
    newest = Newest(most=3, most_bytes=10_000)

    newest.extend(map(logged, range(1, 6)))

    assert (numbers(newest, 2), numbers(newest, 1)) == ([3, 4, 5], None)


def test_a_few_large_bodies_fill_it_as_many_small_ones_do():
    newest = Newest(most=2000, most_bytes=1 << 20)

    newest.extend(logged(seq, 400_000) for seq in range(1, 51))

    assert newest.bytes <= 1 << 20
    assert (numbers(newest, 48), numbers(newest, 47)) == ([49, 50], None)


def test_a_body_that_is_larger_than_all_that_is_kept_is_read_from_the_log():
    newest = Newest(most=2000, most_bytes=1000)
    newest.extend([logged(1), logged(2, 5000)])

    assert (numbers(newest, 0), numbers(newest, 1), newest.bytes) == (None, None, 0)

    newest.extend([logged(3)])
    assert (numbers(newest, 2), numbers(newest, 1)) == ([3], None)
