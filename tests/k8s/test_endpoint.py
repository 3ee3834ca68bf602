"""What `skyulf deployments render` prints, as a process: it serves, reports, and is replaced without a failure."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import pytest
from harness import flights
from harness.api import PREFIX, Api, Json
from harness.promises import Figures
from k8s.cluster import Cluster
from k8s.load import asking, serve
from k8s.manifests import add_setting
from skyulf_service.scope import Scope
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.promise("R11"), pytest.mark.xdist_group("forms")]


def test_a_dedicated_endpoint_serves_reports_and_is_replaced(cluster: Cluster, figures: Figures) -> None:
    rows = flights.shuffled(flights.held_out(10))
    with cluster.project() as api:
        serve(api, "dedicated")
        serve(api, "other")
        expected = api.predict("dedicated", rows)["predictions"]
        shared = replicas(api, "dedicated", live=1)

        text = rendered(cluster, api, "dedicated")
        add_setting(cluster.overlay, text)
        cluster.add(text)
        (endpoint,) = [name for name in cluster.pods if name.startswith("endpoint-dedicated-")]
        first = replicas(api, "dedicated", live=2) - shared
        with direct(cluster, endpoint, api.project_id) as ask:
            foreign = ask("other", rows)
            with asking(lambda: ask("dedicated", rows), expected) as asked:
                cluster.roll(endpoint)
        cluster.roll("gateway-api")
        before = predictions(cluster, endpoint)
        through = api.predict("dedicated", rows)["predictions"]
        asked_by_the_gateway = predictions(cluster, endpoint) - before
        with asking(lambda: predict(api, "dedicated", rows), expected) as asked_through:
            cluster.roll(endpoint)
        second = replicas(api, "dedicated", live=2) - shared
        of_the_other = replicas(api, "other", live=1)

    right = sum(each.right for each in [*asked, *asked_through])
    figures(f"a dedicated endpoint replaced under {right} predictions")
    assert (len(shared), len(first), len(second)) == (1, 1, 1)
    assert first != second
    assert of_the_other == shared
    assert foreign.status_code == 404
    assert (through, asked_by_the_gateway) == (expected, 1)
    assert sum((each.wrong for each in [*asked, *asked_through]), Counter()) == {}
    assert right > 100


def rendered(cluster: Cluster, api: Api, name: str) -> str:
    """What the command prints for a deployment."""
    command = [sys.executable, "-m", "skyulf_client.main", "deployments", "render", name, "--placement", "dedicated"]
    env = {**os.environ, "SKYULF_URL": cluster.url, "SKYULF_API_KEY": str(api.key), "SKYULF_HOME": str(cluster.folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def predict(api: Api, name: str, rows: list[Json]) -> httpx.Response:
    """Ask the gateway."""
    return api.call("POST", f"/deployments/{name}/predict", json={"rows": rows})


def predictions(cluster: Cluster, endpoint: str) -> int:
    """How many requests for predictions the endpoint's pod has answered."""
    text = httpx.get(f"{cluster.address(endpoint)}/metrics", trust_env=False).text
    counts = re.findall(r'^skyulf_http_request_seconds_count{.*predict".*} (\d+)', text, re.MULTILINE)
    return sum(int(each) for each in counts)


def replicas(api: Api, name: str, *, live: int) -> set[str]:
    """The ids of the replicas that report to hold a deployment, once the platform counts so many."""

    def all_ready(found: Json) -> bool:
        return found["live"] == live == len(found["items"])

    api.until(f"/deployments/{name}", lambda found: (found["status"], found["replicas"]) == ("ready", live))
    found = api.until(f"/deployments/{name}/replicas", all_ready)
    assert {each["status"] for each in found["items"]} == {"ready"}
    return {each["replica_id"] for each in found["items"]}


@contextmanager
def direct(cluster: Cluster, endpoint: str, project_id: str) -> Iterator["Ask"]:
    """Predictions of a Service within the cluster, past the gateway, with tokens that the gateway's key signs."""
    key = load_or_create(cluster.pods["gateway-api"].folder / "run/skyulf/keys", "gateway")
    with httpx.Client(base_url=cluster.address(endpoint), timeout=30, trust_env=False) as client:
        yield Ask(client, InternalTokenIssuer(key, "gateway"), UUID(project_id))


class Ask:
    """Asks one address for predictions of a project's deployments."""

    def __init__(self, client: httpx.Client, tokens: InternalTokenIssuer, project_id: UUID) -> None:
        self._client, self._tokens = client, tokens
        self._scope = Scope(project_id, "service:caller", frozenset({"predictions:make"}))

    def __call__(self, deployment: str, rows: list[Json]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens.mint('inference', self._scope)}"}
        return self._client.post(f"{PREFIX}/deployments/{deployment}/predict", json={"rows": rows}, headers=headers)
