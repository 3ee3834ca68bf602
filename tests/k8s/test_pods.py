"""Pods start with what their manifests say, are ready by their probes, and end within their grace period.

Here without PostgreSQL, Kafka and S3: the roles that do without, on SQLite.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from k8s.manifests import Manifests
from k8s.pods import Place, Pod
from skyulf_service.database.engine import Database
from skyulf_service.database.migrations import upgrade
from skyulf_service.testing.ports import wait_until


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """What differs here: `production` refuses SQLite."""
    urls = {
        f"SKYULF_{name.upper()}_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / name}.sqlite3"
        for name in ("gateway", "pipeline")
    }
    return {**urls, "SKYULF_PROFILE": "testing"}


def migrate(given: dict[str, str], service: str) -> None:
    async def run() -> None:
        database = Database.open(given[f"SKYULF_{service.upper()}_DATABASE_URL"], name=service)
        await upgrade(database, f"skyulf_{service}")
        await database.close()

    asyncio.run(run())


def test_an_api_is_replaced_without_a_failed_request(local: Manifests, given: dict[str, str], tmp_path: Path) -> None:
    old, new = (Pod(local, "gateway-api", tmp_path / name, Place(variables=given)) for name in ("old", "new"))
    key = (tmp_path / "old/run/skyulf/secrets/admin-key").read_text()
    migrate(given, "gateway")
    behind = [old]  # what a Service does: it sends to those that are ready

    with old:
        old.wait_ready()
        wait_until(lambda: projects(old, key) == 200, what="the first key", timeout=20)
        with new, asking(behind, key) as answers:
            new.wait_ready()
            behind.append(new)
            behind.remove(old)
            code = old.stop()
            is_alive = new.answers("livenessProbe")

    assert (code, is_alive) == (0, True)
    assert len(answers) > 20
    assert set(answers) == {200}


def test_a_runner_is_alive_ready_and_ends(local: Manifests, given: dict[str, str], tmp_path: Path) -> None:
    pod = Pod(local, "pipeline-runner", tmp_path / "runner", Place(variables=given))
    migrate(given, "pipeline")

    with pod:
        pod.wait_ready()
        code = pod.stop()

    assert code == 0


def projects(pod: Pod, key: str) -> int:
    """The status of a list of projects."""
    return httpx.get(f"http://127.0.0.1:{pod.port}/api/v1/projects", headers={"X-API-Key": key}).status_code


@contextmanager
def asking(behind: list[Pod], key: str) -> Iterator[list[int]]:
    """List projects all the time at whoever is behind the Service now; gives the statuses of the answers."""
    over, answers = threading.Event(), list[int]()

    def ask() -> None:
        with httpx.Client(headers={"X-API-Key": key}, timeout=10) as client:
            while not over.wait(0.05):
                answers.append(client.get(f"http://127.0.0.1:{behind[0].port}/api/v1/projects").status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
