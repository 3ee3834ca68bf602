"""Kafka away: the API goes on taking work, and everything is told once Kafka is back."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from harness import configs
from harness.api import Api
from harness.distributed import SERVICES, Distributed
from harness.journal import Journal, predicting
from harness.promises import Figures
from harness.stream import Seen, read_stream, read_until

OUTAGES, OUTAGE_SECONDS, DRAINED_SECONDS = 5, 30.0, 60.0
CLIENTS, BETWEEN_SECONDS = 8, 0.1


@pytest.mark.promise("R4")
@pytest.mark.parametrize("uploads", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_uploads_go_on_without_kafka(distributed: Distributed, uploads: int, figures: Figures) -> None:
    with distributed.project() as api:
        distributed.kafka.stop()
        try:
            accepted = [api.upload(configs.tiny_data(60 + number))["id"] for number in range(uploads)]
            assert {api.dataset(dataset)["status"] for dataset in accepted} == {"ready"}  # before anything is timed
            backlog = untold(distributed, newest(distributed))
        finally:
            distributed.kafka.start()

        began, waiting = time.monotonic(), newest(distributed)
        api.eventually(lambda: not untold(distributed, waiting), what="the backlog has gone")
        for dataset in accepted:
            api.eventually(lambda known=dataset: api.knows_dataset(known), what=f"the profile of {dataset}")
        seconds = time.monotonic() - began
        told = profiled(read_until(api, lambda seen: set(profiled(seen)) >= set(accepted)))

    assert backlog >= uploads
    assert seconds < DRAINED_SECONDS
    assert sorted(told) == sorted(accepted)
    figures(
        f"{uploads} of {uploads} uploads accepted and profiled without Kafka, all told {seconds:.1f} s after its return"
    )


@pytest.mark.promise("R4")
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_five_outages_of_half_a_minute_under_load_refuse_nothing(distributed: Distributed, figures: Figures) -> None:
    slowest = 0.0
    with distributed.project() as api:
        models = named_models(api)
        assert api.deploy("steady", models[0], 1)["status"] == "ready"
        with writing(api, models) as writers, predicting(api, "steady") as predictor:
            for _ in range(OUTAGES):
                distributed.kafka.stop()
                try:
                    time.sleep(OUTAGE_SECONDS)
                    assert untold(distributed, newest(distributed)) > 0, "it was away"
                finally:
                    distributed.kafka.start()
                began, waiting = time.monotonic(), newest(distributed)
                api.eventually(lambda waiting=waiting: not untold(distributed, waiting), what="the backlog has gone")
                slowest = max(slowest, time.monotonic() - began)
        accepted, asked = sum(each.told[200] for each in writers), sum(each.told.total() for each in writers)
        api.eventually(lambda: len(aliased(api)) >= accepted, what="every alias is told of")
        told = aliased(api)

    assert all(each.told[200] > 0 for each in writers)
    assert accepted >= asked * 0.999
    assert [each.crashed for each in [*writers, predictor] if each.crashed] == []
    assert set(predictor.told) == {200}
    assert slowest <= DRAINED_SECONDS
    assert len(told) == len(set(told)) == accepted
    figures(
        f"{OUTAGES} outages of {OUTAGE_SECONDS:g} s under {CLIENTS} writers: {accepted} of {asked} accepted, all "
        f"told once, the backlog gone at most {slowest:.1f} s after the return; {predictor.told[200]} predictions right"
    )


def profiled(seen: list[Seen]) -> list[str]:
    """The datasets of which the stream tells that they are ready."""
    return [each.event["subject"] for each in seen if each.type == "dataset.profiled"]


def named_models(api: Api) -> list[str]:
    """Make a model for each client; returns their names."""
    dataset = api.ready_dataset(configs.tiny_data())["id"]
    return [api.train(configs.tiny(), dataset, register_as=f"m{number}")["model"] for number in range(CLIENTS)]


@contextmanager
def writing(api: Api, models: list[str]) -> Iterator[list[Journal]]:
    """Move an alias of each model all the time for as long as the block takes: each time an event."""
    over, writers = threading.Event(), [Journal.of(api) for _ in models]

    def write(writer: Journal, model: str) -> None:
        while not over.wait(BETWEEN_SECONDS):
            writer.call("PUT", f"/models/{model}/versions/1/aliases/champion")

    with ThreadPoolExecutor(len(models)) as threads:
        working = [threads.submit(write, *each) for each in zip(writers, models, strict=True)]
        try:
            yield writers
        finally:
            over.set()
    for each, writer in zip(working, writers, strict=True):
        each.result()  # what broke off is raised
        writer.http.close()


def aliased(api: Api) -> list[tuple[object, object]]:
    """The models, each with its version, that the stream tells of when an alias moves."""
    told = read_stream(api, type="model.aliased")
    return [(seen.event["subject"], seen.data["aggregate_version"]) for seen in told]


def newest(distributed: Distributed) -> dict[str, int]:
    """The number of the newest event of each service."""
    query = "SELECT coalesce(max(seq), 0) AS n FROM outbox"
    return {service: distributed.sql(service, query)[0]["n"] for service in SERVICES}


def untold(distributed: Distributed, until: dict[str, int]) -> int:
    """How many events up to these numbers have not left."""
    query = "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL AND seq <= $1"
    return sum(distributed.sql(service, query, number)[0]["n"] for service, number in until.items())
