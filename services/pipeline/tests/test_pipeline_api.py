"""Pipelines and nodes over HTTP, on both databases."""

from uuid import uuid4

import pytest
from httpx import AsyncClient
from pipeline_street import EVERYTHING, OTHER_PROJECT, Street, penguins, penguins_config

BODY = {"name": "Pinguine über alles", "description": "species", "config": penguins_config()}


async def make(client: AsyncClient, **changes: object) -> dict[str, object]:
    answer = await client.post("/api/v1/pipelines", json={**BODY, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


async def test_a_pipeline_is_created_read_listed_and_named_after(street: Street) -> None:
    client = street.caller()
    made = await make(client)

    assert (made["latest_version"], made["register_as"]) == (1, "pinguine-uber-alles")
    read = await client.get(f"/api/v1/pipelines/{made['id']}")
    assert read.json() == made
    assert read.headers["ETag"] == '"1"'
    listed = (await client.get("/api/v1/pipelines")).json()
    assert listed == {"items": [{key: value for key, value in made.items() if key != "config"}], "next_cursor": None}


async def test_put_makes_the_next_version_and_keeps_the_earlier_one(street: Street) -> None:
    client = street.caller()
    made = await make(client)
    path = f"/api/v1/pipelines/{made['id']}"
    changed = {"name": "new name", "config": penguins_config(max_iter=30)}

    assert (await client.put(path, json=changed)).status_code == 428
    assert (await client.put(path, json=changed, headers={"If-Match": '"7"'})).status_code == 412
    answer = await client.put(path, json=changed, headers={"If-Match": '"1"'})

    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == '"2"'
    assert (answer.json()["latest_version"], answer.json()["register_as"]) == (2, made["register_as"])
    versions = (await client.get(f"{path}/versions")).json()["items"]
    assert [entry["version"] for entry in versions] == [2, 1]
    assert (await client.get(f"{path}/versions/1")).json()["config"] == made["config"]
    assert (await client.get(f"{path}/versions/2")).json()["config"] == changed["config"]
    assert (await client.get(f"{path}/versions/3")).status_code == 404
    page = (await client.get(f"{path}/versions?limit=1")).json()
    rest = (await client.get(f"{path}/versions", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert ([entry["version"] for entry in rest["items"]], rest["next_cursor"]) == ([1], None)


async def test_a_refused_put_changes_nothing(street: Street) -> None:
    client = street.caller()
    made = await make(client)
    path = f"/api/v1/pipelines/{made['id']}"
    answer = await client.put(path, json={"name": "x", "config": {"steps": []}}, headers={"If-Match": '"1"'})

    assert answer.status_code == 422
    assert (await client.get(path)).json() == made


async def test_a_deleted_pipeline_is_gone_but_its_jobs_stay(street: Street) -> None:
    client = street.caller()
    job = await street.queued()
    path = f"/api/v1/pipelines/{job['pipeline_id']}"

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path)).status_code == 404
    assert (await client.post(f"{path}/runs", json={"dataset_id": job["dataset_id"]})).status_code == 404
    assert (await client.get("/api/v1/pipelines")).json()["items"] == []
    assert (await client.get(f"/api/v1/jobs/{job['id']}")).json() == job
    assert (await client.get(f"{path}/versions/1")).status_code == 200


async def test_one_key_makes_one_pipeline(street: Street) -> None:
    client = street.caller()
    headers = {"Idempotency-Key": "k-1"}
    first = await client.post("/api/v1/pipelines", json=BODY, headers=headers)
    again = await client.post("/api/v1/pipelines", json=BODY, headers=headers)
    other = await client.post("/api/v1/pipelines", json={**BODY, "name": "other"}, headers=headers)

    assert first.json() == again.json()
    assert (again.status_code, again.headers["ETag"]) == (201, '"1"')
    assert other.status_code == 422
    assert len((await client.get("/api/v1/pipelines")).json()["items"]) == 1


def with_step(node: str, config: dict[str, object], *, at: int = 1) -> dict[str, object]:
    changed = penguins_config()
    steps = changed["steps"]
    assert isinstance(steps, list)
    steps.insert(at, {"node": node, "config": config})
    return changed


def looped() -> dict[str, object]:
    split = {"id": "a", "node": "TrainTestSplit", "config": {"target": "species"}, "inputs": ["c"]}
    impute = {"id": "b", "node": "SimpleImputer", "config": {}, "inputs": ["a"]}
    model = {"id": "c", "node": "hist_gradient_boosting_classifier", "config": {}, "inputs": ["b"]}
    return {"nodes": [split, impute, model]}


BAD = [
    ("unknown node", with_step("SimpleImputr", {}), "/config/steps/1/node", "unknown-node"),
    (
        "unknown parameter",
        with_step("SimpleImputer", {"stratgy": "mean"}),
        "/config/steps/1/config/stratgy",
        "unknown-param",
    ),
    ("bad choice", with_step("SimpleImputer", {"strategy": "medain"}), "/config/steps/1/config/strategy", None),
    ("no target", with_step("TrainTestSplit", {}, at=0), "/config/steps/0/config/target", None),
    ("two splitters", with_step("TrainTestSplit", {"target": "species"}), "/config/steps/1/node", "second-splitter"),
    ("learned before the split", with_step("StandardScaler", {}, at=0), "/config/steps/0/node", "leakage"),
    ("no model", {"steps": penguins_config()["steps"]}, "/config/model", "missing-model"),
    (
        "a model without a target",
        {**penguins_config(), "model": {"node": "kmeans"}},
        "/config/model/node",
        "unsupported-task",
    ),
    (
        "a model without a splitter",
        {"steps": [], "model": {"node": "isolation_forest"}},
        "/config/model/node",
        "unsupported-task",
    ),
    ("unknown key", {**penguins_config(), "modell": {}}, "/config/modell", None),
    ("steps of the wrong type", {**penguins_config(), "steps": 3}, "/config/steps", "wrong-type"),
    ("a cycle", looped(), None, "cycle"),
    ("nothing", {}, "/config", "empty-pipeline"),
]


@pytest.mark.parametrize(("name", "config", "pointer", "code"), BAD, ids=[case[0] for case in BAD])
async def test_a_bad_configuration_is_refused_with_a_pointer(
    lane: Street, name: str, config: dict[str, object], pointer: str | None, code: str | None
) -> None:
    client = lane.caller()
    answer = await client.post("/api/v1/pipelines", json={"name": name, "config": config})

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    found = [(each["pointer"], each.get("code")) for each in answer.json()["errors"]]
    assert any(pointer in (None, at) and code in (None, what) for at, what in found), found
    checked = await client.post("/api/v1/pipelines/validate", json={"config": config})
    assert checked.status_code == 200
    assert not checked.json()["valid"]
    assert [(each["pointer"], each["code"]) for each in checked.json()["problems"]] == found


async def test_all_problems_come_at_once_with_advice(lane: Street) -> None:
    config = with_step("SimpleImputr", {})
    config["model"] = {"node": "hist_gradient_boosting_classifier", "config": {"max_itr": 3, "learning_rate": "fast"}}
    problem = (await lane.caller().post("/api/v1/pipelines", json={"name": "x", "config": config})).json()

    assert problem["type"] == "/problems/invalid-pipeline"
    pointers = {each["pointer"]: each["detail"] for each in problem["errors"]}
    assert set(pointers) == {
        "/config/steps/1/node",
        "/config/model/config/max_itr",
        "/config/model/config/learning_rate",
    }
    assert "Did you mean 'SimpleImputer'?" in pointers["/config/steps/1/node"]


async def test_sizes_are_limited(lane: Street) -> None:
    client = lane.caller()
    steps = [{"node": "SimpleImputer", "config": {}}] * 501
    many = await client.post("/api/v1/pipelines", json={"name": "x", "config": {**penguins_config(), "steps": steps}})
    huge = await client.post("/api/v1/pipelines", json={"name": "x", "config": {"name": "y" * (1 << 20)}})
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    nested = await client.post("/api/v1/pipelines", json={"name": "x", "config": {"steps": deep}})

    assert (many.status_code, many.json()["errors"][0]["pointer"]) == (422, "/config/steps")
    assert (huge.status_code, huge.json()["type"]) == (413, "/problems/pipeline-too-large")
    assert nested.status_code == 413


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "  "},
        {"name": "x" * 201},
        {"register_as": "Not A Slug"},
        {"surprise": 1},
        {"config": "text"},
        {"name": "nul\x00"},
    ],
)
async def test_bad_bodies_are_422(street: Street, changes: dict[str, object]) -> None:
    answer = await street.caller().post("/api/v1/pipelines", json={**BODY, **changes})
    assert answer.status_code == 422, answer.text


