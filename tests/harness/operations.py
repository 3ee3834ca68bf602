"""Every operation of the served document, and a call of each that would succeed for the owner of what it names."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from harness import configs
from harness.api import PREFIX, Api, Json
from harness.form import Skyulf

METHODS = ("get", "put", "post", "delete", "patch")
BODIES: dict[tuple[str, str], Json] = {
    ("PATCH", "/datasets/{dataset_id}"): {"name": "stolen"},
    ("PUT", "/pipelines/{pipeline_id}"): {"name": "stolen", "config": configs.tiny()},
    ("POST", "/pipelines/{pipeline_id}/runs"): {"dataset_id": str(uuid4())},
    ("POST", "/pipelines/{pipeline_id}/tunings"): {"dataset_id": str(uuid4()), "tuning": {"n_trials": 1}},
    ("POST", "/pipelines/{pipeline_id}/imports"): {},
    ("POST", "/jobs/{job_id}/cancel"): {"keep_best": False},
    ("POST", "/jobs/{job_id}/retry"): {"n_trials": 1},
    ("PUT", "/models/{name}/versions/{version}/stage"): {"stage": "archived"},
    ("PATCH", "/deployments/{name}"): {"model": "mine"},
    ("POST", "/deployments/{name}/predict"): {"row": {"x": 1, "y": 1}},
    ("POST", "/deployments/{name}/explain"): {"row": {"x": 1, "y": 1}},
}
QUERIES: dict[tuple[str, str], dict[str, str | int]] = {
    ("POST", "/pipelines/{pipeline_id}/imports"): {
        "pipeline_version": 1,
        "dataset_id": str(uuid4()),
        "dataset_version": 1,
    },
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


def served(skyulf: Skyulf) -> list[Operation]:
    """All operations of the document that the gateway serves."""
    with skyulf.admin() as admin:
        document = admin.http.get("/openapi.json").json()
    return list(_operations(document["paths"].items()))


def _operations(paths: Iterable[tuple[str, Json]]) -> Iterable[Operation]:
    for path, item in paths:
        for method, found in item.items():
            if method in METHODS:
                name = path.removeprefix(PREFIX)
                yield Operation(method.upper(), name, found["x-skyulf-permission"], "requestBody" in found)


def ask(api: Api, owned: Property, operation: Operation) -> Any:
    """Make the call as it would succeed for the owner."""
    body = BODIES.get((operation.method, operation.path), {}) if operation.has_body else None
    query = QUERIES.get((operation.method, operation.path))
    return api.call(operation.method, owned.path(operation), json=body, params=query, headers={"If-Match": '"1"'})
