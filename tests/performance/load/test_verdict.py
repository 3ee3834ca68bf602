"""Which words a run ends with."""

from performance.load import verdict
from performance.load.client import Tally
from performance.load.memory import Track
from performance.load.order import Seen
from performance.load.readers import News
from performance.load.street import Found

FLAT = Track(ours=True, samples=[(float(second), 90.0) for second in range(1200)])
STEEP = Track(ours=True, samples=[(float(second), 90.0 + second / 100) for second in range(1200)])
WHOLE = Seen(published=4, seen=4, lost=0, foreign=0, repeated=0, misplaced=0)


def well() -> Found:
    return Found(
        Tally(), News(), began=0.0, swaps=3, answers={1: 5, 2: 4}, readers=[WHOLE, WHOLE], committed=4, on_kafka=4
    )


def test_a_run_in_which_all_is_well_breaks_no_goal() -> None:
    assert verdict.broken(well(), {"gateway-api": FLAT}, 0) == []


def test_each_broken_goal_is_said_with_its_name_and_figure() -> None:
    found = well()
    found.readers.append(Seen(published=4, seen=3, lost=1, foreign=0, repeated=0, misplaced=2))
    found.tally.fail("uploads", "502 bad-gateway")
    found.tally.retried["uploads", "503 overloaded"] += 7
    found.waiting, found.unended, found.committed = 2, 3, 6

    assert verdict.broken(found, {"gateway-api": FLAT, "registry-api": STEEP}, 0) == [
        "registry-api: memory rises by 6.0 MB per 10 min (goal: below 1).",
        "reader 3: 1 lost, 2 out of order of 4 events.",
        "6 events were committed, 4 are on Kafka.",
        "2 committed events were never published.",
        "uploads: 1 failed: 502 bad-gateway.",
        "3 uploads, jobs and others had not ended when patience had; they were cancelled.",
    ]


def test_swaps_that_nobody_noticed_are_no_swaps() -> None:
    found = well()
    found.answers = {1: 9}

    assert verdict.broken(found, {"gateway-api": FLAT}, 0) == [
        "Only one version ever answered, in spite of 3 swaps: {1: 9}."
    ]


def test_what_nobody_tried_is_no_goal_that_was_reached() -> None:
    found = Found(Tally(), News(), began=0.0)

    assert verdict.broken(found, {"kafka": Track(ours=False, samples=FLAT.samples)}, 0) == [
        "No process was watched.",
        "Nobody read events.",
        "No event was committed.",
        "Nothing was swapped.",
        "Nothing was predicted.",
    ]


def test_memory_that_nobody_saw_after_the_warm_up_is_a_broken_goal() -> None:
    early, never = Track(ours=True, samples=FLAT.samples[:300]), Track(ours=True)

    said = verdict.broken(well(), {"gateway-api": FLAT, "registry-api": early, "pipeline-api": never}, 400)

    assert said == [
        "registry-api: nobody saw its memory for long enough after the warm-up.",
        "pipeline-api: nobody saw its memory for long enough after the warm-up.",
    ]
    assert verdict.memory_lines({"registry-api": early}, 400)[1].endswith("UNKNOWN")


def test_tables_have_a_line_per_process_reader_operation_and_kind() -> None:
    found = well()
    found.tally.took["uploads"] += [0.1, 0.3]
    found.tally.retried["uploads", "503 overloaded"] += 7

    assert len(verdict.memory_lines({"gateway-api": FLAT, "registry-api": STEEP}, 0)) == 3
    assert "STEEP" in verdict.memory_lines({"registry-api": STEEP}, 0)[1]
    assert len(verdict.event_lines(found)) == 4
    assert verdict.time_lines(found)[1].split() == ["uploads", "2", "100.0", "300.0", "300.0"]
    assert "sent again, as promised" in verdict.failure_lines(found)[1]
