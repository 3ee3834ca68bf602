"""Every operation of the served document × no key, each role, a key without its permission, another project's key."""

import pytest
from harness import configs
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.form import Skyulf
from harness.operations import BODIES, Operation, Property, ask
from harness.owned import parked
from harness.promises import Figures
from harness.refusals import refused
from harness.stream import read_stream

# needs a key, but no permission
AUTHENTICATED = "authenticated"
ORGANISATION_WIDE = {"projects:write", "system:read", "system:operate"}
# what is the same for every project
SHARED = {"/nodes", "/nodes/{name}"}
STREAM = "/events"
READS = {"datasets:read", "pipelines:read", "jobs:read", "models:read", "events:read", "projects:read"}
OPERATES = READS | {"jobs:run", "models:deploy", "predictions:make"}
EDITS = READS | {
    "datasets:write", "datasets:delete", "pipelines:write", "pipelines:delete",
    "jobs:run", "models:write", "predictions:make",
}  # fmt: skip
MAY = {"viewer": READS, "operator": OPERATES, "editor": EDITS, "admin": OPERATES | EDITS}
MAY["admin"] |= {"keys:read", "keys:write", "audit:read"}

pytestmark = pytest.mark.promise("R24")


def test_nothing_is_answered_without_a_key(
    skyulf: Skyulf, mine: Property, operations: list[Operation], figures: Figures
) -> None:
    before, keys = state(mine), (None, "sk_000000000000_" + "0" * 43, f"{mine.api.key}_", "Bearer")
    for key in keys:
        with Api(skyulf.url, key) as nobody:
            for operation in operations:
                problem = refused(ask(nobody, mine, operation), 401)
                assert problem["type"] == "/problems/unauthenticated"
    assert state(mine) == before
    figures(f"{skyulf.form}: {len(operations)} operations without a right key: {len(operations) * len(keys)} x 401")


def test_every_operation_needs_its_permission(
    skyulf: Skyulf, mine: Property, operations: list[Operation], figures: Figures
) -> None:
    before, count = state(mine), 0
    everything = {operation.permission for operation in operations} - {AUTHENTICATED}
    for permission in sorted(everything):
        with other_key(skyulf, mine, everything - {permission}) as without:
            for operation in operations:
                if operation.permission == permission:
                    refused(ask(without, mine, operation), 403, permission)
                    count += 1
    with other_key(skyulf, mine, everything, reach="project") as of_project:
        for operation in operations:
            if operation.permission in ORGANISATION_WIDE:
                refused(ask(of_project, mine, operation), 403)
                count += 1
    assert state(mine) == before
    figures(f"{skyulf.form}: operations without their permission: {count} x 403")


def test_a_role_may_do_what_it_is_for_and_nothing_else(
    skyulf: Skyulf, mine: Property, operations: list[Operation], figures: Figures
) -> None:
    before, refusals = state(mine), {}
    for role, may in MAY.items():
        beyond = [one for one in operations if one.permission not in may | {AUTHENTICATED}]
        reads = [one for one in operations if one.permission in may and one.method == "GET" and one.path != STREAM]
        with other_key(skyulf, mine, {role}) as key:
            for operation in beyond:
                refused(ask(key, mine, operation), 403, operation.permission)
            for operation in reads:
                assert ask(key, mine, operation).status_code not in (401, 403), operation
        assert may <= {operation.permission for operation in operations}
        refusals[role] = len(beyond)
    assert state(mine) == before
    figures(f"{skyulf.form}: operations beyond a role: " + ", ".join(f"{r} {n} x 403" for r, n in refusals.items()))


def test_another_project_gets_404_and_changes_nothing(
    skyulf: Skyulf, mine: Property, operations: list[Operation], figures: Figures
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
            # the owner gets something else: what a stranger is told to be missing is there
            if operation.method == "GET":
                assert ask(mine.api, mine, operation).status_code != 404, operation
        assert list(read_stream(stranger, quiet=0.5))[1:] == []
    assert state(mine) == before
    if isinstance(skyulf, Distributed):
        with skyulf.admin() as admin:
            assert parked(admin, mine.api.project_id) == [mine.ids["letter_id"]]
    figures(f"{skyulf.form}: {len(naming)} operations on another project's objects: {len(naming)} refused, 0 effects")


def test_lists_name_nothing_of_another_project(
    skyulf: Skyulf, mine: Property, operations: list[Operation], figures: Figures
) -> None:
    lists = [one for one in operations if one.method == "GET" and not one.parameters and one.path not in SHARED]
    asked = [(one.path, {}) for one in lists if one.path != STREAM and one.permission not in ORGANISATION_WIDE]
    asked += [("/jobs", {"pipeline_id": mine.ids["pipeline_id"]})]
    with skyulf.project() as stranger:
        for path, query in asked:
            shown = stranger.ok("GET", path, params=query)
            text = stranger.http.get(f"/api/v1{path}", params=query).text
            assert not [name for name, value in mine.ids.items() if value in text], path
            assert path in ("/projects", "/api-keys", "/audit", "/auth/me") or shown["items"] == [], path
        assert list(read_stream(stranger, quiet=1.0, subject=mine.ids["dataset_id"])) == []
    figures(f"{skyulf.form}: {len(asked)} lists, 0 name an object of another project")


def test_objects_named_in_bodies_are_those_of_the_project(skyulf: Skyulf, mine: Property, figures: Figures) -> None:
    dataset = mine.ids["dataset_id"]
    with skyulf.project() as stranger:
        own = stranger.ok("POST", "/pipelines", json={"name": "own", "config": configs.tiny()})
        run = stranger.call("POST", f"/pipelines/{own['id']}/runs", json={"dataset_id": dataset})
        check = {"config": configs.tiny(), "dataset_id": dataset}
        refused(run, 404, dataset)
        refused(stranger.call("POST", "/pipelines/validate", json=check), 404, dataset)
        tuning = {"dataset_id": dataset, "tuning": {"n_trials": 1}}
        refused(stranger.call("POST", f"/pipelines/{own['id']}/tunings", json=tuning), 404, dataset)
        theirs = stranger.ready_dataset(configs.tiny_data())["id"]
        foreign = f"/pipelines/{mine.ids['pipeline_id']}"
        refused(stranger.call("POST", f"{foreign}/runs", json={"dataset_id": theirs}), 404, mine.ids["pipeline_id"])
        refused(stranger.call("POST", "/deployments", json={"name": "mine", "model": "mine"}), 404, "mine")
        key = {"name": "theirs", "scopes": ["datasets:read"], "project_id": mine.api.project_id}
        assert stranger.call("POST", "/api-keys", json=key).status_code in (403, 404)
        listing = stranger.call("GET", "/api-keys", params={"project_id": mine.api.project_id})
        assert listing.status_code in (403, 404)
    figures(f"{skyulf.form}: 7 bodies and queries that name another project's objects: 7 refused")


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
