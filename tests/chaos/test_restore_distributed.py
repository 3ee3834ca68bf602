"""Backup of the distributed form while others work, destroy, restore: PostgreSQL, S3, keys, and Kafka in one form."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from harness.api import Api
from harness.constants import ROWS, check, opposites
from harness.distributed import SERVICES, Distributed
from harness.form import quiet, started
from harness.operators import of_operators
from harness.topics import published
from minio import Minio
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub

pytestmark = pytest.mark.slow


def skyulf(running: Distributed, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "skyulf_standalone", *words]
    env = {**os.environ, **quiet({"SKYULF_HOME": str(running.home), **of_operators(running)})}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    """Servers of its own: they can be lost."""
    with closing(LocalHub()) as hub:
        yield hub


@pytest.fixture
def own(tmp_path: Path, postgres_server: PostgresServer, hub: LocalHub) -> Iterator[Distributed]:
    """An installation of its own: everything in it is destroyed."""
    with started(Distributed(tmp_path, kafka=KafkaBroker(hub), postgres=postgres_server, s3=S3Server(hub))) as running:
        yield running


@pytest.mark.parametrize("kafka", ["stays", "is lost"])
def test_backup_under_load_destroy_restore(own: Distributed, hub: LocalHub, tmp_path: Path, kafka: str) -> None:
    running, file = own, tmp_path / "b.tgz"
    api = running.project()
    opposites(api, "switch")
    api.deploy("switch", "switch", 1)
    over, kept = threading.Event(), list[str]()

    def load() -> None:
        while not over.is_set():
            kept.append(api.upload(b"a,b\n" + b"1,2\n" * len(kept))["id"] if kept else api.upload(b"a\n1\n")["id"])
            time.sleep(0.1)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        done = skyulf(running, "backup", str(file))
    finally:
        over.set()
        thread.join()
    assert done.returncode == 0, done.stderr
    refused = skyulf(running, "restore", "--replace", str(file))
    assert refused.returncode == 1
    assert "stop all roles first" in refused.stderr
    api.deploy("switch", "switch", 2)  # undone by the restore
    Api.eventually(lambda: on_topics(running) == set(announced(running)), what="also this is told")
    told = on_topics(running)
    destroy(running)
    if kafka == "is lost":
        lose_kafka(running, hub)

    restored = skyulf(running, "restore", "--replace", str(file))

    assert restored.returncode == 0, restored.stderr
    running.migrate()  # makes the topics where Kafka is a new one
    assert on_topics(running) == set()
    (last,) = running.sql("gateway", "SELECT last_seq FROM event_log_head")
    for role in running.roles.values():
        role.start()
    for role in running.roles.values():
        role.wait_ready()
    path, rows = "/deployments/switch/predict", {"rows": ROWS}
    api.eventually(lambda: api.call("POST", path, json=rows).is_success, what="version 1 answers again")
    assert check(api.predict("switch", ROWS)) == 1
    for dataset in api.ok("GET", "/datasets", params={"limit": 200})["items"]:
        assert api.dataset(dataset["id"])["status"] == "ready"
        assert api.call("GET", f"/datasets/{dataset['id']}/sample").status_code == 200
    api.deploy("switch", "switch", 2)
    assert check(api.predict("switch", ROWS)) == 2
    Api.eventually(lambda: logged(running) == announced(running), what="every event in the log, once")
    Api.eventually(lambda: on_topics(running) == set(announced(running)), what="what is kept on Kafka, and no more")
    assert told - on_topics(running)  # what was undone
    numbers = [row["seq"] for row in running.sql("gateway", "SELECT seq FROM event_log ORDER BY seq")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers[-1] > last["last_seq"]
    for service in SERVICES:
        assert running.sql(service, "SELECT reason, error FROM dead_letters") == []


def destroy(running: Distributed) -> None:
    """Stop everything; drop what the databases hold, remove the objects and the keys."""
    for role in running.roles.values():
        role.process.started().terminate()
    for role in running.roles.values():
        role.process.started().wait(30)
    for service in SERVICES:
        asyncio.run(emptied(running.database_url(service)))
    client = Minio(
        running.s3.endpoint, access_key=running.s3.access_key, secret_key=running.s3.secret_key, secure=False
    )
    for bucket in ("skyulf-ingestion", "skyulf-pipeline"):
        for found in client.list_objects(bucket, recursive=True):
            client.remove_object(bucket, str(found.object_name))
    shutil.rmtree(running.keys)
    for role in running.roles:
        shutil.rmtree(running.folder / role / "cache", ignore_errors=True)


def lose_kafka(running: Distributed, hub: LocalHub) -> None:
    """End the broker with its topics and the places of all groups; an empty one elsewhere takes its place."""
    hub.servers.pop("kafka").close()
    running.move_to(KafkaBroker(hub))


async def emptied(url: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()


def logged(running: Distributed) -> Counter[str]:
    return Counter(str(row["event_id"]) for row in running.sql("gateway", "SELECT event_id FROM event_log"))


def on_topics(running: Distributed) -> set[str]:
    return {record.id for record in published(running.bootstrap)}


def announced(running: Distributed) -> Counter[str]:
    found = Counter[str]()
    for service in SERVICES:
        found.update(str(row["event_id"]) for row in running.sql(service, "SELECT event_id FROM outbox"))
    return found
