"""Every operation of the served document × no key, a key without its permission, another project's key."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from harness import configs
from harness.api import PREFIX, Api, Json
from harness.distributed import Distributed
from harness.form import Skyulf
from harness.records import send
from harness.refusals import refused
from harness.stream import read_stream

METHODS = ("get", "put", "post", "delete", "patch")
# needs a key, but no permission
AUTHENTICATED = "authenticated"
ORGANISATION_WIDE = {"projects:write", "system:read", "system:operate"}
# what is the same for every project
SHARED = {"/nodes/{name}"}
BODIES: dict[tuple[str, str], Json] = {
    ("PATCH", "/datasets/{dataset_id}"): {"name": "stolen"},
    ("PUT", "/pipelines/{pipeline_id}"): {"name": "stolen", "config": configs.tiny()},
    ("POST", "/pipelines/{pipeline_id}/runs"): {"dataset_id": str(uuid4())},
    ("POST", "/pipelines/{pipeline_id}/tunings"): {"dataset_id": str(uuid4()), "tuning": {"n_trials": 1}},
    ("POST", "/jobs/{job_id}/cancel"): {"keep_best": False},
    ("POST", "/jobs/{job_id}/retry"): {"n_trials": 1},
    ("PUT", "/models/{name}/versions/{version}/stage"): {"stage": "archived"},
    ("PATCH", "/deployments/{name}"): {"model": "mine"},
    ("POST", "/deployments/{name}/predict"): {"row": {"x": 1, "y": 1}},
    ("POST", "/deployments/{name}/explain"): {"row": {"x": 1, "y": 1}},
}


@dataclass(frozen=True)
class Operation:
    """One operation of the document, with its path below the API's prefix."""

    method: str
    path: str
    permission: str
    has_body: bool

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Property:
    """What one project owns, and what names each thing in a path."""

    api: Api
    ids: dict[str, str]

    def path(self, operation: Operation) -> str:
        """The operation's path with real objects. A parameter that this test does not know fails it."""
        known = {**self.ids, "name": "mine", "version": "1", "alias": "champion", "service": "registry"}
        return operation.path.format(**{name: known[name] for name in operation.parameters})


@pytest.fixture(scope="module")
def mine(skyulf: Skyulf) -> Iterator[Property]:
    """One of everything: dataset, pipeline, job, model version, alias, deployment, key, on Kafka a dead letter too."""
    with skyulf.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        pipeline = api.ok("POST", "/pipelines", json={"name": "mine", "config": configs.tiny(), "register_as": "mine"})
        version = api.run(pipeline["id"], dataset["id"])
        api.ok("PUT", "/models/mine/versions/1/aliases/champion")
        assert api.deploy("mine", "mine", 1)["status"] == "ready"
        ids = {
            "dataset_id": dataset["id"],
            "pipeline_id": pipeline["id"],
            "job_id": version["lineage"]["job_id"],
            "project_id": api.project_id,
            "key_id": api.ok("GET", "/api-keys")["items"][0]["id"],
            "letter_id": str(uuid4()),
        }
        if isinstance(skyulf, Distributed):
            ids["letter_id"] = dead_letter(skyulf, api)
        yield Property(api, ids)


def dead_letter(skyulf: Distributed, api: Api) -> str:
    """Have registry park an event of the project that it cannot read; returns the letter's id."""
    body = json.dumps({"project_id": api.project_id, "job_id": "unreadable"}).encode()
    attributes = {"ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": "/services/pipeline", "ce_subject": "j"}
    attributes |= {"ce_type": "io.skyulf.job.completed.v1", "ce_time": "2026-01-01T00:00:00Z"}
    send(skyulf.bootstrap, (body, [(name, value.encode()) for name, value in attributes.items()]))
    with skyulf.admin() as admin:
        found: list[str] = api.eventually(lambda: parked(admin, api.project_id), what="the letter is listed")
    return found[0]


def parked(admin: Api, project_id: str) -> list[str]:
    """The ids of registry's dead letters that name a project."""
    letters = admin.ok("GET", "/dead-letters", params={"limit": 100})["items"]
    return [one["id"] for one in letters if one["service"] == "registry" and project_id in one["value"]]