async def test_validate_shows_the_columns_after_each_step(street: Street) -> None:
    event = await street.dataset(penguins())
    body = {"config": penguins_config(), "dataset_id": str(event.dataset_id)}
    found = (await street.caller().post("/api/v1/pipelines/validate", json=body)).json()

    assert (found["valid"], found["problems"]) == (True, [])
    assert len(found["schemas"]) == 3
    names = [column["name"] for column in found["schemas"][-1]]
    assert "bill_length_mm" in names
    assert "species" not in names
    assert any(name.startswith("island") for name in names)

    body["config"] = with_step("StandardScaler", {"columns": ["bill_lenght_mm"]})
    found = (await street.caller().post("/api/v1/pipelines/validate", json=body)).json()
    problem = found["problems"][0]
    assert (problem["pointer"], problem["code"]) == ("/config/steps/1/config/columns/0", "unknown-column")
    assert "bill_length_mm" in problem["suggestion"]


async def test_the_catalogue_shows_nodes_with_their_forms(lane: Street) -> None:
    client = lane.caller()
    every = (await client.get("/api/v1/nodes")).json()["items"]
    scaling = (await client.get("/api/v1/nodes", params={"family": "scaling"})).json()["items"]
    splitters = (await client.get("/api/v1/nodes", params={"kind": "splitter"})).json()["items"]
    words = (await client.get("/api/v1/nodes", params={"q": "text ONE-HOT"})).json()["items"]
    one = (await client.get("/api/v1/nodes/SimpleImputer")).json()

    assert len(every) > 10
    assert {node["family"] for node in scaling} == {"scaling"}
    assert "TrainTestSplit" in [node["name"] for node in splitters]
    assert "OneHotEncoder" in [node["name"] for node in words]
    assert one["json_schema"]["properties"]["strategy"]
    assert [(row["name"], row["only_when"]) for row in one["parameters"]] == [
        ("columns", ""), ("strategy", ""), ("fill_value", 'strategy is "constant"')
    ]  # fmt: skip
    assert {type(node[key]) for node in every for key in ("streaming", "portable")} == {bool}
    assert {type(node[key]) for node in every for key in ("reference", "tolerance")} == {str, float}
    assert (await client.get("/api/v1/nodes/Nothing")).status_code == 404


