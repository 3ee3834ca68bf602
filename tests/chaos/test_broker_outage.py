"""Kafka away: the API goes on taking work, and everything is told once Kafka is back."""

import time

import pytest
from harness import configs, constants
from harness.api import Api
from harness.distributed import Distributed
from harness.promises import Figures
from harness.stream import Seen, read_stream, read_until

OUTAGES, OUTAGE_SECONDS, DRAINED_SECONDS = 5, 30.0, 60.0


@pytest.mark.promise("R4")
@pytest.mark.parametrize("uploads", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_uploads_go_on_without_kafka(distributed: Distributed, uploads: int, figures: Figures) -> None:
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
        told = profiled(read_until(api, lambda seen: set(profiled(seen)) >= set(accepted)))

    assert seconds < 60
    assert sorted(told) == sorted(accepted)
    figures(f"{uploads} of {uploads} uploads accepted without Kafka, all told {seconds:.1f} s after its return")


@pytest.mark.promise("R4")
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_five_outages_of_half_a_minute_refuse_nothing(distributed: Distributed, figures: Figures) -> None:
    asked, accepted, slowest = 0, 0, 0.0
    with distributed.project() as api:
        constants.opposites(api, "named")
        for _ in range(OUTAGES):
            distributed.kafka.stop()
            try:
                ends = time.monotonic() + OUTAGE_SECONDS
                while time.monotonic() < ends:
                    # from one version to the other: an event each time
                    answer = api.call("PUT", f"/models/named/versions/{1 + asked % 2}/aliases/champion")
                    accepted += answer.is_success
                    asked += 1
            finally:
                distributed.kafka.start()
            began = time.monotonic()
            api.eventually(lambda: untold(distributed) == 0, what="the outbox is empty", seconds=DRAINED_SECONDS)
            slowest = max(slowest, time.monotonic() - began)
        api.eventually(lambda: len(aliased(api)) >= accepted, what="every alias is told of")
        told = aliased(api)

    assert accepted >= asked * 0.999
    assert len(told) == len(set(told)) == accepted
    figures(
        f"{OUTAGES} outages of {OUTAGE_SECONDS:g} s: {accepted} of {asked} writes accepted, each told once, "
        f"at most {slowest:.1f} s after the return"
    )


def profiled(seen: list[Seen]) -> list[str]:
    """The datasets of which the stream tells that they are ready."""
    return [each.event["subject"] for each in seen if each.type == "dataset.profiled"]


def aliased(api: Api) -> list[object]:
    """The versions of the model that the stream tells of when an alias moves."""
    return [seen.data["aggregate_version"] for seen in read_stream(api) if seen.type == "model.aliased"]


def untold(distributed: Distributed) -> int:
    """How many events of registry have not left."""
    found: int = distributed.sql("registry", "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")[0]["n"]
    return found
