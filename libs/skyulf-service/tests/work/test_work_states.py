"""Work changes its state in the allowed ways only."""

from datetime import timedelta

import pytest
from skyulf_service.ids import utc_now
from skyulf_service.work.states import (
    CancelRequestedError,
    WorkFinishedError,
    WorkNotRetryableError,
    WorkNotRunningError,
    WorkStatus,
    storable_message,
)
from work_support import Job


def running(*, max_attempts: int = 3) -> Job:
    return Job(status=WorkStatus.RUNNING, attempt=1, max_attempts=max_attempts, lease_owner="a", lease_epoch=1)


def test_running_work_succeeds() -> None:
    job = running()
    job.succeed()

    assert (job.status, job.progress, job.lease_owner) == ("succeeded", 1.0, None)
    assert job.finished_at is not None
    assert job.is_finished


@pytest.mark.parametrize("end", [Job.succeed, Job.end_cancelled, lambda job: job.fail("x", "y")])
def test_queued_work_does_not_end_as_if_it_had_run(end: object) -> None:
    with pytest.raises(WorkNotRunningError):
        end(Job())  # type: ignore[operator]


def test_waiting_work_is_cancelled_at_once() -> None:
    job = Job()
    job.request_cancel()

    assert (job.status, job.finished_at is None) == ("cancelled", False)


def test_running_work_is_cancelled_by_its_runner() -> None:
    job = running()
    job.request_cancel()
    job.request_cancel()
    assert job.status == "cancelling"

    with pytest.raises(CancelRequestedError):
        job.succeed()
    job.end_cancelled()
    assert job.status == "cancelled"


def test_work_that_fails_while_it_is_cancelled_is_cancelled() -> None:
    job = running()
    job.request_cancel()
    job.fail("crashed", "by SIGKILL")

    assert (job.status, job.error_code) == ("cancelled", None)


def test_a_failure_may_wait_for_the_next_attempt() -> None:
    job = running(max_attempts=2)
    job.fail("unavailable", "away", retry_in=timedelta(seconds=5))

    assert (job.status, job.lease_epoch) == ("queued", 2)
    assert job.run_after > utc_now() + timedelta(seconds=4)

    job.status, job.attempt, job.lease_owner = WorkStatus.RUNNING, 2, "b"
    job.fail("unavailable", "away", retry_in=timedelta(seconds=5))
    assert job.status == "failed"


def test_finished_work_cannot_be_cancelled() -> None:
    job = running()
    job.succeed()

    with pytest.raises(WorkFinishedError):
        job.request_cancel()


def test_failed_work_is_tried_again_in_the_same_row() -> None:
    job = running(max_attempts=1)
    job.fail("crashed", "by SIGSEGV")

    job.retry()

    assert (job.status, job.attempt, job.max_attempts) == ("queued", 1, 2)
    assert (job.error_code, job.finished_at, job.progress) == (None, None, 0.0)


def test_work_that_succeeded_is_not_tried_again() -> None:
    job = running()
    with pytest.raises(WorkNotRetryableError):
        job.retry()
    job.succeed()
    with pytest.raises(WorkNotRetryableError):
        job.retry()


def test_messages_are_made_storable() -> None:
    assert storable_message("a\x00b\ud800") == "ab?"
    assert len(storable_message("x" * 5_000)) == 2_000


def test_saving_leaves_the_lease_to_the_heartbeat() -> None:
    assert "lease_expires_at" not in running().work_values()
