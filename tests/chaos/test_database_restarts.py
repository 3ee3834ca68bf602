"""PostgreSQL restarts at once, and the database of one service after the other goes away, under a running story."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from harness import configs, constants
from harness.api import Api
from harness.disturbed import Disturbed
from harness.inside import inside
from harness.journal import AWAY, Journal, Work, letters, predicting
from harness.promises import Figures

RESTARTS = 3
AWAY_SECONDS = 6.0  # longer than the gateway remembers who somebody is
DONE_SECONDS = 120.0
LISTS = {
    "gateway": "/projects",
    "ingestion": "/datasets",
    "pipeline": "/pipelines",
    "registry": "/models",
    "inference": "/deployments/steady/replicas",
}

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
        work.assert_once(api, "told", wired.skyulf)

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
    with wired.skyulf.project() as owner, Journal.of(owner) as api:
        constants.opposites(api, "steady")
        assert api.deploy("steady", "steady", 1)["replicas"] == 2
        known = api.ready_dataset(configs.tiny_data())["id"]
        pipeline = api.ok("POST", "/pipelines", json={"name": "told", "config": configs.tiny(), "register_as": "told"})
        pids, parked, work = wired.pids(), letters(wired.skyulf), Work()
        work.upload(api)
        work.run(api, pipeline["id"], known)
        with asking(wired, api, service) as ask, predicting(ask["inference"], "steady") as predictor:
            answers, seconds = cut_off(wired, api, service, ask)
        work.settled(api)
        work.assert_once(api, "told", wired.skyulf)

        assert (api.crashed, predictor.crashed) == ([], [])
        assert set(predictor.told) == {200}
        assert wired.pids() == pids, "no process has ended"
        assert letters(wired.skyulf) == parked
        dataset = api.ready_dataset(configs.tiny_data())
        assert api.train(configs.tiny(), dataset["id"], register_as="after")["version"] == 1
        assert api.deploy("steady", "steady", 2)["replicas"] == 2
    figures(
        f"{service}'s database away for {AWAY_SECONDS:g} s: the others answered {answers} of {answers}, "
        f"{predictor.told[200]} of {predictor.told[200]} predictions; back after {seconds:.1f} s"
    )


def cut_off(wired: Disturbed, api: Api, service: str, ask: dict[str, Api]) -> tuple[int, float]:
    """Take a service's database away; returns how often the others answered, and how long it took to be back (s)."""
    others = {name: path for name, path in LISTS.items() if name != service}
    wired.databases[service].cut()
    ends, answers, refused = time.monotonic() + AWAY_SECONDS, 0, 0
    try:
        while time.monotonic() < ends:
            told = {name: ask[name].call("GET", path).status_code for name, path in others.items()}
            assert told == dict.fromkeys(others, 200)
            own = api.call("GET", LISTS[service]).status_code
            assert own in AWAY | {200}
            refused, answers = refused + (own in AWAY), answers + len(told)
    finally:
        wired.databases[service].mend()
    began = time.monotonic()
    api.eventually(lambda: api.call("GET", LISTS[service]).status_code == 200, what=LISTS[service])
    assert refused > 0, "it was away"
    return answers, time.monotonic() - began


@contextmanager
def asking(wired: Disturbed, api: Api, service: str) -> Iterator[dict[str, Api]]:
    """A client for each service while the database of one is away.

    Who somebody is stands in the gateway's: without it nobody comes in, and the others have to be asked themselves.
    """
    with ExitStack() as stack:
        if service == "gateway":
            yield {
                name: stack.enter_context(inside(wired.skyulf, f"{name}-api", api)) for name in LISTS if name != service
            }
        else:
            yield dict.fromkeys(LISTS, api)
