"""What did not work is shown with the code that the run book goes by."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from skyulf_client.answers import Deployment, Failure, Job
from skyulf_client.answers.gateway import DeadLetter, DeadLetters
from skyulf_client.cli.jobs import show_job
from skyulf_client.cli.models import show_deployment
from skyulf_client.cli.operating import LETTERS
from skyulf_client.cli.output import print_page

NOW = datetime.now(UTC)


def test_a_job_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure(code="out_of_memory", message="It took more than 2 GB.")
    job = Job(
        id=uuid4(), kind="train", status="failed", pipeline_id=uuid4(), pipeline_version=1, pipeline_name="p",
        dataset_id=uuid4(), dataset_version=1, register_as="m", error=failure, created_at=NOW, queued_at=NOW,
    )  # fmt: skip

    show_job(job, as_json=False)

    assert "It took more than 2 GB. (out_of_memory)" in capsys.readouterr().out


def test_a_deployment_that_is_not_served(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure(code="artifact-missing", message="It is gone.")
    deployment = Deployment(
        id=uuid4(), name="d", revision=1, desired="active", status="failed", error=failure, created_at=NOW,
        updated_at=NOW,
    )  # fmt: skip

    show_deployment(deployment, as_json=False)

    assert "It is gone. (artifact-missing)" in capsys.readouterr().out


def test_a_letter_that_nobody_could_handle(capsys: pytest.CaptureFixture[str]) -> None:
    letter = DeadLetter(
        service="registry", id=uuid4(), consumer="c", topic="t", reason="handler-failed", error="e", attempts=1,
        parked_at=NOW,
    )  # fmt: skip

    print_page(DeadLetters(items=[letter]), LETTERS, as_json=False, nothing="")

    assert "handler-failed" in capsys.readouterr().out
