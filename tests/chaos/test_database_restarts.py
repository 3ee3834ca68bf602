"""PostgreSQL restarts at once, and the database of one service after the other goes away, under a running story."""

import time

import pytest
from harness import configs, constants
from harness.disturbed import Disturbed
from harness.journal import AWAY, Journal, Work, letters, predicting
from harness.promises import Figures

RESTARTS = 3
AWAY_SECONDS = 4.0
DONE_SECONDS = 120.0
LISTS = {"ingestion": "/datasets", "pipeline": "/pipelines", "registry": "/models", "inference": None}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.promise("R5")]


def test_nothing_that_was_committed_is_lost_when_postgresql_restarts(wired: Disturbed, figures: Figures) -> None:
    with wired.skyulf.project() as owner, Journal.of(owner) as api:
        constants.opposites(api, "steady")
        api.deploy("steady", "steady", 1)
        known = api.ready_dataset(configs.tiny_data())["id"]
        pipeline = api.ok("POST", "/pipelines", json={"name": "told", "config": configs.tiny(), "register_as": "told"})
        pids, parked, work = wired.pids(), letters(wired.skyulf), Work()
        with predicting(api, "steady") as predictor:
            for _ in range(RESTARTS):
                work.upload(api)
                work.run(api, pipeline["id"], known)
                wired.postgres.kill()
                wired.postgres.start()
                work.upload(api)
                time.sleep(1.0)
        seconds = work.settled(api)
        work.assert_once(api, "told")

        assert (api.crashed, predictor.crashed) == ([], [])
        assert predictor.told[200] > 0
        assert wired.pids() == pids, "no process has ended"
        assert letters(wired.skyulf) == parked
    assert seconds <= DONE_SECONDS
    figures(
        f"{RESTARTS} immediate restarts: {len(work.datasets)} uploads and {len(work.jobs)} jobs accepted, 0 lost, 0 "
        f"twice, all done {seconds:.0f} s after; {predictor.told[200]} predictions right, {predictor.away} told to "
        "come back; no process ended"
    )


@pytest.mark.parametrize("service", LISTS)
def test_the_database_of_one_service_goes_away_and_the_others_go_on(
    wired: Disturbed, service: str, figures: Figures
) -> None:
    others = [path for name, path in LISTS.items() if path and name != service]
    own = LISTS[service] or "/deployments/steady/replicas"
    with wired.skyulf.project() as owner, Journal.of(owner) as api:
        constants.opposites(api, "steady")
        assert api.deploy("steady", "steady", 1)["replicas"] == 2
        pids = wired.pids()
        with predicting(api, "steady") as predictor:
            wired.databases[service].cut()
            ends, answers, refused = time.monotonic() + AWAY_SECONDS, 0, 0
            try:
                while time.monotonic() < ends:
                    assert [api.call("GET", path).status_code for path in others] == [200] * len(others)
                    refused += api.call("GET", own).status_code in AWAY
                    answers += len(others)
            finally:
                wired.databases[service].mend()
            began = time.monotonic()
            api.eventually(lambda: api.call("GET", own).status_code == 200, what=own)
            seconds = time.monotonic() - began

        assert (api.crashed, predictor.crashed) == ([], [])
        assert refused > 0, "it was away"
        assert set(predictor.told) == {200}
        assert wired.pids() == pids, "no process has ended"
        dataset = api.ready_dataset(configs.tiny_data())
        assert api.train(configs.tiny(), dataset["id"], register_as="after")["version"] == 1
        assert api.deploy("steady", "steady", 2)["replicas"] == 2
    figures(
        f"{service}'s database away for {AWAY_SECONDS:g} s: the others answered {answers} of {answers}, "
        f"{predictor.told[200]} of {predictor.told[200]} predictions; back after {seconds:.1f} s"
    )