async def test_another_project_sees_nothing(street: Street) -> None:
    job = await street.queued()
    stranger = street.caller(project=OTHER_PROJECT)
    pipeline = f"/api/v1/pipelines/{job['pipeline_id']}"

    for path in (pipeline, f"{pipeline}/versions", f"{pipeline}/versions/1", f"/api/v1/jobs/{job['id']}"):
        assert (await stranger.get(path)).status_code == 404
    for path in ("logs", "evaluation"):
        assert (await stranger.get(f"/api/v1/jobs/{job['id']}/{path}")).status_code == 404
    for path in ("cancel", "retry"):
        assert (await stranger.post(f"/api/v1/jobs/{job['id']}/{path}")).status_code == 404
    assert (await stranger.put(pipeline, json=BODY, headers={"If-Match": "*"})).status_code == 404
    assert (await stranger.delete(pipeline)).status_code == 404
    assert (await stranger.post(f"{pipeline}/runs", json={"dataset_id": job["dataset_id"]})).status_code == 404
    own = await make(stranger)
    run = await stranger.post(f"/api/v1/pipelines/{own['id']}/runs", json={"dataset_id": job["dataset_id"]})
    assert run.status_code == 404
    body = {"config": penguins_config(), "dataset_id": job["dataset_id"]}
    assert (await stranger.post("/api/v1/pipelines/validate", json=body)).status_code == 404
    assert (await stranger.get("/api/v1/jobs")).json()["items"] == []
    assert await street.job(job["id"]) == job


OPERATIONS = [
    ("GET", "/api/v1/nodes", "pipelines:read"),
    ("GET", "/api/v1/nodes/SimpleImputer", "pipelines:read"),
    ("GET", "/api/v1/pipelines", "pipelines:read"),
    ("POST", "/api/v1/pipelines", "pipelines:write"),
    ("POST", "/api/v1/pipelines/validate", "pipelines:read"),
    ("GET", "/api/v1/pipelines/{id}", "pipelines:read"),
    ("PUT", "/api/v1/pipelines/{id}", "pipelines:write"),
    ("DELETE", "/api/v1/pipelines/{id}", "pipelines:delete"),
    ("GET", "/api/v1/pipelines/{id}/versions", "pipelines:read"),
    ("GET", "/api/v1/pipelines/{id}/versions/1", "pipelines:read"),
    ("POST", "/api/v1/pipelines/{id}/runs", "jobs:run"),
    ("GET", "/api/v1/jobs", "jobs:read"),
    ("GET", "/api/v1/jobs/{id}", "jobs:read"),
    ("GET", "/api/v1/jobs/{id}/logs", "jobs:read"),
    ("GET", "/api/v1/jobs/{id}/evaluation", "jobs:read"),
    ("GET", "/api/v1/jobs/{id}/report", "jobs:read"),
    ("POST", "/api/v1/jobs/{id}/cancel", "jobs:run"),
    ("POST", "/api/v1/jobs/{id}/retry", "jobs:run"),
]


async def test_every_operation_needs_its_permission(lane: Street) -> None:
    nobody = lane.caller(permissions=frozenset())
    for method, path, permission in OPERATIONS:
        path = path.replace("{id}", str(uuid4()))
        without = lane.caller(permissions=EVERYTHING - {permission})
        with_it = lane.caller(permissions=frozenset({permission}))
        assert (await nobody.request(method, path)).status_code == 403
        assert (await without.request(method, path)).status_code == 403
        assert (await with_it.request(method, path)).status_code not in (401, 403)
        anonymous = await lane.caller().request(method, path, headers={"Authorization": ""})
        assert anonymous.status_code == 401
