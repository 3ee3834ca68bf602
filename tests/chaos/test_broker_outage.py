"""Kafka away: the API goes on taking work, and everything is told once Kafka is back."""

import time

import pytest
from harness import configs
from harness.distributed import Distributed
from harness.stream import read_stream


@pytest.mark.parametrize("uploads", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_uploads_go_on_without_kafka(distributed: Distributed, uploads: int) -> None:
    with distributed.project() as api:
        distributed.kafka.stop()
        try:
            accepted = [api.upload(configs.tiny_data(60 + number))["id"] for number in range(uploads)]
            assert api.dataset(accepted[0])["status"] == "ready"
            assert not api.knows_dataset(accepted[0])
        finally:
            distributed.kafka.start()

        began = time.monotonic()
        for dataset in accepted:
            api.eventually(lambda known=dataset: api.knows_dataset(known), what=f"the profile of {dataset}")
        seconds = time.monotonic() - began
        told = [seen for seen in read_stream(api) if seen.type == "dataset.profiled"]

    assert seconds < 60
    assert sorted(seen.event["subject"] for seen in told) == sorted(accepted)
    print(f"{uploads} uploads without Kafka, all told {seconds:.1f} s after its return")
