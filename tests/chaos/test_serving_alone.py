"""Serving needs its own database and its own disk, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from harness import constants
from harness.api import Api, Json
from harness.distributed import Distributed, Role
from harness.inside import inside
from harness.promises import Figures
from skyulf_service.testing.ports import free_port

OTHERS = ("gateway", "ingestion", "pipeline", "registry")
REPLICAS = ("inference-api", "inference-api-2")
ASKED = 50


@pytest.mark.promise("R19")
def test_replicas_that_restart_while_all_else_is_away_serve_from_their_disk(
    distributed: Distributed, figures: Figures
) -> None:
    with distributed.project() as api:
        constants.opposites(api, "alone")
        assert api.deploy("alone", "alone", 2)["replicas"] == len(REPLICAS)

        with distributed.without(*OTHERS), no_kafka(distributed):
            replicas = [distributed.roles[name] for name in REPLICAS]
            with no_objects(replicas):
                answers = [constants.check(ask(distributed, each, api)) for each in replicas * ASKED]
                assert answers == [2] * len(answers)

        distributed.roles["inference-worker"].wait_ready()
        assert constants.check(api.predict("alone", constants.ROWS)) == 2
        assert api.deploy("alone", "alone", 1)["status"] == "ready"
        assert constants.check(api.predict("alone", constants.ROWS)) == 1
    figures(
        f"2 replicas restarted without 4 services, Kafka and S3: {len(answers)} of {len(answers)} predictions right"
    )


@contextmanager
def no_kafka(distributed: Distributed) -> Iterator[None]:
    """Stop Kafka for the block."""
    distributed.kafka.stop()
    try:
        yield
    finally:
        distributed.kafka.start()


@contextmanager
def no_objects(replicas: list[Role]) -> Iterator[None]:
    """Restart replicas where the object store cannot be reached, and again where it can."""
    endpoint = replicas[0].process.env["SKYULF_S3_ENDPOINT"]
    try:
        restart(replicas, endpoint=f"127.0.0.1:{free_port()}")
        yield
    finally:
        restart(replicas, endpoint=endpoint)


def restart(replicas: list[Role], *, endpoint: str) -> None:
    """End the replicas in order, and start them with another address of the object store."""
    for replica in replicas:
        assert replica.process.terminate() == 0
        replica.process.env["SKYULF_S3_ENDPOINT"] = endpoint
        replica.start()
    for replica in replicas:
        replica.wait_ready()


def ask(distributed: Distributed, replica: Role, api: Api) -> Json:
    """Ask a replica itself."""
    with inside(distributed, replica.name, api) as itself:
        answer = itself.call("POST", "/deployments/alone/predict", json={"rows": constants.ROWS})
    assert answer.status_code == 200, f"{answer.text}\n{distributed.log(replica.name)}"
    body: Json = answer.json()
    return body
