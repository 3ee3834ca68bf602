"""Runs of graphs that read several datasets: the rows that are learned from, and tables that are looked up in."""

import polars as pl
import pytest
from pipeline_street import OTHER_PROJECT, Json, Street, deleted, penguins
from skyulf_events import DatasetProfiled, JobCompleted
from skyulf_service.ids import new_id
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.manifest import verify_manifest

ISLANDS = pl.DataFrame({"island": ["Biscoe", "Dream", "Torgersen"], "area": [57.0, 3.7, 0.4], "station": [1, 0, 0]})
GRAPH: Json = {
    "sources": ["birds", "islands"],
    "nodes": [
        {"id": "islands-of", "node": "Join", "config": {"on": ["island"]}, "inputs": ["birds", "islands"]},
        {
            "id": "split",
            "node": "TrainTestSplit",
            "config": {"target": "species", "random_state": 7},
            "inputs": ["islands-of"],
        },
        {"id": "texts", "node": "DropColumns", "config": {"columns": ["island", "sex"]}, "inputs": ["split"]},
        {
            "id": "model",
            "node": "hist_gradient_boosting_classifier",
            "config": {"max_iter": 20},
            "inputs": ["texts"],
        },
    ],
}


async def runs_path(street: Street) -> str:
    created = await street.caller().post("/api/v1/pipelines", json={"name": "Penguins", "config": GRAPH})
    assert created.status_code == 201, created.text
    return f"/api/v1/pipelines/{created.json()['id']}/runs"


async def tables(street: Street) -> tuple[DatasetProfiled, DatasetProfiled]:
    return await street.dataset(penguins(), name="birds"), await street.dataset(ISLANDS, name="islands")


def body(birds: DatasetProfiled, /, **sources: object) -> Json:
    return {
        "dataset_id": str(birds.dataset_id),
        "sources": {name: {"dataset_id": str(found)} for name, found in sources.items()},
    }


async def test_a_run_reads_a_second_dataset_and_says_so_everywhere(street: Street) -> None:
    path, (birds, islands) = await runs_path(street), await tables(street)

    answer = await street.caller().post(path, json=body(birds, islands=islands.dataset_id))
    async with street.working():
        job = await street.until(answer.json()["id"], "succeeded", "failed")

    pin = {"dataset_id": str(islands.dataset_id), "version": islands.version}
    assert job["status"] == "succeeded", job
    assert job["sources"] == {"islands": {**pin, "name": "islands"}}
    for event in await street.events():
        assert {name: source.model_dump(mode="json") for name, source in event.sources.items()} == {"islands": pin}
    done = (await street.events(JobCompleted))[-1]
    store = street.parts.objects("skyulf-pipeline")
    signed = await Blobs(store).get_bytes(
        BlobRef(sha256=done.artifact.digest, size=done.artifact.size, key=done.artifact.key)
    )
    manifest = verify_manifest(signed, load_public(street.parts.keys_dir))
    assert manifest["sources"] == {"islands": pin}
    assert [column["name"] for column in manifest["input_schema"]].count("area") == 0


async def test_a_source_without_a_dataset_is_named(street: Street) -> None:
    path, (birds, islands) = await runs_path(street), await tables(street)

    answer = await street.caller().post(path, json=body(birds))
    misspelt = await street.caller().post(path, json=body(birds, island=islands.dataset_id))
    twice = await street.caller().post(path, json=body(birds, islands=islands.dataset_id, birds=islands.dataset_id))

    assert answer.status_code == misspelt.status_code == twice.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == ["missing-source"]
    assert "islands" in answer.json()["errors"][0]["detail"]
    assert {error["code"] for error in misspelt.json()["errors"]} == {"missing-source", "unknown-source"}
    assert "islands" in misspelt.text
    assert [error["code"] for error in twice.json()["errors"]] == ["source-twice"]
    assert await street.events() == []


async def test_the_columns_of_every_source_are_checked(street: Street) -> None:
    birds = await street.dataset(penguins(), name="birds")
    wrong = await street.dataset(ISLANDS.rename({"island": "isle"}), name="islands")
    request = {"config": GRAPH, **body(birds, islands=wrong.dataset_id)}

    found = (await street.caller().post("/api/v1/pipelines/validate", json=request)).json()

    assert found["problems"][0]["pointer"] == "/config/nodes/0/config/on/0"
    assert "isle" in found["problems"][0]["suggestion"]


@pytest.mark.parametrize("project", ["nobody's", "another's"])
async def test_a_dataset_of_nobody_or_of_another_project_is_404(street: Street, project: str) -> None:
    path, birds = await runs_path(street), await street.dataset(penguins(), name="birds")
    foreign = new_id()
    if project == "another's":
        foreign = (await street.dataset(ISLANDS, name="islands", project=OTHER_PROJECT)).dataset_id

    answer = await street.caller().post(path, json=body(birds, islands=foreign))

    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (404, "dataset-unknown")


async def test_a_deleted_source_fails_the_queued_job(lane: Street) -> None:
    path, (birds, islands) = await runs_path(lane), await tables(lane)
    answer = await lane.caller().post(path, json=body(birds, islands=islands.dataset_id))

    await lane.deliver(deleted(islands.dataset_id, version=1, order=9))
    async with lane.working():
        job = await lane.until(answer.json()["id"], "succeeded", "failed")

    assert (job["status"], job["error"]["code"]) == ("failed", "dataset-unknown")
    assert "'islands'" in job["error"]["message"]