@pytest.fixture(scope="module")
def operations(skyulf: Skyulf) -> list[Operation]:
    """All operations of the document that the gateway serves."""
    with skyulf.admin() as admin:
        document = admin.http.get("/openapi.json").json()
    found = [
        Operation(
            method.upper(), path.removeprefix(PREFIX), operation["x-skyulf-permission"], "requestBody" in operation
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    assert len(found) > 50
    assert {operation.permission for operation in found} >= {"datasets:read", "predictions:make", "system:operate"}
    return found


def ask(api: Api, mine: Property, operation: Operation) -> Any:
    """Make the call as it would succeed for the owner."""
    body = BODIES.get((operation.method, operation.path), {}) if operation.has_body else None
    return api.call(operation.method, mine.path(operation), json=body, headers={"If-Match": '"1"'})


def test_nothing_is_answered_without_a_key(skyulf: Skyulf, mine: Property, operations: list[Operation]) -> None:
    for key in (None, "sk_000000000000_" + "0" * 43, f"{mine.api.key}_", "Bearer"):
        with Api(skyulf.url, key) as nobody:
            for operation in operations:
                problem = refused(ask(nobody, mine, operation), 401)
                assert problem["type"] == "/problems/unauthenticated"


def test_every_operation_needs_its_permission(skyulf: Skyulf, mine: Property, operations: list[Operation]) -> None:
    everything = {operation.permission for operation in operations} - {AUTHENTICATED}
    for permission in sorted(everything):
        with other_key(skyulf, mine, everything - {permission}) as without:
            for operation in operations:
                if operation.permission == permission:
                    refused(ask(without, mine, operation), 403, permission)
    with other_key(skyulf, mine, everything, reach="project") as of_project:
        for operation in operations:
            if operation.permission in ORGANISATION_WIDE:
                refused(ask(of_project, mine, operation), 403)


def test_another_project_gets_404_and_changes_nothing(
    skyulf: Skyulf, mine: Property, operations: list[Operation]
) -> None:
    before = state(mine)
    naming = [operation for operation in operations if operation.parameters and operation.path not in SHARED]
    assert len(naming) > 30
    with skyulf.project() as stranger:
        for operation in naming:
            body_known = not operation.has_body or (operation.method, operation.path) in BODIES
            assert body_known, f"{operation}: this test needs a good body for it"
            status = 403 if operation.permission in ORGANISATION_WIDE else 404
            refused(ask(stranger, mine, operation), status)
        assert list(read_stream(stranger, quiet=0.5))[1:] == []
    assert state(mine) == before
    if isinstance(skyulf, Distributed):
        with skyulf.admin() as admin:
            assert parked(admin, mine.api.project_id) == [mine.ids["letter_id"]]


def test_objects_named_in_bodies_are_those_of_the_project(skyulf: Skyulf, mine: Property) -> None:
    dataset = mine.ids["dataset_id"]
    with skyulf.project() as stranger:
        own = stranger.ok("POST", "/pipelines", json={"name": "own", "config": configs.tiny()})
        run = stranger.call("POST", f"/pipelines/{own['id']}/runs", json={"dataset_id": dataset})
        check = {"config": configs.tiny(), "dataset_id": dataset}
        refused(run, 404, dataset)
        refused(stranger.call("POST", "/pipelines/validate", json=check), 404, dataset)
        refused(stranger.call("POST", "/deployments", json={"name": "mine", "model": "mine"}), 404, "mine")
        key = {"name": "theirs", "scopes": ["datasets:read"], "project_id": mine.api.project_id}
        assert stranger.call("POST", "/api-keys", json=key).status_code in (403, 404)
        listing = stranger.call("GET", "/api-keys", params={"project_id": mine.api.project_id})
        assert listing.status_code in (403, 404)


def other_key(skyulf: Skyulf, mine: Property, scopes: set[str], *, reach: str = "organisation") -> Api:
    """A key of the same project with these permissions."""
    body = {"name": "some", "scopes": sorted(scopes), "project_id": mine.api.project_id, "reach": reach}
    with skyulf.admin() as admin:
        return Api(skyulf.url, admin.ok("POST", "/api-keys", json=body)["key"], project_id=mine.api.project_id)


def state(mine: Property) -> list[Json]:
    """Everything that the project shows of itself, and the number of its events."""
    paths = [
        "datasets",
        "pipelines",
        "jobs",
        "models",
        "models/mine/versions",
        "deployments",
        "deployments/mine/history",
    ]
    shown = [mine.api.ok("GET", f"/{path}") for path in paths]
    return [*shown, {"events": len(list(read_stream(mine.api, quiet=1.0)))}]
