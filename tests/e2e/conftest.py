"""The story that the tests of this folder look at from all sides: told once per form."""

import json
import secrets
from collections.abc import Iterator

import pytest
from harness import configs, flights
from harness.form import Skyulf
from harness.operations import Operation, Property, served
from harness.owned import one_of_everything
from harness.stream import Reader
from harness.told import Told

MODELS = {"logistic": configs.logistic, "boosted": configs.boosted}


@pytest.fixture(scope="session")
def told(skyulf: Skyulf) -> Iterator[Told]:
    """Upload flights, train two models on them, deploy both; one trace id on every request of the client."""
    trace_id = secrets.token_hex(16)
    api = skyulf.project().with_headers(traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    reader = Reader(api)
    reader.start()
    data = flights.csv(flights.training())
    dataset = api.ready_dataset(data, name="flights")
    pipelines, jobs, versions, deployments = {}, {}, {}, {}
    for name, config in MODELS.items():
        body = {"name": f"{name} flights", "config": config(), "register_as": f"late-{name}"}
        pipelines[name] = api.ok("POST", "/pipelines", json=body)
        queued = api.patient("POST", f"/pipelines/{pipelines[name]['id']}/runs", json={"dataset_id": dataset["id"]})
        jobs[name] = api.job(queued["id"])
        assert jobs[name]["status"] == "succeeded", json.dumps(jobs[name])
        versions[name] = api.version_of(jobs[name])
        deployments[name] = api.deploy(name, f"late-{name}", versions[name]["version"])
    events = reader.finish([each.id for each in skyulf.announced(api.project_id)])
    yield Told(
        skyulf=skyulf,
        api=api,
        trace_id=trace_id,
        data=data,
        dataset=dataset,
        pipelines=pipelines,
        jobs=jobs,
        versions=versions,
        deployments=deployments,
        asked=flights.held_out(),
        events=events,
        connections=reader.connections,
        seconds=reader.followed,
        announced=skyulf.announced(api.project_id),
    )
    api.http.close()


@pytest.fixture(scope="session")
def mine(skyulf: Skyulf) -> Iterator[Property]:
    """A project that owns one of everything, which nobody else may touch."""
    with skyulf.project() as api:
        yield one_of_everything(skyulf, api)


@pytest.fixture(scope="session")
def operations(skyulf: Skyulf) -> list[Operation]:
    """All operations of the document that the gateway serves."""
    found = served(skyulf)
    assert len(found) > 50
    assert {operation.permission for operation in found} >= {"datasets:read", "predictions:make", "system:operate"}
    return found
