"""Events that a consumer will never get from Kafka: their topic is deleted, or its group is moved past them."""

import time

import pytest
from harness import configs
from harness.api import Api
from harness.distributed import Distributed
from harness.groups import delete_topic, forget_place
from harness.promises import Figures
from skyulf_events import DatasetProfiled

REPAIRED_SECONDS = 60.0
UNTOLD = "SELECT count(*) AS left FROM outbox WHERE published_at IS NULL"

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
    api.eventually(lambda: distributed.sql("ingestion", UNTOLD)[0]["left"] == 0, what="the outbox is empty")
    assert not api.knows_dataset(found)
    return found
