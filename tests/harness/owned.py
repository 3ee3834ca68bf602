"""What one project owns: one of everything that an operation can name."""

import json
from uuid import uuid4

from harness import configs
from harness.api import Api
from harness.distributed import Distributed
from harness.form import Skyulf
from harness.operations import Property
from harness.records import send
from harness.stream import read_until


def one_of_everything(skyulf: Skyulf, api: Api) -> Property:
    """Make a dataset, pipeline, job, model version, alias, deployment, key, and on Kafka a dead letter too."""
    dataset = api.ready_dataset(configs.tiny_data())
    pipeline = api.ok("POST", "/pipelines", json={"name": "mine", "config": configs.tiny(), "register_as": "mine"})
    version = api.run(pipeline["id"], dataset["id"])
    api.ok("PUT", "/models/mine/versions/1/aliases/champion")
    assert api.deploy("mine", "mine", 1)["status"] == "ready"
    announced = {each.id for each in skyulf.announced(api.project_id)}
    read_until(api, lambda seen: announced <= {each.event["id"] for each in seen})  # from now on it is quiet
    ids = {
        "dataset_id": dataset["id"],
        "pipeline_id": pipeline["id"],
        "job_id": version["lineage"]["job_id"],
        "project_id": api.project_id,
        "key_id": api.ok("GET", "/api-keys")["items"][0]["id"],
        "letter_id": dead_letter(skyulf, api) if isinstance(skyulf, Distributed) else str(uuid4()),
    }
    return Property(api, ids)


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
    letters = admin.until("/dead-letters?limit=100", lambda found: found["unavailable"] == [])["items"]
    return [one["id"] for one in letters if one["service"] == "registry" and project_id in one["value"]]
