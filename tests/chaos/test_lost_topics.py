"""Events that a consumer will never get from Kafka: their topic is deleted, or its group is moved past them."""

import time
from uuid import UUID

import pytest
from harness import configs
from harness.api import Api
from harness.distributed import SERVICES, Distributed
from harness.groups import delete_topic, forget_place
from harness.promises import Figures
from skyulf_events import TOPICS, DatasetProfiled

REPAIRED_SECONDS = 60.0
UNTOLD = "SELECT count(*) AS left FROM outbox WHERE published_at IS NULL"
TOLD = "SELECT event_id FROM outbox WHERE project_id = $1 AND published_at IS NOT NULL"
OTHERS = tuple(service for service in SERVICES if service != "gateway")
LOGGED = "SELECT event_id FROM event_log WHERE project_id = $1"

pytestmark = [pytest.mark.slow, pytest.mark.promise("R15")]


@pytest.mark.parametrize("way", ["topic deleted", "offsets reset"])
def test_missed_events_are_repaired_within_a_minute(distributed: Distributed, way: str, figures: Figures) -> None:
    with distributed.project() as api:
        with distributed.without("pipeline-worker"):
            missed = told_but_unheard(distributed, api)
            if way == "topic deleted":
                delete_topic(distributed.bootstrap, DatasetProfiled.topic)
                distributed.migrate()
            else:
                forget_place(distributed.bootstrap, "pipeline", [DatasetProfiled.topic])
            began = time.monotonic()  # the worker returns
        api.eventually(lambda: api.knows_dataset(missed), what="the missed event", seconds=REPAIRED_SECONDS)
        seconds = time.monotonic() - began
        later = api.ready_dataset(configs.tiny_data(70))  # and what is told from now on is heard

        assert api.train(configs.tiny(), missed, register_as="repaired")["version"] == 1
        assert api.train(configs.tiny(), later["id"], register_as="repaired")["version"] == 2
    assert seconds <= REPAIRED_SECONDS
    figures(f"{way}: repaired {seconds:.0f} s after the return")


@pytest.mark.parametrize("way", ["topics deleted", "offsets reset"])
def test_the_event_log_gets_within_a_minute_what_it_was_never_told(
    distributed: Distributed, way: str, figures: Figures
) -> None:
    topics = [topic.name for topic in TOPICS]
    with distributed.project() as api:
        with distributed.without("gateway-worker"):
            dataset = api.ready_dataset(configs.tiny_data())
            version = api.train(configs.tiny(), dataset["id"], register_as="unheard")["version"]
            assert api.deploy("unheard", "unheard", version)["status"] == "ready"
            wait_until_told(distributed, api)
            missed = told(distributed, api) - logged(distributed, api)
            if way == "topics deleted":
                for topic in topics:
                    delete_topic(distributed.bootstrap, topic)
                distributed.migrate()
            else:
                forget_place(distributed.bootstrap, "gateway", topics)
            began = time.monotonic()  # the worker returns
        api.eventually(
            lambda: logged(distributed, api) == told(distributed, api),
            what="every event in the log",
            seconds=REPAIRED_SECONDS,
        )
        seconds = time.monotonic() - began
        api.ready_dataset(configs.tiny_data(70))  # and what is told from now on is heard
        wait_until_told(distributed, api)
        api.eventually(lambda: logged(distributed, api) == told(distributed, api), what="what came later")
    assert len(missed) >= len({"dataset created", "profiled", "job completed", "registered", "deployed", "ready"})
    assert seconds <= REPAIRED_SECONDS
    figures(f"event log, {way}: {len(missed)} events, all there {seconds:.0f} s after the return")


def test_a_topic_deleted_under_a_running_system_loses_no_later_event(
    distributed: Distributed, figures: Figures
) -> None:
    with distributed.project() as api:
        before = api.ready_dataset(configs.tiny_data())
        delete_topic(distributed.bootstrap, DatasetProfiled.topic)
        lost = api.dataset(api.upload(configs.tiny_data(65))["id"])  # accepted though nobody can be told
        distributed.migrate()

        began = time.monotonic()
        api.eventually(lambda: api.knows_dataset(lost["id"]), what="what nobody was told", seconds=120)
        seconds = time.monotonic() - began
        assert {api.train(configs.tiny(), each["id"], register_as="goes-on")["version"] for each in (before, lost)} == {
            1,
            2,
        }
    assert seconds <= REPAIRED_SECONDS
    figures(f"topic deleted while all runs: heard {seconds:.0f} s after it was made again")


def told_but_unheard(distributed: Distributed, api: Api) -> str:
    """Upload a dataset whose events reach Kafka while nobody of pipeline listens; returns its id."""
    found: str = api.dataset(api.upload(configs.tiny_data())["id"])["id"]
    wait_until_told(distributed, api, "ingestion")
    assert not api.knows_dataset(found)
    return found


def wait_until_told(distributed: Distributed, api: Api, *services: str) -> None:
    """Wait until nothing waits in the outboxes of services (default: all but the gateway) to be told."""
    for service in services or OTHERS:
        api.eventually(
            lambda service=service: distributed.sql(service, UNTOLD)[0]["left"] == 0,
            what=f"the outbox of {service} is empty",
        )


def told(distributed: Distributed, api: Api) -> set[UUID]:
    """What all services have told of the project."""
    rows = [row for service in SERVICES for row in distributed.sql(service, TOLD, UUID(api.project_id))]
    return {row["event_id"] for row in rows}


def logged(distributed: Distributed, api: Api) -> set[UUID]:
    """What the event log has of the project, each once."""
    rows = [row["event_id"] for row in distributed.sql("gateway", LOGGED, UUID(api.project_id))]
    assert len(rows) == len(set(rows))
    return set(rows)
