"""Pipelines that cannot run: all problems in one answer, each with a pointer; jobs that cannot succeed say why."""

from collections.abc import Iterator

import pytest
from harness import configs
from harness.api import Api, Json
from harness.form import Skyulf
from harness.refusals import pointers, refused

MODEL = {"node": "logistic_regression"}
SPLIT = {"node": "TrainTestSplit", "config": {"target": "label"}}


def listed(*steps: Json, model: Json | None = MODEL) -> Json:
    return {"steps": [SPLIT, *steps], **({"model": model} if model else {})}


CYCLE = {
    "nodes": [
        {"id": "split", **SPLIT, "inputs": ["model"]},
        {"id": "model", **MODEL, "inputs": ["split"]},
    ]
}
DANGLING = {"nodes": [{"id": "split", **SPLIT}, {"id": "model", **MODEL, "inputs": ["splitt"]}]}
SAME_ID = {"nodes": [{"id": "one", **SPLIT}, {"id": "one", **MODEL, "inputs": ["one"]}]}
IMPUTER = {"node": "SimpleImputer", "config": {"strategy": "meen", "colums": ["x"]}}
REFUSED = {
    "unknown-node": (listed({"node": "SimpleImputr"}), {"/config/steps/1/node"}, ["SimpleImputer"]),
    "unknown-parameter": (
        listed(IMPUTER),
        {"/config/steps/1/config/strategy", "/config/steps/1/config/colums"},
        ["mean", "columns"],
    ),
    "missing-target": (
        {"steps": [{"node": "TrainTestSplit"}], "model": MODEL},
        {"/config/steps/0/config/target"},
        ["target"],
    ),
    "no-splitter": ({"steps": [], "model": MODEL}, {"/config/steps"}, ["TrainTestSplit"]),
    "leakage": (
        {"steps": [{"node": "StandardScaler"}, SPLIT], "model": MODEL},
        {"/config/steps/0/node"},
        ["Leakage", "TrainTestSplit"],
    ),
    "no-model": (listed(model=None), {"/config/model"}, ["model"]),
    "cycle": (CYCLE, {"/config/nodes/0/inputs", "/config/nodes/1/inputs"}, ["after itself"]),
    "dangling-edge": (DANGLING, {"/config/nodes/1/inputs/0"}, ["splitt"]),
    "same-id": (SAME_ID, {"/config/nodes/1/id"}, ["one"]),
    "no-list": ({"steps": 5, "model": MODEL}, {"/config/steps"}, ["list"]),
}
TABLES = {
    "constant-target": (b"x,label\n" + b"".join(b"%d,same\n" % n for n in range(40)), "constant-target", "label"),
    "too-few-rows": (b"x,label\n1,a\n", "too-few-rows", "1 row is"),
}
GAPS = b"x,label\n" + b"".join(b"%d,%s\n" % (n, [b"a", b"b", b""][n % 3]) for n in range(40))


@pytest.fixture
def api(skyulf: Skyulf) -> Iterator[Api]:
    """A project of its own."""
    with skyulf.project() as project:
        yield project


def test_all_problems_come_at_once_with_pointers(api: Api) -> None:
    for name, (config, expected, words) in REFUSED.items():
        answer = api.call("POST", "/pipelines", json={"name": name, "config": config})
        problem = refused(answer, 422, *words)
        assert expected <= pointers(problem), (name, problem)
        checked = api.ok("POST", "/pipelines/validate", json={"config": config})
        assert not checked["valid"]
        assert {found["pointer"] for found in checked["problems"]} == pointers(problem)
    assert api.ok("GET", "/pipelines")["items"] == []


def test_bodies_are_read_strictly(api: Api) -> None:
    good = {"name": "good", "config": configs.tiny()}
    for body, pointer in [
        ({"config": good["config"]}, "/name"),
        ({**good, "nmae": "x"}, "/nmae"),
        ({**good, "name": 5}, "/name"),
        ({**good, "register_as": "../up"}, "/register_as"),
        ({**good, "config": []}, "/config"),
    ]:
        assert pointer in pointers(refused(api.call("POST", "/pipelines", json=body), 422))
    as_text = {"Content-Type": "application/json"}
    refused(api.call("POST", "/pipelines", content=b'{"name": ', headers=as_text), 422)
    refused(api.call("POST", "/pipelines", content=b'{"name": NaN}', headers=as_text), 422)
    refused(api.call("POST", "/pipelines", content=b"\xff\xfe", headers=as_text), 422)
    refused(api.call("POST", "/pipelines", content=b"[" * 100_000, headers=as_text), 422)
    refused(api.call("POST", "/pipelines", content=b"a=b", headers={"Content-Type": "text/plain"}), 415)
    refused(api.call("POST", "/pipelines", content=bytes(17 << 20), headers=as_text), 413)
    assert api.ok("GET", "/pipelines")["items"] == []


def test_a_pipeline_that_does_not_fit_the_data_is_not_run(api: Api) -> None:
    dataset = api.ready_dataset(b"x,label\n" + b"1,a\n2,b\n" * 20)
    wrong = listed({"node": "SimpleImputer", "config": {"columns": ["x", "z"]}})
    pipeline = api.ok("POST", "/pipelines", json={"name": "wrong", "config": wrong})
    path = f"/pipelines/{pipeline['id']}/runs"
    gaps = api.ready_dataset(b"x,z,label\n,1,a\n" + b"1,2,a\n2,3,b\n" * 20)
    plain = api.ok("POST", "/pipelines", json={"name": "plain", "config": listed()})

    problem = refused(api.call("POST", f"/pipelines/{plain['id']}/runs", json={"dataset_id": gaps["id"]}), 422, "'x'")
    assert pointers(problem) == {"/config/model"}
    problem = refused(api.call("POST", path, json={"dataset_id": dataset["id"]}), 422, "'z'")
    assert pointers(problem) == {"/config/steps/1/config/columns/1"}
    refused(api.call("POST", path, json={"dataset_id": pipeline["id"]}), 404, pipeline["id"])
    refused(api.call("POST", path, json={"dataset_id": dataset["id"], "dataset_version": 7}), 404, "7")
    refused(api.call("POST", path, json={"dataset_id": dataset["id"], "pipeline_version": 7}), 404, "7")
    refused(api.call("POST", path, json={"dataset_id": "../x"}), 422, "/dataset_id")
    untold = api.ready_dataset(GAPS, name="gaps")
    answer = api.call("POST", f"/pipelines/{plain['id']}/runs", json={"dataset_id": untold["id"]})
    refused(answer, 422, "'label'", "missing values")
    assert api.ok("GET", "/jobs")["items"] == []


def test_data_that_cannot_be_learned_from_fails_the_job_with_the_reason(skyulf: Skyulf, api: Api) -> None:
    before = skyulf.objects.keys("skyulf-pipeline")
    pipeline = api.ok("POST", "/pipelines", json={"name": "hopeless", "config": listed()})
    for name, (data, code, words) in TABLES.items():
        dataset = api.ready_dataset(data, name=name)
        queued = api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset["id"]})
        job = api.job(queued["id"])
        assert (job["status"], job["error"]["code"]) == ("failed", code), job
        assert words in job["error"]["message"]
        refused(api.call("GET", f"/jobs/{job['id']}/evaluation"), 404)
    refused(api.call("GET", "/models/hopeless"), 404, "hopeless")
    assert skyulf.objects.keys("skyulf-pipeline") <= before  # what others have deleted may go meanwhile
