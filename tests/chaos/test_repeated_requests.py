"""Requests are sent several times at once, also while the gateway is killed: one effect, one answer."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from harness import configs
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.form import Skyulf
from harness.promises import Figures

AT_ONCE = 3
MOST_SECONDS = 2.0
KILLS, MOST_ROUNDS = 5, 100
PATHS = ("/datasets", "/pipelines")
CSV = {"Content-Type": "text/csv"}


@pytest.mark.promise("R2")
def test_posts_of_every_service_have_one_effect_and_one_answer(skyulf: Skyulf, figures: Figures) -> None:
    slug = f"once-{uuid4().hex[:12]}"
    with skyulf.project() as api, skyulf.admin() as admin:
        once(admin, "/projects", json={"slug": slug})
        dataset = once(api, "/datasets", content=configs.tiny_data(), headers=CSV)
        pipeline = once(api, "/pipelines", json={"name": "p", "config": configs.tiny(), "register_as": "m"})
        assert api.dataset(dataset["id"])["status"] == "ready"
        api.eventually(lambda: api.knows_dataset(dataset["id"]), what="pipelines know the dataset")
        job = once(api, f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset["id"]})
        assert api.version_of(api.job(job["id"]))["version"] == 1
        assert api.run(pipeline["id"], dataset["id"])["version"] == 2
        for revision in (1, 2):
            wanted = once(api, "/deployments", json={"name": "d", "model": "m", "version": revision})
            assert wanted["revision"] == revision
            assert api.deployment("d", revision=revision)["status"] == "ready"
        back = once(api, "/deployments/d/rollback")
        key, secrets = made_key(api)

        assert (back["revision"], back["version"]) == (3, 1)
        assert api.ok("GET", "/deployments/d")["revision"] == 3
        assert [found["slug"] for found in admin.ok("GET", "/projects", params={"limit": 200})["items"]].count(
            slug
        ) == 1
        assert [found["id"] for found in api.ok("GET", "/datasets")["items"]] == [dataset["id"]]
        assert [found["id"] for found in api.ok("GET", "/pipelines")["items"]] == [pipeline["id"]]
        assert len(api.ok("GET", "/jobs")["items"]) == 2, "one that was asked for again and again, and one other"
        assert [found["id"] for found in api.ok("GET", "/api-keys")["items"] if found["name"] == "k"] == [key["id"]]
        assert len(secrets) == 1, "shown once, to one of those who asked"
    figures(f"8 POSTs, each {AT_ONCE} times at once and once after: one effect, replays identical")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("R2")
def test_a_request_sent_three_times_at_once_has_one_effect_though_the_gateway_is_killed(
    distributed: Distributed, figures: Figures
) -> None:
    told: dict[str, list[list[Json]]] = {path: [] for path in PATHS}
    with distributed.project() as api:
        with distributed.orchestrated(), killed(distributed, "gateway-api") as kills:
            while len(kills) < KILLS and len(told["/pipelines"]) < MOST_ROUNDS:
                body = {"name": f"p{len(kills)}", "config": configs.tiny()}
                told["/datasets"].append(at_once(api, "/datasets", content=configs.tiny_data(), headers=CSV))
                told["/pipelines"].append(at_once(api, "/pipelines", json=body))
        listed = {path: api.ok("GET", path, params={"limit": 200})["items"] for path in PATHS}

    assert len(kills) >= 3
    for path, answers in told.items():
        assert all(answer == each[0] for each in answers for answer in each), "replays are identical"
        assert sorted(found["id"] for found in listed[path]) == sorted(each[0]["id"] for each in answers)
    figures(
        f"{sum(map(len, told.values()))} requests, each {AT_ONCE} times at once, the gateway killed {len(kills)} "
        f"times: {sum(map(len, listed.values()))} resources, replays identical"
    )


def once(api: Api, path: str, **options: object) -> Json:
    """Send a request several times at once, and once more after; returns the answer that all of them get."""
    first, *others = repeated(api, path, **options)
    assert all(other == first for other in others), f"replays of {path} are identical"
    return first


def made_key(api: Api) -> tuple[Json, list[str]]:
    """Make an API key by repeated requests; returns what all answers say of it, and the secrets among them."""
    answers = repeated(api, "/api-keys", json={"name": "k", "scopes": ["viewer"]})
    secrets = [secret for answer in answers if (secret := answer.pop("key"))]
    assert all(answer == answers[0] for answer in answers), "replays are identical but for the secret"
    return answers[0], secrets


def repeated(api: Api, path: str, **options: object) -> list[Json]:
    """Send a request several times at once and once after, under one key."""
    key = uuid4().hex
    return [*at_once(api, path, key=key, **options), api.patient("POST", path, key=key, **options)]


def at_once(api: Api, path: str, *, key: str | None = None, **options: object) -> list[Json]:
    """Send a request several times at once under one key, each until it is answered."""
    key = key or uuid4().hex
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(api.patient, "POST", path, key=key, **options) for _ in range(AT_ONCE)]
        return [call.result() for call in calls]


@contextmanager
def killed(distributed: Distributed, name: str) -> Iterator[list[int]]:
    """Kill a role again and again, soon after it is ready, for as long as the block takes; gives who was killed."""
    pids, over, chance, role = list[int](), threading.Event(), random.Random(3), distributed.roles[name]

    def kill() -> None:
        while not over.wait(chance.uniform(MOST_SECONDS / 10, MOST_SECONDS)):
            pids.append(role.process.pid)
            role.process.kill()
            while role.process.pid == pids[-1] or not role.process.alive:
                time.sleep(0.1)
            role.wait_ready()

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    try:
        yield pids
    finally:
        over.set()
        thread.join()
